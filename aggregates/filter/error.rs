//! What is wrong with a filter, so that whoever wrote it can put it right in one go.

use serde_json::Value;

/// What kind of fault it is. The names are public: callers branch on them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, strum::IntoStaticStr, strum::Display)]
#[strum(serialize_all = "snake_case")]
pub enum Fault {
    /// Not one of `all`, `any`, `not` or a condition.
    FilterForm,
    /// Nested deeper than [`super::MAX_DEPTH`].
    TooDeep,
    /// More than [`super::MAX_CONDITIONS`] conditions or [`super::MAX_VALUES`] values.
    TooLarge,
    /// There is no such field.
    UnknownField,
    /// There is no such operator, or the field does not have it.
    UnknownOperator,
    /// The operator needs a value.
    MissingValue,
    /// The operator takes no value.
    UnexpectedValue,
    /// The value is of another type, or out of its limits.
    InvalidValue,
    /// There is no such tag.
    UnknownTag,
    /// There is no such custom field.
    UnknownCustomField,
    /// There is no such flow.
    UnknownFlow,
    /// Several things have that name.
    Ambiguous,
}

/// Something close to what was meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// What to write instead.
    pub id: String,
    /// Its name, when `id` is not it.
    pub name: Option<String>,
    /// Why it came close.
    pub reason: String,
}

/// One thing that is wrong with a filter. It quotes the caller's own words and the workspace's names, never a customer's.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{message}")]
pub struct FilterError {
    /// Where, within the filter, as in `all[1].op`; empty for the filter itself.
    pub path: String,
    /// What kind of fault.
    pub code: Fault,
    /// What is wrong, as a sentence.
    pub message: String,
    /// What was written there, if that tells something.
    pub value: Option<Value>,
    /// What to do about it.
    pub hint: Option<String>,
    /// What may have been meant, the closest first, at most 5.
    pub candidates: Vec<Candidate>,
}

impl FilterError {
    pub(super) fn new(path: &str, code: Fault, message: impl Into<String>) -> Self {
        Self { path: path.to_owned(), code, message: message.into(), value: None, hint: None, candidates: Vec::new() }
    }

    pub(super) fn value(mut self, value: &Value) -> Self {
        self.value = Some(value.clone());
        self
    }

    pub(super) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    pub(super) fn candidates(mut self, candidates: Vec<Candidate>) -> Self {
        self.candidates = candidates;
        self.candidates.truncate(MAX_CANDIDATES);
        self
    }

    /// The path from the member that holds the filter, as in `filter.all[1].op`.
    #[must_use]
    pub fn path_in(&self, member: &str) -> String {
        join(member, &self.path)
    }
}

/// The most candidates of one error.
const MAX_CANDIDATES: usize = 5;

/// `path` and then `member`, either of which may be empty.
pub(super) fn join(path: &str, member: &str) -> String {
    match (path.is_empty(), member.is_empty()) {
        (true, _) => member.to_owned(),
        (_, true) => path.to_owned(),
        _ => format!("{path}.{member}"),
    }
}

/// Those of `names` that are close to `wanted`, the closest first.
pub(super) fn near<'n>(wanted: &str, names: impl IntoIterator<Item = &'n str>) -> Vec<Candidate> {
    let wanted = crate::folding::fold(wanted);
    let mut found: Vec<(usize, &str, &'static str)> = names
        .into_iter()
        .filter_map(|name| {
            let (far, reason) = crate::near_miss::closeness(&wanted, &crate::folding::fold(name))?;
            Some((far, name, reason))
        })
        .collect();
    found.sort_unstable();
    found
        .into_iter()
        .take(MAX_CANDIDATES)
        .map(|(_, name, reason)| Candidate { id: name.to_owned(), name: None, reason: reason.to_owned() })
        .collect()
}
