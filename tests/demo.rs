//! The demo fills a workspace through the operations and the web chat, alike for the same seed.

use chatbotx::app::unheard;
use chatbotx::local::demo::{DemoRequest, fill};
use chatbotx::problem::Code;
use serde_json::{Value, json};

use crate::fixture::{Program, call_as};

fn request(workspace: Option<&str>, seed: u64) -> DemoRequest {
    DemoRequest { workspace: workspace.map(str::to_owned), contacts: 40, seed }
}

/// What people see of the workspace, without ids and times.
async fn seen(program: &Program) -> Vec<Value> {
    let mut contacts: Vec<Value> = Vec::new();
    let mut page = json!({"limit": 20, "sort": "name", "detail": "full"});
    loop {
        let listed = program.done("list_contacts", page.clone()).await;
        contacts.extend(listed["items"].as_array().expect("items").iter().cloned());
        let Some(cursor) = listed.get("nextCursor") else { break };
        page["cursor"] = cursor.clone();
    }
    let mut seen = Vec::new();
    for contact in &contacts {
        let id = &contact["id"];
        let fields = program.done("list_contact_custom_fields", json!({"contactId": id})).await;
        let messages = program.done("list_contact_messages", json!({"contactId": id})).await;
        let names = |list: &Value, members: [&str; 2]| -> Vec<Value> {
            let items = list.as_array().into_iter().flatten();
            items.map(|item| json!(members.map(|member| item[member].clone()))).collect()
        };
        let tags: Vec<Value> =
            contact["tags"].as_array().into_iter().flatten().map(|tag| tag["name"].clone()).collect();
        let own: Vec<&Value> =
            ["name", "email", "phone", "country", "language"].iter().map(|one| &contact[*one]).collect();
        let fields = names(&fields["items"], ["name", "value"]);
        seen.push(json!([own, tags, fields, names(&messages["items"], ["direction", "text"])]));
    }
    seen.sort_by_key(Value::to_string);
    seen
}

#[tokio::test]
async fn the_same_seed_makes_the_same_people_who_say_the_same() {
    let [one, again, other] = [Program::start().await, Program::start().await, Program::start().await];
    for (program, seed) in [(&one, 7), (&again, 7), (&other, 8)] {
        let made = fill(&program.app, &request(Some("Bakery"), seed), &unheard()).await.expect("filled");
        assert_eq!((&made["contacts"], &made["name"]), (&json!(40), &json!("Bakery")));
        assert_eq!(made["events"], program.head().await);
        assert_eq!(made["flows"], 3);
        program.settle().await;
        let runs = program.done("list_flow_runs", json!({"limit": 100})).await;
        let runs = runs["items"].as_array().expect("runs");
        assert_eq!(runs.len() as u64, made["flowRuns"].as_u64().expect("a number"));
        assert!(runs.len() > 3 && runs.iter().all(|run| run["status"] == "waiting"), "{runs:?}");
    }
    let people = seen(&one).await;
    assert_eq!(people.len(), 40);
    assert_eq!(people, seen(&again).await);
    assert_ne!(people, seen(&other).await);
    let directions: String = people.iter().map(|person| person[3].to_string()).collect();
    assert!(directions.contains("inbound") && directions.contains("outbound"));
    assert!(one.app.verify(&unheard()).await.expect("readable").ok);
}

#[tokio::test]
async fn made_up_people_are_not_mixed_with_real_ones() {
    let program = Program::start().await;
    program.done("create_contact", json!({"firstName": "Ana"})).await;
    let refused = fill(&program.app, &request(Some("Bakery"), 1), &unheard()).await.expect_err("refused");
    assert_eq!((refused.code, refused.field.as_deref()), (Code::Conflict, Some("workspace")));
    let made = fill(&program.app, &request(None, 1), &unheard()).await.expect("filled");
    assert_eq!(made["name"], "Demo");
    let workspaces = program.app.workspaces().await.expect("readable");
    let demo = workspaces.iter().find(|workspace| workspace.name == "Demo").expect("a new workspace");
    let caller = chatbotx::app::Caller::local(demo.id);
    let counted = call_as(&program.app, &caller, "list_contacts", json!({"withCount": true})).await.expect("listed");
    assert_eq!(counted["totalCount"], 40);
    let twice = fill(&program.app, &request(None, 1), &unheard()).await.expect_err("refused");
    assert_eq!(twice.code, Code::Conflict);
    let none = DemoRequest { contacts: 0, ..request(None, 1) };
    assert_eq!(fill(&program.app, &none, &unheard()).await.expect_err("refused").code, Code::InvalidInput);
}
