//! What most commands start with: a pipeline read and checked, its graph, the store, the device and the external files.

use std::any::Any;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};
use std::sync::{Once, OnceLock};

use super::args::{Global, Pipeline};
use super::exit::{Exit, Failure};
use super::print;
use super::settings::Settings;
use crate::graph::InstanceGraph;
use crate::kinds::{device_failed, kinds};
use crate::model::{Device, DeviceChoice, DeviceError};
use crate::plan::{Externals, ExternalsError, Plan, predict};
use crate::source::{Sources, Style};
use crate::spec::{self, Experiment, InstanceId};
use crate::stage::{Derivation, DeviceSlot, Slot, StageError};
use crate::store::{Mode, Opened, Store, StoreOptions};

/// Returns the language of pipelines: every kind of stage.
pub(super) fn language() -> spec::Language {
    spec::Language { kinds: kinds(), derivations: Derivation::ALL }
}

/// A pipeline, ready to be planned.
pub(super) struct Session {
    pub(super) settings: Settings,
    pub(super) sources: Sources,
    pub(super) experiment: Experiment,
    pub(super) graph: InstanceGraph,
}

/// What a pipeline needs of this machine to be planned.
pub(super) struct Ground {
    pub(super) externals: Externals,
    pub(super) numerics: &'static str,
}

impl Session {
    /// Reads and checks a pipeline; every error of the file is reported together.
    pub(super) fn load(global: &Global, pipeline: &Pipeline) -> Result<Self, Failure> {
        let settings = Settings::of(global, pipeline)?;
        let mut sources = Sources::default();
        // The pipeline itself may come through a pipe; what it names may not, for nobody may ever write there.
        let loader = |path: &Path| {
            if path != pipeline.file && fs_err::metadata(path)?.file_type().is_fifo() {
                return Err(std::io::Error::new(std::io::ErrorKind::InvalidInput, "it is a pipe and not a file"));
            }
            read_limited(path)
        };
        let loaded = spec::read(&mut sources, &pipeline.file, &pipeline.set, language(), &loader);
        let experiment = loaded.map_err(|diagnostics| {
            let style = if print::colour() { Style::Colour } else { Style::Plain };
            let count = diagnostics.len();
            let plural = if count == 1 { "error" } else { "errors" };
            let message =
                format!("{}\n\n{count} {plural} in `{}`", diagnostics.render(&sources, style), pipeline.file.display());
            Failure { exit: Exit::Invalid, message, hint: None }
        })?;
        for notice in &experiment.notices {
            let place = notice.span.map_or_else(String::new, |span| format!("{}: ", sources.place(span)));
            let hint = notice.hint.as_ref().map_or_else(String::new, |hint| format!("; {hint}"));
            print::note(&format!("{place}{}{hint}", notice.message));
        }
        let graph = InstanceGraph::new(&experiment);
        Ok(Self { settings, sources, experiment, graph })
    }

    /// Returns the instances that targets mean, with all they need, by index; everything when there is no target.
    pub(super) fn wanted(&self, targets: &[String]) -> Result<Vec<bool>, Failure> {
        if targets.is_empty() {
            return Ok(vec![true; self.graph.len()]);
        }
        let found: Vec<InstanceId> =
            targets.iter().map(|target| self.matching(target)).collect::<Result<Vec<_>, _>>()?.concat();
        Ok(self.graph.needed_by(found))
    }

    /// Marks the instances that targets mean themselves, by index.
    pub(super) fn named(&self, targets: &[String]) -> Result<Vec<bool>, Failure> {
        let mut named = vec![false; self.graph.len()];
        for target in targets {
            self.matching(target)?.into_iter().for_each(|id| named[id.index()] = true);
        }
        Ok(named)
    }

