//! `elicit`: a rationale for each question of a split, from a teacher.
//!
//! | module | holds |
//! |---|---|
//! | `teacher` | the forms a teacher may be written in |
//! | `gold`, `import` | rationales that are there already |
//! | `openai`, `local` | teachers that are asked: behind a server, or a model on this machine's device |
//! | `fields` | addresses, headers and further fields of a teacher behind a server |
//! | `inquiry` | every row that is asked, with its key and the answer that is there already |
//! | `row`, `record` | an answer and which of its words can be used; how it is written into the cache of rows |
//! | `remarks` | what a person should know of answers: other models, other servers, prompts that were cut |
//! | `tally` | how many of what came, what it cost, and whether that is within the tolerance |
//! | `budget` | what a stage may cost at most |
//! | `votes` | the majority of several answers, and how far they agree |
//! | `history` | what a model took before, for estimates |
//! | `words` | the words by which a pipeline says what is read out of an answer |
//!
//! # The key of a row
//!
//! What its answer depends on: the kind of teacher, the model, the `server` where one is named, the conversation as it is
//! sent, how tokens are drawn, what ends an answer, the number of the sample. Not in it: the server's address, headers, keys,
//! limits, prices, and the longest answer that is allowed, for an answer that ended by itself is the same under any limit it
//! fits. A row keeps the address it was answered at, and a person is told where that is another than the pipeline's. Neither is
//! what is read out of an answer: a row keeps the body as it arrived. A budget is in no key at all.

mod budget;
mod fields;
mod gold;
mod history;
mod import;
mod inquiry;
mod local;
mod openai;
mod prompt;
mod record;
mod remarks;
mod row;
mod tally;
mod teacher;
mod votes;
mod words;

use std::collections::BTreeMap;

use serde_json::Value as Json;

use retort_artifact::{Elicited, Question, Questions, Split};
use retort_fingerprint::{ContentHash, Term};
use retort_source::{Diagnostic, Node};
use retort_stage::params::{Aside, Count, External, FromNode, Input, PositiveReal, Scope, UnitReal};
use retort_stage::{Context, Flaw, Inquiry, Looked, Slot, Stage, StageError};

use crate::sequence::data;
use inquiry::{BOUGHT, Rows};
use openai::OpenAi;
use remarks::{MODELS, SERVERS, another_server};
use teacher::Teacher;
pub use votes::CONSISTENCY;
pub use words::{LabelFrom, RationaleFrom};

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
        /// How many answers to each question vote for a label, in the place of `samples`. The rationales of the majority are
        /// kept, and a report says how far the answers agree (self-consistency).
        pub votes: Option<Count>,
        /// Where the teacher's own label is taken from: `from_text` reads `The answer is B`, also from imported rationales
        /// without a label.
        pub label: Option<LabelFrom>,
        /// Which words of an answer are the rationale: `content`, without thoughts; `reasoning`, the thoughts themselves;
        /// `think`, the thoughts between tags (`<think>…</think>`) alone; or `all`, thoughts and content. Answers are kept whole,
        /// so changing it asks nothing again. A label is never read from thoughts.
        pub rationale_from: RationaleFrom = RationaleFrom::Content,
        /// How an answer begins that is no answer.
        pub refusals: Vec<String> = REFUSALS.map(str::to_owned).to_vec(),
        /// The fraction of answers that may be missing, empty, refused, cut off or interrupted before the stage fails. It decides
        /// whether there is a result, never what it is.
        pub tolerance: Aside<UnitReal> = Aside(UnitReal::of(0.01)),
        /// What all answers of the stage may cost, in the currency of the teacher's `price`. Nothing more is asked once it is
        /// used up: the stage fails, and what came is kept for a run with a higher one.
        pub max_cost: Aside<Option<PositiveReal>>,
        /// How many tokens all answers of the stage may take, asked and answered. It works as `max_cost` does.
        pub max_tokens_total: Aside<Option<Count>>,
    }
}

impl Written {
    /// Returns how often each question is asked.
    fn samples(&self) -> usize {
        self.votes.unwrap_or(self.samples).get()
    }
}

/// How teachers begin when they will not answer.
const REFUSALS: [&str; 5] = ["I'm sorry", "I am sorry", "I cannot", "I can't", "As an AI"];

/// Fields that are about asking.
const ASKED: [&str; 9] = [
    "prompt",
    "examples",
    "samples",
    "label",
    "rationale_from",
    "refusals",
    "tolerance",
    "max_cost",
    "max_tokens_total",
];

