//! Still lifes, drawn: a wall and a table by style, a thing by its noun, a colour.

/// Wall and table of each style.
const ROOMS: [(&str, &str); 5] = [
    ("#efe9de", "#e2d8c6"),
    ("#e9e1d2", "#d5c3a5"),
    ("#e8dcd3", "#cfb9a8"),
    ("#e4e7ea", "#ccd2d7"),
    ("#ece7e1", "#d3ccbf"),
];

/// Things by category and noun, on a table at 310; `C` is the product's colour.
const THINGS: [[&str; 4]; 8] = [
    [
        "<path d='M138 180h124c0 70-14 130-62 130s-62-60-62-130z' fill='C'/><ellipse cx='200' cy='180' rx='62' ry='13' fill='#0002'/><path d='M258 200c48-8 46 64-8 62' fill='none' stroke='C' stroke-width='14'/>",
        "<path d='M98 212h204c-4 60-48 98-102 98s-98-38-102-98z' fill='C'/><ellipse cx='200' cy='212' rx='102' ry='17' fill='#0002'/>",
        "<path d='M176 120h48c-6 46 52 66 46 126-4 42-36 64-70 64s-66-22-70-64c-6-60 52-80 46-126z' fill='C'/><ellipse cx='200' cy='120' rx='24' ry='7' fill='#0003'/>",
        "<ellipse cx='200' cy='232' rx='112' ry='78' fill='C'/><ellipse cx='200' cy='232' rx='80' ry='54' fill='none' stroke='#fff' stroke-opacity='.45' stroke-width='7'/>",
    ],
    [
        "<path d='M150 110h100l34 92H116z' fill='C'/><path d='M200 202v96' stroke='#3c3732' stroke-width='9'/><ellipse cx='200' cy='302' rx='52' ry='11' fill='#3c3732'/>",
        "<path d='M158 150a42 42 0 0 1 84 0' fill='none' stroke='#3c3732' stroke-width='7'/><rect x='142' y='150' width='116' height='156' rx='22' fill='C'/><rect x='166' y='176' width='68' height='104' rx='12' fill='#fbe6a8'/><path d='M200 206c16 20 10 34 0 34s-16-14 0-34z' fill='#e8a33d'/>",
        "<path d='M200 0v128' stroke='#3c3732' stroke-width='5'/><path d='M200 120c62 0 92 46 96 92H104c4-46 34-92 96-92z' fill='C'/><ellipse cx='200' cy='214' rx='34' ry='15' fill='#fbe6a8'/>",
        "<path d='M168 300l-22-98 78-72' fill='none' stroke='#3c3732' stroke-width='9' stroke-linejoin='round'/><path d='M214 96l70 52-60 34-44-40z' fill='C'/><ellipse cx='170' cy='302' rx='54' ry='11' fill='#3c3732'/>",
    ],
    [
        "<path d='M100 196h200v84l-14 30H114l-14-30z' fill='C'/><path d='M100 220h200M100 248h200' stroke='#fff' stroke-opacity='.4' stroke-width='8'/><path d='M120 310v20M152 310v20M184 310v20M216 310v20M248 310v20M280 310v20' stroke='C' stroke-width='6'/>",
        "<path d='M108 160c60 14 124 14 184 0 -12 50-12 96 0 146-60-14-124-14-184 0 12-50 12-96 0-146z' fill='C'/><path d='M140 190l120 88M260 190l-120 88' stroke='#fff' stroke-opacity='.35' stroke-width='6'/>",
        "<path d='M90 190h220l24 120-30-14-30 14-30-14-30 14-30-14-30 14-30-14-30 14-32-14-26 14z' fill='C'/><path d='M90 190h220' stroke='#fff' stroke-opacity='.5' stroke-width='9'/>",
        "<rect x='120' y='132' width='160' height='14' rx='7' fill='#3c3732'/><path d='M142 140h116v156H142z' fill='C'/><path d='M142 250h116M142 268h116' stroke='#fff' stroke-opacity='.5' stroke-width='7'/>",
    ],
    [
        "<rect x='132' y='128' width='140' height='180' rx='8' fill='C'/><rect x='132' y='128' width='24' height='180' fill='#0002'/><rect x='178' y='162' width='72' height='34' rx='4' fill='#fff' opacity='.7'/>",
        "<path d='M96 262h208l-14 46H110z' fill='C'/><path d='M140 262l26-112M188 262l8-126M236 262l-4-104' stroke='#3c3732' stroke-width='9' stroke-linecap='round'/>",
        "<rect x='104' y='150' width='192' height='156' rx='10' fill='C'/><path d='M200 150v156' stroke='#0003' stroke-width='5'/><path d='M124 186h56M124 214h56M124 242h56M220 186h56M220 214h56' stroke='#fff' stroke-opacity='.6' stroke-width='7'/><path d='M130 138v24M164 138v24M236 138v24M270 138v24' stroke='#3c3732' stroke-width='6'/>",
        "<rect x='104' y='190' width='192' height='116' rx='6' fill='C'/><path d='M104 194l96 66 96-66' fill='none' stroke='#fff' stroke-opacity='.7' stroke-width='7'/><circle cx='200' cy='262' r='15' fill='#a8322d'/>",
    ],
    [
        "<ellipse cx='196' cy='248' rx='80' ry='62' fill='C'/><path d='M270 236c34-6 30-44 58-48' fill='none' stroke='C' stroke-width='16' stroke-linecap='round'/><path d='M122 224c-44-10-44 66 2 58' fill='none' stroke='C' stroke-width='12'/><ellipse cx='196' cy='188' rx='34' ry='9' fill='#0003'/><circle cx='196' cy='176' r='9' fill='C'/>",
        "<rect x='146' y='166' width='108' height='142' rx='8' fill='C'/><rect x='140' y='146' width='120' height='26' rx='8' fill='C'/><rect x='140' y='146' width='120' height='26' rx='8' fill='#0002'/><rect x='166' y='204' width='68' height='58' rx='6' fill='#fff' opacity='.75'/><path d='M188 246c0-22 12-30 26-32 0 20-10 32-26 32z' fill='#5f7f5b'/>",
        "<ellipse cx='166' cy='246' rx='58' ry='46' fill='C'/><path d='M220 238c24-4 22-30 42-34' fill='none' stroke='C' stroke-width='12' stroke-linecap='round'/><circle cx='166' cy='194' r='8' fill='C'/><path d='M252 262h62c0 32-10 46-31 46s-31-14-31-46z' fill='C'/><ellipse cx='283' cy='262' rx='31' ry='7' fill='#0002'/>",
        "<path d='M84 266h232l-16 42H100z' fill='C'/><path d='M110 280h180' stroke='#0002' stroke-width='6'/><ellipse cx='172' cy='240' rx='40' ry='28' fill='#8c6f55'/><path d='M232 240h40c0 20-6 28-20 28s-20-8-20-28z' fill='#f3f1ea'/>",
    ],
    [
        "<path d='M140 216h120l-16 94h-88z' fill='C'/><rect x='132' y='204' width='136' height='22' rx='6' fill='C'/><path d='M200 204c-10-46-46-50-58-78 40 2 58 34 58 78zM200 204c6-54 34-66 64-76 0 44-26 64-64 76z' fill='#5f7f5b'/>",
        "<path d='M154 240h92l-12 70h-68z' fill='C'/><path d='M200 240c-16-70-70-84-104-66 36 4 74 26 104 66zM200 240c16-70 70-84 104-66-36 4-74 26-104 66zM200 240c-30-60-34-100-12-142 22 40 26 86 12 142z' fill='#5f7f5b'/>",
        "<path d='M152 248h96l-12 62h-72z' fill='C'/><path d='M200 248v-84' stroke='#7a5f48' stroke-width='8'/><circle cx='168' cy='140' r='40' fill='#7d9069'/><circle cx='232' cy='136' r='44' fill='#6b7f5a'/><circle cx='200' cy='104' r='40' fill='#8da078'/>",
        "<rect x='96' y='238' width='208' height='70' rx='6' fill='C'/><path d='M130 238c-22-34-6-60 6-72 10 30 8 52-6 72zM176 238c-20-40-4-74 8-90 12 34 10 64-8 90zM222 238c-20-36-4-64 8-78 12 30 10 56-8 78zM268 238c-20-34-4-58 8-70 12 28 10 50-8 70z' fill='#5f7f5b'/>",
    ],
    [
        "<rect x='160' y='158' width='80' height='150' rx='10' fill='C'/><path d='M200 158v-16' stroke='#3c3732' stroke-width='4'/><path d='M200 98c22 26 14 44 0 44s-22-18 0-44z' fill='#e8a33d'/><circle cx='200' cy='122' r='52' fill='#f6c765' opacity='.18'/>",
        "<rect x='136' y='186' width='128' height='122' rx='14' fill='C'/><rect x='158' y='222' width='84' height='46' rx='5' fill='#fff' opacity='.75'/><path d='M200 186v-14' stroke='#3c3732' stroke-width='4'/><path d='M200 128c22 26 14 44 0 44s-22-18 0-44z' fill='#e8a33d'/>",
        "<path d='M192 206h16v84h-16z' fill='C'/><path d='M160 292h80l14 18H146z' fill='C'/><path d='M164 188h72l-10 26h-52z' fill='C'/><rect x='184' y='120' width='32' height='70' fill='#f6f0e2'/><path d='M200 66c18 22 12 36 0 36s-18-14 0-36z' fill='#e8a33d'/>",
        "<g fill='C'><rect x='96' y='260' width='60' height='46' rx='8'/><rect x='170' y='260' width='60' height='46' rx='8'/><rect x='244' y='260' width='60' height='46' rx='8'/></g><path d='M126 216c16 20 10 34 0 34s-16-14 0-34zM200 216c16 20 10 34 0 34s-16-14 0-34zM274 216c16 20 10 34 0 34s-16-14 0-34z' fill='#e8a33d'/>",
    ],
    [
        "<rect x='120' y='188' width='160' height='24' rx='10' fill='C'/><path d='M138 212l-12 100M262 212l12 100M180 212l-4 96M220 212l4 96' stroke='C' stroke-width='13' stroke-linecap='round'/><path d='M132 266h136' stroke='#0002' stroke-width='8'/>",
        "<ellipse cx='200' cy='192' rx='104' ry='22' fill='C'/><path d='M200 206v92' stroke='C' stroke-width='16'/><path d='M146 312l54-24 54 24' fill='none' stroke='C' stroke-width='13' stroke-linecap='round'/>",
        "<path d='M112 112v200M288 112v200' stroke='C' stroke-width='14'/><path d='M112 130h176M112 206h176M112 282h176' stroke='C' stroke-width='16'/><path d='M136 198v-42h18v42M160 198v-50h16v50M226 274v-40h40v40' fill='#8c6f55'/>",
        "<path d='M132 132c0-22 136-22 136 0v116H132z' fill='C'/><path d='M96 208c0-26 40-26 40 0v32h128v-32c0-26 40-26 40 0v78H96z' fill='C'/><path d='M136 240h128' stroke='#0002' stroke-width='8'/><path d='M118 286v28M282 286v28' stroke='#3c3732' stroke-width='12' stroke-linecap='round'/>",
    ],
];

/// The picture as SVG, 400 by 400.
pub(crate) fn picture(category: usize, noun: usize, style: usize, color: &str) -> String {
    let (wall, table) = ROOMS[style % ROOMS.len()];
    let thing = THINGS[category % 8][noun % 4].replace("'C'", &format!("'{color}'"));
    format!(
        "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 400 400'><rect width='400' height='400' fill='{wall}'/><path d='M0 280h400v120H0z' fill='{table}'/><ellipse cx='200' cy='316' rx='124' ry='15' fill='#0001'/>{thing}</svg>"
    )
}
