fn WEIGHTS_low(w: vec4<u32>) -> vec4<real> {
    return vec4<real>(vec4<f32>(
        unpack2x16float(w.x).x, unpack2x16float(w.y).x, unpack2x16float(w.z).x, unpack2x16float(w.w).x));
}

fn WEIGHTS_high(w: vec4<u32>) -> vec4<real> {
    return vec4<real>(vec4<f32>(
        unpack2x16float(w.x).y, unpack2x16float(w.y).y, unpack2x16float(w.z).y, unpack2x16float(w.w).y));
}

fn WEIGHTS(tile: u32, unit: u32) -> Unit {
    let at = (tile * UNITS + unit) * 4u;
    let w0 = PLANES[at];
    let w1 = PLANES[at + 1u];
    let w2 = PLANES[at + 2u];
    let w3 = PLANES[at + 3u];
    return Unit(
        mat4x4<real>(WEIGHTS_low(w0), WEIGHTS_high(w0), WEIGHTS_low(w1), WEIGHTS_high(w1)),
        mat4x4<real>(WEIGHTS_low(w2), WEIGHTS_high(w2), WEIGHTS_low(w3), WEIGHTS_high(w3)));
}
