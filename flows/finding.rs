//! What is found in a document, told so that whoever wrote it can put it right in one go.

use aggregates::filter::Candidate;
use aggregates::folding::fold;
use aggregates::near_miss::closeness;

/// What kind of thing was found. The names are public: callers branch on them.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, strum::IntoStaticStr, strum::Display, strum::VariantArray,
)]
#[strum(serialize_all = "snake_case")]
pub enum Code {
    /// Not YAML, or YAML of what JSON does not have.
    InvalidYaml,
    /// A name that stands twice in one object of a YAML text.
    DuplicateName,
    /// Of another type, or out of its limits.
    InvalidForm,
    /// A member that is not there in this form.
    UnknownMember,
    /// A member that has to be there.
    MissingMember,
    /// There is no such kind of step.
    UnknownStepKind,
    /// A text that shows nothing.
    EmptyText,
    /// A step that is not in the document.
    MissingTarget,
    /// A step that nothing leads to.
    UnreachableStep,
    /// Steps that go round without a pause.
    EndlessLoop,
    /// A `next` that the step never uses. A warning.
    UselessNext,
    /// There is no such tag. A warning where the tag is added: publishing makes it.
    UnknownTag,
    /// There is no such custom field.
    UnknownField,
    /// There is no such bot field.
    UnknownBotField,
    /// There is no such flow.
    UnknownFlow,
    /// The workspace has no such channel.
    UnknownChannel,
    /// There is no such thing that can happen to a contact.
    UnknownEvent,
    /// Several things have that name.
    Ambiguous,
    /// A flow that starts or calls itself.
    CallsItself,
    /// Not a template.
    InvalidTemplate,
    /// A template names what does not exist.
    UnknownVariable,
    /// A filter that is not one, or asks what its field cannot answer.
    InvalidFilter,
    /// A value or an operation that does not go with the field.
    WrongType,
    /// Not a regular expression.
    InvalidPattern,
    /// A text longer than what the channel takes. A warning where only some channels do not take it.
    TextTooLong,
    /// More buttons than what the channel takes. A warning where only some channels do not take them.
    TooManyButtons,
    /// Words on a button longer than what the channel takes. A warning where only some channels do not take them.
    LabelTooLong,
    /// Two buttons or choices with the same words.
    DuplicateLabel,
    /// Two keywords of the flow that are the same.
    DuplicateKeyword,
    /// A duration longer than what is allowed there.
    DurationTooLong,
}

/// Something that was found. It quotes the author's own words and the workspace's names, never a customer's.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// What kind of thing.
    pub code: Code,
    /// Where, as in `steps.ask.question.text`; empty for the document itself.
    pub path: String,
    /// What is wrong, as a sentence.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
    /// What may have been meant, the closest first, at most [`MAX_CANDIDATES`].
    pub candidates: Vec<Candidate>,
}

/// The most candidates of one finding.
pub const MAX_CANDIDATES: usize = 5;

impl Finding {
    /// A finding without a hint and candidates.
    #[must_use]
    pub fn new(code: Code, path: impl Into<String>, message: impl Into<String>) -> Self {
        Self { code, path: path.into(), message: message.into(), hint: None, candidates: Vec::new() }
    }

    /// With what to do about it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// With what may have been meant.
    #[must_use]
    pub fn candidates(mut self, candidates: Vec<Candidate>) -> Self {
        self.candidates = candidates;
        self.candidates.truncate(MAX_CANDIDATES);
        self
    }
}

/// Those of `names` that are close to `wanted`, the closest first.
#[must_use]
pub fn near<'n>(wanted: &str, names: impl IntoIterator<Item = &'n str>) -> Vec<Candidate> {
    let wanted = fold(wanted);
    let close = |name: &'n str| closeness(&wanted, &fold(name)).map(|(far, reason)| (far, name, reason));
    let mut found: Vec<(usize, &str, &'static str)> = names.into_iter().filter_map(close).collect();
    found.sort_unstable();
    found.dedup();
    let candidate = |(_, name, reason): (usize, &str, &str)| Candidate {
        id: name.to_owned(),
        name: None,
        reason: reason.to_owned(),
    };
    found.into_iter().take(MAX_CANDIDATES).map(candidate).collect()
}

/// `path` and then the member `name`, as in `steps.ask` or `cases["a b"]`.
#[must_use]
pub fn member(path: &str, name: &str) -> String {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '-' | '$');
    if name.is_empty() || !name.chars().all(plain) {
        // An unknown name may be of any length.
        let short: String = name.chars().take(100).collect();
        return format!("{path}[{}]", serde_json::Value::from(short));
    }
    let short: String = name.chars().take(100).collect();
    if path.is_empty() { short } else { format!("{path}.{short}") }
}

/// `path` and then what is told from there on, either of which may be empty.
#[must_use]
pub fn join(path: &str, rest: &str) -> String {
    match (path.is_empty(), rest.is_empty(), rest.starts_with('[')) {
        (true, ..) => rest.to_owned(),
        (_, true, _) => path.to_owned(),
        (false, false, true) => format!("{path}{rest}"),
        (false, false, false) => format!("{path}.{rest}"),
    }
}
