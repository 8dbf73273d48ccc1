//! The sizes of a Llama-architecture network.

use serde::{Deserialize, Serialize};

use crate::CopywriterError;

/// The sizes of a network: RMSNorm, rotary positions, grouped-query attention, SwiGLU, tied embeddings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Shape {
    /// Tokens in the vocabulary.
    pub vocabulary: usize,
    /// The longest sequence, in tokens.
    pub context: usize,
    /// The width of the residual stream.
    pub width: usize,
    /// How many layers.
    pub layers: usize,
    /// Query heads a layer; a head is `width / heads` wide.
    pub heads: usize,
    /// Key and value heads a layer; each serves `heads / kv_heads` query heads.
    pub kv_heads: usize,
    /// The inner width of a feed-forward layer.
    pub hidden: usize,
    /// The base of the rotary frequencies.
    pub rope_base: f32,
    /// What RMSNorm adds to the mean square.
    pub epsilon: f32,
}

/// Rows of a Q8_0 matrix are cut into blocks of this many weights.
const BLOCK: usize = 32;

impl Shape {
    /// A network of about so many million parameters at 2,048 tokens: 1, 2, 5 or 15.
    #[must_use]
    pub fn of_millions(millions: usize, vocabulary: usize) -> Option<Self> {
        let (width, layers, kv_heads, hidden) = match millions {
            1 => (128, 5, 2, 352),
            2 => (192, 5, 2, 512),
            5 => (256, 6, 4, 704),
            15 => (384, 8, 4, 1024),
            _ => return None,
        };
        Some(Self {
            vocabulary,
            context: 256,
            width,
            layers,
            heads: width / 32,
            kv_heads,
            hidden,
            rope_base: 10_000.0,
            epsilon: 1e-5,
        })
    }

    /// A head's width.
    #[must_use]
    pub fn head(&self) -> usize {
        self.width / self.heads
    }

    /// The width of a layer's keys, and of its values.
    #[must_use]
    pub fn kv_width(&self) -> usize {
        self.kv_heads * self.head()
    }

    /// How many numbers are learned.
    #[must_use]
    pub fn parameters(&self) -> usize {
        self.tensors().iter().map(|(_, sizes)| sizes.iter().product::<usize>()).sum()
    }

    /// Every tensor's name in a GGUF file and its sizes, outermost (rows) first.
    #[must_use]
    pub fn tensors(&self) -> Vec<(String, Vec<usize>)> {
        let (width, hidden, kv) = (self.width, self.hidden, self.kv_width());
        let mut tensors = vec![("token_embd.weight".to_owned(), vec![self.vocabulary, width])];
        for layer in 0..self.layers {
            let matrices = [
                ("attn_norm", vec![width]),
                ("attn_q", vec![width, width]),
                ("attn_k", vec![kv, width]),
                ("attn_v", vec![kv, width]),
                ("attn_output", vec![width, width]),
                ("ffn_norm", vec![width]),
                ("ffn_gate", vec![hidden, width]),
                ("ffn_up", vec![hidden, width]),
                ("ffn_down", vec![width, hidden]),
            ];
            tensors.extend(
                matrices.into_iter().map(|(name, sizes)| (format!("blk.{layer}.{name}.weight"), sizes)),
            );
        }
        tensors.push(("output_norm.weight".to_owned(), vec![width]));
        tensors
    }

    /// Checks that the sizes fit each other, and blocks of 32 weights.
    ///
    /// # Errors
    /// [`CopywriterError::Shape`], which names what does not fit.
    pub fn check(&self) -> Result<(), CopywriterError> {
        let positive =
            [self.vocabulary, self.context, self.width, self.layers, self.heads, self.kv_heads, self.hidden];
        let wrong = if positive.contains(&0) {
            "every size must be at least 1"
        } else if !self.width.is_multiple_of(BLOCK) || !self.hidden.is_multiple_of(BLOCK) {
            "width and hidden must be multiples of 32"
        } else if !self.width.is_multiple_of(self.heads) || !self.head().is_multiple_of(2) {
            "a head must be a whole, even part of the width"
        } else if !self.heads.is_multiple_of(self.kv_heads) {
            "the query heads must be a multiple of the key and value heads"
        } else {
            return Ok(());
        };
        Err(CopywriterError::Shape(wrong))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn small() -> Shape {
        Shape::of_millions(2, 2048).unwrap()
    }

    #[test]
    fn sizes_fit_and_are_what_they_are_called() {
        for millions in [1, 2, 5, 15] {
            let shape = Shape::of_millions(millions, 2048).unwrap();
            shape.check().unwrap();
            let found = shape.parameters() as f64 / 1e6 / millions as f64;
            assert!((0.8..1.25).contains(&found), "{millions}: {found}");
        }
        // Embedding, five layers of attention and feed-forward with two norms each, the last norm.
        let layer = 192 * 192 * 2 + 2 * 64 * 192 + 3 * 192 * 512 + 2 * 192;
        assert_eq!(small().parameters(), 2048 * 192 + 5 * layer + 192);
        assert_eq!(Shape::of_millions(3, 2048), None);
    }

    #[test]
    fn sizes_that_do_not_fit_are_named() {
        for broken in [
            Shape { layers: 0, ..small() },
            Shape { width: 200, ..small() },
            Shape { heads: 7, ..small() },
            Shape { kv_heads: 4, ..small() },
        ] {
            assert!(matches!(broken.check(), Err(CopywriterError::Shape(_))), "{broken:?}");
        }
    }
}
