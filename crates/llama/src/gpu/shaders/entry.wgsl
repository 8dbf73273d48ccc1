// An entry of the batch: token, position, lane, tokens of the shared beginning.
fn slot(entry: vec4<u32>, position: u32) -> u32 {
    if position < entry.w || entry.z == 0u { return position; }
    return CAPACITY + (entry.z - 1u) * BRANCH + position - entry.w;
}
