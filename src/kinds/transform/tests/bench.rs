//! Steps read from YAML and done to rationales, with what the engine would give them.

use std::any::Any;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Mutex;

use expect_test::Expect;
use tempfile::TempDir;

use super::super::{Materials, Step, Supplies};
use retort_artifact::{Artifact, Choice, Label, Question, Rationale};
use retort_event::Note;
use retort_fingerprint::{Digest, Fingerprint, KeyManifest, Term};
use retort_hub::{Secret, Way};
use retort_source::{Diagnostics, Sources, Style, read_yaml};
use retort_stage::params::{FromNode, Scope};
use retort_stage::{Arrival, Context, DeviceSlot, Feed, Job, Reach, StageError, Stop};
use retort_store::{Record, Store, StoreOptions};
use retort_text::tokenizer::{Tokenizer, train_bpe};

/// Makes a rationale without a label.
pub(super) fn row(id: &str, text: &str) -> Rationale {
    Rationale { id: id.into(), text: text.into(), ..Rationale::default() }
}

/// Makes rationales `a`, `b`, … of some texts.
pub(super) fn rows(texts: &[&str]) -> Vec<Rationale> {
    ('a'..='z').zip(texts).map(|(id, text)| row(&id.to_string(), text)).collect()
}

/// Makes a question about its choices, whose right one is `answer`.
pub(super) fn question(id: &str, answer: char, choices: &[&str]) -> Question {
    let choice = |(index, text): (usize, &&str)| Choice { label: Label::at(index).unwrap(), text: (*text).into() };
    Question {
        id: id.into(),
        stem: "Which?".into(),
        choices: choices.iter().enumerate().map(choice).collect(),
        answer: Some(Label::try_from(answer).unwrap().into()),
        ..Question::default()
    }
}

/// Returns the texts of some rationales.
pub(super) fn texts(rows: &[Rationale]) -> Vec<&str> {
    rows.iter().map(|row| row.text.as_str()).collect()
}

/// Everything that a transform is given.
pub(super) struct Bench {
    folder: TempDir,
    store: Store,
    job: Job,
    questions: Option<BTreeMap<String, Question>>,
    tokenizer: Option<Tokenizer>,
    pub(super) seed: u64,
    said: Said,
}

#[derive(Default)]
struct Said(Mutex<Vec<String>>);

impl Feed for Said {
    fn note(&self, note: Note) {
        if let Note::Warning { message } = note {
            self.0.lock().unwrap().push(message);
        }
    }
}

struct NoTeacher;

impl Reach for NoTeacher {
    fn variable(&self, _name: &str) -> Option<Secret> {
        unreachable!("no operation asks a teacher")
    }

    fn way(&self) -> Way {
        unreachable!("no operation asks a teacher")
    }
}

struct NoDevice;

impl DeviceSlot for NoDevice {
    fn device(&self) -> Result<&(dyn Any + Send + Sync), StageError> {
        unreachable!("no operation computes on a device")
    }

    fn described(&self) -> Option<String> {
        None
    }
}

