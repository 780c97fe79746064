//! The flows of the made-up shop, published as everybody publishes them, and some of its people within them.

use serde_json::{Value, json};

use super::Demo;
use crate::problem::{Code, Problem};

/// The documents, each with every how many-th of those who wrote is in it.
const FLOWS: [(&str, usize); 3] = [
    (include_str!("flows/order-status.yaml"), 9),
    (include_str!("flows/newsletter.yaml"), 7),
    (include_str!("flows/feedback.yaml"), 4),
];

impl Demo<'_> {
    /// Publishes the flows and starts them with some of `contacts`; gives how many flows and runs there are. What an empty workspace has
    /// under the same name stays as it is.
    pub(super) async fn automate(&self, contacts: &[String]) -> Result<(u64, u64), Problem> {
        let (mut flows, mut runs) = (0, 0);
        for (document, every) in FLOWS {
            let created = match self.call("create_flow", json!({ "yaml": document })).await {
                Err(problem) if problem.code == Code::Conflict => continue,
                created => created?,
            };
            let flow = created["flow"]["id"].clone();
            self.call("publish_flow", json!({ "flowId": flow })).await?;
            flows += 1;
            for contact in contacts.iter().skip(every / 2).step_by(every) {
                runs += u64::from(self.start(&flow, contact).await?);
            }
        }
        Ok((flows, runs))
    }

    /// Starts a flow with a contact; not with one who wants no messages.
    async fn start(&self, flow: &Value, contact: &str) -> Result<bool, Problem> {
        match self.call("send_contact_flow", json!({ "contactId": contact, "flowId": flow })).await {
            Err(problem) if matches!(problem.code, Code::OptedOut | Code::Forbidden) => Ok(false),
            started => started.map(|_| true),
        }
    }
}
