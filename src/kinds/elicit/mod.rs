//! `elicit`: a rationale for each question of a split, from a teacher.
//!
//! | module | holds |
//! |---|---|
//! | `teacher` | the forms a teacher may be written in |
//! | `gold`, `import` | rationales that are there already |
//! | `openai`, `local` | teachers that are asked: behind a server, or a model on this machine's device |
//! | `fields` | addresses, headers and further fields of a teacher behind a server |
//! | `inquiry` | every row that is asked, with its key and the answer that is there already |
//! | `row` | an answer as the cache of rows has it, and which of its words can be used |
//! | `remarks` | what a person should know of answers: other models, other servers, prompts that were cut |
//! | `tally` | how many of what came, what it cost, and whether that is within the tolerance |
//! | `history` | what a model took before, for estimates |
//!
//! # The key of a row
//!
//! What its answer depends on: the kind of teacher, the model, the `server` where one is named, the conversation as it is
//! sent, how tokens are drawn, what ends an answer, the number of the sample. Not in it: the server's address, headers, keys,
//! limits, prices, and the longest answer that is allowed, for an answer that ended by itself is the same under any limit it
//! fits. A row keeps the address it was answered at, and a person is told where that is another than the pipeline's.

mod fields;
mod gold;
mod history;
mod import;
mod inquiry;
mod local;
mod openai;
mod remarks;
mod row;
mod tally;
mod teacher;

use std::collections::BTreeMap;

use serde_json::Value as Json;

use retort_artifact::{Question, Questions, Rationales, Split};
use retort_fingerprint::{ContentHash, Term};
use retort_source::{Diagnostic, Node};
use retort_stage::params::{Aside, Count, External, FromNode, Input, Scope, Share};
use retort_stage::{Context, Flaw, Inquiry, Looked, Slot, Stage, StageError};

use inquiry::{BOUGHT, Rows};
use openai::OpenAi;
use remarks::{MODELS, SERVERS, another_server};
use teacher::Teacher;

/// Where the teacher's own label is taken from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LabelFrom {
    /// From its words, where they state one: `The answer is B because …`.
    Text,
}

retort_stage::words!(LabelFrom { Text = "from_text" });

/// Which words of a teacher's answer are the rationale.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RationaleFrom {
    /// What it says, without what it thought before.
    Content,
    /// What it thought before.
    Reasoning,
}

retort_stage::words!(RationaleFrom { Content = "content", Reasoning = "reasoning" });

retort_stage::params! {
    /// A rationale for each question of a split.
    pub struct Written {
        /// The questions.
        pub questions: Input<Questions>,
        /// The split to elicit for.
        pub split: Split = Split::Train,
        /// Where rationales come from: `gold`, `import: {path: …}`, `openai: {…}` or `local: {…}`.
        pub teacher: Teacher,
        /// What a teacher is asked: a Jinja template with `question`, `choices`, `label`, `answer_text` and `examples`.
        pub prompt: Option<External>,
        /// Worked examples for the template: JSON lines of `{question, choices, label, rationale}`.
        pub examples: Option<External>,
        /// How many rationales each question gets.
        pub samples: Count = Count::of(1),
        /// Where the teacher's own label is taken from: `from_text` reads `The answer is B`.
        pub label: Option<LabelFrom>,
        /// Which words of an answer are the rationale: `content`, without thoughts (`<think>…</think>`), or `reasoning`, the
        /// thoughts themselves. A label is never read from thoughts.
        pub rationale_from: RationaleFrom = RationaleFrom::Content,
        /// How an answer begins that is no answer.
        pub refusals: Vec<String> = REFUSALS.map(str::to_owned).to_vec(),
        /// The share of answers that may be missing, empty, refused, cut off or broken off before the stage fails. It decides
        /// whether there is a result, never what it is.
        pub tolerance: Aside<Share> = Aside(Share::of(0.01)),
    }
}

/// How teachers begin when they will not answer.
const REFUSALS: [&str; 5] = ["I'm sorry", "I am sorry", "I cannot", "I can't", "As an AI"];

/// A rationale for each question of a split.
#[derive(Debug, Clone)]
pub struct Elicit(Written);

impl FromNode for Elicit {
    fn from_node(node: &Node, scope: &mut Scope<'_>) -> Option<Self> {
        let written = Written::from_node(node, scope)?;
        let teacher = node.get("teacher").map_or(node.span, |teacher| teacher.span);
        if written.teacher.is_asked() && written.prompt.is_none() {
            let missing = Diagnostic::at(teacher, "a teacher that is asked needs a `prompt`")
                .hint_if(Some("`prompt: prompts/quarel.jinja` names a template".to_owned()));
            return scope.fail(missing);
        }
        if !written.teacher.is_asked() {
            for field in ["prompt", "examples", "samples", "label", "rationale_from", "refusals", "tolerance"] {
                if let Some(given) = node.get(field) {
                    let useless = format!("`{field}` says nothing to a teacher that is not asked");
                    return scope.fail(Diagnostic::at(given.span, useless));
                }
            }
        }
        Some(Self(written))
    }

