//! The buttons that steps send, and which of them was pressed.

use super::Here;
use crate::turn::{Input, SendButton};

/// The buttons of a step, in order. Their ids are those of no other step.
pub(super) fn made<'t>(here: Here<'_>, titles: impl Iterator<Item = &'t str>) -> Vec<SendButton> {
    let button =
        |(index, title): (usize, &str)| SendButton { id: format!("{}:{index}", here.name), title: title.to_owned() };
    titles.enumerate().map(button).collect()
}

/// Which of this step's buttons was pressed. A button of another step, in an old message, is none of them.
pub(super) fn pressed(here: Here<'_>, input: &Input) -> Option<usize> {
    let index = input.button.as_deref()?.strip_prefix(here.name)?.strip_prefix(':')?;
    index.parse().ok()
}
