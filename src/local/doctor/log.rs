//! What stands in the log: verified, not later than the clock, folded into the read tables; and the tokens that it knows.

use std::collections::BTreeSet;
use std::sync::Arc;

use aggregates::Event;
use aggregates::ids::{TokenId, WorkspaceId};
use aggregates::token::Token;
use cqrs_es::Aggregate;

use super::Finding;
use crate::app::{LogPlace, OpenOptions};
use crate::clock::{Clock, SystemClock};
use crate::event_log::EventLog;
use crate::event_log::append::LogError;
use crate::event_log::sealing::MasterKey;
use crate::event_log::store::EventRange;

/// How many of the last events of each workspace are verified unless all are.
const LAST: u64 = 10_000;
/// How far the clock may stand behind the last event, in microseconds: it may have been set right.
const CLOCK_TOLERANCE_US: i64 = 2_000_000;
/// Claims looked at at once.
const PAGE: usize = 1_000;

/// What is said when only the server's own log knows more.
pub(super) const SEE_LOG: &str = "the log on the server's standard error says more: chatbotx --log info";

/// How far the read tables of a workspace are.
pub(super) struct Standing {
    pub(super) workspace: WorkspaceId,
    pub(super) position: u64,
    pub(super) error: Option<String>,
}

/// The log of a folder that nobody holds but the caller; it is known to be sound enough to be opened without changing it.
pub(super) async fn check_at_rest(options: &OpenOptions, full: bool) -> Vec<Finding> {
    let unreadable = |what: String| vec![Finding::problem("event log", what, "see the other findings")];
    let key = match MasterKey::read(&options.key_file()) {
        Ok(key) => key,
        Err(error) => return unreadable(format!("it cannot be opened: {error}")),
    };
    let opened = match options.log_place() {
        Ok(LogPlace::File(file)) => EventLog::open_sqlite(&file, Arc::new(key), Arc::new(SystemClock)).await,
        Ok(LogPlace::Server(url)) => {
            EventLog::open_postgres(&url, None, |_| Ok::<_, LogError>(key), Arc::new(SystemClock)).await
        }
        Err(problem) => return unreadable(problem.message),
    };
    let log = match opened {
        Ok(log) => log,
        Err(error) => return unreadable(format!("it cannot be opened: {error}")),
    };
    let mut findings = Vec::new();
    // On a server the tables are looked at by the processes that keep them: a file that lies here is from before.
    if matches!(options.log_place(), Ok(LogPlace::File(_)))
        && let Ok(found) = projections::inspect(&options.tables_link()).await
    {
        let standing = |point: &projections::Checkpoint| Standing {
            workspace: point.workspace,
            position: point.position,
            error: None,
        };
        let standings: Vec<Standing> = found.checkpoints.iter().map(standing).collect();
        findings.extend(check_tables(&log, &standings).await);
    }
    findings.extend(check(&log, &SystemClock, full).await);
    log.store().close().await;
    findings
}

/// Holds the read tables against the log.
pub(super) async fn check_tables(log: &EventLog, standings: &[Standing]) -> Vec<Finding> {
    let check = "read tables";
    let mut findings = Vec::new();
    for Standing { workspace, position, error } in standings {
        let head = match log.head(*workspace).await {
            Ok(head) => head,
            Err(error) => {
                findings.push(Finding::problem(
                    check,
                    format!("the head of {workspace} cannot be read: {error}"),
                    SEE_LOG,
                ));
                continue;
            }
        };
        let rebuild = "chatbotx projections rebuild";
        if let Some(error) = error {
            let what = format!("those of {workspace} stand still at {position} of {head}: {error}");
            findings.push(Finding::problem(check, what, rebuild));
        } else if *position > head {
            let what =
                format!("those of {workspace} are at {position}, but the log ends at {head}: they are of another log");
            findings.push(Finding::warning(check, what, "nothing to do: the next start builds them anew"));
        } else if *position < head {
            let what = format!("those of {workspace} are at {position} of {head}");
            findings.push(Finding::warning(
                check,
                what,
                "they follow when the program runs; if they do not: projections rebuild",
            ));
        }
    }
    if findings.is_empty() {
        findings.push(Finding::ok(check, "they are as far as the log"));
    }
    findings
}

