//! What a graph may hold outside its dense layers, number by number, as operators of tract's plan. Ours rather than tract's
//! own, so that a page does not download the arithmetic of every type and shape.

use tract_onnx::tract_core::internal::*;

/// One operation on values `[N, width]`.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Pointwise {
    /// Two values of equal width.
    Sum,
    /// Added to every row.
    Bias(Vec<f32>),
    /// `max(x, 0)`.
    Relu,
}

impl Eq for Pointwise {}

impl Op for Pointwise {
    fn name(&self) -> StaticName {
        match self {
            Self::Sum => "Sum",
            Self::Bias(_) => "Bias",
            Self::Relu => "Relu",
        }
        .into()
    }

    op_as_typed_op!();
}

impl EvalOp for Pointwise {
    op_out_of_plan!();

    fn eval(&self, _context: &EvalContext, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        let mut out = inputs[0].clone().into_tensor();
        let mut view = out.try_as_plain_ram_mut()?;
        let numbers = view.as_slice_mut::<f32>()?;
        match self {
            Self::Sum => {
                let other = inputs[1].try_as_plain_ram()?;
                numbers.iter_mut().zip(other.as_slice::<f32>()?).for_each(|(a, b)| *a += b);
            }
            Self::Bias(bias) => {
                for row in numbers.chunks_exact_mut(bias.len()) {
                    row.iter_mut().zip(bias).for_each(|(a, b)| *a += b);
                }
            }
            Self::Relu => numbers.iter_mut().filter(|x| **x < 0.0).for_each(|x| *x = 0.0),
        }
        Ok(tvec!(out.into_tvalue()))
    }
}

impl TypedOp for Pointwise {
    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        ensure!(inputs.len() == if *self == Self::Sum { 2 } else { 1 });
        ensure!(inputs.iter().all(|input| input.shape == inputs[0].shape));
        Ok(tvec!(inputs[0].without_value()))
    }

    as_op!();
}
