//! What steps do with a scene: fill texts in, hold filters against the contact. Where that fails, the run ends with the reason.

use crate::turn::{Next, Scene};

use super::Here;

/// Fills a template in.
///
/// # Errors
/// The end of the run as failed, `template_failed`.
pub(crate) fn filled(text: &str, scene: &Scene<'_>) -> Result<String, Next> {
    crate::template::render(text, scene.words)
        .map_err(|error| Next::Fail { code: "template_failed", reason: error.to_string() })
}

/// The end of a run that is resumed at a step that does not wait: the log and the document do not go together.
pub(crate) fn not_waiting(here: Here<'_>) -> Next {
    Next::Fail { code: "not_waiting", reason: format!("the step {} does not wait for anything", here.name) }
}
