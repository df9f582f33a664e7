//! The arguments, as they are typed.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args as ClapArgs, Parser, Subcommand, ValueEnum};

use super::period::period;

/// Declarative, cached experiments on chain-of-thought-augmented distillation.
#[derive(Debug, Parser)]
#[command(version, about, max_term_width = 100, after_help = EXAMPLES)]
pub(super) struct Args {
    #[command(flatten)]
    pub(super) global: Global,
    #[command(subcommand)]
    pub(super) command: Command,
}

const EXAMPLES: &str = "\
Examples:
  retort init                                  write a first pipeline
  retort plan pipelines/quickstart.yaml        what would run, and why
  retort run pipelines/quickstart.yaml         run what is stale, then print the reports
  retort explain pipelines/quickstart.yaml 'tuned[placement=after]'

Exit codes: 0 done, 1 a stage failed, 2 bad arguments or pipeline, 3 cache, file or device cannot be used,
4 a check found a difference or damage, 130 stopped by a signal. `cache verify` adds up 4 for what is damaged, 8 for what
is missing and 16 for results without a trusted signature.";

/// What holds for every command.
#[derive(Debug, ClapArgs)]
pub(super) struct Global {
    /// Directory of the cache [default: `cache`, or as retort.toml says]
    #[arg(long, global = true, env = "RETORT_CACHE", value_name = "DIR")]
    pub(super) cache: Option<PathBuf>,
    /// Also search this cache: DIR, or DIR=on-success or DIR=never to say when results go there (without, with `cache push`).
    /// DIR can also be a bucket URL, such as `s3://BUCKET/PREFIX`, `gs://…` or `az://…` [default: the remotes of retort.toml]
    #[arg(long = "remote", global = true, value_name = "DIR[=WHEN]")]
    pub(super) remotes: Vec<String>,
    /// Use no remotes
    #[arg(long, global = true, conflicts_with = "remotes")]
    pub(super) no_remotes: bool,
    /// Say only what went wrong
    #[arg(long, short, global = true)]
    pub(super) quiet: bool,
    /// Print more: each cached result by name
    #[arg(long, short, global = true, action = clap::ArgAction::Count)]
    pub(super) verbose: u8,
    /// Write what happens as bars on a terminal, plain lines, or JSON lines on stdout
    #[arg(long, global = true, value_enum, default_value_t = Progress::Auto)]
    pub(super) progress: Progress,
    /// Write the answer as JSON, for programs
    #[arg(long, global = true)]
    pub(super) json: bool,
}

/// How a run is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Progress {
    /// Bars on a terminal, plain lines elsewhere.
    Auto,
    /// Bars.
    Bars,
    /// Plain lines.
    Plain,
    /// JSON lines on stdout.
    Json,
}

/// A pipeline file and how it is read.
#[derive(Debug, ClapArgs)]
pub(super) struct Pipeline {
    /// The pipeline file
    #[arg(value_name = "PIPELINE")]
    pub(super) file: PathBuf,
    /// Replace the values of an axis, or the seed: `--set fraction=0.4,0.5`
    #[arg(long = "set", value_name = "AXIS=VALUE[,VALUE]")]
    pub(super) set: Vec<String>,
    /// Say where the first component of a path is: `--root data=/shared/data`
    #[arg(long = "root", value_name = "NAME=DIR")]
    pub(super) roots: Vec<String>,
    /// Where to compute: auto, cpu, cuda or cuda:N
    #[arg(long, env = "RETORT_DEVICE", value_name = "DEVICE")]
    pub(super) device: Option<String>,
}

