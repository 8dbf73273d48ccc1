// Attention of one query head of one entry over its positions, block by block (Dao et al. 2022, FlashAttention, algorithm 1); where
// split, over SPAN of them, and the next kernel puts the parts together (Dao et al. 2023, Flash-Decoding).

var<workgroup> query: array<vec4<f32>, HEAD>;
#if SUBGROUPS
var<workgroup> greatest: array<f32, WIDTH / SUBGROUP>;
#end
var<workgroup> scores: array<f32, WIDTH>;
var<workgroup> gathered: array<vec4<f32>, WIDTH>;
var<workgroup> totals: array<f32, WIDTH>;

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
    let head = workgroup.x;
    let entry = workgroup.z;
    let at = entries[entry];
    let keys = head / GROUP * HEAD;
#if SPLIT
    let start = workgroup.y * SPAN;
    let end = min(select(at.y + 1u, 0u, at.z == NOBODY), start + SPAN);
#else
    let start = 0u;
    let end = select(at.y + 1u, 0u, at.z == NOBODY);
#end
    for (var i = invocation; i < HEAD; i += WIDTH) {
        query[i] = input[entry * STRIDE_IN + head * HEAD + i] * SCALE;
    }
    let column = invocation % HEAD;
    let slice = invocation / HEAD;
    var most = LOWEST;
    var total = 0.0;
    var sum = vec4<f32>();
    for (var block = start; block < end; block += WIDTH) {
        workgroupBarrier();
        var score = LOWEST;
        if block + invocation < end {
            let key = slot(at, block + invocation) * KEYS + keys;
            score = 0.0;
            for (var i = 0u; i < HEAD; i++) { score += dot(query[i], vec4<f32>(cache[key + i])); }
        }
        var highest = most;
#if SUBGROUPS
        let group_highest = subgroupMax(score);
        if place == 0u { greatest[subgroup] = group_highest; }
        workgroupBarrier();
        for (var i = 0u; i < subgroups; i++) { highest = max(highest, greatest[i]); }
#else
        scores[invocation] = score;
        workgroupBarrier();
        for (var i = 0u; i < WIDTH; i++) { highest = max(highest, scores[i]); }
        workgroupBarrier();
#end
        scores[invocation] = exp(score - highest);
        workgroupBarrier();
        let shrink = exp(most - highest);
        most = highest;
        total *= shrink;
        sum *= shrink;
        if slice < SLICES {
            for (var i = slice; i < min(WIDTH, end - block); i += SLICES) {
                total += scores[i];
                sum += scores[i] * vec4<f32>(cache[(SLOTS + slot(at, block + i)) * KEYS + keys + column]);
            }
        }
    }
    gathered[invocation] = sum;
    totals[invocation] = total;
    workgroupBarrier();
    if slice == 0u {
        for (var i = 1u; i < SLICES; i++) {
            total += totals[i * HEAD + column];
            sum += gathered[i * HEAD + column];
        }
#if SPLIT
        let part = entry * SPLITS + workgroup.y;
        output[part * STRIDE_IN + head * HEAD + column] = sum;
        if column == 0u { weighed[part * HEADS + head] = vec2<f32>(most, total); }
#else
        output[entry * STRIDE_IN + head * HEAD + column] = sum / total;
#end
    }
}
