// Draws a lane's next token by the rules of `sample.rs` and makes it the lane's next entry. One workgroup a lane.
struct Settings {
    temperature: f32, top_p: f32, min_p: f32, repetition: f32,
    frequency: f32, top_k: u32, window: u32, shared_row: u32,
    seed: vec2<u32>, masked: u32, plain: u32,
}

// The likeliest token by now, as the invocations compare them.
struct Best { value: f32, token: u32 }

var<workgroup> bests: array<Best, WIDTH>;
var<workgroup> sums: array<vec3<f32>, WIDTH>;
var<workgroup> drawn: u32;

// A whole number that is greater for a greater number.
fn ordered(number: f32) -> u32 {
    let bits = bitcast<u32>(number + 0.0);
    return select(bits | 0x80000000u, ~bits, bits >> 31u == 1u);
}

fn is_finite(number: f32) -> bool {
    return (bitcast<u32>(number) & 0x7f800000u) != 0x7f800000u;
}

fn mixed(word: u32) -> u32 {
    var bits = word;
    bits ^= bits >> 16u;
    bits *= 0x85ebca6bu;
    bits ^= bits >> 13u;
    bits *= 0xc2b2ae35u;
    return bits ^ (bits >> 16u);
}

fn uniform_number(seed: vec2<u32>, lane: u32, position: u32) -> f32 {
    var bits = mixed(seed.x ^ (seed.y * 0x9e3779b9u));
    bits = mixed(bits ^ (lane * 0x9e3779b9u));
    bits = mixed(bits ^ (position * 0x9e3779b9u));
    return f32(bits >> 8u) * (1.0 / 16777216.0);
}

// The sum over all invocations, for all of them.
fn sum_of_all(part: vec3<f32>, invocation: u32) -> vec3<f32> {
    workgroupBarrier();
    sums[invocation] = part;
    for (var half = WIDTH / 2u; half > 0u; half /= 2u) {
        workgroupBarrier();
        if invocation < half { sums[invocation] += sums[invocation + half]; }
    }
    workgroupBarrier();
    return sums[0];
}

fn likelier(a: Best, b: Best) -> Best {
    if b.value > a.value || (b.value == a.value && b.token < a.token) { return b; }
    return a;
}

fn likeliest(part: Best, invocation: u32) -> Best {
    workgroupBarrier();
    bests[invocation] = part;
    for (var half = WIDTH / 2u; half > 0u; half /= 2u) {
        workgroupBarrier();
        if invocation < half { bests[invocation] = likelier(bests[invocation], bests[invocation + half]); }
    }
    workgroupBarrier();
    return bests[0];
}

// Of the tokens whose order is at least `least`: the greatest order for which those at or above it measure `enough`, each by its
// weight or, for a temperature of 0, by one. Two bits a turn.
fn threshold(row: u32, least: u32, enough: f32, most: f32, temperature: f32, invocation: u32) -> u32 {
    var found = 0u;
    for (var turn = 0u; turn < 16u; turn++) {
        let bit = 1u << (30u - 2u * turn);
        let steps = vec3<u32>(found + bit, found + 2u * bit, found + 3u * bit);
        var part = vec3<f32>();
        for (var i = invocation; i < VOCAB; i += WIDTH) {
            let score = scores[row + i];
            let order = ordered(score);
            if order >= least && order >= steps.x {
                var measure = 1.0;
                if temperature > 0.0 { measure = exp((score - most) / temperature); }
                part += select(vec3<f32>(), vec3<f32>(measure), vec3<u32>(order) >= steps);
            }
        }
        let sum = sum_of_all(part, invocation);
        if sum.z >= enough { found = steps.z; }
        else if sum.y >= enough { found = steps.y; }
        else if sum.x >= enough { found = steps.x; }
    }
    return max(found, least);
}

fn token_at(lane: u32, shared_tokens: u32, position: u32) -> u32 {
    return history[select(lane, 0u, position < shared_tokens) * CAPACITY + position];
}

