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
#for ENTRIES
        var sum$ = vec4<f32>();
        var other$ = vec4<f32>();
        var square$ = 0.0;
#end
        for (var unit = invocation; unit < UNITS; unit += WIDTH) {
            let w = weights(tile, unit);
#if TWO
            let v = weights1(tile, unit);
#end
#if NORM
            let gain0 = vectors[GAIN + unit * 2u];
            let gain1 = vectors[GAIN + unit * 2u + 1u];
#end
#for ENTRIES
            var x$ = columns(first + $u, unit);
#if NORM
            square$ += dot(x$.a, x$.a) + dot(x$.b, x$.b);
            x$.a *= gain0;
            x$.b *= gain1;
#end
            sum$ = plus(sum$, w, vec4<real>(x$.a), vec4<real>(x$.b));
#if TWO
            other$ = plus(other$, v, vec4<real>(x$.a), vec4<real>(x$.b));
#end
#end
        }
#if SUBGROUPS
#for ENTRIES
        sum$ = subgroupAdd(sum$);
        if place == 0u { partial_sums[subgroup * SUMS + $u] = sum$; }
#if TWO
        other$ = subgroupAdd(other$);
        if place == 0u { partial_sums[subgroup * SUMS + ENTRIES + $u] = other$; }
#end
#if NORM
        square$ = subgroupAdd(square$);
        if place == 0u { partial_squares[subgroup * ENTRIES + $u] = square$; }
#end
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
#for ENTRIES
        partial_sums[invocation * SUMS + $u] = sum$;
#if TWO
        partial_sums[invocation * SUMS + ENTRIES + $u] = other$;
#end
#if NORM
        partial_squares[invocation * ENTRIES + $u] = square$;
#end
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
