//! What a template names, read from its syntax tree, so that a name that leads nowhere is found when a flow is checked and not at
//! night when it runs. It also refuses what templates here do not have: calls, unknown filters and tests.

use std::fmt;

use minijinja::machinery::ast::{CallArg, Expr, Filter, Spanned, Stmt};
use minijinja::value::ValueKind;

use super::error::TemplateError;
use super::filters::{self, FILTERS, Form, TESTS};

/// Something that a template reads, from its root on: `contact`, `customField`, `Shoe size`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Variable {
    /// The parts of its name; at least one.
    pub path: Vec<String>,
    /// The line of the template, from 1.
    pub line: usize,
}

/// As a template writes it: `contact.customField['Shoe size']`.
impl fmt::Display for Variable {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&written(&self.path))
    }
}

/// A path as a template writes it.
#[must_use]
pub fn written(path: &[String]) -> String {
    let mut text = String::new();
    for part in path {
        let is_plain = !part.is_empty()
            && !part.starts_with(|letter: char| letter.is_ascii_digit())
            && part.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_');
        match (is_plain, text.is_empty(), part.contains('\'')) {
            (_, true, _) => text.push_str(part),
            (true, false, _) => text = format!("{text}.{part}"),
            (false, false, false) => text = format!("{text}['{part}']"),
            (false, false, true) => text = format!("{text}[\"{part}\"]"),
        }
    }
    text
}

/// What has been read of a template.
pub(super) struct Reading<'t> {
    pub(super) variables: Vec<Variable>,
    /// Names that the template gave itself, by the block in which they are known.
    scopes: Vec<Vec<&'t str>>,
}

type Checked = Result<(), TemplateError>;

impl<'t> Reading<'t> {
    /// Reads a whole template.
    pub(super) fn of(template: &Stmt<'t>) -> Result<Self, TemplateError> {
        let mut reading = Self { variables: Vec::new(), scopes: vec![Vec::new()] };
        reading.statement(template)?;
        Ok(reading)
    }

