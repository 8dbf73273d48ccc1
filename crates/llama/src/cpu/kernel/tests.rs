#![allow(clippy::unwrap_used)]

use proptest::prelude::*;

use super::*;
use crate::checkpoint::{Format, Part, Role, TensorInfo, dequantise};
use crate::cpu::input::{sum_up, to_eighths};

const FORMATS: [Format; 9] = [
    Format::F32,
    Format::F16,
    Format::BF16,
    Format::Q8_0,
    Format::Q4_0,
    Format::Q4_1,
    Format::Q5_0,
    Format::Q4_K,
    Format::Q6_K,
];

/// Any blocks: all codes and factors there are, and scales that are numbers.
fn blocks(format: Format, count: usize, mut random: impl FnMut() -> u32) -> Vec<u8> {
    let mut bytes: Vec<u8> = Vec::new();
    let float = |random: u32| half::f16::from_f32((random % 2001) as f32 / 1000.0 - 1.0).to_le_bytes();
    for _ in 0..count {
        let mut block: Vec<u8> = (0..format.block_bytes()).map(|_| (random() >> 8) as u8).collect();
        let scales: &[usize] = match format {
            Format::F32 | Format::BF16 => &[],
            Format::F16 | Format::Q8_0 | Format::Q4_0 | Format::Q5_0 => &[0],
            Format::Q4_1 | Format::Q4_K => &[0, 2],
            Format::Q6_K => &[208],
        };
        for &at in scales {
            block[at..at + 2].copy_from_slice(&float(random()));
        }
        match format {
            Format::F32 => block.copy_from_slice(&((random() % 999) as f32 - 499.0).to_le_bytes()),
            Format::BF16 => block.copy_from_slice(&((random() % 99) as f32 - 49.0).to_le_bytes()[2..]),
            _ => {}
        }
        bytes.extend(block);
    }
    bytes
}

fn random(seed: u64) -> impl FnMut() -> u32 {
    let mut state = seed | 1;
    move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as u32
    }
}

/// A matrix of random blocks and its numbers by the reader's own dequantisation.
fn matrix(format: Format, rows: usize, columns: usize, seed: u64) -> (Matrix, Vec<f32>) {
    let info = TensorInfo { role: Role::Layer(0, Part::Gate), format, rows, columns };
    let bytes = blocks(format, rows * columns / format.block_len(), random(seed));
    let mut matrix = Matrix::new(&info).unwrap();
    for (at, block) in bytes.chunks_exact(format.block_bytes()).enumerate() {
        matrix.put(at, block);
    }
    let mut numbers = vec![0.0; rows * columns];
    dequantise(format, &bytes, &mut numbers);
    (matrix, numbers)
}

fn input(tokens: usize, columns: usize, fast: bool, seed: u64) -> Input {
    let mut random = random(seed);
    let mut input = Input { fast, ..Input::default() };
    input.shape(tokens, columns);
    input.values.fill_with(|| (random() % 20_001) as f32 / 10_000.0 - 1.0);
    let blocks = columns / 32;
    for token in 0..tokens {
        let values = input.values[token * columns..][..columns].to_vec();
        if fast {
            to_eighths(&values, &mut input.eighths[token * blocks..][..blocks]);
        } else {
            sum_up(&values, &mut input.sums[token * blocks..][..blocks]);
        }
    }
    input
}

/// What the kernels multiply with: in fast mode, and for blocks, the values as 8 bits say them.
fn values(input: &Input, format: Format, token: usize) -> Vec<f64> {
    if !input.fast || format.block_len() == 1 {
        return input.token(token).iter().map(|&value| f64::from(value)).collect();
    }
    let blocks = input.columns / 32;
    let eighths = &input.eighths[token * blocks..][..blocks];
    eighths.iter().flat_map(|e| e.codes.map(|code| f64::from(code) * f64::from(e.scale))).collect()
}

