fn WEIGHTS(tile: u32, unit: u32) -> Unit {
    let at = (tile * UNITS + unit) * 8u;
    return Unit(
        mat4x4<real>(
            vec4<real>(bitcast<vec4<f32>>(PLANES[at])), vec4<real>(bitcast<vec4<f32>>(PLANES[at + 1u])),
            vec4<real>(bitcast<vec4<f32>>(PLANES[at + 2u])), vec4<real>(bitcast<vec4<f32>>(PLANES[at + 3u]))),
        mat4x4<real>(
            vec4<real>(bitcast<vec4<f32>>(PLANES[at + 4u])), vec4<real>(bitcast<vec4<f32>>(PLANES[at + 5u])),
            vec4<real>(bitcast<vec4<f32>>(PLANES[at + 6u])), vec4<real>(bitcast<vec4<f32>>(PLANES[at + 7u]))));
}
