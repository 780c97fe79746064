//! From YAML to JSON, event by event, without recursion and within limits.

use std::borrow::Cow;
use std::collections::BTreeMap;

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, Tag};
use serde_json::{Map, Value};

use super::{MAX_BYTES, MAX_DEPTH, MAX_VALUES, scalar};
use crate::finding::{Code, Finding};

/// Reads a document. The order of members is kept.
///
/// # Errors
/// What is no YAML, with line and column; every name that stands twice in one object; what JSON does not have; and what is larger than a
/// document may be.
pub fn read(text: &str) -> Result<Value, Vec<Finding>> {
    if text.len() > MAX_BYTES {
        let message = format!("a flow's YAML has at most {MAX_BYTES} bytes, not {}", text.len());
        return Err(vec![Finding::new(Code::InvalidYaml, "", message)]);
    }
    let mut composer = Composer::default();
    for event in Parser::new_from_str(text) {
        let step = match event {
            Ok((event, span)) => composer.take(event, span.start),
            Err(error) => Err(unreadable(*error.marker(), error.info())),
        };
        if let Err(finding) = step {
            composer.findings.push(finding);
            return Err(composer.findings);
        }
    }
    match composer.root {
        _ if !composer.findings.is_empty() => Err(composer.findings),
        Some(node) => Ok(node.value),
        None => Err(vec![Finding::new(Code::InvalidYaml, "", "there is nothing in this YAML")]),
    }
}

fn place(at: Marker) -> String {
    format!("line {}, column {}", at.line(), at.col() + 1)
}

fn fault(at: Marker, message: &str) -> Finding {
    Finding::new(Code::InvalidYaml, "", format!("{}: {message}", place(at)))
}

fn unreadable(at: Marker, said: &str) -> Finding {
    let finding = fault(at, &format!("this is no YAML: {said}"));
    finding.hint("indent with blanks, and put texts that have : # { [ in them into quotes")
}

/// A value, and how many values it is altogether.
#[derive(Clone)]
struct Node {
    value: Value,
    size: usize,
}

/// An object or array that is being read.
enum Open {
    Array { items: Vec<Value>, anchor: usize, size: usize },
    Object { members: Map<String, Value>, name: Option<String>, anchor: usize, size: usize },
}

#[derive(Default)]
struct Composer {
    open: Vec<Open>,
    root: Option<Node>,
    anchors: BTreeMap<usize, Node>,
    /// How many values there are, aliases unfolded.
    values: usize,
    findings: Vec<Finding>,
}

impl Composer {
    fn take(&mut self, event: Event<'_>, at: Marker) -> Result<(), Finding> {
        match event {
            Event::DocumentStart(_) if self.root.is_some() => {
                Err(fault(at, "there is more than one document in this YAML"))
            }
            Event::Scalar(text, style, anchor, tag) => {
                if let Some(Open::Object { name: name @ None, members, size, .. }) = self.open.last_mut() {
                    // Names are texts as they are written: `1` and `yes`, too.
                    *size += 1;
                    if members.contains_key(text.as_ref()) {
                        self.findings.push(twice(&text, at));
                    }
                    *name = Some(text.into_owned());
                    return Ok(());
                }
                let value = value(text, style, tag.as_deref(), at)?;
                self.count(1, at)?;
                self.close(Node { value, size: 1 }, anchor, at)
            }
            Event::SequenceStart(anchor, tag) => {
                refuse_tag(tag.as_deref(), at)?;
                self.begin(Open::Array { items: Vec::new(), anchor, size: 1 }, at)
            }
            Event::MappingStart(anchor, tag) => {
                refuse_tag(tag.as_deref(), at)?;
                self.begin(Open::Object { members: Map::new(), name: None, anchor, size: 1 }, at)
            }
            Event::SequenceEnd | Event::MappingEnd => match self.open.pop() {
                Some(Open::Array { items, anchor, size }) => {
                    self.close(Node { value: Value::Array(items), size }, anchor, at)
                }
                Some(Open::Object { members, anchor, size, .. }) => {
                    self.close(Node { value: Value::Object(members), size }, anchor, at)
                }
                None => Ok(()),
            },
            Event::Alias(anchor) => {
                let known = self.anchors.get(&anchor).cloned();
                let node = known.ok_or_else(|| fault(at, "this alias leads into the value that it stands in"))?;
                self.count(node.size, at)?;
                self.close(node, 0, at)
            }
            _ => Ok(()),
        }
    }

    fn count(&mut self, more: usize, at: Marker) -> Result<(), Finding> {
        self.values = self.values.saturating_add(more);
        if self.values > MAX_VALUES {
            let message = format!("a flow has at most {MAX_VALUES} values, with all aliases unfolded");
            return Err(fault(at, &message));
        }
        Ok(())
    }

    fn begin(&mut self, open: Open, at: Marker) -> Result<(), Finding> {
        if let Some(Open::Object { name: None, .. }) = self.open.last() {
            let finding = fault(at, "a name in an object is a text");
            return Err(finding.hint("put texts that begin with {{ into quotes: \"{{ contact.firstName }}\""));
        }
        if self.open.len() == MAX_DEPTH {
            return Err(fault(at, &format!("objects and arrays are nested at most {MAX_DEPTH} deep")));
        }
        self.count(1, at)?;
        self.open.push(open);
        Ok(())
    }

    /// Puts a value that is complete in its place.
    fn close(&mut self, node: Node, anchor: usize, at: Marker) -> Result<(), Finding> {
        if anchor > 0 {
            self.anchors.insert(anchor, node.clone());
        }
        match self.open.last_mut() {
            None => self.root = Some(node),
            Some(Open::Array { items, size, .. }) => {
                *size += node.size;
                items.push(node.value);
            }
            Some(Open::Object { members, name, size, .. }) => {
                *size += node.size;
                let name = name.take().ok_or_else(|| fault(at, "a name in an object is a text"))?;
                members.insert(name, node.value);
            }
        }
        Ok(())
    }
}

fn twice(name: &str, at: Marker) -> Finding {
    let short: String = name.chars().take(100).collect();
    let message = format!("{}: the name {} stands twice in one object", place(at), Value::from(short));
    Finding::new(Code::DuplicateName, "", message).hint("rename one of them, or put them together")
}

fn value(text: Cow<'_, str>, style: ScalarStyle, tag: Option<&Tag>, at: Marker) -> Result<Value, Finding> {
    let is_text = tag.is_some_and(|tag| tag.is_yaml_core_schema() && tag.suffix == "str");
    if !is_text {
        refuse_tag(tag, at)?;
    }
    if is_text || style != ScalarStyle::Plain {
        return Ok(Value::String(text.into_owned()));
    }
    let finding =
        || fault(at, "this number is too large, or none that JSON has").hint("put it into quotes if it is a text");
    scalar::plain(&text).ok_or_else(finding)
}

fn refuse_tag(tag: Option<&Tag>, at: Marker) -> Result<(), Finding> {
    let refused = |tag: &Tag| Err(fault(at, &format!("flows have no tags such as {tag}")).hint("leave the tag out"));
    tag.map_or(Ok(()), refused)
}