    fn statements(&mut self, statements: &[Stmt<'t>]) -> Checked {
        statements.iter().try_for_each(|statement| self.statement(statement))
    }

    fn scoped(&mut self, body: impl FnOnce(&mut Self) -> Checked) -> Checked {
        self.scopes.push(Vec::new());
        let checked = body(self);
        self.scopes.pop();
        checked
    }

    fn statement(&mut self, statement: &Stmt<'t>) -> Checked {
        match statement {
            Stmt::Template(template) => self.statements(&template.children),
            Stmt::EmitExpr(emit) => self.expression(&emit.expr),
            Stmt::EmitRaw(_) => Ok(()),
            Stmt::ForLoop(each) => {
                self.expression(&each.iter)?;
                self.scoped(|reading| {
                    reading.name(&each.target)?;
                    reading.known("loop");
                    reading.optional(each.filter_expr.as_ref())?;
                    reading.statements(&each.body)
                })?;
                self.statements(&each.else_body)
            }
            Stmt::IfCond(condition) => {
                self.expression(&condition.expr)?;
                self.statements(&condition.true_body)?;
                self.statements(&condition.false_body)
            }
            Stmt::WithBlock(with) => self.scoped(|reading| {
                for (target, value) in &with.assignments {
                    reading.expression(value)?;
                    reading.name(target)?;
                }
                reading.statements(&with.body)
            }),
            Stmt::Set(set) => {
                self.expression(&set.expr)?;
                self.name(&set.target)
            }
            Stmt::SetBlock(set) => {
                self.optional(set.filter.as_ref())?;
                self.scoped(|reading| reading.statements(&set.body))?;
                self.name(&set.target)
            }
            Stmt::FilterBlock(block) => {
                self.expression(&block.filter)?;
                self.scoped(|reading| reading.statements(&block.body))
            }
            Stmt::AutoEscape(block) => {
                let line = usize::from(block.span().start_line);
                Err(TemplateError::at(line, "templates do not escape: they write plain text"))
            }
            Stmt::Do(call) => Err(no_calls(usize::from(call.span().start_line))),
        }
    }

    /// Takes in a name that the template gives.
    fn name(&mut self, target: &Expr<'t>) -> Checked {
        match target {
            Expr::Var(name) => self.known(name.id),
            Expr::List(names) => names.items.iter().try_for_each(|name| self.name(name))?,
            Expr::Tuple(names) => names.items.iter().try_for_each(|name| self.name(name))?,
            other => {
                let message = "only a plain name can be given a value, as in {% set total = 1 %}";
                return Err(TemplateError::at(usize::from(other.span().start_line), message));
            }
        }
        Ok(())
    }

    fn known(&mut self, name: &'t str) {
        if let Some(scope) = self.scopes.last_mut() {
            scope.push(name);
        }
    }

    fn optional(&mut self, expression: Option<&Expr<'t>>) -> Checked {
        expression.map_or(Ok(()), |expression| self.expression(expression))
    }

    fn expression(&mut self, expression: &Expr<'t>) -> Checked {
        match expression {
            Expr::Var(_) | Expr::GetAttr(_) | Expr::GetItem(_) => self.path(expression),
            Expr::Const(_) => Ok(()),
            Expr::Slice(slice) => {
                self.expression(&slice.expr)?;
                let ends = [&slice.start, &slice.stop, &slice.step];
                ends.into_iter().try_for_each(|end| self.optional(end.as_ref()))
            }
            Expr::UnaryOp(operation) => self.expression(&operation.expr),
            Expr::BinOp(operation) => {
                self.expression(&operation.left)?;
                self.expression(&operation.right)
            }
            Expr::Compare(comparison) => {
                self.expression(&comparison.expr)?;
                comparison.ops.iter().try_for_each(|operand| self.expression(&operand.expr))
            }
            Expr::IfExpr(choice) => {
                self.expression(&choice.test_expr)?;
                self.expression(&choice.true_expr)?;
                self.optional(choice.false_expr.as_ref())
            }
            Expr::Filter(filter) => self.filter(filter),
            Expr::Test(test) => {
                let line = usize::from(test.span().start_line);
                if !TESTS.contains(&test.name) {
                    return Err(TemplateError::unknown(line, "test", test.name, TESTS));
                }
                if !test.args.is_empty() {
                    return Err(TemplateError::at(line, &format!("the test {} takes no arguments", test.name)));
                }
                self.expression(&test.expr)
            }
            Expr::Call(call) => Err(no_calls(usize::from(call.span().start_line))),
            Expr::List(list) => list.items.iter().try_for_each(|item| self.expression(item)),
            Expr::Tuple(tuple) => tuple.items.iter().try_for_each(|item| self.expression(item)),
            Expr::Map(map) => map.keys.iter().chain(&map.values).try_for_each(|part| self.expression(part)),
        }
    }

    fn filter(&mut self, filter: &Spanned<Filter<'t>>) -> Checked {
        let line = usize::from(filter.span().start_line);
        let Some(form) = FILTERS.iter().find(|form| form.name == filter.name) else {
            let names: Vec<&str> = FILTERS.iter().map(|form| form.name).collect();
            return Err(TemplateError::unknown(line, "filter", filter.name, &names));
        };
        check_arguments(line, form, &filter.args)?;
        if form.name == "date" {
            check_date(line, &filter.args)?;
        }
        self.optional(filter.expr.as_ref())?;
        self.arguments(&filter.args)
    }

    fn arguments(&mut self, arguments: &[CallArg<'t>]) -> Checked {
        arguments.iter().try_for_each(|argument| match argument {
            CallArg::Pos(value) | CallArg::Kwarg(_, value) | CallArg::PosSplat(value) | CallArg::KwargSplat(value) => {
                self.expression(value)
            }
        })
    }

    /// Follows `a.b['c']` to its root. A member that is computed ends the path: what is before it is read as a whole.
    fn path(&mut self, expression: &Expr<'t>) -> Checked {
        let mut parts = Vec::new();
        let mut current = expression;
        loop {
            match current {
                Expr::GetAttr(member) => {
                    parts.push(member.name.to_owned());
                    current = &member.expr;
                }
                Expr::GetItem(member) => {
                    match &member.subscript_expr {
                        Expr::Const(name) if matches!(name.value.kind(), ValueKind::String | ValueKind::Number) => {
                            parts.push(name.value.to_string());
                        }
                        computed => {
                            self.expression(computed)?;
                            parts.clear();
                        }
                    }
                    current = &member.expr;
                }
                Expr::Var(root) => {
                    if !self.scopes.iter().flatten().any(|known| *known == root.id) {
                        parts.push(root.id.to_owned());
                        parts.reverse();
                        self.variables.push(Variable { path: parts, line: usize::from(root.span().start_line) });
                    }
                    return Ok(());
                }
                other => return self.expression(other),
            }
        }
    }
}

/// Whether a filter is given what it takes: with other arguments it would fail each time.
fn check_arguments(line: usize, form: &Form, arguments: &[CallArg<'_>]) -> Checked {
    let places = arguments.iter().filter(|argument| matches!(argument, CallArg::Pos(_))).count();
    let is_known = |argument: &CallArg<'_>| match argument {
        CallArg::Pos(_) => true,
        CallArg::Kwarg(name, _) => form.named.contains(name),
        CallArg::PosSplat(_) | CallArg::KwargSplat(_) => false,
    };
    if (form.least..=form.most).contains(&places) && arguments.iter().all(is_known) {
        return Ok(());
    }
    let count = match (form.least, form.most) {
        (_, 0) => "no arguments".to_owned(),
        (least, most) if least == most => format!("{most} arguments"),
        (least, most) => format!("{least} to {most} arguments"),
    };
    let named = if form.named.is_empty() { String::new() } else { format!(", by name {}", form.named.join(", ")) };
    Err(TemplateError::at(line, &format!("the filter {} takes {count}{named}", form.name)))
}

/// Whether the pattern and the time zone of the filter `date` are ones, where they are written out.
fn check_date(line: usize, arguments: &[CallArg<'_>]) -> Checked {
    let mut written = arguments.iter().map(|argument| match argument {
        CallArg::Pos(Expr::Const(value)) => Some(value.value.clone()),
        _ => None,
    });
    let (pattern, zone) = (written.next().flatten(), written.next().flatten());
    if pattern.is_some_and(|pattern| !pattern.as_str().is_some_and(filters::is_date_format)) {
        let message = "the first argument of the filter date is not a pattern for dates";
        return Err(TemplateError::at(line, message).hint("for example date('%d.%m.%Y') or date('%H:%M')"));
    }
    if zone.is_some_and(|zone| zone.as_str().and_then(crate::times::zone).is_none()) {
        let message = "the second argument of the filter date is not a time zone";
        return Err(TemplateError::at(line, message).hint("write a name such as Europe/Berlin or UTC"));
    }
    Ok(())
}

fn no_calls(line: usize) -> TemplateError {
    let message = "templates have no functions and no methods";
    TemplateError::at(line, message).hint("use a filter instead, as in {{ contact.firstName | upper }}")
}
