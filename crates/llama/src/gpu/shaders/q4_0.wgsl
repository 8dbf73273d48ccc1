fn WEIGHTS(tile: u32, unit: u32) -> Unit {
    let group = tile * (UNITS / 4u) + unit / 4u;
    let scale = halves(pair(PLANES[WEIGHTS_1 + group / 2u], group));
    return scaled(nibbles(PLANES[tile * UNITS + unit]), scale, -8.0 * scale);
}
