//! What steps do with a scene: fill texts in, hold filters against the contact. Where that fails, the run ends with the reason.

use aggregates::filter::parse;
use aggregates::folding::fold;
use serde_json::{Map, Value};

use super::Here;
use crate::turn::{Next, Scene};

/// Fills a template in.
///
/// # Errors
/// The end of the run as failed, `template_failed`.
pub(crate) fn filled(text: &str, scene: &Scene<'_>) -> Result<String, Next> {
    crate::template::render(text, scene.words)
        .map_err(|error| Next::Fail { code: "template_failed", reason: error.to_string() })
}

/// Fills an address in: what templates put into it is one part of it.
///
/// # Errors
/// As [`filled`].
pub(crate) fn filled_url(text: &str, scene: &Scene<'_>) -> Result<String, Next> {
    crate::template::render_url(text, scene.words)
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

/// Fills in the templates in a value.
///
/// # Errors
/// As [`filled`].
pub(crate) fn filled_value(value: &Value, scene: &Scene<'_>) -> Result<Value, Next> {
    crate::template::render_value(value, scene.words)
        .map_err(|error| Next::Fail { code: "template_failed", reason: error.to_string() })
}

/// Fills in the templates in the values of variables.
///
/// # Errors
/// As [`filled`].
pub(crate) fn filled_variables(variables: &Map<String, Value>, scene: &Scene<'_>) -> Result<Map<String, Value>, Next> {
    variables.iter().map(|(name, value)| Ok((name.clone(), filled_value(value, scene)?))).collect()
}

/// Whether the contact is one of those that a filter asks for.
///
/// # Errors
/// The end of the run as failed, `filter_failed`, when something that the filter names is not there any more.
pub(crate) fn holds(filter: &Value, scene: &Scene<'_>) -> Result<bool, Next> {
    let resolved = parse(filter).and_then(|parsed| parsed.resolve(scene.nouns));
    let failed = |errors: Vec<aggregates::filter::FilterError>| {
        let first = errors.first().map(|error| format!("{}: {error}", error.path_in("filter")));
        Next::Fail { code: "filter_failed", reason: first.unwrap_or_else(|| "the filter cannot be read".to_owned()) }
    };
    resolved.map(|filter| filter.matches(scene.facts, scene.now)).map_err(failed)
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
