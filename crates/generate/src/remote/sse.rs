//! Server-sent events (WHATWG HTML, section 9.2): read as they come, and written.

use super::Failure;

/// The most bytes of one event.
const MOST: usize = 256 * 1024;

/// Reads events from bytes that come in any parts.
#[derive(Debug, Default)]
pub struct Events {
    line: Vec<u8>,
    data: String,
    /// The last byte was a carriage return: a line feed after it ends no further line.
    returned: bool,
    begun: bool,
}

impl Events {
    /// Takes bytes; answers the data of the events that are whole now.
    ///
    /// # Errors
    /// When an event is longer than any server's, or no text.
    pub fn push(&mut self, bytes: &[u8]) -> Result<Vec<String>, Failure> {
        let mut events = Vec::new();
        for &byte in bytes {
            match byte {
                b'\n' if self.returned => self.returned = false,
                b'\n' | b'\r' => {
                    self.returned = byte == b'\r';
                    self.end_line(&mut events)?;
                }
                _ => {
                    self.returned = false;
                    self.line.push(byte);
                }
            }
            if self.line.len() + self.data.len() > MOST {
                return Err(Failure::malformed("an event without an end"));
            }
        }
        Ok(events)
    }

    fn end_line(&mut self, events: &mut Vec<String>) -> Result<(), Failure> {
        let line = std::mem::take(&mut self.line);
        let line = std::str::from_utf8(&line).map_err(|_| Failure::malformed("bytes that are no text"))?;
        let line =
            if std::mem::replace(&mut self.begun, true) { line } else { line.trim_start_matches('\u{FEFF}') };
        if line.is_empty() {
            if !self.data.is_empty() {
                self.data.pop();
                events.push(std::mem::take(&mut self.data));
            }
            return Ok(());
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        if field == "data" {
            self.data.push_str(value.strip_prefix(' ').unwrap_or(value));
            self.data.push('\n');
        }
        Ok(())
    }
}

/// An event with this data, which has no line breaks in it (JSON has none).
pub fn event(data: &str) -> String {
    debug_assert!(!data.contains(['\n', '\r']));
    format!("data: {data}\n\n")
}

/// What ends a stream of chat completions.
pub const DONE: &str = "[DONE]";

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &[u8], size: usize) -> Result<Vec<String>, Failure> {
        let mut events = Events::default();
        let parts: Result<Vec<_>, _> = text.chunks(size.max(1)).map(|part| events.push(part)).collect();
        Ok(parts?.concat())
    }

    #[test]
    fn events_as_the_standard_has_them() {
        let stream = "\u{FEFF}: remark\r\ndata: one\r\ndata:two\r\n\r\nevent: x\ndata\n\n\rid: 3\ndata:  three\r\rdata: cut off\n";
        for size in [1, 2, 3, 7, 1000] {
            assert_eq!(read(stream.as_bytes(), size).unwrap(), ["one\ntwo", "", " three"], "{size}");
        }
    }

    #[test]
    fn endless_and_broken_events_are_refused() {
        assert!(read(&[b'x'; MOST + 1], 4096).is_err());
        assert!(read(&b"data: x\n".repeat(MOST), 4096).is_err());
        assert!(read(b"data: \xFF\xFE\n\n", 4).is_err());
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(data in proptest::collection::vec("[^\r\n]{0,20}", 0..6), size in 1_usize..40) {
            let stream: String = data.iter().map(|data| event(data)).collect();
            let told: Vec<String> = data;
            prop_assert_eq!(read(stream.as_bytes(), size).unwrap(), told);
        }

        #[test]
        fn parts_do_not_matter(bytes in proptest::collection::vec(any::<u8>(), 0..200), size in 1_usize..50) {
            prop_assert_eq!(read(&bytes, size).ok(), read(&bytes, 1000).ok());
        }
    }
}
