// Rows are those of the queries, then of the keys, then of the values; a tile is two pairs of the rotary embedding.
fn finish(entry: u32, tile: u32, sums: vec4<f32>) {
    let at = entries[entry];
    if at.z == NOBODY { return; }
    var value = sums;
#if BIAS
    value += vectors[BIASES + tile];
#end
    if tile < PART2 {
        let turn = rope[at.y * HEAD + tile % HEAD];
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
