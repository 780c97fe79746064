//! Tools and prompts that ask the client by their result, round after round, until it has answered (revision 2026-07-28). The state that
//! the client carries in between is sealed: whoever changes it is refused.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use rmcp::ErrorData;
use rmcp::model::{ClientCapabilities, InputRequest, InputRequiredResult, InputResponses};
use sha2::Sha256;

use super::fixtures::Round;

/// The key of all states, for the life of the process.
#[derive(Clone)]
pub(super) struct StateKey([u8; 32]);

/// Where a tool or a prompt is with a client.
pub(super) enum Turn {
    /// It asks.
    Ask(InputRequiredResult),
    /// It has its answers.
    Done(InputResponses),
}

/// What the client sent with its call.
pub(super) struct Sent {
    pub(super) responses: Option<InputResponses>,
    pub(super) state: Option<String>,
    pub(super) can: Option<ClientCapabilities>,
}

impl StateKey {
    pub(super) fn new() -> Self {
        Self(rand::random())
    }

    fn tag(&self, what: &str) -> Result<Hmac<Sha256>, ErrorData> {
        let mac = Hmac::<Sha256>::new_from_slice(&self.0);
        Ok(mac.map_err(|error| ErrorData::internal_error(error.to_string(), None))?.chain_update(what))
    }

    fn seal(&self, name: &str, round: usize) -> Result<String, ErrorData> {
        let tag = self.tag(&format!("{name} {round}"))?.finalize().into_bytes();
        Ok(format!("{round}.{}", URL_SAFE_NO_PAD.encode(tag)))
    }

    fn open(&self, name: &str, state: &str) -> Result<usize, ErrorData> {
        let refused = || ErrorData::invalid_params("requestState is not one that this server gave out", None);
        let (round, tag) = state.split_once('.').ok_or_else(refused)?;
        let tag = URL_SAFE_NO_PAD.decode(tag).map_err(|_| refused())?;
        self.tag(&format!("{name} {round}"))?.verify_slice(&tag).map_err(|_| refused())?;
        round.parse().map_err(|_| refused())
    }

    /// What follows from what the client sent to `name`. Missing and malformed answers are asked for again.
    ///
    /// # Errors
    /// A state that was changed; a client that can answer nothing of what would be asked.
    pub(super) fn turn(&self, name: &str, rounds: &[Round], sealed: bool, sent: Sent) -> Result<Turn, ErrorData> {
        let at = match sent.state.as_deref() {
            Some(state) if sealed => self.open(name, state)?,
            _ => 0,
        };
        let Some(round) = rounds.get(at) else { return Ok(Turn::Done(InputResponses::new())) };
        let can = sent.can.unwrap_or_default();
        let can_answer = |round: &Round| -> Round {
            round.iter().filter(|(_, one)| declares(&can, one)).map(|(key, one)| (key.clone(), one.clone())).collect()
        };
        let asked = can_answer(round);
        if asked.is_empty() {
            let needed = round.values().next().map(needed).unwrap_or_default();
            return Err(ErrorData::missing_required_client_capability(needed));
        }
        let responses = sent.responses.unwrap_or_default();
        // The state proves that this round was asked; without one only the answers can.
        let answered = (!sealed || sent.state.is_some())
            && asked.keys().all(|key| responses.get(key).is_some_and(serde_json::Value::is_object));
        let next = if answered { at + 1 } else { at };
        match rounds.get(next) {
            None => Ok(Turn::Done(responses)),
            Some(round) => {
                let state = sealed.then(|| self.seal(name, next)).transpose()?;
                Ok(Turn::Ask(InputRequiredResult::new(Some(can_answer(round)), state)))
            }
        }
    }
}

fn declares(can: &ClientCapabilities, request: &InputRequest) -> bool {
    match request {
        InputRequest::CreateMessage(_) => can.sampling.is_some(),
        InputRequest::Elicitation(_) => can.elicitation.is_some(),
        InputRequest::ListRoots(_) => can.roots.is_some(),
        _ => false,
    }
}

fn needed(request: &InputRequest) -> ClientCapabilities {
    let builder = ClientCapabilities::builder();
    match request {
        InputRequest::CreateMessage(_) => builder.enable_sampling().build(),
        InputRequest::ListRoots(_) => builder.enable_roots().build(),
        _ => builder.enable_elicitation().build(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::fixtures::fixtures;
    use super::*;

    const NAME: &str = "test_input_required_result_multi_round";

    fn turn(key: &StateKey, responses: serde_json::Value, state: Option<&str>) -> Result<Turn, ErrorData> {
        let tool = &fixtures().unwrap().tools[NAME];
        let sent = Sent {
            responses: serde_json::from_value(responses).unwrap(),
            state: state.map(str::to_owned),
            can: Some(ClientCapabilities::builder().enable_elicitation().build()),
        };
        key.turn(NAME, &tool.rounds, tool.sealed, sent)
    }

    fn asked(turn: Turn) -> (Vec<String>, String) {
        let Turn::Ask(asks) = turn else { panic!("it did not ask") };
        (asks.input_requests.unwrap().into_keys().collect(), asks.request_state.unwrap())
    }

    #[test]
    fn round_follows_round_and_a_changed_state_is_refused() {
        let key = StateKey::new();
        let (first, state) = asked(turn(&key, json!(null), None).unwrap());
        assert_eq!(first, ["step1"]);
        let (again, _) = asked(turn(&key, json!({"step1": 5}), Some(&state)).unwrap());
        assert_eq!(again, ["step1"], "a malformed answer is asked for again");
        let (second, state) = asked(turn(&key, json!({"step1": {}}), Some(&state)).unwrap());
        assert_eq!(second, ["step2"]);
        assert!(matches!(turn(&key, json!({"step2": {}}), Some(&state)), Ok(Turn::Done(_))));
        let forged = state.replacen('1', "0", 1);
        for forged in [forged.as_str(), "1.", "", &format!("{state}x")] {
            assert!(turn(&key, json!({"step1": {}}), Some(forged)).is_err(), "{forged}");
        }
        assert!(turn(&StateKey::new(), json!({"step2": {}}), Some(&state)).is_err(), "another process's");
    }
}
