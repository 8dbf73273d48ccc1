//! The browser surface.
