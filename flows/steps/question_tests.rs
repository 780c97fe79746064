//! Questions as a run sees them: what is asked, which answers fit, and what follows.

use serde_json::{Value, json};

use super::super::given::{Given, at, failure, mentioned, only, to, written};
use super::*;
use crate::turn::SendButton;

fn steps(question: &Value) -> Value {
    json!({"here": {"question": question}, "below": {"end": {}}})
}

fn email() -> Value {
    steps(&json!({
        "text": "Your e-mail, {{ contact.firstName }}?", "validate": "email", "saveTo": "contact.email", "attempts": 2,
        "timeout": "2d", "onTimeout": "late", "onInvalid": "lost"
    }))
}

fn waiting(attempt: u32) -> Waiting {
    Waiting { reason: WaitingFor::Input, until: Some(at("2026-06-03T06:00:00Z")), attempt }
}

fn asked(text: &str, titles: &[&str]) -> Effect {
    let button =
        |(index, title): (usize, &&str)| SendButton { id: format!("here:{index}"), title: (*title).to_owned() };
    Effect::Send { text: text.to_owned(), buttons: titles.iter().enumerate().map(button).collect() }
}

fn answered(steps: &Value, attempt: u32, text: &str) -> Turn {
    // Later than the question: the end of the time does not move.
    let later = Given { now: at("2026-06-02T06:00:00Z"), ..Given::default() };
    later.resume(steps, &waiting(attempt), &written(text))
}

fn pressed(id: &str) -> Resumption {
    Resumption::Input(Input { text: "whatever".to_owned(), button: Some(id.to_owned()) })
}

fn saved(target: &str, value: Value) -> Effect {
    let target = Target::read(target).expect("a place");
    Effect::Put { target, operation: FieldOperation::Set, value, typed_by_customer: true }
}

#[test]
fn a_question_is_asked_and_its_answer_waited_for() {
    let turn = Given::default().enter(&email());
    let effects = vec![asked("Your e-mail, Ana?", &[])];
    assert_eq!(turn, Turn { effects, next: Next::Wait(waiting(0)) });
    let endless = Given::default().enter(&steps(&json!({"text": "Well?"})));
    assert_eq!(endless.next, Next::Wait(Waiting { until: None, ..waiting(0) }));
}

#[test]
fn an_answer_that_fits_is_saved_as_the_customers() {
    let turn = answered(&email(), 1, " ana@example.com");
    assert_eq!(turn, Turn { effects: vec![saved("contact.email", json!("ana@example.com"))], next: to("below") });
    let unsaved = answered(&steps(&json!({"text": "Well?"})), 0, "fine");
    assert_eq!(unsaved, only(to("below")));
}

#[test]
fn an_answer_that_does_not_fit_is_asked_for_again_within_the_same_time() {
    let again = "Sorry, I did not understand. Please answer with an e-mail address, for example ana@example.com.";
    let turn = answered(&email(), 0, "what?");
    assert_eq!(turn, Turn { effects: vec![asked(again, &[])], next: Next::Wait(waiting(1)) });
    let own =
        steps(&json!({"text": "How many?", "validate": "integer", "retryText": "A number, {{ contact.firstName }}."}));
    let turn = answered(&own, 1, "many");
    assert_eq!(turn, Turn { effects: vec![asked("A number, Ana.", &[])], next: Next::Wait(waiting(2)) });
}

#[test]
fn after_the_last_attempt_it_goes_on_elsewhere_or_fails() {
    assert_eq!(answered(&email(), 1, "what?"), only(to("lost")));
    let turn = answered(&steps(&json!({"text": "How many?", "validate": "integer"})), 2, "many");
    assert_eq!(failure(&turn), "invalid_answer");
    let Next::Fail { reason, .. } = turn.next else { panic!("goes on") };
    assert_eq!(reason, "no answer to the step here was a whole number, for example 12");
    let once = steps(&json!({"text": "How many?", "validate": "integer", "attempts": 1}));
    assert_eq!(failure(&answered(&once, 0, "many")), "invalid_answer");
}

