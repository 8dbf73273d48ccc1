//! Attune's core: profile, features, effect, rank, decision. Pure and synchronous.

pub mod decision;
pub mod error;
pub mod event;
pub mod model;
pub mod profile;
pub mod wire;
