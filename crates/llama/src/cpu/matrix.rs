//! Weights as the kernels read them: eight rows side by side.
//!
//! A *record* is what eight rows have in the columns of one block of the file (32, or 256 for the K formats): their scales, then for
//! every 32 columns their codes. Codes are whole numbers from 0; a weight is `scale · (code − bias)`, or `scale · code + minimum`. Four
//! columns of the eight rows make 32 bytes, row after row, so that a 32-bit lane sums up one row:
//!
//! - 8 bits: eight times 32 bytes;
//! - 4 bits: four times 32 bytes, the low halves columns 0..4, the high halves columns 4..8;
//! - 6 bits: the same for the lower four, then twice 32 bytes of two bits for four times four columns each.
//!
//! Floating-point weights lie column by column, eight rows each. Rows are filled up to a multiple of eight with zeros.

use half::f16;

use crate::checkpoint::{Format, TensorInfo, dequantise};
use crate::{Error, Result};

/// Rows side by side.
pub(crate) const ROWS: usize = 8;
/// Columns that share an activation's scale, and the codes' unit.
pub(crate) const BLOCK: usize = 32;

/// How a format of blocks is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Packing {
    /// Bits of a code: 4, 6 or 8.
    pub(crate) bits: usize,
    /// Taken off a code.
    pub(crate) bias: u8,
    /// Whether minima follow the scales.
    pub(crate) minimum: bool,
    /// Whole-number factors of the scales within a record.
    pub(crate) factors: Factors,
    /// Times 32 columns in a record.
    pub(crate) blocks: usize,
}

/// Whole-number factors, 16 bytes before the codes of every 32 columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Factors {
    None,
    /// Of the scale and of the minimum, 0..64: Q4_K.
    ScaleAndMinimum,
    /// Signed, of the scale, one for each 16 columns: Q6_K.
    Halves,
}

impl Packing {
    /// `None` for the floating-point formats.
    pub(crate) const fn of(format: Format) -> Option<Self> {
        let (bits, bias, minimum, factors, blocks) = match format {
            Format::F32 | Format::F16 | Format::BF16 => return None,
            Format::Q8_0 => (8, 128, false, Factors::None, 1),
            Format::Q4_0 => (4, 8, false, Factors::None, 1),
            Format::Q4_1 => (4, 0, true, Factors::None, 1),
            Format::Q5_0 => (6, 16, false, Factors::None, 1),
            Format::Q4_K => (4, 0, true, Factors::ScaleAndMinimum, 8),
            Format::Q6_K => (6, 32, false, Factors::Halves, 8),
        };
        Some(Self { bits, bias, minimum, factors, blocks })
    }

    /// Bytes before the first block: scales and minima, as f16.
    pub(crate) const fn header(self) -> usize {
        if self.minimum { 4 * ROWS } else { 2 * ROWS }
    }

    /// Bytes of factors before the codes of 32 columns.
    pub(crate) const fn factor_bytes(self) -> usize {
        match self.factors {
            Factors::None => 0,
            Factors::ScaleAndMinimum | Factors::Halves => 2 * ROWS,
        }
    }

    /// Bytes of 32 columns: factors and codes.
    pub(crate) const fn block_bytes(self) -> usize {
        self.factor_bytes() + self.bits * BLOCK
    }

    /// Bytes of a record.
    pub(crate) const fn record_bytes(self) -> usize {
        self.header() + self.blocks * self.block_bytes()
    }
}

/// A matrix, or a vector as one row, in the kernels' layout.
pub(crate) struct Matrix {
    pub(crate) format: Format,
    pub(crate) rows: usize,
    pub(crate) columns: usize,
    data: Vec<u8>,
}

impl Matrix {
    /// Room for a tensor, all zeros.
    pub(crate) fn new(tensor: &TensorInfo) -> Result<Self> {
        let too_large = |needed| Error::TooLarge { what: format!("{:?}", tensor.role), needed, available: 0 };
        let bytes =
            tensor.rows.div_ceil(ROWS).checked_mul(Self::bytes_of_group(tensor.format, tensor.columns));
        let bytes = bytes.ok_or_else(|| too_large(u64::MAX))?;
        let mut data = Vec::new();
        data.try_reserve_exact(bytes).map_err(|_| too_large(bytes as u64))?;
        data.resize(bytes, 0);
        Ok(Self { format: tensor.format, rows: tensor.rows, columns: tensor.columns, data })
    }

