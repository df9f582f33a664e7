//! A pipeline of questions alone, from its file to what is read of it.

use std::sync::{Arc, Mutex};

use retort_artifact::{Questions, Rationales, Scores, Split};
use retort_event::{Event, What};
use retort_plan::Verdict;
use retort_stage::Stop;
use tempfile::TempDir;

use super::*;

const PIPELINE: &str = "
retort: 1
experiment: questions-alone
seed: 1
axes: { size: [3, 5] }
stages:
  questions:
    dataset: { format: synthetic, train: \"${size}\" }
  rationales:
    elicit: { questions: questions, split: train, teacher: gold }
";

struct Project {
    folder: TempDir,
    workspace: Workspace,
    heard: Arc<Mutex<Vec<Remark>>>,
}

impl Project {
    fn new(pipeline: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs_err::write(folder.path().join("pipeline.yaml"), pipeline).unwrap();
        let heard = Arc::new(Mutex::new(Vec::new()));
        let hears = Arc::clone(&heard);
        let workspace = Workspace::new(Settings::new(folder.path().join("cache")))
            .telling(move |remark| hears.lock().unwrap().push(remark.clone()));
        Self { folder, workspace, heard }
    }

    fn load(&self) -> Pipeline {
        self.workspace.load(self.folder.path().join("pipeline.yaml"), &[]).unwrap()
    }

    fn edit(&self, before: &str, after: &str) {
        let file = self.folder.path().join("pipeline.yaml");
        let text = fs_err::read_to_string(&file).unwrap();
        assert!(text.contains(before));
        fs_err::write(&file, text.replace(before, after)).unwrap();
    }

    /// Runs everything and returns the session with what came of it.
    fn run(&self) -> (Session, Run) {
        let session = self.load().open().unwrap();
        let run = session.run(session.pipeline.all(), &RunOptions::default(), &mut |_: &Event| {}).unwrap();
        (session, run)
    }
}

#[test]
fn what_was_run_is_read_as_what_it_is() {
    let project = Project::new(PIPELINE);
    let (session, run) = project.run();
    assert_eq!((run.tally.ran, run.tally.failed, run.stopped), (4, 0, false));
    let questions = session.read_all::<Questions>(&run.results).unwrap();
    let sizes: Vec<_> = questions
        .iter()
        .map(|made| (made.name.as_str(), made.coords["size"].as_str(), made.artifact.split(Split::Train).len()))
        .collect();
    assert_eq!(sizes, [("questions[size=3]", "3", 3), ("questions[size=5]", "5", 5)]);
    assert_eq!(session.read_all::<Rationales>(&run.results).unwrap().len(), 2);
    assert!(session.read_all::<Scores>(&run.results).unwrap().is_empty());
    let id = session.pipeline.only("questions[size=5]").unwrap();
    let found = session.current(id).unwrap();
    let error = session.read::<Scores>(id, &found).unwrap_err();
    assert_eq!(error.to_string(), "`questions[size=5]` makes questions, not scores");
    assert!(session.part(id, &found, "log").unwrap_err().to_string().contains("has no part `log`"));
    let rows = session.rows(id, &found).unwrap();
    let train = rows.iter().find(|(part, _)| part == Split::Train.name()).unwrap();
    assert_eq!(train.1.len(), 5);
    assert!(project.heard.lock().unwrap().is_empty(), "{:?}", project.heard);
}

#[test]
fn a_request_that_means_nothing_is_told_from_what_is_not_there() {
    let project = Project::new(PIPELINE);
    let session = project.load().look().unwrap();
    let unknown = session.pipeline.select(&["rational"]).unwrap_err();
    assert!(unknown.is_invalid() && unknown.hint().unwrap().contains("did you mean `rationales`?"), "{unknown}");
    assert!(session.pipeline.only("questions").unwrap_err().is_invalid());
    let id = session.pipeline.only("questions[size=3]").unwrap();
    let absent = session.current(id).unwrap_err();
    assert!(!absent.is_invalid() && absent.hint().is_some(), "{absent}");
    // Looking has made no cache.
    assert!(!project.folder.path().join("cache").exists());
    project.edit("train: \"${size}\"", "trian: \"${size}\"");
    let faulty = project.workspace.load(project.folder.path().join("pipeline.yaml"), &[]).unwrap_err();
    assert!(faulty.is_invalid());
    assert!(faulty.to_string().contains("trian") && faulty.to_string().contains("error"), "{faulty}");
}

#[test]
fn a_plan_says_what_a_run_does_and_an_explanation_why() {
    let project = Project::new(PIPELINE);
    let session = project.load().look().unwrap();
    let planned = session.plan(session.pipeline.all(), Demand::All).unwrap();
    let forecast = session.forecast(&planned, usize::MAX).unwrap();
    assert_eq!((forecast.counts.runs, forecast.counts.awaits), (2, 2));
    drop(session);
    project.run();
    project.edit("seed: 1", "seed: 2");
    let session = project.load().open().unwrap();
    let planned = session.plan(session.pipeline.select(&["rationales[size=5]"]).unwrap(), Demand::All).unwrap();
    let id = session.pipeline.only("rationales[size=5]").unwrap();
    assert!(matches!(planned.verdict(id), Verdict::Awaits(_)));
    let explained = session.explain(&planned, &session.history().unwrap(), id);
    let cause = &explained.because_of[0];
    assert_eq!((cause.instance.as_str(), cause.state.as_str()), ("questions[size=5]", "is stale"));
    assert!(cause.changes.iter().any(|change| change.field.rsplit('.').next() == Some("seed")), "{cause:?}");
    let prepared = session.prepare(session.pipeline.all(), true, &mut |_: &Event| {}).unwrap();
    assert_eq!(prepared.planned().plan.counts().hits, 0);
}

#[test]
fn runs_are_looked_back_on_and_compared() {
    let project = Project::new(PIPELINE);
    project.run();
    project.edit("[3, 5]", "[3, 6]");
    let (session, _) = project.run();
    let runs = past_runs(&session.store).unwrap();
    assert_eq!(runs.len(), 2);
    let (tally, _) = runs[1].ended.unwrap();
    assert_eq!((tally.hits, tally.ran), (2, 2));
    let last = find_run(&session.store, "last").unwrap();
    assert_eq!(last.id(), &runs[1].id);
    let (events, damaged) = past_events(&last).unwrap();
    assert!(damaged.is_empty() && events.iter().any(|event| matches!(event.what, What::RunStarted { .. })));
    assert!(find_run(&session.store, "last~2").unwrap_err().is_invalid());
    let before = Side::of_run("last~1", &session.store).unwrap();
    let after = Side::of_pipeline(&session).unwrap();
    let found = differences(&session.store, language(), &before, &after).unwrap();
    let states: Vec<_> = found.iter().map(|found| (found.instance.as_str(), found.state)).collect();
    let expected = [
        ("questions[size=5]", "removed"),
        ("questions[size=6]", "added"),
        ("rationales[size=5]", "removed"),
        ("rationales[size=6]", "added"),
    ];
    assert_eq!(states, expected);
}

#[test]
fn a_run_that_is_asked_to_stop_says_so() {
    let project = Project::new(PIPELINE);
    let session = project.load().open().unwrap();
    let stop = Stop::new();
    stop.ask();
    let options = RunOptions { stop: Some(&stop), ..RunOptions::default() };
    let run = session.run(session.pipeline.all(), &options, &mut |_: &Event| {}).unwrap();
    assert!(run.stopped);
    assert_eq!(run.tally.ran, 0);
}

#[test]
fn what_is_computed_from_scratch_is_the_same() {
    let project = Project::new(PIPELINE);
    let (session, _) = project.run();
    let folder = project.folder.path().join("scratch");
    let selection = session.pipeline.select(&["rationales[size=3]"]).unwrap().unnamed();
    let found = session.from_scratch(&selection, &folder, &mut |_: &Event| {}).unwrap().unwrap();
    assert_eq!((found.instances, found.different.len()), (2, 0));
    assert!(!folder.exists());
    let id = session.pipeline.only("rationales[size=3]").unwrap();
    let audited = session.audit(id, &folder, &mut |_: &Event| {}).unwrap().unwrap();
    assert_eq!(audited.len(), 1);
    assert!(audited[0].different.is_empty() && !audited[0].countersigned);
}
