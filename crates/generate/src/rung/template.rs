//! The rung that is always there.

use super::{Draft, Failure, Kind, Local, Rung, Task, Told};
use crate::template::{Learnt, write};

/// Templates as a rung.
#[derive(Debug, Default)]
pub struct Templates<'l> {
    /// Sentences for dialogue acts.
    pub learnt: Option<&'l Learnt>,
}

impl Rung for Templates<'_> {
    fn kind(&self) -> Kind {
        Kind::Template
    }

    fn write<'w>(
        &'w mut self,
        task: Task<'w>,
        tell: &'w mut dyn FnMut(Told),
    ) -> Local<'w, Result<Vec<Draft>, Failure>> {
        Box::pin(async move {
            let texts = write(task.brief, task.n, task.seed, self.learnt);
            for (index, text) in texts.iter().enumerate() {
                tell(Told::Text { index, text: text.clone() });
            }
            if texts.is_empty() {
                return Err(Failure::new("template_silent", "no template says anything of this brief"));
            }
            Ok(texts.into_iter().map(|text| Draft { text, tokens: 0 }).collect())
        })
    }
}
