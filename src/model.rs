//! The student network: an ONNX file inside the bundle, checked, then turned into a `tract` plan.
//!
//! Inputs are `additive` `[N, H]` (the bias and the fields' additive shares, added up) and `embedding` `[N, F·K]`
//! (`F` fields, `H` heads, `K` interaction columns), the output is `logits` `[N, H]`. [`guard`] reads the file and lets through only what [`plan`] can wire, so `tract`
//! never sees a graph that a stranger shaped: a panic inside it could not be caught in WebAssembly.
//!
//! The same bytes and rows give the same bits natively and in WebAssembly, whatever the number of rows.

mod dense;
mod guard;
mod lanes;
mod plan;
mod pointwise;
#[cfg(test)]
mod tests;

use thiserror::Error;

/// Most rows one call of [`Model::run`] takes.
pub const MAX_ROWS: usize = 100_000;

/// Why a network was refused or could not be run.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ModelError {
    /// The bytes are not an ONNX file, or not one of this form.
    #[error("the network is not valid: {0}")]
    Malformed(String),
    /// An operator, or a way of using one, outside the short list of what a student needs.
    #[error("the network uses {0}, which a student network never needs")]
    Unsupported(String),
    /// Shapes that do not fit each other, or not the student's inputs and output.
    #[error("the network's shapes do not fit: {0}")]
    Shape(String),
    /// Larger than a stated limit.
    #[error("the network has too many {what}: {found}, at most {limit}")]
    TooLarge {
        /// What there is too much of.
        what: &'static str,
        /// How many there are.
        found: usize,
        /// How many are allowed.
        limit: usize,
    },
    /// A weight, an input or a logit that is infinite or not a number.
    #[error("{0} is infinite or not a number")]
    NotFinite(String),
    /// Rows whose length is not the network's.
    #[error("{what} has {found} numbers where the network takes {expected}")]
    Input {
        /// Which input.
        what: &'static str,
        /// Numbers given.
        found: usize,
        /// Numbers needed.
        expected: usize,
    },
    /// `tract` failed.
    #[error("the network could not be run: {0}")]
    Engine(String),
}

impl ModelError {
    /// A stable, machine-readable name.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Malformed(_) => "model_malformed",
            Self::Unsupported(_) => "model_operator",
            Self::Shape(_) => "model_shape",
            Self::TooLarge { .. } => "model_too_large",
            Self::NotFinite(_) => "model_not_finite",
            Self::Input { .. } => "model_input",
            Self::Engine(_) => "model_engine",
        }
    }
}

/// A loaded student network. It can be shared between threads.
pub struct Model {
    heads: usize,
    embedding: usize,
    plan: plan::Plan,
}

impl Model {
    /// Checks an ONNX file and plans it.
    ///
    /// # Errors
    ///
    /// Every variant of [`ModelError`] but [`ModelError::Input`]. It never panics, whatever the bytes are.
    pub fn load(onnx: &[u8]) -> Result<Self, ModelError> {
        let graph = guard::read(onnx)?;
        Ok(Self { heads: graph.heads, embedding: graph.embedding, plan: plan::Plan::new(graph)? })
    }

    /// Number of logits a row has (`H`).
    #[must_use]
    pub fn heads(&self) -> usize {
        self.heads
    }

    /// Numbers of a row in the embedding input (`F·K`, field-major).
    #[must_use]
    pub fn embedding_width(&self) -> usize {
        self.embedding
    }

    /// Logits `[n, H]` of `n` rows: `additive` is `[n, H]`, `embedding` is `[n, F·K]`, all row-major.
    ///
    /// A row's logits do not depend on `n` or on the other rows, to the last bit, and are never `-0.0`.
    ///
    /// # Errors
    ///
    /// [`ModelError::Input`] when a length does not fit, [`ModelError::TooLarge`] above [`MAX_ROWS`],
    /// [`ModelError::NotFinite`] when an input or a logit is not a finite number, [`ModelError::Engine`].
    pub fn run(&self, n: usize, additive: &[f32], embedding: &[f32]) -> Result<Vec<f32>, ModelError> {
        if n > MAX_ROWS {
            return Err(ModelError::TooLarge { what: "rows", found: n, limit: MAX_ROWS });
        }
        for (what, values, width) in
            [("additive", additive, self.heads), ("embedding", embedding, self.embedding)]
        {
            if values.len() != n * width {
                return Err(ModelError::Input { what, found: values.len(), expected: n * width });
            }
            // No early end, so that it runs in SIMD.
            if !values.iter().fold(true, |finite, x| finite & x.is_finite()) {
                return Err(ModelError::NotFinite(format!("a number of the {what} input")));
            }
        }
        if n == 0 {
            return Ok(Vec::new());
        }
        let mut logits = self.plan.run(n, additive, embedding)?;
        if logits.len() != n * self.heads {
            return Err(ModelError::Engine(format!("{} logits for {n} rows", logits.len())));
        }
        for logit in &mut logits {
            if !logit.is_finite() {
                return Err(ModelError::NotFinite("a logit".to_owned()));
            }
            // -0.0 + 0.0 is 0.0: which zero a ReLU returns differs between instruction sets.
            *logit += 0.0;
        }
        Ok(logits)
    }
}

impl std::fmt::Debug for Model {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { heads, embedding, .. } = self;
        write!(f, "Model {{ heads: {heads}, embedding: {embedding} }}")
    }
}
