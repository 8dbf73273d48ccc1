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
    times: Vec<(&'static str, usize)>,
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

    /// Repeats the lines between `#for name` and `#end` so many times; `$` in them is the time's number.
    pub(crate) fn repeat(&mut self, name: &'static str, times: usize) -> &mut Self {
        self.times.push((name, times));
        self
    }

    /// What kernels call `real`: 16 bits where `half`, 32 otherwise.
    pub(crate) fn precision(&mut self, half: bool) -> &mut Self {
        let _ = writeln!(self.declarations, "alias real = {};", if half { "f16" } else { "f32" });
        self.flag("HALF", half)
    }

    /// The kernel's text.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        if self.flags.contains(&"HALF") {
            text.push_str("enable f16;\n");
        }
        text.push_str(&self.declarations);
        self.expand(&mut self.body.lines(), true, &mut text);
        text
    }

    /// Writes lines up to the `#end` or `#else` that closes them, which it answers; nothing is written unless `kept`.
    fn expand<'a>(&self, lines: &mut std::str::Lines<'a>, kept: bool, text: &mut String) -> Option<&'a str> {
        while let Some(line) = lines.next() {
            if let Some(name) = line.strip_prefix("#if ") {
                let on = self.flags.contains(&name);
                if self.expand(lines, kept && on, text) == Some("#else") {
                    self.expand(lines, kept && !on, text);
                }
            } else if let Some(name) = line.strip_prefix("#for ") {
                let mut once = String::new();
                self.expand(lines, kept, &mut once);
                let times =
                    self.times.iter().find(|(known, _)| *known == name).map_or(0, |(_, times)| *times);
                for time in 0..times {
                    text.push_str(&once.replace('$', &time.to_string()));
                }
            } else if line == "#end" || line == "#else" {
                return Some(line);
            } else if kept {
                text.push_str(line);
                text.push('\n');
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_other_variants_are_left_out() {
        let mut source = Source::default();
        source.flag("A", true).flag("B", false).constant("N", 3);
        source.repeat("T", 2).piece("#for T\n$\n#if B\n#else\nx$\n#end\n#end\n");
        source.piece("#if A\na\n#if B\nb\n#else\nc\n#end\n#else\nd\n#end\ne\n");
        assert_eq!(source.text(), "const N: u32 = 3u;\n0\nx0\n1\nx1\na\nc\ne\n");
    }
}
