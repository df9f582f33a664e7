//! Experiments read from text and run in a directory, with everything that is told.

use std::any::Any;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use retort_artifact::{Artifact, ArtifactKind, CodecError, Part, Parts};
use retort_event::{Event, Reporter, What};
use retort_fingerprint::{Digest, Fingerprint, KeyManifest};
use retort_graph::InstanceGraph;
use retort_hub::{Secret, Way};
use retort_plan::{Earlier, Externals, History, Plan, Verdict, predict};
use retort_source::{Sources, Style};
use retort_spec::{Experiment, InstanceId, Language, read};
use retort_stage::params::{Gather, Input};
use retort_stage::{Context, DeviceSlot, Kind, Reach, Stage, StageError, Stop};
use retort_store::{RemoteOptions, Store, StoreOptions};

use crate::{Outcome, RunOptions, World, run};

/// A few texts, on the edges where rationales are; the last is written to the store, and read from there, as a stream.
#[derive(Debug, Clone)]
pub struct Texts(Parts);

const STORED: &[&str] = &["three"];

impl Artifact for Texts {
    const KIND: ArtifactKind = ArtifactKind::Rationales;
    const STORED: &'static [&'static str] = STORED;

    fn encode(&self) -> Parts {
        self.0.clone()
    }

    fn decode(parts: &Parts) -> Result<Self, CodecError> {
        Ok(Self(parts.clone()))
    }
}

/// The same where a report is.
#[derive(Debug, Clone)]
pub struct Sheet(Parts);

impl Artifact for Sheet {
    const KIND: ArtifactKind = ArtifactKind::Report;
    const STORED: &'static [&'static str] = STORED;

    fn encode(&self) -> Parts {
        self.0.clone()
    }

    fn decode(parts: &Parts) -> Result<Self, CodecError> {
        Ok(Self(parts.clone()))
    }
}

retort_stage::params! {
    /// Texts from nothing.
    pub struct Make {
        /// What they begin with.
        pub of: String,
    }
}

retort_stage::params! {
    /// Texts from others.
    pub struct Mix {
        /// The others.
        pub from: Input<Texts>,
        /// What is added.
        pub with: String,
    }
}

retort_stage::params! {
    /// Texts of which one is kept only while something reads it.
    pub struct Lend {
        /// What they begin with.
        pub of: String,
        /// Another action for the same bytes.
        pub again: u64,
    }
}

retort_stage::params! {
    /// The same, made only once a variable can be read.
    pub struct Await {
        /// What they begin with.
        pub of: String,
    }
}

retort_stage::params! {
    /// Texts from others, once still others are there.
    pub struct Follow {
        /// The others.
        pub from: Input<Texts>,
        /// What must be there first.
        pub after: Input<Texts>,
    }
}

retort_stage::params! {
    /// All texts on one sheet.
    pub struct Print {
        /// The texts.
        pub from: Gather<Texts>,
        /// What stands above them.
        pub title: String,
    }
}

fn texts(context: &Context<'_>, of: &str) -> Result<Parts, StageError> {
    let text = |part: &&str| {
        let text = format!("{part}: {of}");
        if STORED.contains(part) {
            // What is written and not referred to must not get in the way.
            context.store_part(|out| out.write_all(b"a draft"))?;
            return Ok(((*part).to_owned(), Part::Stored(context.store_part(|out| out.write_all(text.as_bytes()))?)));
        }
        Ok(((*part).to_owned(), text.into_bytes().into()))
    };
    ["one", "two", "three"].iter().map(text).collect()
}

/// Makes one text of many.
fn joined<'p>(context: &Context<'_>, parts: impl Iterator<Item = &'p Parts>) -> Result<String, StageError> {
    let text = |part: &Part| match part {
        Part::Bytes(bytes) => Ok(String::from_utf8_lossy(bytes).into_owned()),
        Part::Stored(digest) => Ok(std::io::read_to_string(context.open_part(digest)?)?),
    };
    let texts = parts.flat_map(BTreeMap::values).map(text).collect::<Result<Vec<_>, StageError>>()?;
    Ok(texts.join("\n"))
}

impl Stage for Make {
    type Output = Texts;
    const NAME: &'static str = "make";
    const REVISION: u32 = 1;
    const ABOUT: &'static str = "Texts from nothing.";
    const EXAMPLE: &'static str = "of: a";

    fn run(&self, context: &Context<'_>) -> Result<Texts, StageError> {
        Ok(Texts(texts(context, &self.of)?))
    }
}

