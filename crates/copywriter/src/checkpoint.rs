//! A run on disk: weights, moments and the best weights as safetensors, the rest as its metadata.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use candle_core::{Device, Tensor};
use safetensors::tensor::{Dtype, SafeTensors, TensorView, serialize};
use serde::{Deserialize, Serialize};

use crate::CopywriterError;
use crate::network::Network;
use crate::optimiser::Moments;
use crate::samples::Sample;
use crate::shape::Shape;
use crate::trainer::{Progress, Recipe, Trainer};
use crate::vocabulary::{Tokens, Vocabulary};

/// What is not a tensor.
#[derive(Serialize, Deserialize)]
struct Run {
    shape: Shape,
    recipe: Recipe,
    progress: Progress,
    tokens: Tokens,
}

/// The metadata's key.
const RUN: &str = "attune.copywriter";
/// What each parameter is written as, under its name.
const PARTS: [&str; 4] = ["weights", "mean", "square", "best"];

impl Trainer {
    /// Writes the run beside `path` and moves it there, so that a run cut short leaves the last whole one.
    ///
    /// # Errors
    /// [`CopywriterError::Io`].
    pub fn save(&self, path: &Path, vocabulary: &Vocabulary) -> Result<(), CopywriterError> {
        let run = Run {
            shape: self.shape().clone(),
            recipe: self.recipe,
            progress: self.progress.clone(),
            tokens: vocabulary.tokens().clone(),
        };
        let mut bytes: Vec<(String, Vec<usize>, Vec<u8>)> = Vec::new();
        for (at, (name, sizes)) in self.shape().tensors().into_iter().enumerate() {
            let Moments { mean, square } = &self.moments[at];
            for (part, values) in PARTS.iter().zip([&self.weights[at], mean, square, &self.best[at]]) {
                let values = values.iter().flat_map(|value| value.to_le_bytes()).collect();
                bytes.push((format!("{part}.{name}"), sizes.clone(), values));
            }
        }
        let problem = |problem: &dyn ToString| CopywriterError::file(path, problem.to_string());
        let views = bytes
            .iter()
            .map(|(name, sizes, values)| {
                Ok((
                    name.as_str(),
                    TensorView::new(Dtype::F32, sizes.clone(), values).map_err(|e| problem(&e))?,
                ))
            })
            .collect::<Result<Vec<_>, CopywriterError>>()?;
        let json = serde_json::to_string(&run).map_err(|e| problem(&e))?;
        let file =
            serialize(views, Some(HashMap::from([(RUN.to_owned(), json)]))).map_err(|e| problem(&e))?;
        let beside = path.with_extension("part");
        fs::write(&beside, file).map_err(CopywriterError::io(&beside))?;
        fs::rename(&beside, path).map_err(CopywriterError::io(path))
    }

    /// Goes on with a run that was saved. `samples` makes them with the run's own vocabulary and context.
    ///
    /// # Errors
    /// [`CopywriterError::File`] when the file is no saved run.
    pub fn resume(
        path: &Path,
        samples: impl FnOnce(&Vocabulary, usize) -> Result<(Vec<Sample>, Vec<Sample>), CopywriterError>,
    ) -> Result<(Self, Vocabulary), CopywriterError> {
        let file = fs::read(path).map_err(CopywriterError::io(path))?;
        let problem = |problem: &dyn ToString| CopywriterError::file(path, problem.to_string());
        let tensors = SafeTensors::deserialize(&file).map_err(|e| problem(&e))?;
        let (_, metadata) = SafeTensors::read_metadata(&file).map_err(|e| problem(&e))?;
        let json = metadata.metadata().as_ref().and_then(|of| of.get(RUN));
        let json = json.ok_or_else(|| problem(&"it holds no run of a copywriter"))?;
        let run: Run = serde_json::from_str(json).map_err(|e| problem(&e))?;
        run.shape.check()?;
        let mut parts: [Vec<Vec<f32>>; 4] = Default::default();
        for (name, sizes) in run.shape.tensors() {
            for (part, into) in PARTS.iter().zip(&mut parts) {
                let view = tensors.tensor(&format!("{part}.{name}")).map_err(|e| problem(&e))?;
                if view.dtype() != Dtype::F32 || view.shape() != sizes {
                    return Err(problem(&format!("{part}.{name} should be F32 {sizes:?}")));
                }
                let values = view.data().as_chunks::<4>().0;
                into.push(values.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect());
            }
        }
        let [weights, means, squares, best] = parts;
        let moments = means.into_iter().zip(squares).map(|(mean, square)| Moments { mean, square }).collect();
        let mut of = HashMap::new();
        for ((name, sizes), values) in run.shape.tensors().into_iter().zip(&weights) {
            of.insert(name, Tensor::from_slice(values, sizes, &Device::Cpu)?);
        }
        let vocabulary = Vocabulary::new(run.tokens)?;
        let samples = samples(&vocabulary, run.shape.context)?;
        let network = Network::new(run.shape, of)?;
        let trainer = Self::with(network, run.recipe, run.progress, (weights, moments, best), samples)?;
        Ok((trainer, vocabulary))
    }
}
