fn WEIGHTS(tile: u32, unit: u32) -> Unit {
    let at = (tile * UNITS + unit) * 8u;
    return Unit(
        mat4x4<f32>(
            bitcast<vec4<f32>>(PLANES[at]), bitcast<vec4<f32>>(PLANES[at + 1u]),
            bitcast<vec4<f32>>(PLANES[at + 2u]), bitcast<vec4<f32>>(PLANES[at + 3u])),
        mat4x4<f32>(
            bitcast<vec4<f32>>(PLANES[at + 4u]), bitcast<vec4<f32>>(PLANES[at + 5u]),
            bitcast<vec4<f32>>(PLANES[at + 6u]), bitcast<vec4<f32>>(PLANES[at + 7u])));
}
