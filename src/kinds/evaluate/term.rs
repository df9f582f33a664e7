//! What every row of a student depends on.

use retort_artifact::Checkpoint;
use retort_fingerprint::Term;
use retort_model::Device;
use retort_stage::params::Input;
use retort_stage::{Context, StageError};

/// Its parts and the numerics it computes with.
pub(in super::super) fn student_term(context: &Context<'_>, input: &Input<Checkpoint>) -> Result<Term, StageError> {
    let parts = context.parts(input)?;
    let digests = parts.iter().map(|(part, digest)| (part.clone().into(), Term::Digest(*digest)));
    let numerics = context.device::<Device>()?.numerics();
    Ok(Term::record([("parts", Term::Record(digests.collect())), ("numerics", Term::Text(numerics.into()))]))
}
