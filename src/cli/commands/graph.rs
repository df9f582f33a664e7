//! `retort graph`: the stages as a drawing, coloured by what would run.

use std::collections::BTreeMap;

use super::super::args::{Global, Graph, GraphFormat};
use super::super::exit::{Exit, Failure};
use super::super::print;
use super::super::session::{Devices, Session};
use crate::graph::{Drawing, DrawnStage, Shade, dot, mermaid, svg};
use crate::plan::{Plan, Verdict};

/// Draws the stages.
pub(super) fn graph(global: &Global, args: &Graph) -> Result<Exit, Failure> {
    let session = Session::load(global, &args.pipeline)?;
    let wanted = session.wanted(&[])?;
    let store = session.look()?;
    let ground = session.survey(&wanted, &store, &Devices::new(&session.settings, global))?;
    let plan = session.plan(&wanted, &ground, &store)?;
    let drawing = drawing(&session, &plan);
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
        print::json(&serde_json::json!({ "stages": stages, "edges": drawing.edges }));
    } else {
        print::data(&match args.format {
            GraphFormat::Dot => dot(&drawing),
            GraphFormat::Mermaid => mermaid(&drawing),
            GraphFormat::Svg => svg(&drawing),
        });
    }
    Ok(Exit::Success)
}

fn drawing(session: &Session, plan: &Plan) -> Drawing {
    let mut index: BTreeMap<&str, usize> = BTreeMap::new();
    let mut drawing = Drawing::default();
    for id in session.experiment.ids() {
        let stage = session.experiment.stage_of(id);
        let at = *index.entry(&stage.name).or_insert_with(|| {
            drawing.stages.push(DrawnStage {
                name: stage.name.clone(),
                kind: stage.word.to_owned(),
                instances: 0,
                shade: Shade::Hit,
            });
            drawing.stages.len() - 1
        });
        let shade = match plan.verdicts[id.index()] {
            Verdict::Hit(_) | Verdict::Left => Shade::Hit,
            Verdict::Awaits(_) | Verdict::Doubtful(..) | Verdict::Lacks(_) => Shade::Awaits,
            Verdict::Run(_) | Verdict::Remake(..) | Verdict::Shares(_) => Shade::Runs,
        };
        drawing.stages[at].instances += 1;
        drawing.stages[at].shade = drawing.stages[at].shade.max(shade);
        let producers = session.graph.producers(id);
        drawing.edges.extend(producers.iter().map(|p| (index[session.experiment.stage_of(*p).name.as_str()], at)));
    }
    drawing.edges.sort_unstable();
    drawing.edges.dedup();
    drawing
}