#[test]
fn rows_come_out_as_they_were_read() {
    for format in FORMATS {
        let (matrix, numbers) = matrix(format, 11, 512, 3);
        for row in 0..11 {
            let mut out = vec![0.0; 512];
            matrix.row(row, &mut out);
            // Of a scale times a factor and a code, the reader and the packed form round in other places.
            for (got, due) in out.iter().zip(&numbers[row * 512..]) {
                assert!((got - due).abs() <= due.abs().max(1.0) * 1e-5, "{format:?} {got} {due}");
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Every instruction set against sums in f64 over the reader's numbers.
    #[test]
    fn products_are_those_of_the_numbers(
        rows in 1usize..28, wide in 1usize..3, tokens in 1usize..8, fast: bool, seed: u64,
    ) {
        let columns = wide * 256;
        for format in FORMATS {
            let (matrix, numbers) = matrix(format, rows, columns, seed);
            let input = input(tokens, columns, fast, seed ^ 5);
            for kernels in Kernels::all() {
                let mut out = vec![f32::NAN; matrix.groups() * tokens * ROWS];
                kernels.multiply(&matrix, 0..matrix.groups(), &input, &mut out);
                for token in 0..tokens {
                    let values = values(&input, format, token);
                    for row in 0..rows {
                        let weights = &numbers[row * columns..][..columns];
                        let products = weights.iter().zip(&values).map(|(w, v)| f64::from(*w) * v);
                        let due: f64 = products.clone().sum();
                        let size: f64 = products.map(f64::abs).sum();
                        let got = f64::from(out[(row / ROWS * tokens + token) * ROWS + row % ROWS]);
                        prop_assert!(
                            (got - due).abs() <= size * 2e-6,
                            "{:?} {:?} row {} token {}: {} for {}", kernels, format, row, token, got, due
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn attention_is_softmax_written_out(
        tokens in 1usize..200, cut in 0usize..200, head in 1usize..12, seed: u64,
    ) {
        let (head, cut, offset) = (2 * head, cut.min(tokens), 3);
        let stride = head + 5;
        let mut random = random(seed);
        let mut some = |count: usize| -> Vec<f32> {
            (0..count).map(|_| (random() % 4001) as f32 / 500.0 - 4.0).collect()
        };
        let (query, keys, values) = (some(head), some(tokens * stride), some(tokens * stride));
        let score = |token: usize| -> f64 {
            let key = &keys[token * stride + offset..];
            let dot: f64 = query.iter().zip(key).map(|(q, k)| f64::from(*q) * f64::from(*k)).sum();
            dot / (head as f64).sqrt()
        };
        let most = (0..tokens).map(score).fold(f64::MIN, f64::max);
        let weights: Vec<f64> = (0..tokens).map(|token| (score(token) - most).exp()).collect();
        let sum: f64 = weights.iter().sum();
        let pieces = [(&keys[..cut * stride], &values[..cut * stride]), (&keys[cut * stride..], &values[cut * stride..])];
        for kernels in Kernels::all() {
            let mut out = vec![0.0; head];
            kernels.attend(&Attention { query: &query, pieces, stride, offset }, &mut out);
            for (at, got) in out.iter().enumerate() {
                let due: f64 = (0..tokens)
                    .map(|token| weights[token] / sum * f64::from(values[token * stride + offset + at]))
                    .sum();
                prop_assert!((f64::from(*got) - due).abs() < 1e-4, "{:?}: {} for {}", kernels, got, due);
            }
        }
    }
}

#[test]
fn the_greatest_codes_do_not_overflow() {
    let format = Format::Q8_0;
    let info = TensorInfo { role: Role::Output, format, rows: 8, columns: 32 };
    let mut matrix = Matrix::new(&info).unwrap();
    let one = half::f16::from_f32(1.0).to_le_bytes();
    for row in 0..8 {
        let code = if row % 2 == 0 { 127i8 } else { -128 };
        matrix.put(row, &[&one[..], &[code as u8; 32]].concat());
    }
    for sign in [1.0, -1.0] {
        let mut input = input(1, 32, true, 1);
        to_eighths(&[sign; 32], &mut input.eighths);
        for kernels in Kernels::all() {
            let mut out = [0.0; 8];
            kernels.multiply(&matrix, 0..1, &input, &mut out);
            for (row, got) in out.iter().enumerate() {
                let due = sign * if row % 2 == 0 { 127.0 } else { -128.0 } * 32.0;
                assert!((got - due).abs() < 0.01, "{kernels:?} {got} {due}");
            }
        }
    }
}

#[test]
fn exp_is_within_two_units_in_the_last_place() {
    for step in -8700..8800 {
        let x = step as f32 / 100.0;
        let (got, due) = (f64::from(element::exp(x)), f64::from(x).exp());
        assert!((got / due - 1.0).abs() < 2.4e-7, "{x}: {got} for {due}");
    }
}
