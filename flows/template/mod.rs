//! Texts with places to fill in, `Hi {{ contact.firstName | default('there') }}!`, by an engine that can reach nothing but the words
//! it is given.
//!
//! A template has no functions, no includes and no macros, and only filters that cannot do harm. What it does costs fuel, and
//! what it writes has a limit, so that no template holds a run up. A name that leads nowhere is found by [`variables`] when a flow is
//! checked; a known name without a value writes nothing, and `default` works on it.

mod error;
mod filters;
mod names;
#[cfg(test)]
mod tests;
mod values;

use std::sync::LazyLock;

use minijinja::machinery::ast::Stmt;
use minijinja::{AutoEscape, Environment, ErrorKind, UndefinedBehavior};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

pub use error::TemplateError;
pub use names::{Variable, written};

/// The longest template, in characters.
pub const MAX_TEMPLATE_CHARS: usize = 10_000;
/// The most that a template may write, in bytes.
pub const MAX_OUTPUT_BYTES: usize = 65_536;
/// What one template may do; a step of the engine costs one, and so do 64 bytes that it makes.
const FUEL: u64 = 20_000;

/// What stays as it is in a part of an address: what RFC 3986 reserves for nothing.
const IN_URL: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

static ENVIRONMENT: LazyLock<Environment<'static>> = LazyLock::new(|| environment(str::to_owned));
static URL_ENVIRONMENT: LazyLock<Environment<'static>> =
    LazyLock::new(|| environment(|text| utf8_percent_encode(text, IN_URL).to_string()));

/// The engine; what expressions make is written as `written` makes it.
fn environment(written: fn(&str) -> String) -> Environment<'static> {
    let mut environment = Environment::new();
    let globals: Vec<String> = environment.globals().map(|(name, _)| name.to_owned()).collect();
    for name in globals {
        environment.remove_global(&name);
    }
    filters::add(&mut environment);
    environment.set_fuel(Some(FUEL));
    environment.set_undefined_behavior(UndefinedBehavior::Chainable);
    environment.set_auto_escape_callback(|_| AutoEscape::None);
    environment.set_formatter(move |out, _, value| {
        let text = values::to_text(value, &mut MAX_OUTPUT_BYTES.clone())?;
        out.write_str(&written(&text)).map_err(|_| ErrorKind::WriteFailure.into())
    });
    environment
}

/// A template that was read.
struct Parsed<'t> {
    variables: Vec<Variable>,
    /// What stands between the braces, when the template is one expression and nothing else.
    expression: Option<&'t str>,
}

fn parse(text: &str) -> Result<Parsed<'_>, TemplateError> {
    if text.chars().count() > MAX_TEMPLATE_CHARS {
        return Err(TemplateError::new(format!("a template has at most {MAX_TEMPLATE_CHARS} characters")));
    }
    let tree = minijinja::machinery::parse(text, "template", minijinja::syntax::SyntaxConfig::default())
        .map_err(|error| TemplateError::of_form(&error))?;
    let variables = names::Reading::of(&tree)?.variables;
    let is_one = matches!(&tree, Stmt::Template(all) if matches!(all.children.as_slice(), [Stmt::EmitExpr(_)]));
    let inner = text.strip_prefix("{{").and_then(|rest| rest.strip_suffix("}}")).filter(|_| is_one);
    // A dash at a brace takes blanks away, of which there are none here.
    let expression = inner.map(|inner| inner.strip_prefix('-').unwrap_or(inner));
    Ok(Parsed { variables, expression: expression.map(|inner| inner.strip_suffix('-').unwrap_or(inner)) })
}

/// Everything that a template reads, in the order in which it is written.
///
/// # Errors
/// When it is no template, too long, or uses what templates do not have: functions, unknown filters and tests.
pub fn variables(text: &str) -> Result<Vec<Variable>, TemplateError> {
    parse(text).map(|parsed| parsed.variables)
}

