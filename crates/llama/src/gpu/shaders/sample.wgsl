// Takes the likeliest token of a lane, the lowest among equals, and makes it the lane's next entry.
struct Settings {
    temperature: f32, top_p: f32, min_p: f32, repetition: f32,
    frequency: f32, top_k: u32, window: u32, shared_row: u32,
    seed: vec2<u32>, masked: u32, padding: u32,
}

var<workgroup> values: array<f32, WIDTH>;
var<workgroup> tokens: array<u32, WIDTH>;
var<workgroup> bits: array<u32, WIDTH>;

@compute @workgroup_size(WIDTH)
fn main(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(local_invocation_index) invocation: u32) {
    let lane = workgroup.x;
    let row = select(lane, 0u, settings[lane].shared_row == 1u) * STRIDE_IN;
    var value = LOWEST;
    var token = NOBODY;
    var magnitude = 0u;
    for (var i = invocation; i < VOCAB; i += WIDTH) {
        let logit = input[row + i];
        magnitude = max(magnitude, bitcast<u32>(logit) & 0x7fffffffu);
        if logit > value {
            value = logit;
            token = i;
        }
    }
    values[invocation] = value;
    tokens[invocation] = token;
    bits[invocation] = magnitude;
    for (var half = WIDTH / 2u; half > 0u; half /= 2u) {
        workgroupBarrier();
        if invocation < half {
            let other = invocation + half;
            bits[invocation] = max(bits[invocation], bits[other]);
            if values[other] > values[invocation]
                || (values[other] == values[invocation] && tokens[other] < tokens[invocation]) {
                values[invocation] = values[other];
                tokens[invocation] = tokens[other];
            }
        }
    }
    if invocation == 0u {
        // A logit that is not a number has more exponent and fraction than infinity.
        let drawn = select(tokens[0], NOBODY, bits[0] > 0x7f800000u);
        let position = entries[lane].y + 1u;
        entries[lane] = vec4<u32>(drawn, position, lane, entries[lane].w);
        history[lane * CAPACITY + min(position, CAPACITY - 1u)] = drawn;
    }
}
