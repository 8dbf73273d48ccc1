fn columns(entry: u32, unit: u32) -> Octet {
    let at = entry * STRIDE_IN + unit * 2u;
    return Octet(input[at], input[at + 1u]);
}