/// Everything that the texts in a JSON value read.
///
/// # Errors
/// As [`variables`], for the first text that is no template.
pub fn variables_in(value: &Value) -> Result<Vec<Variable>, TemplateError> {
    match value {
        Value::String(text) => variables(text),
        Value::Array(items) => all(items.iter()),
        Value::Object(members) => all(members.values()),
        _ => Ok(Vec::new()),
    }
}

fn all<'v>(values: impl Iterator<Item = &'v Value>) -> Result<Vec<Variable>, TemplateError> {
    let mut found = Vec::new();
    for value in values {
        found.extend(variables_in(value)?);
    }
    Ok(found)
}

/// Fills a template in with `words`, as [`crate::words::words`] makes them.
///
/// # Errors
/// As [`variables`]; and when an operation does not go with its values, or the text becomes too long.
pub fn render(text: &str, words: &Value) -> Result<String, TemplateError> {
    rendered(&ENVIRONMENT, text, words)
}

/// Fills an address in. What expressions put into it is percent-encoded, so that a value is one part of a path or a query and leads nowhere
/// else; an expression at the very beginning is a base address and taken as it is.
///
/// # Errors
/// As [`render`].
pub fn render_url(text: &str, words: &Value) -> Result<String, TemplateError> {
    let base = text.find("}}").map(|end| text.split_at(end + 2)).filter(|_| text.starts_with("{{"));
    let base = base.filter(|(base, _)| parse(base).is_ok_and(|parsed| parsed.expression.is_some()));
    let (base, rest) = base.unwrap_or(("", text));
    let filled = render(base, words)? + &rendered(&URL_ENVIRONMENT, rest, words)?;
    if filled.len() > MAX_OUTPUT_BYTES { Err(too_long()) } else { Ok(filled) }
}

fn too_long() -> TemplateError {
    TemplateError::new(format!("the template makes a text of more than {MAX_OUTPUT_BYTES} bytes"))
}

fn rendered(environment: &Environment<'_>, text: &str, words: &Value) -> Result<String, TemplateError> {
    parse(text)?;
    if !text.contains('{') {
        return Ok(text.to_owned());
    }
    let filled = environment.render_str(text, values::context(words));
    let filled = filled.map_err(|error| TemplateError::of_filling(&error))?;
    if filled.len() > MAX_OUTPUT_BYTES {
        return Err(too_long());
    }
    Ok(filled)
}

/// Fills in the templates in the texts of a JSON value. A text that is one expression and nothing else takes the expression's type:
/// `"{{ run.count + 1 }}"` becomes a number. An expression without a value becomes an empty text.
///
/// # Errors
/// As [`render`], for the first text that cannot be filled in.
pub fn render_value(value: &Value, words: &Value) -> Result<Value, TemplateError> {
    match value {
        Value::String(text) => match parse(text)?.expression {
            Some(expression) => evaluate(expression, words),
            None => render(text, words).map(Value::String),
        },
        Value::Array(items) => {
            items.iter().map(|item| render_value(item, words)).collect::<Result<_, _>>().map(Value::Array)
        }
        Value::Object(members) => {
            let filled = members.iter().map(|(name, value)| Ok((name.clone(), render_value(value, words)?)));
            filled.collect::<Result<_, _>>().map(Value::Object)
        }
        simple => Ok(simple.clone()),
    }
}

fn evaluate(expression: &str, words: &Value) -> Result<Value, TemplateError> {
    let failed = |error: minijinja::Error| TemplateError::of_filling(&error);
    let compiled = ENVIRONMENT.compile_expression_owned(expression.to_owned());
    let compiled = compiled.map_err(|error| TemplateError::of_form(&error))?;
    let value = compiled.eval(values::context(words)).map_err(failed)?;
    let json = values::to_json(&value, &mut MAX_OUTPUT_BYTES.clone()).map_err(failed)?;
    Ok(if json.is_null() { Value::String(String::new()) } else { json })
}