impl Written {
    /// Says which fields cannot go together: the one to look at, why, and what to try.
    fn clash(&self) -> Option<(&'static str, String, &'static str)> {
        let Self { teacher, votes, samples, label, max_cost, .. } = self;
        let price = match teacher {
            Teacher::OpenAi(openai) => openai.price(),
            Teacher::Gold | Teacher::Import(_) | Teacher::Local(_) => None,
        };
        if price.is_some_and(|price| price.input < 0.0 || price.output < 0.0) {
            return Some(("teacher", "`price` is below 0".into(), "it is what a million tokens cost"));
        }
        if max_cost.0.is_some() && price.is_none() {
            let (why, hint) = match teacher {
                Teacher::OpenAi(_) => (
                    "`max_cost` needs the prices of the teacher",
                    "`price: { input: 0.5, output: 1.5 }` in `teacher.openai` says what a million tokens cost",
                ),
                _ => ("`max_cost` is for a teacher behind a server", "`max_tokens_total` limits the tokens instead"),
            };
            return Some(("max_cost", why.into(), hint));
        }
        let votes = (*votes)?;
        if votes.get() < 2 {
            return Some(("votes", "one answer is no vote".into(), "give 2 or more, or leave `votes` out"));
        }
        if samples.get() > 1 {
            let why = "`samples` and `votes` both say how often a question is asked";
            return Some(("samples", why.into(), "leave `samples` out"));
        }
        let draws = match teacher {
            Teacher::Gold => {
                return Some(("votes", "the dataset has one rationale for each question".into(), "leave `votes` out"));
            }
            Teacher::Import(_) => return None,
            Teacher::OpenAi(openai) => openai.temperature != Some(0.0),
            Teacher::Local(local) => local.temperature > 0.0,
        };
        if label.is_none() {
            let why = "`votes` needs the labels that answers state";
            return Some(("votes", why.into(), "`label: from_text` reads them"));
        }
        let same = || {
            let why = "at `temperature: 0` every answer to a question is the same, and all vote alike";
            ("votes", why.into(), "give the teacher a `temperature` above 0")
        };
        (!draws).then(same)
    }
}

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
            // Labels can be read from rationales of elsewhere as well.
            let imported = matches!(written.teacher, Teacher::Import(_));
            for field in ASKED.into_iter().filter(|field| *field != "label" || !imported) {
                if let Some(given) = node.get(field) {
                    let useless = format!("`{field}` has no effect with a teacher that is not asked");
                    return scope.fail(Diagnostic::at(given.span, useless));
                }
            }
        }
        match written.clash() {
            Some((field, why, hint)) => {
                let place = node.get(field).map_or(node.span, |given| given.span);
                scope.fail(Diagnostic::at(place, why).hint(hint))
            }
            None => Some(Self(written)),
        }
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
    type Output = Elicited;

    const NAME: &'static str = "elicit";
    const REVISION: u32 = 4;
    const ABOUT: &'static str = "A rationale for each question of a split, from a teacher.";
    const EXAMPLE: &'static str = "{ questions: questions, split: train, teacher: gold }";
    const BOUGHT_ROWS: &'static [&'static str] = &BOUGHT;

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
        let said = match &self.0.teacher {
            Teacher::OpenAi(OpenAi { model, .. }) => Some(match recorded.get(MODELS) {
                Some(models) => format!("teacher {model}; as its server calls what answered: {models}"),
                None => format!("teacher {model}, as it was asked for; its server does not say what answered"),
            }),
            Teacher::Gold | Teacher::Import(_) | Teacher::Local(_) => None,
        };
        match (said, recorded.get(CONSISTENCY)) {
            (Some(said), Some(agreed)) => Some(format!("{said}; {agreed}")),
            (None, Some(agreed)) => Some(format!("teacher: {agreed}")),
            (said, None) => said,
        }
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
            flaws.extend(Flaw::of("prompt", prompt::prompt(context, written)));
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
        let inquiry = match &self.0.teacher {
            Teacher::Local(local) => {
                let template = local.template(context)?;
                rows.inquiry(context, &|asked| template.render(asked).map_err(data))
            }
            Teacher::Gold | Teacher::Import(_) | Teacher::OpenAi(_) => {
                rows.inquiry(context, &|asked| Ok(asked.to_string()))
            }
        };
        inquiry.map(Some)
    }

    fn run(&self, context: &Context<'_>) -> Result<Elicited, StageError> {
        let written = &self.0;
        let questions = context.read(&written.questions)?;
        let questions = questions.split(written.split);
        let found = match &written.teacher {
            Teacher::Gold => gold::rationales(questions),
            Teacher::Import(import) => import.rationales(context, questions, written.label)?,
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
        let found = match written.votes {
            Some(votes) => votes::counted(context, questions, found, votes.get()),
            None => Elicited { rationales: found, votes: None },
        };
        told(context, questions, found, written.split)
    }
}

/// Says how many questions have no rationale; none at all is an error.
fn told(context: &Context<'_>, questions: &[Question], found: Elicited, split: Split) -> Result<Elicited, StageError> {
    let with: std::collections::BTreeSet<&str> = found.rationales.rows.iter().map(|row| row.id.as_str()).collect();
    let without = questions.iter().filter(|question| !with.contains(question.id.as_str())).count();
    if found.rationales.rows.is_empty() {
        let why = format!("none of the {} questions of split `{split}` has a rationale", questions.len());
        return Err(StageError::data(why));
    }
    if without > 0 {
        context.warn(format!("{without} of {} questions have no rationale", questions.len()));
    }
    Ok(found)
}
