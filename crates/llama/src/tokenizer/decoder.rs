//! Text as its tokens come.

use super::Tokenizer;

/// Turns tokens into text one by one, and holds back a character until all of its bytes have come.
#[derive(Debug, Clone, Default)]
pub struct Decoder {
    pending: Vec<u8>,
}

impl Decoder {
    /// Takes the next token; answers the text that is certain by now. Control tokens have none.
    pub fn push(&mut self, tokenizer: &Tokenizer, token: u32) -> String {
        if !tokenizer.is_control(token) {
            self.pending.extend_from_slice(tokenizer.token_bytes(token).unwrap_or_default());
        }
        let mut text = String::new();
        let mut taken = 0;
        for chunk in self.pending.utf8_chunks() {
            text.push_str(chunk.valid());
            taken += chunk.valid().len();
            let last = taken + chunk.invalid().len() == self.pending.len();
            if chunk.invalid().is_empty() || last && begins(chunk.invalid()) {
                break;
            }
            text.push(char::REPLACEMENT_CHARACTER);
            taken += chunk.invalid().len();
        }
        self.pending.drain(..taken);
        text
    }

    /// What is left: U+FFFD for a character whose end never came.
    pub fn finish(&mut self) -> String {
        String::from_utf8_lossy(&std::mem::take(&mut self.pending)).into_owned()
    }
}

/// Whether more bytes could make a character of these.
fn begins(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes).is_err_and(|error| error.error_len().is_none())
}
