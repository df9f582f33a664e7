//! Several targets a question: each is a sequence of its own, with a prompt, a place for the rationale and a weight of its own.
//!
//! Distilling step by step (Hsieh et al., 2023) has two: the label, and the rationale alone, told apart by what stands before
//! the question. What the loss is then, `retort_model` says where it defines tasks.

use std::collections::BTreeSet;

use retort_artifact::{Placement, TargetUsage, Usage};
use retort_fingerprint::Words;
use retort_stage::params::External;
use retort_stage::{Clash, Context, StageError};

use super::chat::template;
use super::labels::Labels;
use super::sequence::data;
use super::train::Train;
use super::weights::Weight;

/// What a target writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Writes {
    /// The label alone.
    None,
    /// The rationale, then the label.
    Before,
    /// The label, then the rationale.
    After,
    /// The rationale, the label, and the rationale again.
    Both,
    /// The rationale alone.
    Alone,
}

retort_stage::words!(Writes { None = "none", Before = "before", After = "after", Both = "both", Alone = "alone" });

impl Writes {
    /// Where the target has its rationale; `None` where there is no label.
    fn placement(self) -> Option<Placement> {
        match self {
            Self::None => Some(Placement::None),
            Self::Before => Some(Placement::Before),
            Self::After => Some(Placement::After),
            Self::Both => Some(Placement::Both),
            Self::Alone => None,
        }
    }
}

retort_stage::params! {
    /// One of several targets of each question.
    pub struct Target {
        /// What logs, reports and `evaluate` call it; its `placement` where this is not given.
        pub name: Option<String>,
        /// Where it has its rationale, as `placement` of the stage says; or `alone`, which is the rationale without a label.
        pub placement: Writes,
        /// A template for its prompts, in Jinja; that of the stage where this is not given.
        pub prompt: Option<External>,
        /// Text that stands before its prompts, such as `[label] `, so that the student can tell targets apart.
        pub prefix: String = String::new(),
        /// The factor on its mean loss. With 0 the target is left out.
        pub weight: Weight = Weight::of(1.0),
    }
}

impl Target {
    fn name(&self) -> &str {
        self.name.as_deref().unwrap_or_else(|| self.placement.word())
    }

    /// Says whether its rationale stands before its label.
    pub(super) fn reasons_first(&self) -> bool {
        matches!(self.placement, Writes::Before | Writes::Both)
    }

    fn aim(&self) -> Aim<'_> {
        let Self { name: _, placement, prompt: _, prefix: _, weight } = self;
        Aim { name: self.name(), placement: placement.placement(), weight: weight.get(), declared: Some(self) }
    }
}

/// A target as it is trained; the only one of a stage without `targets` has no name.
#[derive(Debug, Clone, Copy)]
pub(super) struct Aim<'a> {
    pub(super) name: &'a str,
    /// `None` where it is the rationale alone.
    pub(super) placement: Option<Placement>,
    pub(super) weight: f64,
    declared: Option<&'a Target>,
}

impl Aim<'_> {
    /// Says whether it is made of rationales, or of labels that came with them.
    pub(super) fn reads(&self, labels: Labels) -> bool {
        self.placement != Some(Placement::None) || labels == Labels::Teacher
    }
}