    /// Times eight rows.
    pub(crate) fn groups(&self) -> usize {
        self.rows.div_ceil(ROWS)
    }

    /// The bytes of eight rows.
    pub(crate) fn group(&self, group: usize) -> &[u8] {
        let bytes = Self::bytes_of_group(self.format, self.columns);
        &self.data[group * bytes..][..bytes]
    }

    fn bytes_of_group(format: Format, columns: usize) -> usize {
        match Packing::of(format) {
            None => columns * ROWS * format.block_bytes(),
            Some(packing) => columns / format.block_len() * packing.record_bytes(),
        }
    }

    /// Puts the file's block number `at` where it belongs.
    pub(crate) fn put(&mut self, at: usize, block: &[u8]) {
        let in_row = self.columns / self.format.block_len();
        let (row, record) = (at / in_row, at % in_row);
        let (group, lane) = (row / ROWS, row % ROWS);
        let bytes = Self::bytes_of_group(self.format, self.columns);
        let data = &mut self.data[group * bytes..][..bytes];
        match Packing::of(self.format) {
            None => {
                let size = block.len();
                data[(record * ROWS + lane) * size..][..size].copy_from_slice(block);
            }
            Some(packing) => {
                let size = packing.record_bytes();
                Block::read(self.format, block).write(packing, &mut data[record * size..][..size], lane);
            }
        }
    }

    /// A row as floating-point numbers, `[columns]`.
    pub(crate) fn row(&self, row: usize, out: &mut [f32]) {
        let (data, lane) = (self.group(row / ROWS), row % ROWS);
        let Some(packing) = Packing::of(self.format) else {
            let size = self.format.block_bytes();
            for (value, bytes) in out.iter_mut().zip(data.chunks_exact(size * ROWS)) {
                dequantise(self.format, &bytes[lane * size..][..size], std::slice::from_mut(value));
            }
            return;
        };
        let records = data.chunks_exact(packing.record_bytes());
        for (out, record) in out.chunks_exact_mut(self.format.block_len()).zip(records) {
            let scale = half_at(record, lane);
            let minimum = if packing.minimum { half_at(record, ROWS + lane) } else { 0.0 };
            let blocks = record[packing.header()..].chunks_exact(packing.block_bytes());
            for (out, block) in out.chunks_exact_mut(BLOCK).zip(blocks) {
                let (factors, codes) = block.split_at(packing.factor_bytes());
                for (column, value) in out.iter_mut().enumerate() {
                    let (scale, minimum) = match packing.factors {
                        Factors::None => (scale, minimum),
                        Factors::ScaleAndMinimum => {
                            (scale * f32::from(factors[lane]), minimum * f32::from(factors[ROWS + lane]))
                        }
                        Factors::Halves => (scale * f32::from(factors[column / 16 * ROWS + lane] as i8), 0.0),
                    };
                    let code = code(packing.bits, codes, lane, column);
                    *value = scale * (f32::from(code) - f32::from(packing.bias)) + minimum;
                }
            }
        }
    }
}

/// Where four columns of a row begin among 32 bytes, and which four of the columns they are.
fn place(lane: usize, column: usize) -> (usize, usize) {
    (lane * 4 + column % 4, column / 4)
}

fn code(bits: usize, codes: &[u8], lane: usize, column: usize) -> u8 {
    let (byte, four) = place(lane, column);
    if bits == 8 {
        return codes[four * 32 + byte];
    }
    let low = codes[four / 2 * 32 + byte] >> (four % 2 * 4) & 15;
    if bits == 4 {
        return low;
    }
    low | (codes[128 + four / 4 * 32 + byte] >> (four % 4 * 2) & 3) << 4
}

/// Writes a code where zeros are.
fn put_code(bits: usize, codes: &mut [u8], lane: usize, column: usize, code: u8) {
    let (byte, four) = place(lane, column);
    if bits == 8 {
        codes[four * 32 + byte] = code;
        return;
    }
    codes[four / 2 * 32 + byte] |= (code & 15) << (four % 2 * 4);
    if bits == 6 {
        codes[128 + four / 4 * 32 + byte] |= (code >> 4) << (four % 4 * 2);
    }
}

/// A block of the file taken apart.
struct Block {
    scale: [u8; 2],
    minimum: [u8; 2],
    /// Two for each 32 columns.
    factors: [u8; 16],
    codes: [u8; 256],
}

