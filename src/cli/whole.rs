//! Whether the bytes of a result can be had before they are shown or written, and what to try where they cannot.

use super::exit::Failure;
use super::session::Session;
use crate::plan::Found;
use crate::spec::InstanceId;
use crate::store::Store;

/// Checks that parts of an instance's result can be read; parts that it has not are not asked about.
///
/// A plan counts such an instance as cached as long as nothing that runs reads it, so the failure names the command that
/// brings the bytes back.
pub(super) fn require<'p>(
    session: &Session,
    id: InstanceId,
    found: &Found,
    parts: impl IntoIterator<Item = &'p str>,
    store: &Store,
) -> Result<(), Failure> {
    let is_gone = |part: &&str| found.parts.get(*part).is_some_and(|digest| !store.holds(digest));
    let Some(part) = parts.into_iter().find(is_gone) else { return Ok(()) };
    let name = session.name(id);
    let (why, what) = if store.is_evicted(&found.parts[part]) {
        (format!("the {part} of `{name}` were not kept once all that reads them was done"), "them")
    } else {
        (format!("the part `{part}` of `{name}` is lost or damaged, and no layer has it"), "it")
    };
    let cache = session.settings.cache_option();
    let hint = format!("`retort run {} '{name}'{cache}` makes {what} again", session.experiment.path.display());
    super::session::tell_notices(store);
    Err(Failure::unusable(why).hint(hint))
}
