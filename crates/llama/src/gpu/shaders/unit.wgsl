// Eight columns of a tile's four rows: column n of the matrix is a vector over the rows.
struct Unit { a: mat4x4<f32>, b: mat4x4<f32> }

// Eight numbers of a vector.
struct Octet { a: vec4<f32>, b: vec4<f32> }

fn scaled(unit: Unit, scale: vec4<f32>, offset: vec4<f32>) -> Unit {
    return Unit(
        mat4x4<f32>(
            fma(unit.a[0], scale, offset), fma(unit.a[1], scale, offset),
            fma(unit.a[2], scale, offset), fma(unit.a[3], scale, offset)),
        mat4x4<f32>(
            fma(unit.b[0], scale, offset), fma(unit.b[1], scale, offset),
            fma(unit.b[2], scale, offset), fma(unit.b[3], scale, offset)));
}

// Four rows' words of eight fields of four bits, `low` bits of which are the number's, `high` are added above them.
fn nibbles(words: vec4<u32>) -> Unit {
    let mask = vec4<u32>(15u);
    return Unit(
        mat4x4<f32>(
            vec4<f32>(words & mask), vec4<f32>((words >> vec4<u32>(4u)) & mask),
            vec4<f32>((words >> vec4<u32>(8u)) & mask), vec4<f32>((words >> vec4<u32>(12u)) & mask)),
        mat4x4<f32>(
            vec4<f32>((words >> vec4<u32>(16u)) & mask), vec4<f32>((words >> vec4<u32>(20u)) & mask),
            vec4<f32>((words >> vec4<u32>(24u)) & mask), vec4<f32>(words >> vec4<u32>(28u))));
}

// Two words of two halves: one number for each row.
fn halves(words: vec2<u32>) -> vec4<f32> {
    return vec4<f32>(unpack2x16float(words.x), unpack2x16float(words.y));
}

// The first or the second two of four words.
fn pair(words: vec4<u32>, index: u32) -> vec2<u32> {
    return select(words.xy, words.zw, (index & 1u) == 1u);
}