#[test]
fn the_end_of_the_time_leads_elsewhere_or_to_the_step_that_follows() {
    let given = Given::default();
    assert_eq!(given.resume(&email(), &waiting(0), &Resumption::Timer), only(to("late")));
    let plain = steps(&json!({"text": "Well?", "timeout": "2d"}));
    assert_eq!(given.resume(&plain, &waiting(0), &Resumption::Timer), only(to("below")));
    assert_eq!(failure(&given.resume(&plain, &waiting(0), &Resumption::Event)), "not_waiting");
}

#[test]
fn a_few_short_choices_are_buttons() {
    let few = json!({"text": "Size?", "choices": ["Small", "Large"], "saveTo": "run.size"});
    assert_eq!(Given::default().enter(&steps(&few)).effects, [asked("Size?", &["Small", "Large"])]);
    for choices in [json!(["a", "b", "c", "d"]), json!(["a", "a choice of more than 20 characters"])] {
        let turn = Given::default().enter(&steps(&json!({"text": "Size?", "choices": choices})));
        assert_eq!(turn.effects, [asked("Size?", &[])]);
    }
}

#[test]
fn a_choice_is_pressed_or_written_and_saved_as_the_author_wrote_it() {
    let size = steps(&json!({"text": "Size?", "choices": ["Small", "Très large"], "saveTo": "run.size"}));
    let chosen = Turn { effects: vec![saved("run.size", json!("Très large"))], next: to("below") };
    assert_eq!(answered(&size, 0, " TRES  large"), chosen);
    assert_eq!(answered(&size, 0, "hm\ntres large\nplease"), chosen);
    assert_eq!(Given::default().resume(&size, &waiting(0), &pressed("here:1")), chosen);
    let again =
        asked("Sorry, I did not understand. Please answer with one of: Small, Très large.", &["Small", "Très large"]);
    for other in [written("medium"), pressed("there:1"), pressed("here:2")] {
        let turn = Given::default().resume(&size, &waiting(0), &other);
        assert_eq!(turn, Turn { effects: vec![again.clone()], next: Next::Wait(waiting(1)) });
    }
}

#[test]
fn a_choice_is_saved_as_what_is_asked_for() {
    let count =
        steps(&json!({"text": "How many?", "validate": "integer", "choices": ["1", "2"], "saveTo": "run.count"}));
    assert_eq!(answered(&count, 0, "2").effects, [saved("run.count", json!(2))]);
    assert!(answered(&count, 0, "3").effects.iter().all(|effect| matches!(effect, Effect::Send { .. })));
}

#[test]
fn a_question_of_which_nothing_shows_ends_the_run() {
    let blank = steps(&json!({"text": "{{ contact.lastName }}"}));
    assert_eq!(failure(&Given::default().enter(&blank)), "empty_text");
}

#[test]
fn everything_that_a_question_names_is_told() {
    let told = mentioned(&email()).join("\n");
    for named in [
        "text: Sent(",
        "saveTo: Put { target: Contact(Email), operation: Set, given: Answer([Email, Text]) }",
        "timeout: Duration(",
        "onTimeout: Step(\"late\")",
        "onInvalid: Step(\"lost\")",
    ] {
        assert!(told.contains(named), "{named} in {told}");
    }
    let form = json!({"text": "Size?", "choices": ["a", "b"], "retryText": "Which?"});
    let told = mentioned(&steps(&form)).join("\n");
    for named in ["retryText: Sent(", "choices: Buttons(2)", "choices[1]: Label(\"b\")"] {
        assert!(told.contains(named), "{named} in {told}");
    }
    let told = mentioned(&steps(&json!({"text": "Size?", "choices": ["a", "b", "c", "d"]}))).join("\n");
    assert!(told.contains("choices[3]: Choice(\"d\")") && !told.contains("Buttons"), "{told}");
}
