fn finish(entry: u32, tile: u32, gate: vec4<f32>, up: vec4<f32>) {
    output[entry * STRIDE_OUT + tile] = gate / (1.0 + exp(-gate)) * up;
}
