//! `retort audit`: one result computed again, and vouched for or told apart.

use super::super::args::{Audit, Global};
use super::super::exit::{Exit, Failure};
use super::super::print;
use super::super::reporter;
use super::super::settings::workspace_of;
use super::run::reporter_options;
use crate::store::Mode;

/// Computes an instance again and compares it with what was recorded.
pub(super) fn audit(global: &Global, args: &Audit) -> Result<Exit, Failure> {
    let mut workspace = workspace_of(global, &args.pipeline)?;
    // What nobody trusted has signed is just what is worth an audit.
    workspace.settings.trust.require = false;
    let pipeline = workspace.load(&args.pipeline.file, &args.pipeline.set)?;
    let id = pipeline.only(&args.target)?;
    // Inputs that only a remote has are fetched into the cache, from where the audit takes them.
    let session = pipeline.with(workspace.store(Mode::Existing)?);
    let folder = std::env::temp_dir().join(format!("retort-audit-{}", std::process::id()));
    let mut screen = reporter::make(reporter_options(global));
    let audited = session.audit(id, &folder, &mut *screen);
    drop(screen);
    let Some(audited) = audited? else { return Ok(Exit::StageFailed) };
    let name = session.name(id);
    let mut differs = false;
    for one in &audited {
        let by = &one.by;
        if one.different.is_empty() {
            let vouched = if one.countersigned {
                ", and it is countersigned"
            } else {
                "; there is no key to countersign it with"
            };
            print::data(&format!("{name}, made by {by}: computed again, it is the same{vouched}\n"));
        } else {
            differs = true;
            let different: Vec<String> = one.different.iter().map(|part| format!("`{part}`")).collect();
            print::data(&format!("{name}, made by {by}: computed again, it differs in {}\n", different.join(", ")));
            print::data(&format!("record {}\n", one.record));
        }
    }
    Ok(if differs { Exit::Differs } else { Exit::Success })
}
