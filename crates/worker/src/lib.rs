//! The worker surface.
