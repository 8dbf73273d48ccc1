fn WEIGHTS(tile: u32, unit: u32) -> Unit {
    let words = PLANES[WEIGHTS_1 + tile * (UNITS / 4u) + unit / 4u];
    let r0 = unpack2x16float(words.x);
    let r1 = unpack2x16float(words.y);
    let r2 = unpack2x16float(words.z);
    let r3 = unpack2x16float(words.w);
    return scaled(
        nibbles(PLANES[tile * UNITS + unit]),
        vec4<f32>(r0.x, r1.x, r2.x, r3.x),
        vec4<f32>(r0.y, r1.y, r2.y, r3.y));
}
