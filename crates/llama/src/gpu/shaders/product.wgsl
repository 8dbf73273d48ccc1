// Products of a matrix with the vectors of ENTRIES entries. A workgroup computes tiles of four rows; its invocations share the
// columns.

#if SUBGROUPS
var<workgroup> partial_sums: array<vec4<f32>, WIDTH / SUBGROUP * SUMS>;
var<workgroup> partial_squares: array<f32, WIDTH / SUBGROUP * ENTRIES>;
#else
var<workgroup> partial_sums: array<vec4<f32>, WIDTH * SUMS>;
var<workgroup> partial_squares: array<f32, WIDTH * ENTRIES>;
var<workgroup> gathered_sums: array<vec4<f32>, GATHERERS * SUMS>;
var<workgroup> gathered_squares: array<f32, GATHERERS * ENTRIES>;
#end

@compute @workgroup_size(WIDTH)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(local_invocation_index) invocation: u32,
#if SUBGROUPS
    @builtin(subgroup_id) subgroup: u32,
    @builtin(num_subgroups) subgroups: u32,
    @builtin(subgroup_invocation_id) place: u32,
#end
) {
    let first = workgroup.z * ENTRIES;
    for (var turn = 0u; turn < TURNS; turn++) {
        let tile = (workgroup.y * GRID + workgroup.x) * TURNS + turn;
        if tile >= TILES { break; }
        var sums: array<vec4<f32>, SUMS>;
        var squares: array<f32, ENTRIES>;
        for (var unit = invocation; unit < UNITS; unit += WIDTH) {
#if TWO
            let w = weights0(tile, unit);
            let v = weights1(tile, unit);
#else
#if PARTS
            var w: Unit;
            if tile < PART1 { w = weights0(tile, unit); }
            else if tile < PART2 { w = weights1(tile - PART1, unit); }
            else { w = weights2(tile - PART2, unit); }
#else
            let w = weights0(tile, unit);
#end
#end
#if NORM
            let gain0 = vectors[GAIN + unit * 2u];
            let gain1 = vectors[GAIN + unit * 2u + 1u];
#end
            for (var entry = 0u; entry < ENTRIES; entry++) {
                let x = columns(first + entry, unit);
                var x0 = x.a;
                var x1 = x.b;
#if NORM
                squares[entry] += dot(x0, x0) + dot(x1, x1);
                x0 *= gain0;
                x1 *= gain1;
#end
                sums[entry] += w.a * x0 + w.b * x1;
#if TWO
                sums[ENTRIES + entry] += v.a * x0 + v.b * x1;
#end
            }
        }
#if SUBGROUPS
        for (var i = 0u; i < SUMS; i++) {
            let sum = subgroupAdd(sums[i]);
            if place == 0u { partial_sums[subgroup * SUMS + i] = sum; }
        }
#if NORM
        for (var i = 0u; i < ENTRIES; i++) {
            let square = subgroupAdd(squares[i]);
            if place == 0u { partial_squares[subgroup * ENTRIES + i] = square; }
        }
#end
        workgroupBarrier();
        if invocation < ENTRIES {
            var total = partial_sums[invocation];
#if TWO
            var other = partial_sums[ENTRIES + invocation];
#end
            var square = partial_squares[invocation];
            for (var i = 1u; i < subgroups; i++) {
                total += partial_sums[i * SUMS + invocation];
#if TWO
                other += partial_sums[i * SUMS + ENTRIES + invocation];
#end
                square += partial_squares[i * ENTRIES + invocation];
            }
#else
        for (var i = 0u; i < SUMS; i++) { partial_sums[invocation * SUMS + i] = sums[i]; }
#if NORM
        for (var i = 0u; i < ENTRIES; i++) { partial_squares[invocation * ENTRIES + i] = squares[i]; }
#end
        workgroupBarrier();
        for (var task = invocation; task < GATHERERS * SUMS; task += WIDTH) {
            let i = task % SUMS;
            var total = vec4<f32>();
            for (var place = task / SUMS; place < WIDTH; place += GATHERERS) { total += partial_sums[place * SUMS + i]; }
            gathered_sums[task] = total;
        }
#if NORM
        for (var task = invocation; task < GATHERERS * ENTRIES; task += WIDTH) {
            let i = task % ENTRIES;
            var total = 0.0;
            for (var place = task / ENTRIES; place < WIDTH; place += GATHERERS) {
                total += partial_squares[place * ENTRIES + i];
            }
            gathered_squares[task] = total;
        }
#end
        workgroupBarrier();
        if invocation < ENTRIES {
            var total = vec4<f32>();
#if TWO
            var other = vec4<f32>();
#end
            var square = 0.0;
            for (var i = 0u; i < GATHERERS; i++) {
                total += gathered_sums[i * SUMS + invocation];
#if TWO
                other += gathered_sums[i * SUMS + ENTRIES + invocation];
#end
                square += gathered_squares[i * ENTRIES + invocation];
            }
#end
#if NORM
            let factor = inverseSqrt(square / COLUMNS + EPSILON);
            total *= factor;
#if TWO
            other *= factor;
#end
#end
#if TWO
            finish(first + invocation, tile, total, other);
#else
            finish(first + invocation, tile, total);
#end
        }
#if MORE
        workgroupBarrier();
#end
    }
}
