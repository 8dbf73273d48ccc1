//! Still lifes, drawn: a background by style, a shape by category, a colour.

/// The picture as SVG, 400 by 400.
pub(crate) fn picture(category: usize, style: usize, color: &str) -> String {
    let (wall, floor) = [
        ("#efe9de", "#e2d8c6"),
        ("#e9e1d2", "#d5c3a5"),
        ("#e8dcd3", "#cfb9a8"),
        ("#e4e7ea", "#ccd2d7"),
        ("#ece7e1", "#d3ccbf"),
    ][style % 5];
    let shape = match category {
        0 => {
            "<path d='M138 170h124c0 70-8 134-62 134s-62-64-62-134z' fill='C'/><ellipse cx='200' cy='170' rx='62' ry='14' fill='#0002'/><path d='M260 190c46-6 46 66-6 64' fill='none' stroke='C' stroke-width='14'/>"
        }
        1 => {
            "<path d='M150 110h100l34 92H116z' fill='C'/><path d='M200 202v92' stroke='#3c3732' stroke-width='9'/><ellipse cx='200' cy='300' rx='52' ry='11' fill='#3c3732'/><path d='M116 202h168l30 90H86z' fill='#fff' opacity='.25'/>"
        }
        2 => {
            "<rect x='112' y='150' width='176' height='146' rx='26' fill='C'/><path d='M112 190h176M112 222h176M112 254h176' stroke='#fff' stroke-opacity='.4' stroke-width='7'/><path d='M124 296l-6 22M160 296l-2 22M200 296v22M240 296l2 22M276 296l6 22' stroke='C' stroke-width='6'/>"
        }
        3 => {
            "<rect x='132' y='112' width='140' height='190' rx='8' fill='C'/><rect x='132' y='112' width='24' height='190' fill='#0002'/><rect x='178' y='150' width='72' height='34' rx='4' fill='#fff' opacity='.7'/><path d='M286 128l22 168' stroke='#3c3732' stroke-width='8' stroke-linecap='round'/>"
        }
        4 => {
            "<ellipse cx='196' cy='238' rx='80' ry='62' fill='C'/><path d='M270 226c34-6 30-44 58-48' fill='none' stroke='C' stroke-width='16' stroke-linecap='round'/><path d='M122 214c-44-10-44 66 2 58' fill='none' stroke='C' stroke-width='12'/><ellipse cx='196' cy='178' rx='34' ry='9' fill='#0003'/><circle cx='196' cy='166' r='9' fill='C'/>"
        }
        5 => {
            "<path d='M150 226h100l-14 80h-72z' fill='C'/><path d='M200 226c-4-60-50-70-70-96 46 0 68 30 70 96zM200 226c2-70 30-96 78-110 0 54-30 84-78 110zM200 226c-2-60-8-90 4-130 20 44 12 92-4 130z' fill='#5f7f5b'/>"
        }
        6 => {
            "<rect x='156' y='168' width='88' height='132' rx='10' fill='C'/><path d='M200 168v-16' stroke='#3c3732' stroke-width='4'/><path d='M200 108c22 26 14 44 0 44s-22-18 0-44z' fill='#e8a33d'/><circle cx='200' cy='132' r='56' fill='#f6c765' opacity='.18'/>"
        }
        _ => {
            "<rect x='110' y='178' width='180' height='26' rx='10' fill='C'/><path d='M130 204l-14 100M270 204l14 100M176 204l-4 96M224 204l4 96' stroke='C' stroke-width='13' stroke-linecap='round'/><path d='M120 262h160' stroke='#0002' stroke-width='8'/>"
        }
    };
    format!(
        "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 400 400'><rect width='400' height='400' fill='{wall}'/><path d='M0 280h400v120H0z' fill='{floor}'/><ellipse cx='200' cy='314' rx='120' ry='16' fill='#0001'/>{}</svg>",
        shape.replace("'C'", &format!("'{color}'"))
    )
}
