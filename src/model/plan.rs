//! Wires a checked [`Graph`] to tract's operators and runs the optimised plan.
//!
//! It names tract's operators directly instead of going through its ONNX reader, so that linking drops the other
//! operators and the inference of shapes, which [`super::guard`] has already done.

use std::sync::{Arc, Once};

use tract_onnx::tract_core::internal::*;
use tract_onnx::tract_core::ops::{einsum::EinSum, math};
use tract_onnx::tract_core::tract_linalg::{isa, knobs::TRACT_CPU_ISA};

use super::ModelError;
use super::guard::{Graph, Matrix, Step};

/// Takes tract's architecture-specific kernels out of the choice, once for the process, and checks that it worked.
///
/// The generic kernels multiply, round, add, round, in the order of the inner dimension, and so do those of
/// simd128. In WebAssembly there is nothing to take out.
pub(super) fn choose_kernels() -> Result<(), ModelError> {
    static CHOICE: Once = Once::new();
    if cfg!(target_family = "wasm") {
        return Ok(());
    }
    let mut fused = isa::Isa::ALL
        .into_iter()
        .filter(|isa| !isa.is_arch() && isa::Isa::of_arch(isa.arch()).name() == std::env::consts::ARCH);
    CHOICE.call_once(|| {
        let removed: Vec<String> = fused.clone().map(|isa| format!("-{}", isa.name())).collect();
        TRACT_CPU_ISA.set(Some(removed.join(",")));
    });
    let set = isa::native();
    if fused.any(|isa| set.has(isa)) { Err(ModelError::Kernels) } else { Ok(()) }
}

pub(super) struct Plan {
    plan: Arc<TypedSimplePlan>,
    heads: usize,
    embedding: usize,
}

impl Plan {
    pub(super) fn new(graph: Graph) -> Result<Self, ModelError> {
        let (heads, embedding) = (graph.heads, graph.embedding);
        let plan = wire(graph).map_err(|error| engine(&error))?;
        Ok(Self { plan, heads, embedding })
    }

    /// Logits `[n, H]`.
    pub(super) fn run(&self, n: usize, additive: &[f32], embedding: &[f32]) -> Result<Vec<f32>, ModelError> {
        let run = || -> TractResult<Vec<f32>> {
            let additive = Tensor::from_shape(&[n, self.heads], additive)?;
            let embedding = Tensor::from_shape(&[n, self.embedding], embedding)?;
            let outputs = self.plan.run(tvec!(additive.into_tvalue(), embedding.into_tvalue()))?;
            Ok(outputs[0].try_as_plain_ram()?.as_slice::<f32>()?.to_vec())
        };
        run().map_err(|error| engine(&error))
    }
}

fn engine(error: &TractError) -> ModelError {
    ModelError::Engine(format!("{error:#}"))
}

fn wire(graph: Graph) -> TractResult<Arc<TypedSimplePlan>> {
    let mut model = TypedModel::default();
    let rows = model.symbols.sym("N").to_dim();
    let mut values = Vec::with_capacity(graph.steps.len() + 2);
    for (name, width) in [("additive", graph.heads), ("embedding", graph.embedding)] {
        values.push(model.add_source(name, f32::fact([rows.clone(), width.to_dim()]))?);
    }
    for (index, step) in graph.steps.into_iter().enumerate() {
        let name = format!("step{index}");
        let mut constant = |matrix: Matrix| -> TractResult<OutletId> {
            let tensor = Tensor::from_shape(&[matrix.rows, matrix.columns], &matrix.values)?;
            model.add_const(format!("constant{index}"), tensor)
        };
        let made = match step {
            Step::Product(a, matrix) => {
                let matrix = constant(matrix)?;
                let product = EinSum::new("mk,kn->mn".parse()?, f32::datum_type());
                model.wire_node(name, product, &[values[a], matrix])?
            }
            Step::Bias(a, bias) => {
                let bias = constant(bias)?;
                model.wire_node(name, math::add(), &[values[a], bias])?
            }
            Step::Sum(a, b) => model.wire_node(name, math::add(), &[values[a], values[b]])?,
            Step::Relu(a) => {
                let zero = constant(Matrix { rows: 1, columns: 1, values: vec![0.0] })?;
                model.wire_node(name, math::max(), &[values[a], zero])?
            }
        };
        values.push(made[0]);
    }
    model.select_output_outlets(&[values[graph.logits]])?;
    TypedSimplePlan::new(model.into_optimized()?)
}
