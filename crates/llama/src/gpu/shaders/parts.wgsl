// Puts the parts of the attention together: each has its greatest score and its sum of weights.
fn columns(entry: u32, unit: u32) -> Octet {
    let parts = min(entries[entry].y / SPAN + 1u, SPLITS);
    let head = unit * 2u / HEAD;
    var most = LOWEST;
    var total = 0.0;
    var sum = Octet(vec4<f32>(), vec4<f32>());
    for (var i = 0u; i < parts; i++) {
        let part = entry * SPLITS + i;
        let weight = weighed[part * HEADS + head];
        let highest = max(most, weight.x);
        let old = exp(most - highest);
        let fresh = exp(weight.x - highest);
        let at = part * STRIDE_IN + unit * 2u;
        most = highest;
        total = total * old + weight.y * fresh;
        sum = Octet(sum.a * old + input[at] * fresh, sum.b * old + input[at + 1u] * fresh);
    }
    return Octet(sum.a / total, sum.b / total);
}
