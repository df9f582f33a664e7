//! `retort graph`: the stages as a drawing, coloured by what would run.

use super::super::args::{Global, Graph, GraphFormat};
use super::super::exit::{Exit, Failure};
use super::super::print;
use super::super::settings::load;
use crate::graph::{dot, mermaid, svg};
use crate::session::Demand;

/// Draws the stages.
pub(super) fn graph(global: &Global, args: &Graph) -> Result<Exit, Failure> {
    let session = load(global, &args.pipeline)?.look()?;
    let planned = session.plan(session.pipeline.all(), Demand::Device)?;
    let drawing = session.drawing(&planned);
    if global.json {
        let stages: Vec<_> = drawing
            .stages
            .iter()
            .map(|stage| {
                serde_json::json!({
                    "name": stage.name, "kind": stage.kind, "instances": stage.instances, "state": stage.shade.word(),
                })
            })
            .collect();
        print::answer(&serde_json::json!({ "stages": stages, "edges": drawing.edges }));
    } else {
        print::data(&match args.format {
            GraphFormat::Dot => dot(&drawing),
            GraphFormat::Mermaid => mermaid(&drawing),
            GraphFormat::Svg => svg(&drawing),
        });
    }
    Ok(Exit::Success)
}
