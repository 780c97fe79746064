//! What templates write, and what they cannot do.

use serde_json::{Value, json};

use super::*;

fn words() -> Value {
    json!({
        "contact": {
            "firstName": "Ana", "timezone": "Europe/Berlin", "tags": ["VIP", "News"],
            "customField": {"Shoe size": 41, "Score": 9.5, "Birthday": "2000-02-29", "Visit": "2026-07-01T08:30:00Z", "Alarm": "07:15:00"},
        },
        "run": {"plan": "free", "count": 2, "paid": true, "reply": {"items": [{"name": "Tea"}]}, "empty": null, "half": 0.5},
        "bot": {"Opening hours": "9-17"},
        "conversation": {"channel": "webchat"},
        "lastInput": "<b>{{ contact.email }}</b>",
    })
}

fn filled(text: &str) -> String {
    render(text, &words()).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn refused(text: &str) -> TemplateError {
    variables(text).expect_err(text)
}

fn paths(text: &str) -> Vec<String> {
    variables(text).expect(text).iter().map(ToString::to_string).collect()
}

#[test]
fn words_are_filled_in_as_they_are() {
    for (text, expected) in [
        ("Hi {{ contact.firstName | default('there') }}!", "Hi Ana!"),
        ("Hi {{ contact.lastName | default('there') }}!", "Hi there!"),
        ("Hi {{ contact.lastName }}!", "Hi !"),
        ("{{ contact.customField['Shoe size'] }}", "41"),
        ("{{ contact.customField['shoe  SIZE'] }} {{ contact.customField.score }}", "41 9.5"),
        ("{{ bot['opening hours'] }}", "9-17"),
        ("{{ run.reply['items'][0].name }} {{ run.reply['items'][7].name.x }}", "Tea "),
        ("{{ contact.tags }}", "VIP, News"),
        ("{{ contact.tags | join(' + ') }} {{ contact.tags | length }}", "VIP + News 2"),
        ("{{ run.count + 1 }} {{ run.half * 4 }} {{ run.paid }}", "3 2 true"),
        ("{{ run.empty | default('nothing') }}", "nothing"),
        ("{% if run.plan == 'free' %}a{% else %}b{% endif %}", "a"),
        ("{% for tag in contact.tags %}{{ loop.index }}{{ tag }} {% endfor %}", "1VIP 2News "),
        ("{% set x = run.count * 2 %}{{ x }}", "4"),
        ("a < b & \"c\" {no} } {", "a < b & \"c\" {no} } {"),
    ] {
        assert_eq!(filled(text), expected, "{text}");
    }
}

#[test]
fn what_a_customer_wrote_is_neither_escaped_nor_filled_in_again() {
    assert_eq!(filled("{{ lastInput }}"), "<b>{{ contact.email }}</b>");
}

#[test]
fn every_filter_lets_an_unknown_value_pass() {
    for filter in filters::FILTERS.iter().map(|form| form.name) {
        let arguments = if filter == "replace" { "('a', 'b')" } else { "" };
        for unknown in ["run.nothing", "contact.customField.nothing", "run.empty"] {
            let text = format!("[{{{{ {unknown} | {filter}{arguments} }}}}]");
            assert!(["[]", "[0]"].contains(&filled(&text).as_str()), "{text}: {}", filled(&text));
        }
    }
    for filter in ["upper", "lower", "title", "capitalize", "trim", "round", "abs", "date", "first", "last"] {
        assert_eq!(filled(&format!("{{{{ contact.lastName | {filter} | default('YOU') }}}}")), "YOU", "{filter}");
    }
}

#[test]
fn every_test_can_be_asked() {
    for test in filters::TESTS {
        let value = if ["odd", "even"].contains(test) { "run.count" } else { "run.nothing" };
        let text = format!("{{{{ {value} is {test} }}}}");
        assert!(["true", "false"].contains(&filled(&text).as_str()), "{text}");
    }
    assert_eq!(
        filled("{{ run.nothing is undefined }} {{ run.empty is defined }} {{ run.count is even }}"),
        "true false true"
    );
}

#[test]
fn every_filter_does_its_work() {
    for (text, expected) in [
        ("{{ -3 | abs }}", "3"),
        ("{{ 'ana maria' | capitalize }} {{ 'ana maria' | title }}", "Ana maria Ana Maria"),
        ("{{ 'Ana' | lower }} {{ 'Ana' | upper }}", "ana ANA"),
        ("{{ [3, 4] | first }} {{ [3, 4] | last }}", "3 4"),
        ("{{ '4' | int + 1 }} {{ '4.5' | float + 1 }}", "5 5.5"),
        (
            "{{ 'x' | int }} {{ 'x' | int(7) }} {{ 'x' | int(default=7) }} {{ 'x' | float }} {{ 'x' | float(0.5) }}",
            "0 7 7 0 0.5",
        ),
        ("{{ 3.14159 | round(2) }} {{ 2.6 | round }}", "3.14 3"),
        ("{{ 'a-b' | replace('-', '+') }}[{{ ' a ' | trim }}]", "a+b[a]"),
    ] {
        assert_eq!(filled(text), expected, "{text}");
    }
}

#[test]
fn dates_are_written_by_a_pattern_and_moments_in_the_contacts_zone() {
    for (text, expected) in [
        ("{{ contact.customField.birthday | date('%d.%m.%Y') }}", "29.02.2000"),
        ("{{ contact.customField.birthday | date }}", "2000-02-29"),
        ("{{ contact.customField.visit | date('%d.%m. %H:%M') }}", "01.07. 10:30"),
        ("{{ contact.customField.visit | date('%H:%M', 'Asia/Tokyo') }}", "17:30"),
        ("{{ contact.customField.visit | date }}", "2026-07-01 10:30"),
        ("{{ contact.customField.alarm | date('%I:%M %p') }}", "07:15 AM"),
        ("{{ contact.firstName | date('%d') }}", "Ana"),
    ] {
        assert_eq!(filled(text), expected, "{text}");
    }
    assert!(refused("{{ contact.customField.visit | date('%!') }}").message.contains("pattern"));
    // A pattern that is put together while the template is filled in.
    assert!(render("{{ contact.customField.visit | date('%' ~ '!') }}", &words()).is_err());
}

#[test]
fn everything_that_a_template_reads_is_told() {
    for (text, expected) in [
        ("no names", vec![]),
        ("{{ contact.firstName }}{{ run.a.b }}", vec!["contact.firstName", "run.a.b"]),
        ("{{ contact.customField['Shoe size'] }}", vec!["contact.customField['Shoe size']"]),
        ("{{ contact.tags[0] }}", vec!["contact.tags['0']"]),
        ("{{ contact.lastName | default(run.name) }}", vec!["contact.lastName", "run.name"]),
        (
            "{% if run.a is defined and not run.b or run.c in run.d %}{{ run.e if run.f else run.g }}{% endif %}",
            vec!["run.a", "run.b", "run.c", "run.d", "run.f", "run.e", "run.g"],
        ),
        (
            "{{ run.a < run.b < run.c }}{{ [run.d, {'k': run.e}, (run.f, 1)] }}",
            vec!["run.a", "run.b", "run.c", "run.d", "run.e", "run.f"],
        ),
        ("{{ run[lastInput] }}", vec!["lastInput", "run"]),
        ("{{ run.a[run.b].c }}", vec!["run.b", "run.a"]),
        ("{{ run.a[run.b:] }}", vec!["run.a", "run.b"]),
        ("{{ (run.a or run.b).c }}", vec!["run.a", "run.b"]),
        (
            "{% for x in run.list if x.ok and run.a %}{{ x.name }}{{ loop.index }}{% else %}{{ x }}{% endfor %}{{ x.y }}",
            vec!["run.list", "run.a", "x", "x.y"],
        ),
        (
            "{% set x = run.a %}{{ x.b }}{% with y = x, z = run.c %}{{ y }}{% endwith %}{{ y }}",
            vec!["run.a", "run.c", "y"],
        ),
        (
            "{% set x %}{{ run.a }}{% endset %}{{ x }}{% filter upper %}{{ run.b }}{% endfilter %}",
            vec!["run.a", "run.b"],
        ),
        ("{{ x }}{% set x = 1 %}", vec!["x"]),
    ] {
        assert_eq!(paths(text), expected, "{text}");
    }
    assert_eq!(variables("a\n\n{{ run.x }}").expect("a template")[0].line, 3);
    let nested = json!({"a": ["{{ run.x }}", 5], "b": {"c": "{{ run.y }}"}});
    let found: Vec<String> = variables_in(&nested).expect("templates").iter().map(ToString::to_string).collect();
    assert_eq!(found, ["run.x", "run.y"]);
}

#[test]
fn what_is_no_template_is_told_with_its_line_and_the_way_out() {
    let open = refused("Hello\n{{ contact.firstName");
    assert!(open.message.starts_with("line 2 of the template: "), "{open:?}");
    assert!(open.hint.is_some());
    let filter = refused("{{ contact.firstName | uper }}");
    assert_eq!(filter.message, "line 1 of the template: there is no filter uper");
    assert_eq!(filter.candidates[0].id, "upper");
    assert_eq!(refused("{{ run.x is definedd }}").candidates[0].id, "defined");
    assert!(refused(&"x".repeat(MAX_TEMPLATE_CHARS + 1)).message.contains("10000"));
}

#[test]
fn filters_and_tests_are_given_what_they_take() {
    for text in [
        "{{ run.a | upper(1) }}",
        "{{ run.a | replace('a') }}",
        "{{ run.a | replace('a', 'b', 1) }}",
        "{{ run.a | int(base=2) }}",
        "{{ run.a | round(*run.b) }}",
        "{{ run.a | default(**run.b) }}",
        "{{ run.a is defined(1) }}",
    ] {
        assert!(refused(text).message.contains(" takes "), "{text}");
    }
    assert_eq!(
        refused("{{ run.a | trim('x') }}").message,
        "line 1 of the template: the filter trim takes no arguments"
    );
    let date = |arguments: &str| variables(&format!("{{{{ run.a | date({arguments}) }}}}")).is_ok();
    assert!(date("'%H:%M', 'Europe/Berlin'") && date("run.b, run.c"));
    assert!(!date("'%H:%M', 'Europe/Berln'") && !date("5") && !date("'%H:%M', 5"));
}

#[test]
fn templates_reach_nothing_but_their_words() {
    for text in [
        "{% include 'a' %}",
        "{% extends 'a' %}",
        "{% import 'a' as b %}",
        "{% macro a() %}{% endmacro %}",
        "{% block a %}{% endblock %}",
        "{{ range(5) }}",
        "{{ contact.firstName.upper() }}",
        "{{ debug() }}",
        "{% do run.x() %}",
        "{% call f() %}{% endcall %}",
        "{% autoescape true %}{% endautoescape %}",
        "{{ run | tojson }}",
        "{{ run | map('upper') }}",
        "{{ run | pprint }}",
        "{% for x in run.a recursive %}{{ loop(x) }}{% endfor %}",
        "{% filter safe %}x{% endfilter %}",
        "{% set x | safe %}x{% endset %}",
        "{% set run.x = 1 %}",
    ] {
        refused(text);
        assert!(render(text, &words()).is_err(), "{text}");
    }
    assert_eq!(filled("{{ range }}{{ debug }}{{ namespace }}{{ self }}"), "");
}

#[test]
fn no_template_takes_long_or_writes_much() {
    let long = json!({"run": {"list": vec!["x".repeat(50); 1_000], "text": "x".repeat(60_000)}});
    for text in [
        "{% for a in run.list %}{% for b in run.list %}{% for c in run.list %}{% endfor %}{% endfor %}{% endfor %}",
        "{{ run.text }}{{ run.text }}",
        "{{ 'x' * 100000000 }}",
        "{{ run.text | replace('x', run.text) }}",
        "{% set a = [run.list, run.list] %}{% set a = [a, a, a, a] %}{{ [a, a, a, a] }}",
    ] {
        let error = render(text, &long).expect_err(text);
        assert!(error.message.contains("too") || error.message.contains("65536"), "{text}: {error}");
    }
    let deep = format!("{{% set a = [1] %}}{}{{{{ a }}}}", "{% set a = [a] %}".repeat(400));
    assert!(render(&deep, &long).is_err());
    assert!(render_value(&json!("{{ [run.text, run.text] }}"), &long).is_err());
}

#[test]
fn a_value_that_is_one_expression_keeps_its_type() {
    for (value, expected) in [
        (json!("{{ run.count }}"), json!(2)),
        (json!("{{ run.count + 1 }}"), json!(3)),
        (json!("{{ run.half * 4 }}"), json!(2)),
        (json!("{{ run.half }}"), json!(0.5)),
        (json!("{{- run.paid -}}"), json!(true)),
        (json!("{{ -run.count }}"), json!(-2)),
        (json!("{{ run.plan }}"), json!("free")),
        (json!("{{ contact.tags }}"), json!(["VIP", "News"])),
        (json!("{{ run.reply }}"), json!({"items": [{"name": "Tea"}]})),
        (json!("{{ run.nothing }}"), json!("")),
        (json!("{{ run.count }} "), json!("2 ")),
        (json!("{{ run.count }}{{ run.count }}"), json!("22")),
        (json!("{{ '}}' }}{{ run.count }}"), json!("}}2")),
        (json!("2"), json!("2")),
        (json!({"a": ["{{ run.count }}", true, null], "{{ b }}": 1.5}), json!({"a": [2, true, null], "{{ b }}": 1.5})),
    ] {
        assert_eq!(render_value(&value, &words()), Ok(expected), "{value}");
    }
    assert!(render_value(&json!(["{{ run.plan * 2.5 }}"]), &words()).is_err());
    assert!(render_value(&json!("{{ 1e308 * 1e308 }}"), &words()).is_err());
}

#[test]
fn errors_do_not_quote_what_the_template_was_filled_with() {
    let secret = json!({"lastInput": "sesame", "run": {"o": {"sesame": 1}, "pin": 4711}});
    for text in [
        "{{ lastInput + 1 }}",
        "{{ lastInput | int }}",
        "{{ lastInput | float }}",
        "{{ lastInput | round }}",
        "{{ -lastInput }}",
        "{{ lastInput | abs }}",
        "{{ run.o < 1 and run.o | abs }}",
        "{% for a, b in [lastInput] %}{% endfor %}",
        "{{ run.pin // 0 }}",
    ] {
        if let Err(error) = render(text, &secret) {
            let told = format!("{error:?}");
            assert!(!told.contains("sesame") && !told.contains("4711"), "{text}: {told}");
        }
    }
    assert!(render("{{ lastInput | round }}", &secret).is_err() && render("{{ run.pin // 0 }}", &secret).is_err());
}

mod properties {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn whatever_is_written_is_filled_in_or_refused(text in r"([a-z ]|\{\{|\}\}|\{%|%\}|contact|run|\.|\[|\]|'|\||~|\*|[0-9]|for|in|if|end|set|\(|\)|-){0,40}") {
            let checked = variables(&text);
            let rendered = render(&text, &words());
            prop_assert!(checked.is_ok() || rendered.is_err());
            let _ = render_value(&Value::String(text), &words());
        }

        #[test]
        fn a_text_without_braces_stays_as_it_is(text in "[^{}]{0,50}") {
            prop_assert_eq!(render(&text, &words()), Ok(text));
        }
    }
}
