//! What steps do with a scene: fill texts in, hold filters against the contact. Where that fails, the run ends with the reason.

use aggregates::filter;
use aggregates::folding::fold;

use super::Here;
use crate::terms::FilterText;
use crate::turn::{Next, Scene};

/// Fills a template in.
///
/// # Errors
/// The end of the run as failed, `template_failed`.
pub(crate) fn filled(text: &str, scene: &Scene<'_>) -> Result<String, Next> {
    crate::template::render(text, scene.words)
        .map_err(|error| Next::Fail { code: "template_failed", reason: error.to_string() })
}

/// Fills a text to the contact in, cut to what the channel takes; nothing when nothing of it shows.
///
/// # Errors
/// As [`filled`].
pub(crate) fn to_send(text: &str, scene: &Scene<'_>) -> Result<Option<String>, Next> {
    let text = filled(text, scene)?;
    if fold(&text).is_empty() {
        return Ok(None);
    }
    if text.chars().count() <= scene.max_text_chars {
        return Ok(Some(text));
    }
    let kept = text.chars().take(scene.max_text_chars.saturating_sub(1));
    Ok(Some(kept.chain(['…']).collect()))
}

/// Whether a filter holds for the contact.
///
/// # Errors
/// The end of the run as failed, `filter_failed`, when what it names does not exist any more.
pub(crate) fn holds(written: &FilterText, scene: &Scene<'_>) -> Result<bool, Next> {
    let resolved = filter::parse(&written.0).and_then(|parsed| parsed.resolve(scene.nouns));
    match resolved {
        Ok(filter) => Ok(filter.matches(scene.facts, scene.now)),
        Err(errors) => {
            let told = errors.first().map_or_else(String::new, |error| format!("{}: {error}", error.path_in("filter")));
            Err(Next::Fail { code: "filter_failed", reason: told })
        }
    }
}

/// The end of a run that is resumed at a step that does not wait: the log and the document do not go together.
pub(crate) fn not_waiting(here: Here<'_>) -> Next {
    Next::Fail { code: "not_waiting", reason: format!("the step {} does not wait for this", here.name) }
}

/// The end of a run at a text that has to be sent and of which nothing shows.
pub(crate) fn empty_text(here: Here<'_>) -> Next {
    let reason = format!("the text of the step {} is empty once its templates are filled in", here.name);
    Next::Fail { code: "empty_text", reason }
}
