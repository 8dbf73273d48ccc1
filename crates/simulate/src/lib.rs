//! A shop with known truth.
