//! Wires a checked [`Graph`] to tract's operators and runs the plan.
//!
//! It names tract's operators directly instead of going through its ONNX reader, so that linking drops the other
//! operators and the inference of shapes, which [`super::guard`] has already done.

use std::sync::Arc;

use tract_onnx::tract_core::internal::*;

use super::ModelError;
use super::dense::Dense;
use super::guard::{Graph, Step};
use super::pointwise::Pointwise;

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
    // One outlet per value, inputs first.
    let mut values: Vec<OutletId> = Vec::with_capacity(graph.steps.len() + 2);
    for (name, width) in [("additive", graph.heads), ("embedding", graph.embedding)] {
        values.push(model.add_source(name, f32::fact([rows.clone(), width.to_dim()]))?);
    }
    let uses = uses(&graph);
    let mut steps = graph.steps.into_iter().enumerate().peekable();
    while let Some((index, step)) = steps.next() {
        let name = format!("step{index}");
        let made = match step {
            Step::Product(a, matrix) => {
                // What nothing else reads is a layer's inside: it becomes one operator, and its values have no outlet.
                let mut inner = values.len();
                let mut bias = None;
                let is_bias = |step: &Step, inner| matches!(step, Step::Bias(from, _) if *from == inner);
                if uses[inner] == 1
                    && let Some((_, Step::Bias(_, found))) = steps.next_if(|(_, step)| is_bias(step, inner))
                {
                    bias = Some(found);
                    values.push(values[a]);
                    inner += 1;
                }
                let is_relu = |step: &Step| matches!(step, Step::Relu(from) if *from == inner);
                let relu = uses[inner] == 1 && steps.next_if(|(_, step)| is_relu(step)).is_some();
                if relu {
                    values.push(values[a]);
                }
                model.wire_node(name, Dense::new(&matrix, bias.as_ref(), relu), &[values[a]])?
            }
            Step::Bias(a, bias) => model.wire_node(name, Pointwise::Bias(bias.values), &[values[a]])?,
            Step::Sum(a, b) => model.wire_node(name, Pointwise::Sum, &[values[a], values[b]])?,
            Step::Relu(a) => model.wire_node(name, Pointwise::Relu, &[values[a]])?,
        };
        values.push(made[0]);
    }
    model.select_output_outlets(&[values[graph.logits]])?;
    // Nothing is left to optimise, and tract's optimiser knows every operator there is.
    TypedSimplePlan::new(model)
}

/// How often each value is read; `logits` is read once more.
fn uses(graph: &Graph) -> Vec<usize> {
    let mut uses = vec![0; graph.steps.len() + 2];
    uses[graph.logits] += 1;
    for step in &graph.steps {
        match step {
            Step::Product(a, _) | Step::Bias(a, _) | Step::Relu(a) => uses[*a] += 1,
            Step::Sum(a, b) => {
                uses[*a] += 1;
                uses[*b] += 1;
            }
        }
    }
    uses
}