impl Stage for Mix {
    type Output = Texts;
    const NAME: &'static str = "mix";
    const REVISION: u32 = 1;
    const ABOUT: &'static str = "Texts from others.";
    const EXAMPLE: &'static str = "{ from: others, with: b }";

    fn run(&self, context: &Context<'_>) -> Result<Texts, StageError> {
        let Texts(others) = context.read(&self.from)?;
        let others = joined(context, std::iter::once(&others))?;
        Ok(Texts(texts(context, &format!("{others} and {}", self.with))?))
    }
}

impl Stage for Lend {
    type Output = Texts;
    const NAME: &'static str = "lend";
    const REVISION: u32 = 1;
    const ABOUT: &'static str = "Texts of which one is kept only while something reads it.";
    const EXAMPLE: &'static str = "{ of: a, again: 0 }";

    fn passing_parts(&self) -> &'static [&'static str] {
        &["one"]
    }

    fn run(&self, context: &Context<'_>) -> Result<Texts, StageError> {
        Ok(Texts(texts(context, &self.of)?))
    }
}

impl Stage for Await {
    type Output = Texts;
    const NAME: &'static str = "await";
    const REVISION: u32 = 1;
    const ABOUT: &'static str =
        "Texts of which one is kept only while something reads it, made once a variable can be read.";
    const EXAMPLE: &'static str = "of: a";

    fn passing_parts(&self) -> &'static [&'static str] {
        &["one"]
    }

    fn run(&self, context: &Context<'_>) -> Result<Texts, StageError> {
        context.reach().variable("gate");
        Ok(Texts(texts(context, &self.of)?))
    }
}

impl Stage for Follow {
    type Output = Texts;
    const NAME: &'static str = "follow";
    const REVISION: u32 = 1;
    const ABOUT: &'static str = "Texts from others, once still others are there.";
    const EXAMPLE: &'static str = "{ from: others, after: first }";

    fn run(&self, context: &Context<'_>) -> Result<Texts, StageError> {
        let Texts(others) = context.read(&self.from)?;
        let Texts(first) = context.read(&self.after)?;
        Ok(Texts(texts(context, &joined(context, [&others, &first].into_iter())?)?))
    }
}

impl Stage for Print {
    type Output = Sheet;
    const NAME: &'static str = "print";
    const REVISION: u32 = 1;
    const ABOUT: &'static str = "All texts on one sheet.";
    const EXAMPLE: &'static str = "{ from: others, title: c }";

    fn labels_inputs(&self) -> bool {
        true
    }

    fn run(&self, context: &Context<'_>) -> Result<Sheet, StageError> {
        let gathered = context.gather(&self.from)?;
        let all = joined(context, gathered.iter().map(|(_, texts)| &texts.0))?;
        let mut sheet = texts(context, &format!("{}\n{all}", self.title))?;
        let labels: Vec<_> = gathered.iter().map(|(arrival, _)| format!("{:?}", arrival.coords)).collect();
        sheet.insert("labels".to_owned(), labels.join("\n").into_bytes().into());
        Ok(Sheet(sheet))
    }
}

static KINDS: &[Kind] = &[
    Kind::of::<Make>(),
    Kind::of::<Mix>(),
    Kind::of::<Print>(),
    Kind::of::<Lend>(),
    Kind::of::<Await>(),
    Kind::of::<Follow>(),
];

/// Reads an experiment.
pub(super) fn experiment(text: &str) -> Experiment {
    let mut sources = Sources::default();
    let load = |_: &Path| Ok(text.as_bytes().to_vec());
    let language = Language { kinds: KINDS, derivations: &[] };
    let read = read(&mut sources, Path::new("x.yaml"), &[], language, &load);
    read.unwrap_or_else(|wrong| panic!("{}\n{text}", wrong.render(&sources, Style::Plain)))
}

/// Opens a cache in a directory, with remotes behind it.
pub(super) fn open(root: &Path, remotes: &[RemoteOptions]) -> Store {
    let options = StoreOptions::new(root, "ada", "box");
    Store::open(StoreOptions { remotes: remotes.to_vec(), ..options }).unwrap().store
}

/// What came of planning and running an experiment.
pub(super) struct Ran {
    pub(super) plan: Plan,
    pub(super) outcome: Outcome,
    /// How often each instance was started, by name.
    pub(super) started: BTreeMap<String, usize>,
    pub(super) told: Vec<Event>,
}

