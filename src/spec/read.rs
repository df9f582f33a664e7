//! From the file to the experiment, collecting the errors of every step.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::OnceLock;

use super::axis::{Group, read_groups};
use super::bind::{Binding, Surroundings};
use super::derive::{Definition, definitions};
use super::document::{Document, read_document};
use super::expand::Expansion;
use super::experiment::{Experiment, StageDecl};
use super::fragment::Fragments;
use super::limit::enough;
use super::order::{References, order};
use super::setting::Settings;
use super::table::AxisTable;
use super::written::{WrittenStage, read_stage};
use super::{Language, Loader, MAX_ERRORS, MAX_INSTANCES, placeholder};
use retort_artifact::ArtifactKind;
use retort_source::{Diagnostic, Diagnostics, Key, Node, Sources, Span};
use retort_stage::{Coming, Misfit};

/// Reads an experiment: the file at `path` and what it includes, with `settings` such as `student=gpt2,phi`.
///
/// # Errors
///
/// Reports everything that is wrong with the files, each error once at its place, up to a hundred of them.
pub fn read(
    sources: &mut Sources,
    path: &Path,
    settings: &[String],
    language: Language,
    load: Loader<'_>,
) -> Result<Experiment, Diagnostics> {
    let mut diagnostics = Diagnostics::default();
    let experiment = lower(sources, path, settings, language, load, &mut diagnostics);
    if let Some(experiment) = &experiment {
        check_gathered(experiment, &mut diagnostics);
    }
    let mut experiment = experiment.filter(|_| diagnostics.is_empty()).ok_or_else(|| first_of(&diagnostics))?;
    experiment.notices = diagnostics.take_notices();
    Ok(experiment)
}

fn lower(
    sources: &mut Sources,
    path: &Path,
    settings: &[String],
    language: Language,
    load: Loader<'_>,
    diagnostics: &mut Diagnostics,
) -> Option<Experiment> {
    let mut document = read_document(sources, path, load, diagnostics)?;
    let mut settings = Settings::read(sources, settings, diagnostics);
    let mut fragments = Fragments::new(&document.fragments, diagnostics);
    let models = read_models(&document.models, &mut fragments, diagnostics);
    let axes = read_groups(&document.axes, &mut settings, diagnostics);
    let mut stages = Vec::new();
    for (name, node) in &document.stages {
        let resolved = if enough(diagnostics) { None } else { fragments.resolve(node, diagnostics) };
        stages.push(match resolved {
            Some(node) => read_stage(name, &node, language, &mut settings, diagnostics),
            None => WrittenStage::broken(name, node),
        });
    }
    check_axes(&axes, &stages, sources, diagnostics);
    settle(&mut settings, &mut document, &axes, &stages, diagnostics);
    if stages.is_empty() && diagnostics.is_empty() {
        let message = format!("`{}` declares no stages", path.display());
        let none = Diagnostic::of(message);
        diagnostics.push(none.hint("add them under `stages`, or include a file that does"));
    }
    let definitions = definitions(&stages, sources, diagnostics);
    let local =
        stages.iter().map(|stage| &stage.over).chain(definitions.iter().flatten().map(|definition| &definition.over));
    let table = AxisTable::new(&axes, local.flatten());
    let surroundings = Surroundings::new(&axes, &table, &models, document.seed, &stages, language);
    let bindings = bind_all(&stages, &definitions, &surroundings, diagnostics);
    let expansion = expand(&stages, &bindings, table, sources, diagnostics);
    diagnostics.is_empty().then(|| finish(document, stages, definitions, models, expansion))
}

/// Reports what does not fit between a stage and the instances that it reads.
fn check_gathered(experiment: &Experiment, diagnostics: &mut Diagnostics) {
    for id in experiment.ids() {
        let instance = experiment.instance(id);
        let gathers = |port: &str| instance.bound.edges().iter().any(|edge| edge.gathers && edge.port == port);
        let bound = |id| &experiment.instance(id).bound;
        let mut coming = Vec::new();
        for (port, producers) in &instance.inputs {
            // Of what is not gathered, only what is foretold matters.
            let foretold: Vec<_> = producers.iter().map(|id| bound(*id).foretold()).collect();
            if !gathers(port) && foretold.iter().all(Vec::is_empty) {
                continue;
            }
            let first = producers.first().map(|id| experiment.instance(*id).stage);
            let one_stage = producers.iter().all(|id| Some(experiment.instance(*id).stage) == first);
            coming.extend(producers.iter().zip(foretold).map(|(id, foretold)| {
                let coords = &experiment.instance(*id).coords;
                Coming {
                    port: port.to_string(),
                    stage: if one_stage { String::new() } else { experiment.stage_of(*id).name.clone() },
                    coords: coords.iter().map(|at| (at.axis.to_string(), at.value.to_string())).collect(),
                    made_by: experiment.stage_of(*id).name.clone(),
                    params: (bound(*id).kind().output == ArtifactKind::Rationales).then(|| bound(*id).params()),
                    foretold,
                }
            }));
        }
        for Misfit { field, message, hint } in instance.bound.misfits(&coming) {
            let span = experiment.span_of(id, &field).unwrap_or(experiment.stage_of(id).span);
            diagnostics.push(Diagnostic::at(span, message).hint_if(hint));
        }
    }
}

