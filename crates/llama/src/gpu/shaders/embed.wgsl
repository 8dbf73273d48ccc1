// The embeddings of the entries' tokens.
@compute @workgroup_size(WIDTH)
fn main(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(local_invocation_index) invocation: u32) {
    let unit = workgroup.x * WIDTH + invocation;
    let token = entries[workgroup.z].x;
    if unit >= UNITS || token < FIRST || token - FIRST >= ROWS { return; }
    let w = weights0((token - FIRST) / 4u, unit);
    let row = token & 3u;
    let at = workgroup.z * STRIDE_OUT + unit * 2u;
    output[at] = vec4<f32>(w.a[0][row], w.a[1][row], w.a[2][row], w.a[3][row]);
    output[at + 1u] = vec4<f32>(w.b[0][row], w.b[1][row], w.b[2][row], w.b[3][row]);
}
