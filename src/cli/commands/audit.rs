//! `retort audit`: one result computed again, and vouched for or told apart.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use super::super::args::{Audit, Global};
use super::super::exit::{Exit, Failure};
use super::super::print;
use super::super::session::{Devices, Session, open_store_with};
use super::afresh::{Afresh, different_parts};
use super::show::result_of;
use crate::fingerprint::Digest;
use crate::spec::InstanceId;
use crate::stage::kinds::elicit::BOUGHT;
use crate::store::{LayerAt, LayerOptions, Mode, Store, StoreOptions, Writes};

/// How long the cache may take to answer the audit; it is on this machine.
const TIMEOUT: Duration = Duration::from_mins(10);

/// Computes an instance again and compares it with what was claimed.
pub(super) fn audit(global: &Global, args: &Audit) -> Result<Exit, Failure> {
    let mut session = Session::load(global, &args.pipeline)?;
    // What nobody trusted has signed is just what is worth an audit.
    session.settings.trust.require = false;
    let id = session.only(&args.target)?;
    // Inputs that only a layer has are fetched into the cache, from where the audit takes them.
    let known = session.store(Mode::Existing)?;
    let fingerprint = result_of(global, &session, id, &known)?.fingerprint;
    let claims = known.claims(&fingerprint)?;
    let wanted = session.graph.needed_by(vec![id]);
    let folder = std::env::temp_dir().join(format!("retort-audit-{}", std::process::id()));
    let fresh = again(global, &session, id, &wanted, &known, &folder);
    fs_err::remove_dir_all(&folder)?;
    let Some(fresh) = fresh? else { return Ok(Exit::StageFailed) };
    let mut differs = false;
    for (claim, said) in &claims {
        let parts = said.outputs.iter().map(|(part, blob)| (part.clone(), blob.digest)).collect();
        let different: Vec<String> =
            different_parts(&parts, &fresh).into_iter().map(|part| format!("`{part}`")).collect();
        let by = format!("{}@{}", said.producer.user, said.producer.host);
        let name = session.name(id);
        if different.is_empty() {
            let signed = known.countersign(&claim.digest())?;
            let vouched = if signed { ", and it is countersigned" } else { "; there is no key to countersign it with" };
            print::data(&format!("{name}, made by {by}: computed again, it is the same{vouched}\n"));
        } else {
            differs = true;
            print::data(&format!("{name}, made by {by}: computed again, it differs in {}\n", different.join(", ")));
            print::data(&format!("claim {claim}\n"));
        }
    }
    Ok(if differs { Exit::Differs } else { Exit::Success })
}

/// Computes the instance in a cache of its own, with the real one as a layer that knows no result of it.
fn again(
    global: &Global,
    session: &Session,
    id: InstanceId,
    wanted: &[bool],
    known: &Store,
    folder: &Path,
) -> Result<Option<BTreeMap<String, Digest>>, Failure> {
    let devices = Devices::new(&session.settings, global);
    let ground = session.ground(wanted, known, &devices)?;
    let plan = session.plan(wanted, &ground, known)?;
    let fingerprint = result_of(global, session, id, known)?.fingerprint;
    let layer = LayerOptions {
        name: "cache".to_owned(),
        at: LayerAt::Directory(std::path::absolute(known.root())?),
        writes: Writes::Never,
        timeout: TIMEOUT,
    };
    let mut layers = vec![layer];
    layers.extend(session.settings.layers.iter().cloned().map(|layer| LayerOptions { writes: Writes::Never, ..layer }));
    let settings = &session.settings;
    let store = open_store_with(StoreOptions {
        mode: Mode::Create,
        layers,
        blind_to: vec![fingerprint],
        ..settings.store(folder)
    })?;
    // What a teacher behind a server said cannot be computed again, only bought again.
    for kind in BOUGHT {
        store.take_rows(known, kind)?;
    }
    let again = Afresh { session, wanted, ground: &ground, store: &store, devices: &devices };
    let outcome = again.run(global, "audit", plan.counts())?;
    Ok(outcome.results[id.index()].as_ref().map(|found| found.parts.clone()))
}