/// Looks at what stands in the log.
pub(super) async fn check(log: &EventLog, clock: &dyn Clock, full: bool) -> Vec<Finding> {
    let unreadable = |error: &LogError| {
        vec![Finding::problem("event log", format!("the workspaces cannot be listed: {error}"), SEE_LOG)]
    };
    let traces = match log.store().traces().await {
        Ok(traces) => traces,
        Err(error) => return unreadable(&error),
    };
    let mut findings = Vec::new();
    if traces.malformed > 0 {
        let what = format!("rows that belong to no workspace, since its id is malformed: {}", traces.malformed);
        findings.push(Finding::problem("event log", what, "somebody changed the file: see chatbotx log verify"));
    }
    if traces.workspaces.is_empty() {
        let mend = "chatbotx workspace create --name \"My workspace\", or connect an assistant";
        findings.push(Finding::warning("workspaces", "there is no workspace yet", mend));
    }
    for workspace in traces.workspaces {
        findings.push(verified(log, workspace, full).await);
        findings.push(clock_of(log, workspace, clock.now()).await);
        findings.extend(tokens(log, workspace, clock.now()).await);
    }
    findings
}

async fn verified(log: &EventLog, workspace: WorkspaceId, full: bool) -> Finding {
    let check = "log verify";
    let verified = if full { log.verify(workspace, &|_, _| {}).await } else { log.verify_last(workspace, LAST).await };
    match verified {
        Err(error) => Finding::problem(check, format!("the log of {workspace} cannot be read: {error}"), SEE_LOG),
        Ok(found) => match found.first_bad {
            Some(bad) => {
                let what = format!("the log of {workspace} was changed at {}: {}", bad.position, bad.reason);
                Finding::problem(check, what, "restore a backup from before; chatbotx log verify tells what is whole")
            }
            None if full => Finding::ok(check, format!("all {} events of {workspace} are as written", found.size)),
            None => {
                let looked_at = found.size.min(LAST);
                Finding::ok(
                    check,
                    format!("the last {looked_at} of {} events of {workspace} are as written", found.size),
                )
            }
        },
    }
}

async fn clock_of(log: &EventLog, workspace: WorkspaceId, now: i64) -> Finding {
    let check = "clock";
    match log.store().head(workspace).await {
        Err(error) => Finding::problem(check, format!("the head of {workspace} cannot be read: {error}"), SEE_LOG),
        Ok(head) if head.recorded_at > now.saturating_add(CLOCK_TOLERANCE_US) => {
            let seconds = (head.recorded_at - now) / 1_000_000;
            let what = format!("this machine's clock stands {seconds} s before the last event of {workspace}");
            let mend = "set the clock (timedatectl); until it has caught up, events are recorded at that later time";
            Finding::problem(check, what, mend)
        }
        Ok(_) => Finding::ok(check, format!("it is not behind the last event of {workspace}")),
    }
}

/// The tokens of a workspace that open nothing, or never opened anything.
async fn tokens(log: &EventLog, workspace: WorkspaceId, now: i64) -> Vec<Finding> {
    let check = "tokens";
    match of_claims(log, workspace).await {
        Err(error) => {
            vec![Finding::problem(check, format!("those of {workspace} cannot be read: {error}"), SEE_LOG)]
        }
        Ok(tokens) => {
            let used: BTreeSet<TokenId> = match log.store().token_uses(workspace).await {
                Ok(uses) => uses.into_iter().map(|(token, _)| token).collect(),
                Err(error) => {
                    let what = format!("when those of {workspace} were used cannot be read: {error}");
                    return vec![Finding::problem(check, what, SEE_LOG)];
                }
            };
            judged(workspace, &tokens, &used, now)
        }
    }
}

