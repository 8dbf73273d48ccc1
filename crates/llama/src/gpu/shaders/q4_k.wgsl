fn WEIGHTS(tile: u32, unit: u32) -> Unit {
    let group = tile * (UNITS / 4u) + unit / 4u;
    let packed = pair(PLANES[WEIGHTS_1 + group / 2u], group);
    let small = vec4<u32>(packed.x, packed.x >> 16u, packed.y, packed.y >> 16u);
    let words = PLANES[WEIGHTS_2 + tile * (UNITS / 32u) + unit / 32u];
    let r0 = unpack2x16float(words.x);
    let r1 = unpack2x16float(words.y);
    let r2 = unpack2x16float(words.z);
    let r3 = unpack2x16float(words.w);
    let scale = vec4<f32>(r0.x, r1.x, r2.x, r3.x) * vec4<f32>(small & vec4<u32>(255u));
    let minimum = vec4<f32>(r0.y, r1.y, r2.y, r3.y) * vec4<f32>((small >> vec4<u32>(8u)) & vec4<u32>(255u));
    return scaled(nibbles(PLANES[tile * UNITS + unit]), scale, -minimum);
}
