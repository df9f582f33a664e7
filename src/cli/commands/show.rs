//! `retort show`: what an instance made, for a person to read.

use serde_json::Value as Json;

use super::super::agreement;
use super::super::args::{Global, Show};
use super::super::exit::{Exit, Failure};
use super::super::lens;
use super::super::logits::Logits;
use super::super::plot::{plot, sparkline};
use super::super::print;
use super::super::questions as asked;
use super::super::reporter::counted;
use super::super::scores;
use super::super::settings::load;
use super::super::shade;
use crate::artifact::{
    Agreements, ArtifactKind, Attributions, MixedDataset, Question, Readings, ReportFiles, Scores, Split, TargetLog,
    TeacherLogits, TeacherRow, TokenizerFile, TrainingLog,
};
use crate::session::{Demand, Session, duration};
use crate::spec::InstanceId;

/// Shows what one instance made.
pub(super) fn show(global: &Global, args: &Show) -> Result<Exit, Failure> {
    let pipeline = load(global, &args.pipeline)?;
    let id = pipeline.only(&args.target)?;
    let session = pipeline.look()?;
    if let Some(question) = &args.prompt {
        return prompt(global, &session, id, question);
    }
    let kind = session.pipeline.experiment.instance(id).bound.kind().output;
    if kind == ArtifactKind::Questions && args.svg.is_none() {
        return questions(global, args, &session, id);
    }
    let found = &*session.current(id)?;
    let name = session.name(id);
    if args.svg.is_some() && kind != ArtifactKind::Checkpoint {
        return Err(Failure::invalid(format!("`{name}` is no checkpoint, so it has no training curve"))
            .hint("name an instance of a `train` stage"));
    }
    let said = || {
        if !global.json {
            // Who made it is of interest where that was somebody else, or another machine.
            if let Some(by) = session.made_elsewhere(found) {
                print::note(&format!("{name} was made by {by} in {}", duration(found.took_ms)));
            }
        }
    };
    match kind {
        ArtifactKind::Checkpoint => {
            let log = session.training_log(id, found)?;
            said();
            if let Some(directory) = &args.svg {
                for file in session.write_figures(id, found, directory)? {
                    print::note(&format!("wrote {}", directory.join(file).display()));
                }
            }
            if global.json { print::json(&log) } else { print::data(&training(&log, found.took_ms)) }
        }
        ArtifactKind::Report => {
            let columns = print::columns();
            let file = if global.json || columns.is_some() { ReportFiles::RECORD } else { ReportFiles::MARKDOWN };
            let text = session.part(id, found, file)?;
            said();
            let text = String::from_utf8_lossy(&text);
            if global.json {
                print::json_text(&text);
            } else if columns.is_some() {
                // A terminal has tables of its width; whoever reads through a pipe has Markdown.
                let report = session.made_report(id, found)?;
                print::data(&super::reports::page(&report, columns));
            } else {
                print::data(&text);
            }
        }
        ArtifactKind::Tokenizer => {
            let file: TokenizerFile = session.read(id, found)?;
            said();
            print::json_text(&String::from_utf8_lossy(&file.json));
        }
        ArtifactKind::Translators => {
            let log = session.tuning_log(id, found)?;
            said();
            if global.json { print::json(&log) } else { print::data(&lens::tuning(&log)) }
        }
        ArtifactKind::Readings if !global.json => {
            let readings: Readings = session.read(id, found)?;
            said();
            said_whole(&lens::summary(&readings.summary));
            print_rows(args, &readings.rows, |row| &row.id, lens::row)?;
        }
        ArtifactKind::Attributions if !global.json => {
            let attributions: Attributions = session.read(id, found)?;
            said();
            let completeness = shade::completeness(&attributions);
            if !completeness.is_empty() {
                print::data(&completeness);
            }
            print_rows(args, &attributions.rows, |row| &row.id, shade::attribution)?;
        }
        ArtifactKind::TeacherLogits => {
            let all: TeacherLogits = session.read(id, found)?;
            let logits = Logits::of(&all);
            said();
            if global.json {
                let wanted = |row: &&TeacherRow| args.row.as_ref().is_none_or(|id| row.sequence.id == *id);
                let rows: Vec<Json> =
                    all.rows.iter().filter(wanted).take(args.limit).map(|row| logits.json(row)).collect();
                match &args.row {
                    Some(id) if rows.is_empty() => return Err(Failure::invalid(format!("no row has the id `{id}`"))),
                    _ => print::json(&rows),
                }
            } else {
                print::data(&logits.summary());
                print_rows(args, &all.rows, |row| &row.sequence.id, |row| logits.row(row))?;
            }
        }
        ArtifactKind::Agreement if !global.json => {
            let agreements: Agreements = session.read(id, found)?;
            said();
            said_whole(&agreement::summary(&agreements.summary));
            print_rows(args, &agreements.rows, |row| &row.id, agreement::row)?;
        }
        ArtifactKind::Scores if !global.json => {
            let all: Scores = session.read(id, found)?;
            said();
            said_whole(&scores::summary(&all, &session.times(found)?));
            show_rows(global, args, &session.rows(id, found)?)?;
        }
        ArtifactKind::Questions
        | ArtifactKind::Rationales
        | ArtifactKind::Readings
        | ArtifactKind::Attributions
        | ArtifactKind::Agreement
        | ArtifactKind::Scores => {
            let mut rows = session.rows(id, found)?;
            // A program that reads rationales finds nothing else among them, such as how answers voted.
            let alone = global.json && kind == ArtifactKind::Rationales;
            rows.retain(|(part, _)| !alone || part == "rows");
            said();
            show_rows(global, args, &rows)?;
        }
    }
    Ok(Exit::Success)
}

