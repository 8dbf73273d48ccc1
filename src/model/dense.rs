//! A dense layer as one of tract's operators: product, bias and ReLU in one pass over the rows.
//!
//! It stands in for tract's own matrix kernels because of the equality contract. Every product is rounded before it is
//! added, in the order of the inner dimension, on every target: Rust never fuses the two, whereas tract's kernels do
//! where the processor can. It is also what makes a small network fast: rows are read where they lie, and nothing
//! is packed but the weights, once.

use std::array::from_fn;

use tract_onnx::tract_core::internal::*;

use super::guard::Matrix;
use super::lanes::{self, Lanes};

/// Columns that are computed together: two SIMD registers of four.
const COLUMNS: usize = lanes::COUNT;
/// Rows that are computed together: eight registers of sums, which leaves room in sixteen.
const ROWS: usize = 4;

/// `max(x · weights + bias, 0)`, where the last step is optional. `x` is `[N, depth]`, the result `[N, width]`.
#[derive(Debug, Clone)]
pub(super) struct Dense {
    depth: usize,
    width: usize,
    /// Per block of columns, `[depth, COLUMNS]`; what is beyond the width is 0.
    blocks: Vec<Lanes>,
    bias: Vec<f32>,
    relu: bool,
}

/// Only tract's optimiser asks, when it looks for a layer that stands twice in one graph.
impl PartialEq for Dense {
    fn eq(&self, other: &Self) -> bool {
        let blocks = |of: &Self| of.blocks.iter().map(|lanes| lanes.numbers()).collect::<Vec<_>>();
        (self.depth, self.width, self.relu) == (other.depth, other.width, other.relu)
            && self.bias == other.bias
            && blocks(self) == blocks(other)
    }
}

impl Eq for Dense {}

impl Dense {
    pub(super) fn new(weights: &Matrix, bias: Option<&Matrix>, relu: bool) -> Self {
        let (depth, width) = (weights.rows, weights.columns);
        let block = |first: usize| {
            weights
                .values
                .chunks_exact(width)
                .map(move |row| Lanes::new(from_fn(|column| row.get(first + column).copied().unwrap_or(0.0))))
        };
        Self {
            depth,
            width,
            blocks: (0..width).step_by(COLUMNS).flat_map(block).collect(),
            bias: bias.map_or_else(|| vec![0.0; width], |bias| bias.values.clone()),
            relu,
        }
    }

    /// `x` is `[n, depth]`, `out` is `[n, width]`, both row-major.
    fn run(&self, x: &[f32], out: &mut [f32]) {
        for (block, first) in self.blocks.chunks_exact(self.depth).zip((0..).step_by(COLUMNS)) {
            let mut rows = x.chunks_exact(ROWS * self.depth);
            let mut outs = out.chunks_exact_mut(ROWS * self.width);
            for (rows, out) in rows.by_ref().zip(outs.by_ref()) {
                self.store(&four(rows, block), first, out);
            }
            let last = rows.remainder().chunks_exact(self.depth);
            for (row, out) in last.zip(outs.into_remainder().chunks_exact_mut(self.width)) {
                self.store(&one(row, block), first, out);
            }
        }
    }

    fn store(&self, sums: &[Lanes], first: usize, out: &mut [f32]) {
        let bias = &self.bias[first..self.width.min(first + COLUMNS)];
        for (sums, out) in sums.iter().zip(out.chunks_exact_mut(self.width)) {
            for ((sum, bias), out) in sums.numbers().iter().zip(bias).zip(&mut out[first..]) {
                let value = sum + bias;
                *out = if self.relu && value < 0.0 { 0.0 } else { value };
            }
        }
    }
}

/// The products of four rows with one block of columns. Written out, so that the sums stay in registers whatever the
/// build's level.
fn four(rows: &[f32], block: &[Lanes]) -> [Lanes; ROWS] {
    let depth = block.len();
    let [a, b, c, d] = from_fn(|row| &rows[row * depth..][..depth]);
    let (mut of_a, mut of_b, mut of_c, mut of_d) = (Lanes::ZERO, Lanes::ZERO, Lanes::ZERO, Lanes::ZERO);
    for (k, weights) in block.iter().enumerate() {
        of_a = of_a.add_product(a[k], *weights);
        of_b = of_b.add_product(b[k], *weights);
        of_c = of_c.add_product(c[k], *weights);
        of_d = of_d.add_product(d[k], *weights);
    }
    [of_a, of_b, of_c, of_d]
}

fn one(row: &[f32], block: &[Lanes]) -> [Lanes; 1] {
    [row.iter().zip(block).fold(Lanes::ZERO, |sum, (x, weights)| sum.add_product(*x, *weights))]
}

impl Op for Dense {
    fn name(&self) -> StaticName {
        "Dense".into()
    }

    op_as_typed_op!();
}

impl EvalOp for Dense {
    op_out_of_plan!();

    fn eval(&self, _context: &EvalContext, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        let x = inputs[0].try_as_plain_ram()?;
        let x = x.as_slice::<f32>()?;
        let mut out = Tensor::zero::<f32>(&[x.len() / self.depth, self.width])?;
        self.run(x, out.try_as_plain_ram_mut()?.as_slice_mut::<f32>()?);
        Ok(tvec!(out.into_tvalue()))
    }
}

impl TypedOp for Dense {
    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        ensure!(inputs[0].shape.rank() == 2 && inputs[0].shape[1] == self.depth.to_dim());
        Ok(tvec!(f32::fact([inputs[0].shape[0].clone(), self.width.to_dim()])))
    }

    as_op!();
}
