//! `switch`: goes on by the value of a text.

use std::collections::{BTreeMap, BTreeSet};

use aggregates::folding::fold;
use schemars::JsonSchema;
use serde::Deserialize;

use super::{Act, Here, filled};
use crate::finding::{Code, member};
use crate::mentions::{Mention, Mentions};
use crate::terms::{RESERVED, StepName};
use crate::turn::{Next, Scene, Turn};

/// Fills a text in and goes on at the step of the case that is the same, without regard to case, accents and repeated blanks.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "switch")]
pub struct Switch {
    /// What is compared: a template, as in {{ run.plan }} or {{ lastInput }}.
    #[schemars(length(min = 1, max = 10_000))]
    on: String,
    /// For each text, the step to go on at. The empty text is the case of an unknown value.
    #[schemars(extend("minProperties" = 1, "maxProperties" = 100, "propertyNames" = {"maxLength": 255, "not": {"enum": RESERVED}}))]
    cases: BTreeMap<String, StepName>,
    /// Where to go on when no case fits; without it, at the step that follows.
    otherwise: Option<StepName>,
}

impl Act for Switch {
    fn mentions<'s>(&'s self, seen: &mut Mentions<'s>) {
        seen.add("on", Mention::Template(&self.on));
        let mut known = BTreeSet::new();
        for (text, step) in &self.cases {
            let place = member("cases", text);
            if !known.insert(fold(text)) {
                let hint = "cases are compared without regard to case, accents and repeated blanks: keep one of them";
                seen.fault(&place, Code::InvalidForm, "another case is the same text", Some(hint));
            }
            seen.add(&place, Mention::Step(&step.0));
        }
        seen.step("otherwise", self.otherwise.as_ref());
    }

    fn goes_on(&self) -> bool {
        self.otherwise.is_none()
    }

    fn enter(&self, here: Here<'_>, scene: &Scene<'_>) -> Result<Turn, Next> {
        let value = fold(&filled(&self.on, scene)?);
        let case = self.cases.iter().find(|(text, _)| fold(text) == value).map(|(_, step)| step);
        Ok(Turn { effects: Vec::new(), next: here.go_to(case.or(self.otherwise.as_ref())) })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::given::{Given, failure, faults, mentioned, only, refused, to};
    use super::*;

    fn steps(otherwise: bool) -> Value {
        let mut switch = json!({"on": "{{ run.plan }}", "cases": {"Gold": "a", "Café  au lait": "b", "2": "c"}});
        if otherwise {
            switch["otherwise"] = json!("d");
        }
        json!({"here": {"switch": switch}, "below": {"end": {}}})
    }

    fn on(plan: &Value, otherwise: bool) -> Turn {
        let words = json!({"run": {"plan": plan}});
        Given { words, ..Given::default() }.enter(&steps(otherwise))
    }

    #[test]
    fn the_case_that_is_the_same_decides_without_regard_to_case_and_accents() {
        assert_eq!(on(&json!(" GOLD "), true), only(to("a")));
        assert_eq!(on(&json!("cafe au lait"), true), only(to("b")));
        assert_eq!(on(&json!(2), true), only(to("c")));
    }

    #[test]
    fn what_fits_no_case_goes_on_otherwise_or_below() {
        assert_eq!(on(&json!("silver"), true), only(to("d")));
        assert_eq!(on(&json!("golden"), false), only(to("below")));
        assert_eq!(on(&Value::Null, false), only(to("below")));
    }

    #[test]
    fn an_unknown_value_is_the_empty_case() {
        let steps = json!({"here": {"switch": {"on": "{{ run.plan }}", "cases": {"": "ask"}}}});
        assert_eq!(Given::default().enter(&steps), only(to("ask")));
    }

    #[test]
    fn a_template_that_fails_ends_the_run() {
        let steps = json!({"here": {"switch": {"on": "{{ run.plan + 1 }}", "cases": {"x": "here"}}}});
        assert_eq!(failure(&Given::default().enter(&steps)), "template_failed");
    }

    #[test]
    fn two_cases_are_not_the_same_text() {
        let same = json!({"here": {"switch": {"on": "x", "cases": {"Été": "here", "ete": "here"}}}});
        assert_eq!(faults(&same), [("invalid_form".to_owned(), r#"steps.here.switch.cases["Été"]"#.to_owned())]);
        assert_eq!(faults(&steps(true)), []);
        let empty = json!({"here": {"switch": {"on": "x", "cases": {}}}});
        assert_eq!(refused(&empty), [("invalid_form".to_owned(), "steps.here.switch.cases".to_owned())]);
    }

    #[test]
    fn every_way_out_is_named() {
        let mentioned = mentioned(&steps(true)).join("\n");
        for named in ["Step(\"a\")", "Step(\"b\")", "Step(\"c\")", "otherwise: Step(\"d\")", "on: Template("] {
            assert!(mentioned.contains(named), "{named} in {mentioned}");
        }
    }
}