/// Shows questions as a student will be asked them, whether or not anything was run.
fn questions(global: &Global, args: &Show, session: &Session, id: InstanceId) -> Result<Exit, Failure> {
    let wanted = |question: &Question| args.row.as_ref().is_none_or(|wanted| question.id == *wanted);
    let asking = session.asking(id, args.limit, wanted)?;
    for warning in &asking.warnings {
        print::note(&format!("warning: {warning}"));
    }
    let chosen = |split: Split| {
        let all = asking.questions.split(split).iter().enumerate();
        all.filter(|(_, question)| wanted(question)).take(args.limit)
    };
    if let Some(row) = args.row.as_ref().filter(|_| Split::ALL.into_iter().all(|split| chosen(split).next().is_none()))
    {
        return Err(Failure::invalid(format!("no question has the id `{row}`")));
    }
    if global.json {
        // In the order of the names of splits, as rows of any other result come.
        let rows: Vec<&Question> =
            [Split::Dev, Split::Test, Split::Train].into_iter().flat_map(chosen).map(|(_, q)| q).collect();
        print::json(&rows);
        return Ok(Exit::Success);
    }
    if asking.fresh {
        print::note("read from their files, since no run has made them");
    }
    said_whole(&asked::summary(&asking.questions));
    match asking.by {
        Some(by) => print::data(&format!("\nas `{}` asks them:\n", session.name(by))),
        None => print::data("\nas a student is asked them where a `train` stage says nothing else:\n"),
    }
    let columns = console::Term::stdout().size_checked().map(|(_, columns)| usize::from(columns));
    for split in Split::ALL {
        let all = asking.questions.split(split).len();
        for ((index, question), posed) in chosen(split).zip(asking.first.get(&split).into_iter().flatten()) {
            let place = format!("{split} {} of {all}", index + 1);
            print::data(&format!("{}\n", asked::question(&place, question, posed, columns)));
        }
    }
    if let (Some(teacher), Some((_, first))) = (asking.teachers.first(), Split::ALL.into_iter().flat_map(chosen).next())
    {
        let (teacher, pipeline) = (session.name(*teacher), session.pipeline.experiment.path.display());
        print::note(&format!(
            "`retort show {pipeline} '{teacher}' --prompt {}` shows what the teacher is asked",
            first.id
        ));
    }
    Ok(Exit::Success)
}

