fn weights(tile: u32, unit: u32) -> Unit {
#if PARTS
    if tile >= PART2 { return weights2(tile - PART2, unit); }
    if tile >= PART1 { return weights1(tile - PART1, unit); }
#end
    return weights0(tile, unit);
}