    fn schema() -> Json {
        Written::schema()
    }
}

impl ContentHash for Elicit {
    fn term(&self) -> Term {
        self.0.term()
    }
}

impl Stage for Elicit {
    type Output = Rationales;

    const NAME: &'static str = "elicit";
    const REVISION: u32 = 2;
    const ABOUT: &'static str = "A rationale for each question of a split, from a teacher.";
    const EXAMPLE: &'static str = "{ questions: questions, split: train, teacher: gold }";
    const BOUGHT_ROWS: Option<&'static str> = Some(BOUGHT);

    fn slot(&self) -> Slot {
        match &self.0.teacher {
            Teacher::Local(_) => Slot::Device,
            Teacher::Gold | Teacher::Import(_) | Teacher::OpenAi(_) => Slot::Worker,
        }
    }

    fn parts(&self, port: &str) -> Option<Vec<String>> {
        (port == "questions").then(|| vec![self.0.split.name().to_owned()])
    }

    fn teacher(&self, recorded: &BTreeMap<String, String>) -> Option<String> {
        let Teacher::OpenAi(OpenAi { model, .. }) = &self.0.teacher else { return None };
        Some(match recorded.get(MODELS) {
            Some(models) => format!("teacher {model}; as its server calls what answered: {models}"),
            None => format!("teacher {model}, as it was asked for; its server does not say what answered"),
        })
    }

    fn caveat(&self, recorded: &BTreeMap<String, String>) -> Option<String> {
        let Teacher::OpenAi(openai) = &self.0.teacher else { return None };
        // Where the key says which server it is, its address does not matter.
        if openai.server.is_some() {
            return None;
        }
        let (here, servers) = (openai.base_url.0.place(), recorded.get(SERVERS)?);
        let others: Vec<String> =
            servers.lines().filter(|server| *server != here).map(|server| format!("`{server}`")).collect();
        (!others.is_empty()).then(|| another_server(&others.join(", "), here))
    }

    fn preflight(&self, context: &Context<'_>, looked: &Looked) -> Vec<Flaw> {
        let mut flaws = Vec::new();
        let written = &self.0;
        if written.teacher.is_asked() {
            flaws.extend(Flaw::of("prompt", inquiry::prompt(context, written)));
        }
        flaws.extend(match &written.teacher {
            Teacher::Gold => Vec::new(),
            Teacher::Import(import) => import.preflight(context, looked),
            Teacher::OpenAi(openai) => openai.preflight(context),
            Teacher::Local(local) => local.preflight(context, looked),
        });
        flaws
    }

    fn asks(&self) -> bool {
        self.0.teacher.is_asked()
    }

    fn inquiry(&self, context: &Context<'_>) -> Result<Option<Inquiry>, StageError> {
        if !self.0.teacher.is_asked() {
            return Ok(None);
        }
        let questions = context.read(&self.0.questions)?;
        let questions = questions.split(self.0.split);
        let rows = Rows::of(context, &self.0, questions)?;
        rows.inquiry(context).map(Some)
    }

    fn run(&self, context: &Context<'_>) -> Result<Rationales, StageError> {
        let written = &self.0;
        let questions = context.read(&written.questions)?;
        let questions = questions.split(written.split);
        let found = match &written.teacher {
            Teacher::Gold => gold::rationales(questions),
            Teacher::Import(import) => import.rationales(context, questions)?,
            Teacher::OpenAi(openai) => {
                let mut rows = Rows::of(context, written, questions)?;
                openai.ask(context, &mut rows)?;
                rows.rationales(context)?
            }
            Teacher::Local(local) => {
                let mut rows = Rows::of(context, written, questions)?;
                local.ask(context, &mut rows)?;
                rows.rationales(context)?
            }
        };
        told(context, questions, found, written.split)
    }
}

/// Says how many questions have no rationale; none at all is an error.
fn told(
    context: &Context<'_>,
    questions: &[Question],
    found: Rationales,
    split: Split,
) -> Result<Rationales, StageError> {
    let with: std::collections::BTreeSet<&str> = found.rows.iter().map(|row| row.id.as_str()).collect();
    let without = questions.iter().filter(|question| !with.contains(question.id.as_str())).count();
    if found.rows.is_empty() {
        let why = format!("none of the {} questions of split `{split}` has a rationale", questions.len());
        return Err(StageError::data(why));
    }
    if without > 0 {
        context.warn(format!("{without} of {} questions have no rationale", questions.len()));
    }
    Ok(found)
}
