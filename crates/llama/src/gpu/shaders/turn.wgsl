// Norm of each query and key head (Qwen3), then the rotary embedding; keys and values go to the cache. One workgroup a head.
var<workgroup> squares: array<f32, WIDTH>;

@compute @workgroup_size(WIDTH)
fn main(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(local_invocation_index) invocation: u32) {
    let head = workgroup.x;
    let entry = workgroup.z;
    let at = entries[entry];
    let tile = head * HEAD + invocation;
    var value = vec4<f32>();
    if invocation < HEAD {
        value = input[entry * STRIDE_IN + tile];
#if BIAS
        value += vectors[BIASES + tile];
#end
    }
    squares[invocation] = dot(value, value);
    workgroupBarrier();
    if invocation >= HEAD || at.z == NOBODY { return; }
    if tile < PART2 {
        var square = 0.0;
        for (var i = 0u; i < HEAD; i++) { square += squares[i]; }
        let gain = select(QUERY_NORM, KEY_NORM, tile >= PART1) + invocation;
        value *= inverseSqrt(square / f32(4u * HEAD) + EPSILON) * vectors[gain];
        let turn = rope[at.y * HEAD + invocation];
        value = vec4<f32>(
            value.x * turn.x - value.y * turn.y, value.x * turn.y + value.y * turn.x,
            value.z * turn.z - value.w * turn.w, value.z * turn.w + value.w * turn.z);
    }
    if tile < PART1 {
        output[entry * STRIDE_OUT + tile] = value;
    } else if tile < PART2 {
        cache[slot(at, at.y) * KEYS + tile - PART1] = vec4<real>(value);
    } else {
        cache[(SLOTS + slot(at, at.y)) * KEYS + tile - PART2] = vec4<real>(value);
    }
}
