// An entry of the batch: token, position, how much further its lane's own tokens lie in the cache, tokens of the shared beginning.
fn slot(entry: vec4<u32>, position: u32) -> u32 {
    return position + select(entry.z, 0u, position < entry.w);
}
