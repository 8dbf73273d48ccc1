fn finish(entry: u32, tile: u32, sums: vec4<f32>) {
    output[entry * STRIDE_OUT + tile] = sums;
}