    /// Returns the instances of a stage, the instance of a name, or those of a stage with some of their coordinates:
    /// `tuned[run=0]` means every `tuned` whose run is 0.
    pub(super) fn matching(&self, target: &str) -> Result<Vec<InstanceId>, Failure> {
        let (stage, rest) = target.split_once('[').unwrap_or((target, ""));
        let wanted: Vec<&str> = rest.trim_end_matches(']').split(',').filter(|part| !part.is_empty()).collect();
        let fits = |id: &InstanceId| {
            let instance = self.experiment.instance(*id);
            let coords: Vec<String> = instance.coords.iter().map(|at| format!("{}={}", at.axis, at.value)).collect();
            instance.name.as_str() == target
                || (self.experiment.stage_of(*id).name == stage
                    && wanted.iter().all(|part| coords.iter().any(|coord| coord == part)))
        };
        let found: Vec<_> = self.experiment.ids().filter(fits).collect();
        if found.is_empty() {
            let names = self.experiment.stages.iter().map(|stage| stage.name.as_str());
            let near = crate::source::nearest(stage, names.clone());
            let failure = Failure::invalid(format!("no instance matches `{target}`"));
            let known = names.collect::<Vec<_>>().join(", ");
            return Err(failure.hint(
                near.map_or(format!("stages: {known}"), |near| format!("did you mean `{near}`? stages: {known}")),
            ));
        }
        Ok(found)
    }

    /// Returns the one instance that a target means.
    pub(super) fn only(&self, target: &str) -> Result<InstanceId, Failure> {
        match self.matching(target)?[..] {
            [one] => Ok(one),
            ref several => {
                let names: Vec<_> = several.iter().take(8).map(|id| format!("  {}", self.name(*id))).collect();
                let more = if several.len() > 8 { "\n  …" } else { "" };
                let message = format!("`{target}` means {} instances, and one is needed", several.len());
                Err(Failure::invalid(message).hint(format!("name one of:\n{}{more}", names.join("\n"))))
            }
        }
    }

    /// Returns the name of an instance.
    pub(super) fn name(&self, id: InstanceId) -> String {
        self.experiment.instances[id.index()].name.to_string()
    }

    /// Opens the store, and tells what is remarkable about it.
    pub(super) fn store(&self, mode: Mode) -> Result<Store, Failure> {
        open_store(&self.settings, mode)
    }

    /// Opens the store to look at it.
    pub(super) fn look(&self) -> Result<Store, Failure> {
        look(&self.settings)
    }

    /// Finds the external files and the numerics class, which keys need.
    pub(super) fn ground(&self, wanted: &[bool], store: &Store, devices: &Devices) -> Result<Ground, Failure> {
        let Settings { roots, hub, .. } = &self.settings;
        let externals = Externals::resolve(&self.experiment, wanted, roots, &hub.cache, store);
        self.on(externals.map_err(|error| self.unusable(&error))?, wanted, devices)
    }

    /// As [`ground`](Self::ground), for what is only looked at: files may be lacking.
    pub(super) fn survey(&self, wanted: &[bool], store: &Store, devices: &Devices) -> Result<Ground, Failure> {
        let Settings { roots, hub, .. } = &self.settings;
        self.on(Externals::survey(&self.experiment, wanted, roots, &hub.cache, store), wanted, devices)
    }

    /// The failure of files that cannot be used, each shown where it is named.
    pub(super) fn unusable(&self, error: &ExternalsError) -> Failure {
        let style = if print::colour() { Style::Colour } else { Style::Plain };
        Failure { exit: Exit::Unusable, message: error.0.render(&self.sources, style), hint: None }
    }

    /// As [`survey`](Self::survey), also where the device cannot be used, as on a machine that only submits: what computes
    /// then counts as stale.
    pub(super) fn inspect(&self, wanted: &[bool], store: &Store, devices: &Devices) -> Ground {
        let Settings { roots, hub, .. } = &self.settings;
        let externals = Externals::survey(&self.experiment, wanted, roots, &hub.cache, store);
        Ground { externals: externals.with_env(self.settings.env()), numerics: devices.numerics().unwrap_or_default() }
    }

    fn on(&self, externals: Externals, wanted: &[bool], devices: &Devices) -> Result<Ground, Failure> {
        let computes =
            self.experiment.instances.iter().zip(wanted).any(|(i, wanted)| *wanted && i.bound.slot() == Slot::Device);
        let numerics = if computes { devices.numerics()? } else { "" };
        let externals = externals.with_env(self.settings.env());
        Ok(Ground { externals, numerics })
    }

    /// Plans the wanted instances.
    pub(super) fn plan(&self, wanted: &[bool], ground: &Ground, store: &Store) -> Result<Plan, Failure> {
        self.plan_with(wanted, &vec![false; wanted.len()], ground, store)
    }

