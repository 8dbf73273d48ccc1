//! What every device that runs a model can do.

use crate::sample::Sampling;
use crate::{Config, Result};

/// Tokens that may come next: one bit for each token of the vocabulary, in words of 32.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mask(pub Vec<u32>);

/// A loaded model with the memory of its sequences (lanes).
///
/// All lanes start as one: what [`Self::prefill`] appends is computed once and is every lane's beginning. The first
/// [`Self::decode`] lets them part.
#[expect(async_fn_in_trait, reason = "backends are used by type, on one thread")]
pub trait Backend {
    /// The model's shape.
    fn config(&self) -> &Config;

    /// The most tokens of a lane.
    fn capacity(&self) -> usize;

    /// The most lanes that decode together.
    fn lanes(&self) -> usize;

    /// Tokens that each of `lanes` lanes can have after a shared beginning of `shared` tokens, where memory is shared among them.
    fn room(&self, shared: usize, lanes: usize) -> usize {
        let _ = lanes;
        self.capacity().saturating_sub(shared)
    }

    /// Tokens in lane 0 by now.
    fn len(&self) -> usize;

    /// Whether nothing is in the lanes.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Keeps the first `tokens` tokens of the shared beginning and forgets the rest: of every lane.
    fn truncate(&mut self, tokens: usize);

    /// Appends tokens to the shared beginning.
    ///
    /// # Errors
    /// [`crate::Error::Full`], [`crate::Error::Input`] (a token that there is none of, or lanes that have parted),
    /// [`crate::Error::Device`].
    async fn prefill(&mut self, tokens: &[u32]) -> Result<()>;

    /// The logits of lane `lane`'s next token, `[vocab]`.
    ///
    /// # Errors
    /// [`crate::Error::Input`] where nothing was appended yet; [`crate::Error::Device`].
    async fn logits(&mut self, lane: usize) -> Result<Vec<f32>>;

    /// Draws and appends `steps` tokens in each of the lanes `0..samplings.len()`; answers `[lane][step]`.
    ///
    /// With a mask, a lane's token is among the mask's; masks are for one step, so `steps` is 1 then. A lane goes on past an end
    /// token: the caller cuts it off there. The draw of a lane at a position is [`crate::sample::uniform`]'s.
    ///
    /// # Errors
    /// [`crate::Error::Full`], [`crate::Error::Input`], [`crate::Error::Device`].
    async fn decode(
        &mut self,
        steps: usize,
        samplings: &[Sampling],
        masks: &[Option<Mask>],
    ) -> Result<Vec<Vec<u32>>>;
}