/// A pipeline and the part of it that is meant.
#[derive(Debug, ClapArgs)]
pub(super) struct Selection {
    #[command(flatten)]
    pub(super) pipeline: Pipeline,
    /// Stages or instances, such as `tuned` or `tuned[run=0]`, with what they need; all when none is given
    #[arg(value_name = "TARGET")]
    pub(super) targets: Vec<String>,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Run what is stale, and print the reports
    #[command(after_help = "Examples:
  retort run pipelines/quickstart.yaml
  retort run pipelines/quarel.yaml --root data=/shared/data --set placement=after
  retort run pipelines/quickstart.yaml answers --jobs 4 --progress plain")]
    Run(Run),
    /// Say what a run would do, without doing it
    #[command(after_help = "Example:\n  retort plan pipelines/quickstart.yaml --set fraction=0.5")]
    Plan(Selection),
    /// Say why an instance is stale: the field that changed, where, and what it cost
    #[command(after_help = "Example:\n  retort explain pipelines/quickstart.yaml 'tuned[placement=after]'")]
    Explain(Selection),
    /// Draw the stages, coloured by what would run
    #[command(after_help = "Example:\n  retort graph pipelines/quickstart.yaml --format svg > graph.svg")]
    Graph(Graph),
    /// Show what an instance made: rows, tables, a training curve
    #[command(after_help = "Examples:
  retort show pipelines/quickstart.yaml questions --limit 3
  retort show pipelines/quarel.yaml rationales --prompt mario_train_0001
  retort show pipelines/quickstart.yaml 'tuned[placement=after]'
  retort show pipelines/quickstart.yaml 'tuned[placement=after]' --svg figures")]
    Show(Show),
    /// Compare two runs or two pipeline files: parameters, accuracies with intervals, and the questions that changed
    #[command(after_help = "Examples:
  retort diff last~1 last
  retort diff pipelines/masking.yaml pipelines/masking-2.yaml --root data=/shared/data
  retort diff last pipelines/masking.yaml --limit 50")]
    Diff(Diff),
    /// List the runs in the cache
    Runs,
    /// Replay the log of a run
    #[command(after_help = "Example:\n  retort replay last")]
    Replay(Replay),
    /// Print the reports of an experiment from the cache and write their files
    #[command(after_help = "Example:\n  retort report pipelines/quickstart.yaml --out results")]
    Report(ReportArgs),
    /// Write an instance's files, such as a checkpoint in Hugging Face's layout; or every question's outcome as one table,
    /// or training curves for TensorBoard
    #[command(after_help = "Examples:
  retort export pipelines/quickstart.yaml 'tuned[placement=after]' student/
  retort export pipelines/quickstart.yaml 'tuned[placement=after]' student-at-50/ --step 50
  retort export pipelines/quickstart.yaml --outcomes outcomes.csv
  retort export pipelines/quickstart.yaml --tensorboard curves && tensorboard --logdir curves")]
    Export(Export),
    /// Read and check a pipeline; with --from-scratch, prove that the cache equals a fresh computation
    #[command(after_help = "Examples:
  retort check pipelines/quickstart.yaml
  retort check pipelines/quickstart.yaml questions --from-scratch")]
    Check(Check),
    /// Compute one result again, then countersign it, or say in what it differs
    #[command(after_help = "Example:\n  retort audit pipelines/quickstart.yaml 'tuned[placement=after]'")]
    Audit(Audit),
    /// Write a first pipeline
    Init {
        /// Directory to write to
        #[arg(default_value = ".")]
        directory: PathBuf,
        /// Write a pipeline for a table of your own instead, guessing which field is what
        #[arg(long, value_name = "FILE")]
        data: Option<PathBuf>,
    },
    /// Write the JSON Schema of pipeline files, for editors
    #[command(after_help = "Example:\n  retort schema > retort.schema.json
  and as the first line of a pipeline: # yaml-language-server: $schema=../retort.schema.json")]
    Schema,
    /// Write a completion script for a shell
    #[command(after_help = "Example:\n  retort completions bash > ~/.local/share/bash-completion/completions/retort")]
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Write a man page for each command
    #[command(after_help = "Example:\n  retort man ~/.local/share/man/man1")]
    Man {
        /// Directory for the pages
        directory: PathBuf,
    },
    /// Inspect and maintain the cache
    #[command(subcommand)]
    Cache(Cache),
}

#[derive(Debug, ClapArgs)]
pub(super) struct Run {
    #[command(flatten)]
    pub(super) selection: Selection,
    /// Worker threads besides the device [default: the number of cores]
    #[arg(long, short)]
    pub(super) jobs: Option<usize>,
    /// Take models only from the hub's cache, as `HF_HUB_OFFLINE=1` does
    #[arg(long)]
    pub(super) offline: bool,
    /// Directory for the reports' files
    #[arg(long, default_value = "out", value_name = "DIR")]
    pub(super) out: PathBuf,
}