/// Shows what a teacher is asked for a question, before or after it is.
fn prompt(global: &Global, session: &Session, id: InstanceId, question: &str) -> Result<Exit, Failure> {
    let planned = session.plan(session.pipeline.needed_by(id), Demand::All)?;
    let name = session.name(id);
    let inquiry = session.inquiry(&planned, id)?.ok_or_else(|| not_asked(session, id))?;
    let rows: Vec<_> = inquiry.rows.into_iter().filter(|row| row.id == question).collect();
    let Some(first) = rows.first() else {
        return Err(Failure::invalid(format!("`{name}` asks no question `{question}`")));
    };
    if global.json {
        print::json(&rows);
    } else {
        let answered = rows.iter().filter(|row| row.answered).count();
        print::note(&format!("{answered} of {} answered", counted(rows.len(), "sample")));
        print::data(&first.prompt);
    }
    Ok(Exit::Success)
}

/// The error of a stage that has no prompt to show.
fn not_asked(session: &Session, id: InstanceId) -> Failure {
    let (name, word) = (session.name(id), session.pipeline.experiment.stage_of(id).word);
    let asks = |id: &InstanceId| session.pipeline.experiment.instance(*id).bound.asks();
    let what = if word == "elicit" { "asks none".to_owned() } else { format!("is a stage of kind `{word}`") };
    let failure = Failure::invalid(format!("`--prompt` works for `elicit` stages that ask a teacher; `{name}` {what}"));
    match session.pipeline.experiment.ids().find(asks) {
        Some(id) => failure.hint(format!("`{}` asks a teacher", session.name(id))),
        None => failure,
    }
}

/// Prints sentences, broken between words where stdout is a terminal.
fn said_whole(text: &str) {
    print::data(&print::paragraphs(text, print::columns(), 0));
}

/// Prints as many rows as are asked for, or the row of one question.
fn print_rows<T>(
    args: &Show,
    rows: &[T],
    id: impl Fn(&T) -> &str,
    write: impl Fn(&T) -> String,
) -> Result<(), Failure> {
    print::data(&format!("rows: {}\n", counted(rows.len(), "row")));
    let wanted = |row: &&T| args.row.as_ref().is_none_or(|wanted| id(row) == wanted);
    let shown: Vec<&T> = rows.iter().filter(wanted).take(args.limit).collect();
    if let Some(id) = args.row.as_ref().filter(|_| shown.is_empty()) {
        return Err(Failure::invalid(format!("no row has the id `{id}`")));
    }
    shown.into_iter().for_each(|row| print::data(&format!("{}\n", write(row))));
    Ok(())
}

fn show_rows(global: &Global, args: &Show, parts: &[(String, Vec<Json>)]) -> Result<(), Failure> {
    let (mut all, mut found_any) = (Vec::new(), false);
    let wanted = |row: &&Json| args.row.as_ref().is_none_or(|id| row.get("id").and_then(Json::as_str) == Some(id));
    for (part, rows) in parts {
        let shown: Vec<&Json> = rows.iter().filter(wanted).take(args.limit).collect();
        found_any |= !shown.is_empty();
        if global.json {
            all.extend(shown);
            continue;
        }
        print::data(&format!("{part}: {}\n", counted(rows.len(), "row")));
        for row in shown {
            print::data(&format!("{}\n", readable(row, print::columns())));
        }
    }
    if let Some(id) = args.row.as_ref().filter(|_| !found_any) {
        return Err(Failure::invalid(format!("no row has the id `{id}`")));
    }
    if global.json {
        print::json(&all);
    }
    Ok(())
}

