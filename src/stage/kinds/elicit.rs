//! `elicit`: a rationale for each question of a split, from a teacher.

use serde_json::{Value as Json, json};

use crate::artifact::{Question, Questions, Rationale, Rationales, Split};
use crate::fingerprint::{ContentHash, Term};
use crate::source::Node;
use crate::stage::params::{External, FromNode, Input, Scope, tagged};
use crate::stage::{Context, Stage, StageError};
use crate::text::dataset::rationales;

crate::words!(Split { Train = "train", Dev = "dev", Test = "test" });

crate::params! {
    /// Rationales that were elicited elsewhere: JSON lines of `{id, rationale}`, and optionally `sample` and `label`.
    pub struct Import {
        /// The file.
        pub path: External,
    }
}

/// Where rationales come from: `gold`, or `import: {path: …}`.
#[derive(Debug, Clone)]
pub enum Teacher {
    /// The rationales that the dataset itself carries.
    Gold,
    /// Rationales that were elicited elsewhere.
    Import(Import),
}

impl FromNode for Teacher {
    fn from_node(node: &Node, scope: &mut Scope<'_>) -> Option<Self> {
        if node.text() == Some("gold") {
            return Some(Self::Gold);
        }
        let (name, body) = tagged(node, &["import", "gold"], scope)?;
        scope.within(name, |scope| match name {
            "import" => Import::from_node(body, scope).map(Self::Import),
            _ => Some(Self::Gold),
        })
    }

    fn schema() -> Json {
        json!({ "anyOf": [
            { "const": "gold", "description": "The rationales that the dataset itself carries." },
            {
                "type": "object",
                "properties": { "import": Import::schema() },
                "required": ["import"],
                "additionalProperties": false
            }
        ] })
    }
}

impl ContentHash for Teacher {
    fn term(&self) -> Term {
        match self {
            Self::Gold => Term::variant("gold", Term::None),
            Self::Import(import) => Term::variant("import", import.term()),
        }
    }
}

crate::params! {
    /// A rationale for each question of a split.
    pub struct Elicit {
        /// The questions.
        pub questions: Input<Questions>,
        /// The split to elicit for.
        pub split: Split = Split::Train,
        /// Where rationales come from: `gold`, or `import: {path: …}`.
        pub teacher: Teacher,
    }
}

impl Stage for Elicit {
    type Output = Rationales;

    const NAME: &'static str = "elicit";
    const REVISION: u32 = 1;
    const ABOUT: &'static str = "A rationale for each question of a split, from a teacher.";
    const EXAMPLE: &'static str = "{ questions: questions, split: train, teacher: gold }";

    fn parts(&self, port: &str) -> Option<Vec<String>> {
        (port == "questions").then(|| vec![self.split.name().to_owned()])
    }

    fn run(&self, context: &Context<'_>) -> Result<Rationales, StageError> {
        let questions = context.read(&self.questions)?;
        let questions = questions.split(self.split);
        let found = match &self.teacher {
            Teacher::Gold => gold(questions),
            Teacher::Import(Import { path }) => import(context, path, questions)?,
        };
        let with: std::collections::BTreeSet<&str> = found.rows.iter().map(|row| row.id.as_str()).collect();
        let without = questions.iter().filter(|question| !with.contains(question.id.as_str())).count();
        if found.rows.is_empty() {
            let why = format!("none of the {} questions of split `{}` has a rationale", questions.len(), self.split);
            return Err(StageError::data(why));
        }
        if without > 0 {
            context.warn(format!("{without} of {} questions have no rationale", questions.len()));
        }
        Ok(found)
    }
}

fn gold(questions: &[Question]) -> Rationales {
    let row = |question: &Question| {
        let text = question.rationale.clone()?;
        Some(Rationale { id: question.id.clone(), sample: 0, text, label: question.answer, kept: None })
    };
    Rationales { rows: questions.iter().filter_map(row).collect() }
}

/// Reads a file of rationales and puts them in the order of the questions; those of other questions are left out.
fn import(context: &Context<'_>, path: &External, questions: &[Question]) -> Result<Rationales, StageError> {
    let read = rationales::read(&context.file(path)?)
        .map_err(|error| StageError::data(format!("`{}`: {error}", context.path_of(path))))?;
    let order: std::collections::BTreeMap<&str, usize> =
        questions.iter().enumerate().map(|(index, question)| (question.id.as_str(), index)).collect();
    let all = read.rows.len();
    let mut rows: Vec<(usize, Rationale)> =
        read.rows.into_iter().filter_map(|row| Some((*order.get(row.id.as_str())?, row))).collect();
    if rows.len() < all {
        context.warn(format!(
            "{} rationales of `{}` belong to no question of the split",
            all - rows.len(),
            context.path_of(path)
        ));
    }
    rows.sort_by_key(|(index, row)| (*index, row.sample));
    Ok(Rationales { rows: rows.into_iter().map(|(_, row)| row).collect() })
}