    /// Plans the wanted instances; of those that are named the bytes are to be there in the end.
    pub(super) fn plan_with(
        &self,
        wanted: &[bool],
        named: &[bool],
        ground: &Ground,
        store: &Store,
    ) -> Result<Plan, Failure> {
        let Ground { externals, numerics } = ground;
        let plan = predict(&self.experiment, &self.graph, wanted, named, externals, numerics, store)?;
        // A layer that is down makes a plan look as if there was much to do.
        tell_notices(store);
        Ok(plan)
    }
}

/// Reads a file, but no more of it than a pipeline may have: a larger one is refused by its size, not by exhaustion.
fn read_limited(path: &Path) -> std::io::Result<Vec<u8>> {
    use std::io::Read;
    let mut bytes = Vec::new();
    fs_err::File::open(path)?.take(crate::source::MAX_BYTES as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Opens the store of some settings to look at it: with its index where there is one, and as an empty one where there is
/// nothing, unless what is looked at comes out of a layer and is to be kept.
pub(super) fn look(settings: &Settings) -> Result<Store, Failure> {
    let mode = match Store::is_at(&settings.cache) {
        true => Mode::Existing,
        false if settings.layers.is_empty() => Mode::ReadOnly,
        false => Mode::Create,
    };
    open_store(settings, mode)
}

/// Opens the store of some settings, and tells what is remarkable about it.
pub(super) fn open_store(settings: &Settings, mode: Mode) -> Result<Store, Failure> {
    open_store_with(StoreOptions { mode, layers: settings.layers.clone(), ..settings.store(&settings.cache) })
}

/// Opens a store, and tells what is remarkable about it.
pub(super) fn open_store_with(options: StoreOptions) -> Result<Store, Failure> {
    let Opened { store, notices } = Store::open(options)?;
    notices.iter().for_each(|notice| print::note(&notice.to_string()));
    Ok(store)
}

/// Tells what has become remarkable about a store since it was opened.
pub(super) fn tell_notices(store: &Store) {
    store.take_notices().iter().for_each(|notice| print::note(&notice.to_string()));
}

/// The device of a command, opened when it is first needed.
pub(super) struct Devices {
    choice: DeviceChoice,
    toolkit: Option<PathBuf>,
    quiet: bool,
    opened: OnceLock<Result<Device, DeviceError>>,
    told: Once,
}

impl Devices {
    /// Takes the choice; opens nothing yet.
    pub(super) fn new(settings: &Settings, global: &Global) -> Self {
        let (choice, toolkit) = (settings.device, settings.toolkit.clone());
        Self { choice, toolkit, quiet: global.quiet, opened: OnceLock::new(), told: Once::new() }
    }

    /// Returns the numerics class that keys take.
    fn numerics(&self) -> Result<&'static str, DeviceError> {
        self.open().map(Device::numerics)
    }

    /// Returns the index of the CUDA device; `None` where the CPU computes, or nothing was opened.
    pub(super) fn cuda(&self) -> Option<usize> {
        let opened = self.opened.get()?.as_ref().ok()?;
        match opened.to_string().parse() {
            Ok(DeviceChoice::Cuda(index)) => Some(index),
            _ => None,
        }
    }

    fn open(&self) -> Result<&Device, DeviceError> {
        let open = || Device::open(self.choice, self.toolkit.as_deref());
        self.opened.get_or_init(open).as_ref().map_err(Clone::clone)
    }
}

impl DeviceSlot for Devices {
    fn device(&self) -> Result<&(dyn Any + Send + Sync), StageError> {
        let device = self.open().map_err(|error| device_failed(&error))?;
        // Said when something computes, not by every command that only needs the numerics class.
        if let Some(why) = device.fallback().filter(|_| !self.quiet) {
            self.told.call_once(|| print::note(&format!("computing on the CPU: {why}")));
        }
        Ok(device)
    }

    fn described(&self) -> Option<String> {
        self.open().ok().map(Device::described)
    }
}

impl From<DeviceError> for Failure {
    fn from(error: DeviceError) -> Self {
        let failure = Self::unusable(&error);
        match error.hint() {
            Some(hint) => failure.hint(hint),
            None => failure,
        }
    }
}