fn read_models(
    declared: &[(Key, Node)],
    fragments: &mut Fragments<'_>,
    diagnostics: &mut Diagnostics,
) -> BTreeMap<String, Node> {
    let mut models = BTreeMap::new();
    for (name, node) in declared {
        let resolved = fragments.resolve(node, diagnostics).unwrap_or_else(|| node.clone());
        let mut mentioned = None;
        placeholder::mentions(&resolved, diagnostics, &mut |_, span| mentioned = mentioned.or(Some(span)));
        if let Some(span) = mentioned {
            let wrong = Diagnostic::at(span, format!("the model `{}` cannot hold a placeholder", name.text));
            diagnostics
                .push(wrong.hint("declare one model for each value, and let an axis choose between their names"));
        }
        models.insert(name.text.clone(), resolved);
    }
    models
}

/// Reports axes that are declared twice: for the experiment, or for a stage under the name of one of the experiment's.
fn check_axes(axes: &[Group], stages: &[WrittenStage], sources: &Sources, diagnostics: &mut Diagnostics) {
    let mut global: BTreeMap<String, Span> = BTreeMap::new();
    let mut declare = |seen: &mut BTreeMap<String, Span>, key: &Key| {
        if let Some(first) = seen.get(&key.text) {
            let twice = Diagnostic::at(key.span, format!("an axis called `{}` is declared twice", key.text));
            let first = format!("first declared at {}", sources.location(*first));
            diagnostics.push(twice.label(first).hint("rename one of them"));
        } else {
            seen.insert(key.text.clone(), key.span);
        }
    };
    for axis in axes.iter().flat_map(|group| &group.axes) {
        declare(&mut global, &axis.key);
    }
    for stage in stages.iter().filter(|stage| !stage.over.is_empty()) {
        let mut local = global.clone();
        for axis in stage.over.iter().flat_map(|group| &group.axes) {
            declare(&mut local, &axis.key);
        }
    }
}

/// Gives the document what the command line set beside axes, and reports what nothing took.
fn settle(
    settings: &mut Settings,
    document: &mut Document,
    axes: &[Group],
    stages: &[WrittenStage],
    diagnostics: &mut Diagnostics,
) {
    let groups = axes.iter().chain(stages.iter().flat_map(|stage| &stage.over));
    let names: Vec<&str> = groups.flat_map(|group| &group.axes).map(|axis| axis.key.text.as_str()).collect();
    if let Some((seed, span)) = settings.seed(&names, diagnostics) {
        (document.seed, document.seed_span) = (seed, Some(span));
    }
    settings.report_unused(&names, diagnostics);
}

fn bind_all(
    stages: &[WrittenStage],
    definitions: &[Option<Definition>],
    surroundings: &Surroundings<'_>,
    diagnostics: &mut Diagnostics,
) -> Vec<Option<Vec<Binding>>> {
    let mut room = MAX_INSTANCES;
    let mut bindings = Vec::new();
    for (stage, definition) in stages.iter().zip(definitions) {
        let definition = definition.as_ref().filter(|_| !enough(diagnostics));
        let bound = definition.and_then(|definition| surroundings.bind(definition, room, stage.name.span, diagnostics));
        room -= bound.as_ref().map_or(0, Vec::len);
        bindings.push(bound);
    }
    bindings
}

fn expand(
    stages: &[WrittenStage],
    bindings: &[Option<Vec<Binding>>],
    table: AxisTable,
    sources: &Sources,
    diagnostics: &mut Diagnostics,
) -> Expansion {
    let names: Vec<_> = stages.iter().map(|stage| stage.name.text.as_str()).collect();
    let mut references = References::new();
    for (from, bindings) in bindings.iter().enumerate() {
        for edge in bindings.iter().flatten().flat_map(|binding| &binding.edges) {
            references.entry((from, edge.target)).or_insert(edge.span);
        }
    }
    let mut expansion = Expansion::new(table, stages.len());
    for index in order(&names, &references, sources, diagnostics) {
        if let Some(bindings) = bindings[index].as_ref().filter(|_| !enough(diagnostics)) {
            expansion.stage(index, &stages[index].name, bindings, &stages[index].filter, diagnostics);
        }
    }
    expansion
}

fn finish(
    document: Document,
    stages: Vec<WrittenStage>,
    definitions: Vec<Option<Definition>>,
    models: BTreeMap<String, Node>,
    expansion: Expansion,
) -> Experiment {
    let instances = expansion.finish();
    let mut ranges = vec![0..0; stages.len()];
    for (index, instance) in instances.iter().enumerate() {
        let range = &mut ranges[instance.stage.index()];
        *range = (if range.end == 0 { index } else { range.start })..index + 1;
    }
    let declare = |((stage, definition), instances): ((WrittenStage, Option<Definition>), _)| {
        let (word, definition) = (stage.word?.text(), definition?);
        let (name, span) = (stage.name.text, stage.name.span);
        Some(StageDecl { name, span, kind: definition.kind, word, instances, body: definition.body })
    };
    let Document { path, name, seed, seed_span, folders, .. } = document;
    let stages = stages.into_iter().zip(definitions).zip(ranges).filter_map(declare).collect();
    let notices = Vec::new();
    Experiment { name, seed, path, stages, instances, notices, seed_span, models, folders, by_name: OnceLock::new() }
}

/// Keeps the first errors of many, and says how many there were.
fn first_of(diagnostics: &Diagnostics) -> Diagnostics {
    let mut kept = Diagnostics::default();
    if enough(diagnostics) {
        let message = format!("more than {MAX_ERRORS} errors; the first of them follow");
        kept.push(Diagnostic::of(message));
    }
    diagnostics.sorted().into_iter().take(MAX_ERRORS).for_each(|diagnostic| kept.push(diagnostic.clone()));
    kept
}
