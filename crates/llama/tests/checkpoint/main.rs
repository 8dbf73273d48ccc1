//! Files of weights and their formats, held against what others compute.

mod chats;
mod formats;
mod hostile;
mod reading;
mod support;
mod tokens;
mod writing;