@compute @workgroup_size(WIDTH)
fn main(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(local_invocation_index) invocation: u32) {
    let lane = workgroup.x;
    let setting = settings[lane];
    let from_row = select(lane, 0u, setting.shared_row == 1u) * STRIDE_IN;
    let row = lane * STRIDE_IN;
    let entry = entries[lane];
    var best = Best(LOWEST, NOBODY);
    for (var i = invocation; i < VOCAB; i += WIDTH) {
        var logit = input[from_row + i];
        let allowed = setting.masked == 0u || ((masks[lane * MASK_STRIDE + i / 32u] >> (i & 31u)) & 1u) == 1u;
        if !allowed || !is_finite(logit) { logit = LOWEST; }
        if setting.plain == 0u { scores[row + i] = logit; }
        if logit > best.value { best = Best(logit, i); }
    }
    if setting.plain == 0u {
        storageBarrier();
        workgroupBarrier();
        let count = min(setting.window, entry.y + 1u);
        let first = entry.y + 1u - count;
        for (var i = invocation; i < count; i += WIDTH) {
            let token = token_at(lane, entry.w, first + i);
            var times = 1u;
            for (var j = 0u; j < count; j++) {
                if j != i && token_at(lane, entry.w, first + j) == token {
                    // The token's first place takes the penalty for all.
                    if j < i { times = 0u; break; }
                    times += 1u;
                }
            }
            let score = scores[row + token];
            if times > 0u && score > LOWEST {
                let scaled = select(score * setting.repetition, score / setting.repetition, score > 0.0);
                scores[row + token] = scaled - f32(times) * setting.frequency;
            }
        }
        storageBarrier();
        workgroupBarrier();
        best = Best(LOWEST, NOBODY);
        for (var i = invocation; i < VOCAB; i += WIDTH) {
            let score = scores[row + i];
            if score > best.value { best = Best(score, i); }
        }
    }
    best = likeliest(best, invocation);
    if invocation == 0u { drawn = best.token; }
    workgroupBarrier();
    if setting.temperature > 0.0 {
        let most = best.value;
        var least = 0u;
        if setting.top_k > 0u && setting.top_k < VOCAB {
            least = threshold(row, 0u, f32(setting.top_k), most, 0.0, invocation);
        }
        if setting.top_p < 1.0 {
            var part = 0.0;
            for (var i = invocation; i < VOCAB; i += WIDTH) {
                let score = scores[row + i];
                if ordered(score) >= least { part += exp((score - most) / setting.temperature); }
            }
            let all = sum_of_all(vec3<f32>(part), invocation).x;
            least = threshold(row, least, setting.top_p * all, most, setting.temperature, invocation);
        }
        let begin = min(invocation * CHUNK, VOCAB);
        let end = min(begin + CHUNK, VOCAB);
        var part = 0.0;
        for (var i = begin; i < end; i++) { part += weight(row + i, least, most, setting); }
        let all = sum_of_all(vec3<f32>(part), invocation).x;
        let bound = uniform_number(setting.seed, lane, entry.y + 1u) * all;
        workgroupBarrier();
        sums[invocation] = vec3<f32>(part);
        workgroupBarrier();
        var sum = 0.0;
        for (var i = 0u; i < invocation; i++) { sum += sums[i].x; }
        if sum <= bound && sum + part > bound {
            for (var i = begin; i < end; i++) {
                sum += weight(row + i, least, most, setting);
                if sum > bound {
                    drawn = i;
                    break;
                }
            }
        }
        workgroupBarrier();
    }
    if invocation == 0u {
        let position = entry.y + 1u;
        // Nothing reads the embedding of a token that there is none of.
        entries[lane] = vec4<u32>(min(drawn, VOCAB - 1u), position, entry.z, entry.w);
        history[lane * CAPACITY + min(position, CAPACITY - 1u)] = drawn;
    }
}

fn weight(at: u32, least: u32, most: f32, setting: Settings) -> f32 {
    let score = scores[at];
    let weight = exp((score - most) / setting.temperature);
    return select(0.0, weight, score > LOWEST && ordered(score) >= least && weight >= setting.min_p);
}