impl Ran {
    /// Returns the names of the instances of which the plan says that they run.
    pub(super) fn planned(&self, experiment: &Experiment) -> BTreeSet<String> {
        let verdicts = experiment.ids().zip(&self.plan.verdicts);
        let runs = verdicts.filter(|(_, verdict)| matches!(verdict, Verdict::Run(_) | Verdict::Remake(..)));
        runs.map(|(id, _)| experiment.instance(id).name.to_string()).collect()
    }

    /// Returns the names of the instances of which the plan says that they may run.
    pub(super) fn undecided(&self, experiment: &Experiment) -> BTreeSet<String> {
        let verdicts = experiment.ids().zip(&self.plan.verdicts);
        let awaits = verdicts.filter(|(_, verdict)| matches!(verdict, Verdict::Awaits(_) | Verdict::Doubtful(..)));
        awaits.map(|(id, _)| experiment.instance(id).name.to_string()).collect()
    }

    /// Returns the digests of every part of every instance by name, all of which must be there.
    pub(super) fn digests(&self, experiment: &Experiment) -> BTreeMap<String, BTreeMap<String, Digest>> {
        let parts = |id: InstanceId| self.outcome.results[id.index()].as_ref().expect("it has a result").parts.clone();
        experiment.ids().map(|id| (experiment.instance(id).name.to_string(), parts(id))).collect()
    }
}

/// Plans an experiment and runs it, without a log of the run.
pub(super) fn run_in(store: &Store, experiment: &Experiment) -> Ran {
    let heard = &mut |_: &Event| {};
    run_as(store, experiment, Scene { run: "run", jobs: 3, named: &[], reach: &Nothing, heard })
}

/// How an experiment is run.
pub(super) struct Scene<'s> {
    /// The identifier of the run.
    pub(super) run: &'s str,
    pub(super) jobs: usize,
    /// The instances whose bytes are to be there in the end.
    pub(super) named: &'s [&'s str],
    pub(super) reach: &'s dyn Reach,
    /// Hears what is told, on the thread of the loop.
    pub(super) heard: &'s mut dyn FnMut(&Event),
}

/// Plans an experiment and runs it.
#[expect(clippy::needless_pass_by_value, reason = "a scene is played once")]
pub(super) fn run_as(store: &Store, experiment: &Experiment, scene: Scene<'_>) -> Ran {
    let graph = InstanceGraph::new(experiment);
    let is_named = |id: InstanceId| scene.named.contains(&experiment.instance(id).name.to_string().as_str());
    let (wanted, named) = (vec![true; graph.len()], experiment.ids().map(is_named).collect::<Vec<_>>());
    let externals = Externals::default();
    let plan = predict(experiment, &graph, &wanted, &named, &externals, "cpu", store).unwrap();
    let stop = Stop::new();
    let world = World {
        experiment,
        graph: &graph,
        wanted: &wanted,
        named: &named,
        externals: &externals,
        numerics: "cpu",
        store,
        devices: &Nothing,
        reach: scene.reach,
        history: &Nothing,
        stop: &stop,
    };
    let options = RunOptions { jobs: scene.jobs, run: scene.run.into(), producer: store.producer(), wall_ms: || 1000 };
    let mut told = Told { all: Vec::new(), heard: scene.heard };
    let outcome = run(world, &options, plan.counts(), &mut told).unwrap();
    let mut started = BTreeMap::new();
    for event in &told.all {
        if let What::Started { instance, .. } = &event.what {
            *started.entry(instance.clone()).or_default() += 1;
        }
    }
    Ran { plan, outcome, started, told: told.all }
}

struct Told<'t> {
    all: Vec<Event>,
    heard: &'t mut dyn FnMut(&Event),
}

impl Reporter for Told<'_> {
    fn report(&mut self, event: &Event) {
        self.all.push(event.clone());
        (self.heard)(event);
    }
}

/// No device, no teacher and no history.
pub(super) struct Nothing;

impl DeviceSlot for Nothing {
    fn device(&self) -> Result<&(dyn Any + Send + Sync), StageError> {
        unreachable!("nothing computes")
    }

    fn described(&self) -> Option<String> {
        None
    }
}

impl Reach for Nothing {
    fn variable(&self, _variable: &str) -> Option<Secret> {
        unreachable!("nothing is asked")
    }

    fn way(&self) -> Way {
        unreachable!("nothing is asked")
    }
}

impl History for Nothing {
    fn namesake(&self, _name: &str) -> Option<&Earlier> {
        None
    }

    fn neighbours(&self, _name: &str, _stage: &str) -> Vec<&Earlier> {
        Vec::new()
    }

    fn manifest(&self, _fingerprint: &Fingerprint) -> Option<(Arc<KeyManifest>, u64)> {
        None
    }
}