impl Bench {
    pub(super) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(StoreOptions::new(folder.path().join("cache"), "ada", "box")).unwrap().store;
        let job =
            Job { fingerprint: Fingerprint::from_bytes([0; 32]), inputs: BTreeMap::new(), externals: BTreeMap::new() };
        Self { folder, store, job, questions: None, tokenizer: None, seed: 17, said: Said::default() }
    }

    pub(super) fn with_questions(mut self, questions: impl IntoIterator<Item = Question>) -> Self {
        self.questions = Some(questions.into_iter().map(|question| (question.id.clone(), question)).collect());
        self
    }

    pub(super) fn with_tokenizer(mut self) -> Self {
        self.tokenizer = Some(train_bpe(["the ice is smooth"], 256 + 1, &["[MASK]"]).unwrap());
        self
    }

    /// Puts a file behind a port.
    pub(super) fn with_file(mut self, port: &str, name: &str, bytes: &[u8]) -> Self {
        let path = self.folder.path().join(name);
        fs_err::write(&path, bytes).unwrap();
        self.job.externals.insert(port.to_owned(), vec![("file".to_owned(), path, Digest::of(bytes))]);
        self
    }

    /// Puts an artifact behind a port.
    pub(super) fn with_input(mut self, port: &str, artifact: &impl Artifact) -> Self {
        let (mut pending, mut digests, mut outputs) = (Vec::new(), BTreeMap::new(), BTreeMap::new());
        for (part, content) in artifact.encode() {
            let blob = self.store.put(content.bytes().unwrap()).unwrap();
            digests.insert(part.clone(), blob.blob().digest);
            outputs.insert(part, blob.blob());
            pending.push(blob);
        }
        let manifest = KeyManifest {
            kind: port.to_owned(),
            revision: 1,
            params: Term::None,
            inputs: Vec::new(),
            env: BTreeMap::new(),
            numerics: None,
        };
        let record = Record {
            manifest,
            outputs,
            producer: self.store.producer(),
            started_at_ms: 0,
            took_ms: 0,
            notes: BTreeMap::new(),
        };
        self.store.publish(pending, &record).unwrap();
        let arrival = Arrival { stage: "made".into(), coords: BTreeMap::new(), parts: digests };
        self.job.inputs.insert(port.to_owned(), vec![arrival]);
        self
    }

    /// Reads steps as a pipeline has them; what is wrong with them is the error.
    pub(super) fn read(steps: &str) -> Result<Vec<Step>, String> {
        let mut sources = Sources::default();
        let node = read_yaml(&mut sources, Path::new("x.yaml"), steps.as_bytes()).unwrap();
        let (models, mut diagnostics) = (BTreeMap::new(), Diagnostics::default());
        let mut scope = Scope::new(17, &models, &mut diagnostics);
        let read = scope.within("steps", |scope| Vec::<Step>::from_node(&node, scope));
        read.ok_or_else(|| diagnostics.render(&sources, Style::Plain))
    }

    /// Does steps to rationales.
    pub(super) fn run(&self, steps: &str, rows: &[Rationale]) -> Result<Vec<Rationale>, String> {
        let steps = Self::read(steps)?;
        self.done(&steps, rows)
    }

    pub(super) fn done(&self, steps: &[Step], rows: &[Rationale]) -> Result<Vec<Rationale>, String> {
        let stop = Stop::new();
        let supplies = Supplies {
            context: Context::new(&self.job, &self.store, &NoDevice, &NoTeacher, &self.said, &stop),
            seed: self.seed,
            tokenizer: self.tokenizer.clone(),
            questions: self.questions.clone(),
            started: rows.iter().map(|row| ((row.id.clone(), row.sample), row.text.clone())).collect(),
        };
        let mut rows = rows.to_vec();
        for (index, step) in steps.iter().enumerate() {
            rows =
                step.apply(rows, &Materials::new(&supplies, step.name(), index)).map_err(|error| error.to_string())?;
        }
        Ok(rows)
    }

    /// Checks the texts that steps make, and what is said on the way.
    #[track_caller]
    pub(super) fn check(&self, steps: &str, rows: &[Rationale], expected: &Expect) {
        let told = match self.run(steps, rows) {
            Ok(rows) => rows.iter().map(|row| format!("{} {}: {}\n", row.id, row.sample, row.text)).collect(),
            Err(error) => format!("error: {error}\n"),
        };
        let said: String = self.said().iter().map(|said| format!("warning: {said}\n")).collect();
        expected.assert_eq(&(told + &said).replace(&self.folder.path().display().to_string(), "<dir>"));
    }

    /// Takes what was said so far.
    pub(super) fn said(&self) -> Vec<String> {
        std::mem::take(&mut self.said.0.lock().unwrap())
    }
}