/// Writes a row as one field a line, broken between words where there are so many columns.
fn readable(row: &Json, columns: Option<usize>) -> String {
    let Json::Object(fields) = row else { return row.to_string() };
    let mut out = String::new();
    for (name, value) in fields {
        let shown = match value {
            Json::String(text) => text.clone(),
            Json::Array(items) if name == "choices" => choices(items),
            Json::Object(of) if name == "lenient" => of.get("predicted").map(answered).unwrap_or_default(),
            // An answer without a letter says its kind, which its question says already.
            Json::Object(of) if ["answer", "label", "predicted"].contains(&name.as_str()) && of.len() == 1 => {
                of.values().map(|value| value.as_str().unwrap_or_default()).collect()
            }
            other => other.to_string(),
        };
        let lines: Vec<String> = shown.split('\n').map(|line| print::paragraphs(line, columns, INDENT.len())).collect();
        out += &format!("  {name:<12} {}\n", lines.join(&format!("\n{INDENT}")));
    }
    out
}

/// What stands before the further lines of a field.
const INDENT: &str = "               ";

/// Writes an answer as it stands between markers; nothing where there is none.
fn answered(answer: &Json) -> String {
    let text = answer.as_str().or_else(|| answer.as_object()?.values().next()?.as_str());
    text.unwrap_or_default().to_owned()
}

fn choices(items: &[Json]) -> String {
    let choice = |item: &Json| Some(format!("({}) {}", item.get("label")?.as_str()?, item.get("text")?.as_str()?));
    items.iter().filter_map(choice).collect::<Vec<_>>().join(" ")
}

/// Writes how a training went. The log holds no times, so that equal trainings have equal logs; `took_ms` is that of the
/// training that made it.
fn training(log: &TrainingLog, took_ms: u64) -> String {
    let TrainingLog {
        examples,
        without_rationale,
        label_alone,
        blank,
        strays,
        unscored,
        truncated,
        datasets,
        targets,
        losses,
        learning_rates,
        grad_norms,
        tokens,
        evaluations,
        best_step,
        stopped_early,
    } = log;
    let mut out = format!(
        "{}, {without_rationale} left out for want of a rationale, {truncated} cut to length\n",
        counted(*examples, "example")
    );
    for (count, one, rest) in [
        (label_alone, "question", "without a rationale, trained on the label alone"),
        (blank, "example", "with a blank rationale, trained on the label alone"),
        (strays, "rationale", "of other questions, not read"),
        (unscored, "rationale", "without a score above 0, where all tokens weigh the same"),
    ] {
        if *count > 0 {
            out += &format!("{} {rest}\n", counted(*count, one));
        }
    }
    for (index, MixedDataset { questions, trained }) in datasets.iter().enumerate() {
        out += &format!("{trained} of {} of dataset {}\n", counted(*questions, "question"), index + 1);
    }
    for TargetLog { name, weight, examples, without, .. } in targets {
        out += &format!("target {name}: {}, weight {weight}", counted(*examples, "example"));
        out += &if *without > 0 {
            format!(", {} without a rationale left out\n", counted(*without, "question"))
        } else {
            "\n".into()
        };
    }
    out += &format!(
        "{}{}, weights of step {best_step} kept\n",
        counted(losses.len(), "step"),
        if *stopped_early { ", stopped early" } else { "" }
    );
    if *tokens > 0 && took_ms > 0 {
        let pace = *tokens as f64 * 1000.0 / took_ms as f64;
        out += &format!("{tokens} tokens, {pace:.1} a second with loading and evaluation\n");
    }
    let steps = losses.len() as u64;
    out += "\n";
    let drawn = plot("loss, nats per target token, by step", losses, 1, steps);
    out += &if drawn.is_empty() { sparkline("loss", losses) } else { drawn };
    for target in targets {
        out += &sparkline(&format!("loss of {}", target.name), &target.curve());
    }
    out += &sparkline("learning rate", learning_rates);
    out += &sparkline("gradient norm", grad_norms);
    let dev: Vec<f32> = evaluations.iter().map(|evaluation| evaluation.accuracy as f32).collect();
    out += &sparkline("dev accuracy", &dev);
    for evaluation in evaluations {
        let kept = if evaluation.step == *best_step { "  kept" } else { "" };
        out += &format!("  step {:>6}  dev accuracy {:.1} %{kept}\n", evaluation.step, evaluation.accuracy * 100.0);
    }
    out
}
