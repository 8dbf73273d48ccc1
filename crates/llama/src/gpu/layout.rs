//! How a matrix lies in the device's memory: tiles of four rows, so that one load of four words brings the same eight columns
//! of four rows, and neighbouring invocations load neighbouring words.
//!
//! A *unit* is eight columns of a tile. Each format has planes (quants, high bits, scales), each in the order of the tiles;
//! within a plane everything is 32-bit words, read in fours.

use crate::checkpoint::Format;

/// Rows of a tile.
pub(crate) const TILE: usize = 4;

/// Columns of a unit.
pub(crate) const UNIT: usize = 8;

/// Where one matrix' planes lie, in words from its beginning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Layout {
    pub(crate) format: Format,
    pub(crate) rows: usize,
    pub(crate) columns: usize,
    /// Words a tile, for each plane.
    tile_words: Vec<usize>,
}

impl Layout {
    pub(crate) fn new(format: Format, rows: usize, columns: usize) -> Self {
        let units = columns.div_ceil(UNIT);
        let (groups, blocks) = (columns / 32, columns / 256);
        let tile_words = match format {
            Format::F32 => vec![units * 32],
            Format::F16 | Format::BF16 => vec![units * 16],
            Format::Q8_0 => vec![units * 8, groups * 2],
            Format::Q4_0 => vec![units * 4, groups * 2],
            Format::Q4_1 => vec![units * 4, groups * 4],
            Format::Q5_0 => vec![units * 4, groups * 4, groups * 2],
            Format::Q4_K => vec![units * 4, groups * 2, blocks * 4],
            Format::Q6_K => vec![units * 4, units * 2, groups * 2, blocks * 2],
        };
        Self { format, rows, columns, tile_words }
    }

    pub(crate) fn tiles(&self) -> usize {
        self.rows.div_ceil(TILE)
    }

    pub(crate) fn units(&self) -> usize {
        self.columns.div_ceil(UNIT)
    }

    /// Words a tile, for each plane.
    pub(crate) fn tile_words(&self) -> &[usize] {
        &self.tile_words
    }

    pub(crate) fn words_of_tile(&self) -> usize {
        self.tile_words.iter().sum()
    }

    /// The first word of each plane, and last the words of all; planes start at a multiple of four words.
    pub(crate) fn planes(&self) -> Vec<usize> {
        let mut starts = vec![0];
        for words in &self.tile_words {
            let start = starts.last().copied().unwrap_or(0);
            starts.push(start + (self.tiles() * words).next_multiple_of(4));
        }
        starts
    }

    /// Bytes of all planes.
    pub(crate) fn bytes(&self) -> u64 {
        4 * self.planes().last().copied().unwrap_or(0) as u64
    }

    /// The same matrix cut to `rows` rows.
    pub(crate) fn with_rows(&self, rows: usize) -> Self {
        Self { rows, ..self.clone() }
    }
}

/// Appends one tile's words to its planes. `rows` are the tile's rows as stored in the file: four, or fewer at the matrix' end.
pub(crate) fn pack_tile(layout: &Layout, rows: &[&[u8]], planes: &mut [Vec<u32>]) {
    let starts: Vec<usize> = planes.iter().map(Vec::len).collect();
    for (plane, words) in planes.iter_mut().zip(&layout.tile_words) {
        plane.resize(plane.len() + words, 0);
    }
    for (row, bytes) in rows.iter().enumerate() {
        let mut slots: Vec<&mut [u32]> =
            planes.iter_mut().zip(&starts).map(|(p, &start)| &mut p[start..]).collect();
        pack_row(layout.format, row, bytes, &mut slots);
    }
}

