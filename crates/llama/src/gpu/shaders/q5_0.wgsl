fn WEIGHTS_high(bits: vec4<u32>, column: u32) -> vec4<real> {
    return vec4<real>((bits >> vec4<u32>(column)) & vec4<u32>(1u)) * real(16.0);
}

fn WEIGHTS(tile: u32, unit: u32) -> Unit {
    let group = tile * (UNITS / 4u) + unit / 4u;
    let scale = halves(pair(PLANES[WEIGHTS_2 + group / 2u], group));
    let bits = vec4<u32>(PLANES[WEIGHTS_1 + group][unit & 3u]) >> vec4<u32>(0u, 8u, 16u, 24u);
    let low = nibbles(PLANES[tile * UNITS + unit]);
    return scaled(
        Unit(
            mat4x4<real>(
                low.a[0] + WEIGHTS_high(bits, 0u), low.a[1] + WEIGHTS_high(bits, 1u),
                low.a[2] + WEIGHTS_high(bits, 2u), low.a[3] + WEIGHTS_high(bits, 3u)),
            mat4x4<real>(
                low.b[0] + WEIGHTS_high(bits, 4u), low.b[1] + WEIGHTS_high(bits, 5u),
                low.b[2] + WEIGHTS_high(bits, 6u), low.b[3] + WEIGHTS_high(bits, 7u))),
        scale,
        -16.0 * scale);
}
