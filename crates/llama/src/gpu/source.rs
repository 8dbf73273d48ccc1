//! Puts a kernel together: constants, bindings and pieces of WGSL, some of whose lines are for one variant only.

use std::fmt::Write as _;

/// How a kernel reaches a buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Access {
    Read,
    Write,
    Uniform,
}

/// A kernel's text and what it binds, in the order of the bindings.
#[derive(Debug, Clone, Default)]
pub(crate) struct Source {
    declarations: String,
    body: String,
    flags: Vec<&'static str>,
    pub(crate) bindings: Vec<Access>,
}

impl Source {
    pub(crate) fn constant(&mut self, name: &str, value: usize) -> &mut Self {
        let _ = writeln!(self.declarations, "const {name}: u32 = {value}u;");
        self
    }

    pub(crate) fn number(&mut self, name: &str, value: f32) -> &mut Self {
        let _ = writeln!(self.declarations, "const {name}: f32 = {value:e}f;");
        self
    }

    /// Keeps the lines between `#if name` and `#else` or `#end`.
    pub(crate) fn flag(&mut self, name: &'static str, on: bool) -> &mut Self {
        if on {
            self.flags.push(name);
        }
        self
    }

    pub(crate) fn bind(&mut self, access: Access, name: &str, kind: &str) -> &mut Self {
        let space = match access {
            Access::Read => "storage, read",
            Access::Write => "storage, read_write",
            Access::Uniform => "uniform",
        };
        let index = self.bindings.len();
        let _ = writeln!(self.declarations, "@group(0) @binding({index}) var<{space}> {name}: {kind};");
        self.bindings.push(access);
        self
    }

    pub(crate) fn piece(&mut self, text: &str) -> &mut Self {
        self.body.push_str(text);
        self
    }

    /// The kernel's text.
    pub(crate) fn text(&self) -> String {
        let mut text = self.declarations.clone();
        // Whether the lines of each open `#if` are kept.
        let mut open: Vec<bool> = Vec::new();
        for line in self.body.lines() {
            if let Some(name) = line.strip_prefix("#if ") {
                open.push(self.flags.contains(&name.trim()));
            } else if line == "#else" {
                if let Some(kept) = open.last_mut() {
                    *kept = !*kept;
                }
            } else if line == "#end" {
                open.pop();
            } else if open.iter().all(|&kept| kept) {
                text.push_str(line);
                text.push('\n');
            }
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_other_variants_are_left_out() {
        let mut source = Source::default();
        source.flag("A", true).flag("B", false).constant("N", 3);
        source.piece("#if A\na\n#if B\nb\n#else\nc\n#end\n#else\nd\n#end\ne\n");
        assert_eq!(source.text(), "const N: u32 = 3u;\na\nc\ne\n");
    }
}