fn pack_row(format: Format, row: usize, bytes: &[u8], planes: &mut [&mut [u32]]) {
    let half = |planes: &mut [&mut [u32]], plane: usize, index: usize, value: u32| {
        planes[plane][index * 2 + row / 2] |= value << (row % 2 * 16);
    };
    for (index, block) in bytes.chunks_exact(format.block_bytes()).enumerate() {
        let word = |at: usize| u32::from(u16::from_le_bytes([block[at], block[at + 1]]));
        match format {
            Format::F32 => {
                planes[0][index * 4 + row] = u32::from_le_bytes([block[0], block[1], block[2], block[3]]);
            }
            Format::F16 | Format::BF16 => planes[0][index / 2 * 4 + row] |= word(0) << (index % 2 * 16),
            Format::Q8_0 => {
                for (column, &quant) in block[2..].iter().enumerate() {
                    planes[0][index * 32 + column] |= u32::from(quant) << (row * 8);
                }
                half(planes, 1, index, word(0));
            }
            Format::Q4_0 => {
                pack_nibbles(planes[0], index * 32, 32, row, |i| block[2 + i % 16] >> (i / 16 * 4));
                half(planes, 1, index, word(0));
            }
            Format::Q4_1 => {
                pack_nibbles(planes[0], index * 32, 32, row, |i| block[4 + i % 16] >> (i / 16 * 4));
                planes[1][index * 4 + row] = word(0) | word(2) << 16;
            }
            Format::Q5_0 => {
                pack_nibbles(planes[0], index * 32, 32, row, |i| block[6 + i % 16] >> (i / 16 * 4));
                for unit in 0..4 {
                    planes[1][index * 4 + unit] |= u32::from(block[2 + unit]) << (row * 8);
                }
                half(planes, 2, index, word(0));
            }
            Format::Q4_K => {
                pack_nibbles(planes[0], index * 256, 256, row, |i| {
                    block[16 + i / 64 * 32 + i % 32] >> (i / 32 % 2 * 4)
                });
                for group in 0..8 {
                    let (scale, minimum) = q4_k_scale(&block[4..16], group);
                    half(planes, 1, index * 8 + group, u32::from(scale) | u32::from(minimum) << 8);
                }
                planes[2][index * 4 + row] = word(0) | word(2) << 16;
            }
            Format::Q6_K => {
                let part = |i: usize| (i / 128, i % 128 / 32, i % 32);
                pack_nibbles(planes[0], index * 256, 256, row, |i| {
                    let (half, quarter, l) = part(i);
                    block[half * 64 + quarter % 2 * 32 + l] >> (quarter / 2 * 4)
                });
                for i in 0..256 {
                    let (half, quarter, l) = part(i);
                    let high = u32::from(block[128 + half * 32 + l] >> (quarter * 2) & 3);
                    planes[1][(index * 32 + i / 8) * 2 + row / 2] |= high << (row % 2 * 16 + i % 8 * 2);
                }
                for sixteen in 0..16 {
                    planes[2][index * 16 + sixteen] |= u32::from(block[192 + sixteen]) << (row * 8);
                }
                half(planes, 3, index, word(208));
            }
        }
    }
}

/// Weight `first + i`'s four low bits are `quant(i)`'s.
fn pack_nibbles(plane: &mut [u32], first: usize, weights: usize, row: usize, quant: impl Fn(usize) -> u8) {
    for unit in 0..weights / UNIT {
        let word = (0..UNIT).fold(0, |word, n| word | u32::from(quant(unit * UNIT + n) & 15) << (4 * n));
        plane[(first / UNIT + unit) * TILE + row] = word;
    }
}

/// The 6-bit scale and minimum of a Q4_K block's group, out of its 12 bytes (ggml's `get_scale_min_k4`).
fn q4_k_scale(packed: &[u8], group: usize) -> (u8, u8) {
    if group < 4 {
        (packed[group] & 63, packed[group + 4] & 63)
    } else {
        let low = packed[group + 4];
        (low & 15 | packed[group - 4] >> 6 << 4, low >> 4 | packed[group] >> 6 << 4)
    }
}
