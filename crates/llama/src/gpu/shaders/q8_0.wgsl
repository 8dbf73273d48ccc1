fn WEIGHTS_columns(words: vec4<u32>, scale: vec4<real>) -> mat4x4<real> {
    return mat4x4<real>(
        vec4<real>(unpack4xI8(words.x)) * scale, vec4<real>(unpack4xI8(words.y)) * scale,
        vec4<real>(unpack4xI8(words.z)) * scale, vec4<real>(unpack4xI8(words.w)) * scale);
}

fn WEIGHTS(tile: u32, unit: u32) -> Unit {
    let at = (tile * UNITS + unit) * 2u;
    let group = tile * (UNITS / 4u) + unit / 4u;
    let scale = vec4<real>(halves(pair(PLANES[WEIGHTS_1 + group / 2u], group)));
    return Unit(WEIGHTS_columns(PLANES[at], scale), WEIGHTS_columns(PLANES[at + 1u], scale));
}