impl Train {
    /// Returns the targets that are trained: those with a weight.
    pub(super) fn aims(&self) -> Vec<Aim<'_>> {
        match self.targets.get() {
            Some(targets) => targets.iter().map(Target::aim).filter(|aim| aim.weight > 0.0).collect(),
            None => vec![Aim { name: "", placement: self.placement, weight: 1.0, declared: None }],
        }
    }

    /// Where the target that the student is asked for has its rationale: of several, the first with an answer.
    pub(super) fn placement(&self) -> Placement {
        self.aims().iter().find_map(|aim| aim.placement).unwrap_or(Placement::None)
    }

    /// Says where each of several targets has its rationale: a line for each, with its name.
    pub(super) fn targets_told(&self) -> Option<String> {
        let line = |target: &Target| format!("{}\t{}", target.name(), target.placement.word());
        Some(self.targets.get()?.iter().map(line).collect::<Vec<_>>().join("\n"))
    }

    /// Says whether any target is made of rationales, or of labels that came with them.
    pub(super) fn reads(&self) -> bool {
        self.aims().iter().any(|aim| aim.reads(self.labels))
    }

    /// Says whether any target has a rationale in it.
    pub(super) fn writes_rationales(&self) -> bool {
        self.aims().iter().any(|aim| aim.placement != Some(Placement::None))
    }

    /// Says what is wrong with the targets.
    pub(super) fn check_targets(&self) -> Result<(), Clash> {
        let clash = |field, why: String, hint: &str| Err(Clash { field, why, hint: hint.into() });
        let Some(targets) = self.targets.get() else {
            return match self.placement {
                Some(_) => Ok(()),
                None => clash(
                    "placement",
                    "missing field `placement`".to_owned(),
                    "give `none`, `before`, `after` or `both`, or several `targets`, each with its own",
                ),
            };
        };
        if self.placement.is_some() {
            let why = "`placement` says nothing beside `targets`, each of which has its own".to_owned();
            return clash("placement", why, "leave it out");
        }
        if self.think.get().is_some() && !targets.iter().any(Target::reasons_first) {
            let placements: BTreeSet<&str> = targets.iter().map(|target| target.placement.word()).collect();
            let why = format!(
                "`think` puts brackets around a rationale that stands before its label, and no target has one: their placements \
                 are {}",
                placements.into_iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
            );
            return clash("think", why, "leave it out, or give a target `placement: before`");
        }
        let mut names = BTreeSet::new();
        if let Some(twice) = targets.iter().map(Target::name).find(|name| !names.insert(*name)) {
            let why = format!("two targets are called `{twice}`");
            return clash("targets", why, "give each a `name` of its own");
        }
        if targets.iter().any(|target| target.name().trim().is_empty()) {
            return clash("targets", "a target has a blank `name`".to_owned(), "leave it out, or give one");
        }
        if !self.aims().iter().any(|aim| aim.placement.is_some()) {
            let why =
                "no target with an answer has a weight above 0, so that the student could not be asked".to_owned();
            return clash("targets", why, "add one, such as `{ placement: none, prefix: \"[label] \" }`");
        }
        Ok(())
    }

    /// Says how the student is asked for each target, `base` being how it is asked by the stage's own prompt. Returned are the
    /// usage of the student, and that of each target, in the order in which they are trained.
    pub(super) fn usages(&self, context: &Context<'_>, base: Usage) -> Result<(Usage, Vec<Usage>), StageError> {
        if self.targets.get().is_none() {
            return Ok((base.clone(), vec![base]));
        }
        let aims = self.aims();
        let mut usages = Vec::new();
        let mut targets = Vec::new();
        for aim in &aims {
            let prompt = match aim.declared {
                Some(target) => prompt(context, target, &base.prompt)?,
                None => base.prompt.clone(),
            };
            targets.push(TargetUsage { name: aim.name.to_owned(), placement: aim.placement, prompt: prompt.clone() });
            let mut usage = Usage { prompt, ..base.clone() };
            // A rationale alone has no answer, and is not read.
            usage.format.placement = aim.placement.unwrap_or(Placement::None);
            usages.push(usage);
        }
        let first = aims.iter().position(|aim| aim.placement.is_some()).unwrap_or(0);
        Ok((Usage { targets, ..usages[first].clone() }, usages))
    }

    /// Warns of targets that a student cannot tell apart by how it is asked.
    pub(super) fn warn_of_likeness(&self, context: &Context<'_>, usages: &[Usage]) {
        let aims = self.aims();
        for (index, usage) in usages.iter().enumerate() {
            if let Some(like) = usages[..index].iter().position(|other| other.prompt == usage.prompt) {
                context.warn(format!(
                    "the targets `{}` and `{}` have the same prompt, so that the student cannot tell which is asked for: give one a \
                     `prefix`",
                    aims[like].name, aims[index].name
                ));
            }
        }
    }
}

/// Returns the template of a target's prompts.
fn prompt(context: &Context<'_>, target: &Target, stage: &str) -> Result<String, StageError> {
    let source = match &target.prompt {
        Some(file) => template(context, file)?,
        None => stage.to_owned(),
    };
    if target.prefix.is_empty() {
        return Ok(source);
    }
    // As a literal, so that nothing in it is taken for Jinja.
    let literal = serde_json::to_string(&target.prefix).map_err(data)?;
    Ok(format!("{{{{ {literal} }}}}{source}"))
}

/// Returns where the target of a name has its rationale, out of what was told of all of them.
pub(super) fn placement_told<'t>(told: &'t str, name: &str) -> Option<&'t str> {
    told.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('\t'))
}

/// Returns how a student is asked for one of several targets.
pub(super) fn asked_for(usage: &Usage, name: &str) -> Result<Usage, StageError> {
    let known = || usage.targets.iter().map(|target| format!("`{}`", target.name)).collect::<Vec<_>>().join(", ");
    let Some(target) = usage.targets.iter().find(|target| target.name == name) else {
        return Err(data(match usage.targets.len() {
            0 => format!("`target: {name}`: the student was trained without `targets`; leave `target` out"),
            _ => format!("`target: {name}`: the student was taught no such target; it knows {}", known()),
        }));
    };
    let Some(placement) = target.placement else {
        return Err(data(format!(
            "`target: {name}`: this target is a rationale without an answer, so that there is nothing to score"
        )));
    };
    let mut asked = Usage { prompt: target.prompt.clone(), ..usage.clone() };
    asked.format.placement = placement;
    Ok(asked)
}