impl Block {
    fn read(format: Format, bytes: &[u8]) -> Self {
        let mut block = Self { scale: [0; 2], minimum: [0; 2], factors: [0; 16], codes: [0; 256] };
        let pair = |at: usize| [bytes[at], bytes[at + 1]];
        match format {
            Format::F32 | Format::F16 | Format::BF16 => {}
            Format::Q8_0 => {
                block.scale = pair(0);
                for (code, byte) in block.codes.iter_mut().zip(&bytes[2..34]) {
                    *code = byte ^ 0x80;
                }
            }
            Format::Q4_0 => {
                block.scale = pair(0);
                block.nibbles(&bytes[2..18]);
            }
            Format::Q4_1 => {
                (block.scale, block.minimum) = (pair(0), pair(2));
                block.nibbles(&bytes[4..20]);
            }
            Format::Q5_0 => {
                block.scale = pair(0);
                block.nibbles(&bytes[6..22]);
                for column in 0..BLOCK {
                    block.codes[column] |= (bytes[2 + column / 8] >> (column % 8) & 1) << 4;
                }
            }
            Format::Q4_K => block.read_q4_k(bytes),
            Format::Q6_K => block.read_q6_k(bytes),
        }
        block
    }

    fn nibbles(&mut self, bytes: &[u8]) {
        for (at, byte) in bytes.iter().enumerate() {
            (self.codes[at], self.codes[at + 16]) = (byte & 15, byte >> 4);
        }
    }

    /// `d`, `dmin`, eight pairs of 6-bit factors in 12 bytes, 256 codes: a weight is `d · factor · code − dmin · factor`.
    fn read_q4_k(&mut self, bytes: &[u8]) {
        self.scale = [bytes[0], bytes[1]];
        // The sign goes into the minimum.
        self.minimum = [bytes[2], bytes[3] ^ 0x80];
        let packed = &bytes[4..16];
        for sub in 0..8 {
            let (scale, minimum) = if sub < 4 {
                (packed[sub] & 63, packed[sub + 4] & 63)
            } else {
                let both = packed[sub + 4];
                (both & 15 | packed[sub - 4] >> 6 << 4, both >> 4 | packed[sub] >> 6 << 4)
            };
            (self.factors[2 * sub], self.factors[2 * sub + 1]) = (scale, minimum);
        }
        for (at, byte) in bytes[16..144].iter().enumerate() {
            let column = at / 32 * 64 + at % 32;
            (self.codes[column], self.codes[column + 32]) = (byte & 15, byte >> 4);
        }
    }

    /// 128 bytes of the lower four bits, 64 of the upper two, 16 factors, `d`: a weight is `d · factor · (code − 32)`.
    fn read_q6_k(&mut self, bytes: &[u8]) {
        let (low, rest) = bytes.split_at(128);
        let (high, rest) = rest.split_at(64);
        self.factors.copy_from_slice(&rest[..16]);
        self.scale = [rest[16], rest[17]];
        for column in 0..256 {
            let (part, at) = (column / 128, column % 128);
            let nibble = low[part * 64 + at % 64] >> (at / 64 * 4) & 15;
            self.codes[column] = nibble | (high[part * 32 + at % 32] >> (at / 32 * 2) & 3) << 4;
        }
    }

    fn write(&self, packing: Packing, record: &mut [u8], lane: usize) {
        record[2 * lane..][..2].copy_from_slice(&self.scale);
        if packing.minimum {
            record[2 * (ROWS + lane)..][..2].copy_from_slice(&self.minimum);
        }
        let blocks = record[packing.header()..].chunks_exact_mut(packing.block_bytes());
        for (at, (block, columns)) in blocks.zip(self.codes.chunks_exact(BLOCK)).enumerate() {
            let (factors, codes) = block.split_at_mut(packing.factor_bytes());
            if packing.factors != Factors::None {
                (factors[lane], factors[ROWS + lane]) = (self.factors[2 * at], self.factors[2 * at + 1]);
            }
            for (column, &code) in columns.iter().enumerate() {
                put_code(packing.bits, codes, lane, column, code);
            }
        }
    }
}

fn half_at(halves: &[u8], at: usize) -> f32 {
    f16::from_le_bytes([halves[2 * at], halves[2 * at + 1]]).to_f32()
}
