//! Answers that were given elsewhere: results of a teacher whose server had another address than the pipeline names.

use super::exit::Failure;
use super::session::Session;
use crate::kinds::elicit::{SERVERS, another_server};
use crate::plan::{Plan, Verdict};
use crate::spec::InstanceId;
use crate::store::Store;

/// Says of each result that is taken from the cache where its answers were given, if that is elsewhere.
pub(super) fn elsewhere(session: &Session, plan: &Plan, store: &Store) -> Result<Vec<String>, Failure> {
    let mut told = Vec::new();
    for (index, verdict) in plan.verdicts.iter().enumerate() {
        let Verdict::Hit(found) = verdict else { continue };
        let Some(here) = session.experiment.instances[index].bound.server() else { continue };
        let Some((_, claim)) = store.claim(&found.fingerprint)? else { continue };
        let servers = claim.notes.get(SERVERS).map(String::as_str).unwrap_or_default();
        let others: Vec<String> =
            servers.lines().filter(|server| *server != here).map(|server| format!("`{server}`")).collect();
        if !others.is_empty() {
            let name = session.name(InstanceId::at(index));
            told.push(format!("`{name}`: {}", another_server(&others.join(", "), here)));
        }
    }
    Ok(told)
}
