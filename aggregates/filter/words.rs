//! A filter in words, so that a person can see what was asked for.

use serde_json::Value;

use super::condition::Condition;
use super::fields::{Kind, Operator};
use super::{Filter, Tree};

impl Filter {
    /// The filter in words. It quotes the caller's own values and the names of tags, custom fields and flows.
    #[must_use]
    pub fn words(&self) -> String {
        words(&self.tree, false)
    }
}

fn words(tree: &Tree<Condition>, inside: bool) -> String {
    let joined = |parts: &[Tree<Condition>], with: &str| {
        let several = parts.len() > 1;
        let text = parts.iter().map(|part| words(part, several)).collect::<Vec<_>>().join(with);
        if several && inside { format!("({text})") } else { text }
    };
    match tree {
        Tree::All(parts) => joined(parts, " and "),
        Tree::Any(parts) => joined(parts, " or "),
        Tree::Not(inner) => format!("not ({})", words(inner, false)),
        Tree::Leaf(condition) => sentence(condition),
    }
}

fn sentence(condition: &Condition) -> String {
    let shown = &condition.shown;
    let (operator, what) = (shown.operator, shown.words.as_str());
    if condition.kind() == Kind::State {
        let is = (operator == Operator::Eq) == (shown.value == Value::Bool(true));
        return format!("the contact is {}{what}", if is { "" } else { "not " });
    }
    let many = condition.subject().is_many() || condition.kind() == Kind::List;
    // Of several values one has to fit, or none may.
    let (article, said) = match (many, condition.is_negative()) {
        (true, true) => ("no", opposite(operator)),
        (true, false) => ("some", operator),
        (false, _) => ("the", operator),
    };
    let what = if condition.kind() == Kind::List && !matches!(operator, Operator::Exists | Operator::NotExists) {
        format!("item of the {what}")
    } else {
        what.to_owned()
    };
    let verb = verb(condition.kind(), said);
    let unknown =
        !many && condition.is_negative() && operator != Operator::NotExists && !condition.subject().is_certain();
    let tail = if unknown { " (or is not known)" } else { "" };
    match values(said, &shown.value) {
        Some(values) => format!("{article} {what} {verb} {values}{tail}"),
        None => format!("{article} {what} {verb}"),
    }
}

const fn opposite(operator: Operator) -> Operator {
    match operator {
        Operator::Ne => Operator::Eq,
        Operator::NotIn => Operator::In,
        Operator::NotContains => Operator::Contains,
        Operator::NotExists => Operator::Exists,
        Operator::NotWithinLast => Operator::WithinLast,
        other => other,
    }
}

const fn verb(kind: Kind, operator: Operator) -> &'static str {
    let timely = matches!(kind, Kind::Date | Kind::DateTime | Kind::Time | Kind::Moment);
    let whole = matches!(kind, Kind::List | Kind::Tag);
    match operator {
        Operator::Contains if whole => "is",
        Operator::Eq => "is",
        Operator::Ne => "is not",
        Operator::In => "is one of",
        Operator::NotIn => "is none of",
        Operator::Contains => "contains",
        Operator::NotContains => "does not contain",
        Operator::StartsWith => "begins with",
        Operator::EndsWith => "ends with",
        Operator::Lt if timely => "is before",
        Operator::Lte if timely => "is not after",
        Operator::Gt if timely => "is after",
        Operator::Gte if timely => "is not before",
        Operator::Lt => "is less than",
        Operator::Lte => "is at most",
        Operator::Gt => "is greater than",
        Operator::Gte => "is at least",
        Operator::Between => "is between",
        Operator::Exists => "is known",
        Operator::NotExists => "is not known",
        Operator::WithinLast => "lies within the last",
        Operator::NotWithinLast => "does not lie within the last",
    }
}

fn values(operator: Operator, value: &Value) -> Option<String> {
    match (operator, value) {
        (Operator::Exists | Operator::NotExists, _) => None,
        (Operator::WithinLast | Operator::NotWithinLast, Value::String(duration)) => Some(duration.trim().to_owned()),
        (Operator::Between, Value::Array(ends)) => {
            Some(ends.iter().map(ToString::to_string).collect::<Vec<_>>().join(" and "))
        }
        (_, Value::Array(items)) => Some(items.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")),
        (_, one) => Some(one.to_string()),
    }
}
