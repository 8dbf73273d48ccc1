//! Keys and values of the tokens so far: the lanes' shared beginning once, and each lane's own tokens.

use crate::{Config, Error, Result};

/// Keys and values, `[tokens, kv_heads × head_dim]` each, of one layer.
#[derive(Debug, Default)]
pub(crate) struct Piece {
    pub(crate) keys: Vec<f32>,
    pub(crate) values: Vec<f32>,
}

impl Piece {
    fn truncate(&mut self, numbers: usize) {
        self.keys.truncate(numbers);
        self.values.truncate(numbers);
    }

    fn reserve(&mut self, numbers: usize) -> Result<()> {
        for vec in [&mut self.keys, &mut self.values] {
            let needed = (4 * (vec.len() + numbers)) as u64;
            vec.try_reserve(numbers).map_err(|_| Error::TooLarge {
                what: "keys or values".into(),
                needed,
                available: 0,
            })?;
        }
        Ok(())
    }
}

/// Whose tokens are appended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// All lanes': the tokens follow each other.
    Shared,
    /// One token for each of the lanes from 0 on.
    Lanes,
}

/// The cache of all layers.
#[derive(Debug)]
pub(crate) struct Cache {
    width: usize,
    /// `[layer]`
    shared: Vec<Piece>,
    /// `[lane][layer]`
    own: Vec<Vec<Piece>>,
}

impl Cache {
    /// Room for `capacity` tokens of the shared beginning; lanes get theirs when they part.
    pub(crate) fn new(config: &Config, capacity: usize, lanes: usize) -> Result<Self> {
        let width = config.kv_width();
        let layers = || (0..config.layers).map(|_| Piece::default()).collect();
        let mut shared: Vec<Piece> = layers();
        let numbers = capacity.checked_mul(width).ok_or_else(|| Error::TooLarge {
            what: "keys or values".into(),
            needed: u64::MAX,
            available: 0,
        })?;
        shared.iter_mut().try_for_each(|piece| piece.reserve(numbers))?;
        Ok(Self { width, shared, own: (0..lanes).map(|_| layers()).collect() })
    }

    /// Room for `tokens` more of each of the first lanes.
    pub(crate) fn reserve(&mut self, lanes: usize, tokens: usize) -> Result<()> {
        let numbers = tokens * self.width;
        self.own.iter_mut().take(lanes).flatten().try_for_each(|piece| piece.reserve(numbers))
    }

    /// Keeps so many tokens of the shared beginning.
    pub(crate) fn truncate(&mut self, tokens: usize) {
        for piece in &mut self.shared {
            piece.truncate(tokens * self.width);
        }
        for piece in self.own.iter_mut().flatten() {
            piece.truncate(0);
        }
    }

    /// Appends a token's key and value in one layer.
    pub(crate) fn append(&mut self, place: Place, lane: usize, layer: usize, key: &[f32], value: &[f32]) {
        let piece = match place {
            Place::Shared => &mut self.shared[layer],
            Place::Lanes => &mut self.own[lane][layer],
        };
        piece.keys.extend_from_slice(key);
        piece.values.extend_from_slice(value);
    }

    /// The first `tokens` of a lane's keys and values in one layer: those it shares, and its own.
    pub(crate) fn lane(&self, lane: usize, layer: usize, tokens: usize) -> [(&[f32], &[f32]); 2] {
        let first = |piece: &'_ Piece, tokens: usize| (tokens * self.width).min(piece.keys.len());
        let (shared, own) = (&self.shared[layer], &self.own[lane][layer]);
        let count = first(shared, tokens);
        let rest = first(own, tokens - count / self.width);
        [(&shared.keys[..count], &shared.values[..count]), (&own.keys[..rest], &own.values[..rest])]
    }
}