#[derive(Debug, ClapArgs)]
pub(super) struct Graph {
    #[command(flatten)]
    pub(super) pipeline: Pipeline,
    /// The language of the drawing
    #[arg(long, value_enum, default_value_t = GraphFormat::Mermaid)]
    pub(super) format: GraphFormat,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum GraphFormat {
    /// Graphviz.
    Dot,
    /// Mermaid.
    Mermaid,
    /// A picture.
    Svg,
}

#[derive(Debug, ClapArgs)]
pub(super) struct Show {
    #[command(flatten)]
    pub(super) pipeline: Pipeline,
    /// A stage or an instance
    #[arg(value_name = "TARGET")]
    pub(super) target: String,
    /// How many rows to show
    #[arg(long, default_value_t = 5)]
    pub(super) limit: usize,
    /// Show only the row of this question
    #[arg(long, value_name = "ID")]
    pub(super) row: Option<String>,
    /// Show what a teacher is asked for this question, whether or not it was asked already
    #[arg(long, value_name = "ID", conflicts_with_all = ["row", "svg"])]
    pub(super) prompt: Option<String>,
    /// Write the curves of a training as `loss.svg` and `dev-accuracy.svg`, each with a picture in PNG beside it, into this
    /// directory
    #[arg(long, value_name = "DIR")]
    pub(super) svg: Option<PathBuf>,
}

#[derive(Debug, ClapArgs)]
pub(super) struct Diff {
    /// The earlier run: an identifier or its beginning, `last`, or `last~N`; or a pipeline file
    pub(super) before: String,
    /// The later run, or a pipeline file
    #[arg(default_value = "last")]
    pub(super) after: String,
    /// How many of the questions that changed are listed for each instance
    #[arg(long, default_value_t = 10, value_name = "N")]
    pub(super) limit: usize,
    /// Say where the first component of a path in a pipeline file is: `--root data=/shared/data`
    #[arg(long = "root", value_name = "NAME=DIR")]
    pub(super) roots: Vec<String>,
}

#[derive(Debug, ClapArgs)]
pub(super) struct Replay {
    /// The run: an identifier or its beginning, `last`, or `last~N`
    #[arg(default_value = "last")]
    pub(super) run: String,
}

#[derive(Debug, ClapArgs)]
pub(super) struct ReportArgs {
    #[command(flatten)]
    pub(super) selection: Selection,
    /// Directory for the files
    #[arg(long, default_value = "out", value_name = "DIR")]
    pub(super) out: PathBuf,
}

#[derive(Debug, ClapArgs)]
pub(super) struct Export {
    #[command(flatten)]
    pub(super) pipeline: Pipeline,
    /// One instance; with `--outcomes` or `--tensorboard`, a stage or instances, all when none is given
    #[arg(value_name = "TARGET")]
    pub(super) target: Option<String>,
    /// Directory to write the instance's files to
    #[arg(value_name = "DIRECTORY", conflicts_with_all = ["outcomes", "tensorboard"])]
    pub(super) directory: Option<PathBuf>,
    /// The weights of the evaluation after this step, of a training that keeps those of each (`keep: full`)
    #[arg(long, value_name = "STEP", conflicts_with_all = ["outcomes", "tensorboard"])]
    pub(super) step: Option<u64>,
    /// Write the outcome of every question, with the axis values of its instance, to this CSV file; `-` is stdout
    #[arg(long, value_name = "FILE")]
    pub(super) outcomes: Option<PathBuf>,
    /// Write the curves of every training to event files in this directory
    #[arg(long, value_name = "DIR")]
    pub(super) tensorboard: Option<PathBuf>,
}

#[derive(Debug, ClapArgs)]
pub(super) struct Check {
    #[command(flatten)]
    pub(super) selection: Selection,
    /// Compute everything again in an empty cache and compare byte for byte
    #[arg(long)]
    pub(super) from_scratch: bool,
}

#[derive(Debug, ClapArgs)]
pub(super) struct Audit {
    #[command(flatten)]
    pub(super) pipeline: Pipeline,
    /// One instance
    #[arg(value_name = "TARGET")]
    pub(super) target: String,
}

/// What is signed with, and whom to trust.
#[derive(Debug, Subcommand)]
pub(super) enum Key {
    /// Make a key with which everything is signed from now on
    New,
    /// Trust a key
    Trust {
        /// The public key, as `cache key new` wrote it
        key: String,
        /// Whose it is
        name: String,
    },
    /// Revoke a key
    Revoke {
        /// The public key, or the name it is trusted under
        key: String,
    },
    /// List the keys that count, and those that do not
    List,
}

#[derive(Debug, Subcommand)]
pub(super) enum Cache {
    /// Say what the cache holds and how much room it takes
    #[command(after_help = "Example:\n  retort cache size --by person")]
    Size {
        /// Say what results take by the experiment or stage that needed them, or by the person who made them
        #[arg(long, value_enum)]
        by: Option<SizeBy>,
    },
    /// Hash every blob again, and look for records, rows and files that are damaged
    #[command(after_help = "The exit code adds up: 4 something is damaged, 8 a blob that a result names is missing,
16 a result has no trusted signature, where one is required.")]
    Verify,
    /// Remove what no recent run refers to
    #[command(after_help = "What is removed lies in the trash until the grace is over and `cache gc` runs again;
`cache undelete` brings it back.")]
    Gc {
        /// Keep what the last N runs of each person refer to
        #[arg(long, default_value_t = 20, value_name = "N")]
        keep_runs: usize,
        /// Keep what is younger than this: `30s`, `10m`, `7d`, or a number of hours
        #[arg(long, default_value = "24", value_name = "HOURS", value_parser = period)]
        grace: Duration,
        /// Only say what would go, and what it would cost to compute again
        #[arg(long)]
        dry_run: bool,
    },
    /// Bring back what `cache gc` removed and has not deleted yet
    #[command(after_help = "Examples:
  retort cache undelete --list
  retort cache undelete                  what was removed last
  retort cache undelete gc-0f3a91")]
    Undelete {
        /// One collection, by the beginning of its name
        name: Option<String>,
        /// Only list what can be brought back
        #[arg(long, conflicts_with = "name")]
        list: bool,
    },
    /// Make the index anew from the files
    Rebuild,
    /// Make a directory or a part of a bucket for a group to share: a remote, or a cache that several people use
    #[command(after_help = "Examples:
  retort cache share /shared/retort      make it; its group is that of the folder it lies in, or its own where it exists
  retort cache share s3://lab/retort     the same in a bucket; credentials come from the environment
and in everyone's retort.toml:
  [[remotes]]
  path = \"/shared/retort\"              # or url = \"s3://lab/retort\"
  write = \"on-success\"                 # or \"on-push\" or \"never\"")]
    Share {
        /// The directory, or the address of a bucket
        #[arg(value_name = "DIR")]
        place: String,
    },
    /// Manage the keys that sign results
    #[command(subcommand)]
    Key(Key),
    /// Copy results to the remotes
    #[command(after_help = "Examples:
  retort cache push                      what the last run needed and made
  retort cache push --stage tuned        of that, only the stage `tuned`
  retort cache push --all
  retort cache push --all --verify       and replace what is damaged there
  retort cache push 3f9a1c               the result or blob whose name begins so")]
    Push(Push),
    /// Copy results from the remotes
    #[command(after_help = "Examples:
  retort cache pull                      what the last run that was pushed needed and made
  retort cache pull --run 20260713-1015 --stage tuned
  retort cache pull 3f9a1c               the result or blob whose name begins so")]
    Pull(Move),
}

