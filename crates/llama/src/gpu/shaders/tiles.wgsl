// Products of a matrix with the vectors of ENTRIES entries. An invocation has a tile of four rows, whose weights it unpacks once for
// all entries; the vectors come to it through the workgroup's memory, BLOCK units at a time, or through the subgroup's registers.

#if SHUFFLED
fn four(number: f32, start: u32) -> vec4<real> {
    return vec4<real>(vec4<f32>(
        subgroupShuffle(number, start), subgroupShuffle(number, start + 1u),
        subgroupShuffle(number, start + 2u), subgroupShuffle(number, start + 3u)));
}
#else
var<workgroup> numbers: array<vec4<real>, ENTRIES * BLOCK * 2>;
var<workgroup> squares: array<f32, WIDTH>;
#end

@compute @workgroup_size(WIDTH)
fn main(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(local_invocation_index) invocation: u32) {
    let first = workgroup.z * ENTRIES;
    let wanted = (workgroup.y * GRID + workgroup.x) * WIDTH + invocation;
    let tile = min(wanted, TILES - 1u);
#for ENTRIES
    var sum$ = vec4<f32>();
#if TWO
    var other$ = vec4<f32>();
#end
#if SHUFFLED
    var square$ = 0.0;
#end
#end
#if SHUFFLED
    for (var block = 0u; block < UNITS; block += BLOCK) {
#else
    let staged = invocation / STAGERS;
    var square = 0.0;
    for (var block = 0u; block < UNITS; block += BLOCK) {
        workgroupBarrier();
        for (var i = invocation % STAGERS; i < min(BLOCK, UNITS - block) * 2u; i += STAGERS) {
            var x = input[(first + staged) * STRIDE_IN + block * 2u + i];
#if NORM
            square += dot(x, x);
            x *= vectors[GAIN + block * 2u + i];
#end
            numbers[staged * BLOCK * 2u + i] = vec4<real>(x);
        }
        workgroupBarrier();
#end
        for (var unit = block; unit < min(block + BLOCK, UNITS); unit++) {
            let w = weights(tile, unit);
#if TWO
            let v = weights1(tile, unit);
#end
#if SHUFFLED
            let at = unit * 2u + invocation / 4u;
            let column = invocation % 4u;
#if NORM
            let gain = vectors[GAIN + at][column];
#end
#else
            let at = (unit - block) * 2u;
#end
#for ENTRIES
#if SHUFFLED
            var number$ = input[(first + $u) * STRIDE_IN + at][column];
#if NORM
            square$ += number$ * number$;
            number$ *= gain;
#end
            let a$ = four(number$, 0u);
            let b$ = four(number$, 4u);
#else
            let a$ = numbers[$u * BLOCK * 2u + at];
            let b$ = numbers[$u * BLOCK * 2u + at + 1u];
#end
            sum$ = plus(sum$, w, a$, b$);
#if TWO
            other$ = plus(other$, v, a$, b$);
#end
#end
        }
    }
#if NORM
#if SHUFFLED
#else
    squares[invocation] = square;
    workgroupBarrier();
#end
#end
#if NORM
#for ENTRIES
#if SHUFFLED
    square$ = subgroupAdd(square$);
#else
    var square$ = 0.0;
    for (var i = 0u; i < STAGERS; i++) { square$ += squares[$u * STAGERS + i]; }
#end
    let factor$ = inverseSqrt(square$ / COLUMNS + EPSILON);
    sum$ *= factor$;
#if TWO
    other$ *= factor$;
#end
#end
#end
    if wanted >= TILES { return; }
#for ENTRIES
#if TWO
    finish(first + $u, tile, sum$, other$);
#else
    finish(first + $u, tile, sum$);
#end
#end
}
