fn WEIGHTS_high(bits: vec4<u32>, column: u32) -> vec4<real> {
    return vec4<real>((bits >> vec4<u32>(2u * column)) & vec4<u32>(3u)) * real(16.0);
}

fn WEIGHTS(tile: u32, unit: u32) -> Unit {
    let index = tile * UNITS + unit;
    let packed = pair(PLANES[WEIGHTS_1 + index / 2u], index);
    let bits = vec4<u32>(packed.x, packed.x >> 16u, packed.y, packed.y >> 16u);
    let small = vec4<f32>(unpack4xI8(PLANES[WEIGHTS_2 + index / 8u][(index / 2u) & 3u]));
    let block = tile * (UNITS / 32u) + unit / 32u;
    let scale = halves(pair(PLANES[WEIGHTS_3 + block / 2u], block)) * small;
    let low = nibbles(PLANES[index]);
    return scaled(
        Unit(
            mat4x4<real>(
                low.a[0] + WEIGHTS_high(bits, 0u), low.a[1] + WEIGHTS_high(bits, 1u),
                low.a[2] + WEIGHTS_high(bits, 2u), low.a[3] + WEIGHTS_high(bits, 3u)),
            mat4x4<real>(
                low.b[0] + WEIGHTS_high(bits, 4u), low.b[1] + WEIGHTS_high(bits, 5u),
                low.b[2] + WEIGHTS_high(bits, 6u), low.b[3] + WEIGHTS_high(bits, 7u))),
        scale,
        -32.0 * scale);
}