/// By what the size of results is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum SizeBy {
    /// The experiment whose run needed it.
    Experiment,
    /// The stage that it is the result of.
    Stage,
    /// Who made it.
    Person,
}

/// What is pushed, and how.
#[derive(Debug, ClapArgs)]
pub(super) struct Push {
    #[command(flatten)]
    pub(super) what: Move,
    /// Read what the remotes have already, and replace what is damaged there
    #[arg(long)]
    pub(super) verify: bool,
}

/// Which results are moved, and between what.
#[derive(Debug, ClapArgs)]
pub(super) struct Move {
    /// Results or blobs, by the first six digits or more of their names
    #[arg(value_name = "DIGEST")]
    pub(super) digests: Vec<String>,
    /// A run: an identifier or its beginning, `last`, or `last~N`
    #[arg(long, value_name = "RUN", conflicts_with_all = ["digests", "all"])]
    pub(super) run: Option<String>,
    /// Only a stage or an instance of the run
    #[arg(long, value_name = "STAGE", conflicts_with_all = ["digests", "all"])]
    pub(super) stage: Option<String>,
    /// Everything
    #[arg(long, conflicts_with = "digests")]
    pub(super) all: bool,
    /// The remote, by name [default: all]
    #[arg(long = "to", visible_alias = "from", value_name = "NAME")]
    pub(super) remote: Option<String>,
    /// Number of concurrent transfers, at most 64 [default: 8, or 48 to a bucket]
    #[arg(long, short)]
    pub(super) jobs: Option<usize>,
}
