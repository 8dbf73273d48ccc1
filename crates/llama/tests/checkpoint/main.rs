//! Files of weights and their formats, held against what others compute.

mod formats;
mod reading;
mod support;
mod tokens;
mod writing;
