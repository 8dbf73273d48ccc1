// Eight columns of a tile's four rows: column n of the matrix is a vector over the rows.
struct Unit { a: mat4x4<real>, b: mat4x4<real> }

// Eight numbers of a vector.
struct Octet { a: vec4<f32>, b: vec4<f32> }

fn scaled(unit: Unit, scale: vec4<f32>, offset: vec4<f32>) -> Unit {
    let s = vec4<real>(scale);
    let o = vec4<real>(offset);
    return Unit(
        mat4x4<real>(fma(unit.a[0], s, o), fma(unit.a[1], s, o), fma(unit.a[2], s, o), fma(unit.a[3], s, o)),
        mat4x4<real>(fma(unit.b[0], s, o), fma(unit.b[1], s, o), fma(unit.b[2], s, o), fma(unit.b[3], s, o)));
}

// The sum and a unit's products with eight numbers.
fn plus(sum: vec4<f32>, unit: Unit, a: vec4<real>, b: vec4<real>) -> vec4<f32> {
#if HALF
    return sum + vec4<f32>(unit.a * a + unit.b * b);
#else
    return sum + unit.a * a + unit.b * b;
#end
}

// Four rows' words of eight fields of four bits, `low` bits of which are the number's, `high` are added above them.
fn nibbles(words: vec4<u32>) -> Unit {
    let mask = vec4<u32>(15u);
    return Unit(
        mat4x4<real>(
            vec4<real>(words & mask), vec4<real>((words >> vec4<u32>(4u)) & mask),
            vec4<real>((words >> vec4<u32>(8u)) & mask), vec4<real>((words >> vec4<u32>(12u)) & mask)),
        mat4x4<real>(
            vec4<real>((words >> vec4<u32>(16u)) & mask), vec4<real>((words >> vec4<u32>(20u)) & mask),
            vec4<real>((words >> vec4<u32>(24u)) & mask), vec4<real>(words >> vec4<u32>(28u))));
}

// Two words of two halves: one number for each row.
fn halves(words: vec2<u32>) -> vec4<f32> {
    return vec4<f32>(unpack2x16float(words.x), unpack2x16float(words.y));
}

// The first or the second two of four words.
fn pair(words: vec4<u32>, index: u32) -> vec2<u32> {
    return select(words.xy, words.zw, (index & 1u) == 1u);
}
