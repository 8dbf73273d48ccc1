//! From logs to a bundle.