fn judged(workspace: WorkspaceId, tokens: &[(TokenId, Token)], used: &BTreeSet<TokenId>, now: i64) -> Vec<Finding> {
    let check = "tokens";
    let mut findings = Vec::new();
    let in_use: Vec<_> = tokens.iter().filter(|(_, token)| !token.revoked).collect();
    for (id, token) in &in_use {
        if token.expires_at.is_some_and(|end| end <= now) {
            let what = format!("\"{}\" ({id}) of {workspace} has expired", token.name);
            findings.push(Finding::warning(
                check,
                what,
                format!("make another, or end it: chatbotx token revoke {id}"),
            ));
        } else if !used.contains(id) {
            let what = format!("\"{}\" ({id}) of {workspace} was never used", token.name);
            let mend = format!("connect the assistant it is for, or end it: chatbotx token revoke {id}");
            findings.push(Finding::warning(check, what, mend));
        }
    }
    if findings.is_empty() {
        findings.push(Finding::ok(check, format!("of {workspace}, in use: {}", in_use.len())));
    }
    findings
}

/// Every token, found through the claims on digests: no read table is needed for it.
async fn of_claims(log: &EventLog, workspace: WorkspaceId) -> Result<Vec<(TokenId, Token)>, LogError> {
    let kind = aggregates::claim::ClaimKind::TokenDigest.name();
    let mut owners = BTreeSet::new();
    // No hash comes before the empty one.
    let mut after = Some((kind.to_owned(), [0; 32]));
    while let Some(from) = after.take() {
        let page = log.store().claims(workspace, Some(from), PAGE).await?;
        let of_tokens = page.into_iter().take_while(|(found, ..)| found == kind);
        for (found, hash, owner, _) in of_tokens {
            owners.insert(owner);
            after = Some((found, hash));
        }
    }
    let mut tokens = Vec::with_capacity(owners.len());
    for owner in owners {
        let mut token = Token::default();
        for entry in log.entries(workspace, EventRange::Stream(owner, 0), PAGE).await? {
            if let Event::Token(event) = &entry.recorded.event {
                token.apply(event.clone());
            }
        }
        tokens.push((TokenId(owner), token));
    }
    Ok(tokens)
}

#[cfg(test)]
mod unit_tests {
    use aggregates::token::Event as TokenEvent;
    use uuid::Uuid;

    use super::super::Level;
    use super::*;

    fn token(expires_at: Option<i64>, revoked: bool) -> Token {
        let mut token = Token::default();
        token.apply(TokenEvent::TokenCreated {
            name: "ci".to_owned(),
            digest: "0a".repeat(32),
            permission: aggregates::token::Permission::Full,
            scopes: Vec::new(),
            expires_at,
        });
        if revoked {
            token.apply(TokenEvent::TokenRevoked {});
        }
        token
    }

    #[test]
    fn tokens_that_have_expired_or_were_never_used_are_told() {
        let id = |number: u128| TokenId(Uuid::from_u128(number));
        let workspace = WorkspaceId(Uuid::from_u128(9));
        let used = BTreeSet::from([id(1), id(2)]);
        let tokens = [
            (id(1), token(None, false)),
            (id(2), token(Some(10), false)),
            (id(3), token(None, false)),
            (id(4), token(None, true)),
        ];
        let found = judged(workspace, &tokens, &used, 10);
        assert_eq!(found.len(), 2);
        assert!(found[0].what.contains(&id(2).to_string()) && found[0].what.contains("expired"));
        assert!(found[1].what.contains(&id(3).to_string()) && found[1].what.contains("never used"));
        assert_eq!(judged(workspace, &tokens[..1], &used, 10)[0].level, Level::Ok);
    }
}
