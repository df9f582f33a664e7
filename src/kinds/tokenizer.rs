//! `tokenizer`: a byte-level BPE tokenizer trained on the train split.

use retort_artifact::{Artifact, Questions, Rationales, Split, TokenizerFile};
use retort_fingerprint::{ContentHash, Term};
use retort_source::{Node, Value};
use retort_stage::params::{Count, FromNode, Gather, Input, Scope};
use retort_stage::{Context, Stage, StageError};
use retort_text::answer::Expected;
use retort_text::prompt::{self, Answer, Template};
use retort_text::tokenizer::train_bpe;

/// What one stage gives, or all instances of several.
#[derive(Debug, Clone)]
pub enum Corpus<A> {
    /// What one stage gives.
    One(Input<A>),
    /// What all instances of several stages give.
    Several(Gather<A>),
}

impl<A: Artifact> FromNode for Corpus<A> {
    fn from_node(node: &Node, scope: &mut Scope<'_>) -> Option<Self> {
        match node.value {
            Value::List(_) => Gather::from_node(node, scope).map(Self::Several),
            _ => Input::from_node(node, scope).map(Self::One),
        }
    }

    fn schema() -> serde_json::Value {
        Gather::<A>::schema()
    }
}

impl<A> ContentHash for Corpus<A> {
    fn term(&self) -> Term {
        Term::None
    }
}

impl<A: Artifact> Corpus<A> {
    fn read(&self, context: &Context<'_>) -> Result<Vec<A>, StageError> {
        match self {
            Self::One(input) => Ok(vec![context.read(input)?]),
            Self::Several(gather) => Ok(context.gather(gather)?.into_iter().map(|(_, read)| read).collect()),
        }
    }
}

retort_stage::params! {
    /// A byte-level BPE tokenizer, as GPT-2's, trained on the questions of the train split and on rationales.
    pub struct Tokenizer {
        /// The questions: of one stage, or of all instances of several, as a list.
        pub questions: Corpus<Questions>,
        /// Rationales whose words it should know as well, of one stage or of several.
        pub rationales: Option<Corpus<Rationales>>,
        /// Tokens in all, special ones among them.
        pub vocabulary: Count = Count::of(512),
        /// Special tokens, which are never split; each takes in the space before it.
        pub special: Vec<String> = vec!["<|endoftext|>".into(), "[FIN_LABEL]".into(), "[MASK]".into()],
    }
}

impl Stage for Tokenizer {
    type Output = TokenizerFile;

    const NAME: &'static str = "tokenizer";
    const REVISION: u32 = 2;
    const ABOUT: &'static str = "A byte-level BPE tokenizer trained on the train split.";
    const EXAMPLE: &'static str = "{ questions: questions, rationales: rationales, vocabulary: 512 }";

    fn parts(&self, port: &str) -> Option<Vec<String>> {
        (port == "questions").then(|| vec![Split::Train.name().to_owned()])
    }

    fn run(&self, context: &Context<'_>) -> Result<TokenizerFile, StageError> {
        let corpora = self.questions.read(context)?;
        let questions = || corpora.iter().flat_map(|questions| questions.split(Split::Train));
        let source = prompt::student(questions());
        let prompt = Template::parse("student", source).expect("the built-in template is Jinja");
        let data = |error: &dyn std::fmt::Display| StageError::data(error.to_string());
        let mut texts = Vec::new();
        for question in questions() {
            texts.push(prompt.render(question, Answer::Hidden).map_err(|error| data(&error))?);
            // The label is written after a space, and each must be one token.
            match Expected::from(question).all() {
                Some(answers) => texts.extend(answers.iter().map(|answer| format!(" {answer}"))),
                None => texts.extend(question.answer.iter().map(|answer| format!(" {answer}"))),
            }
        }
        if let Some(rationales) = &self.rationales {
            let rows = rationales.read(context)?.into_iter().flat_map(|rationales| rationales.rows);
            texts.extend(rows.map(|row| format!(" {}", row.text)));
        }
        let special: Vec<&str> = self.special.iter().map(String::as_str).collect();
        let texts = texts.iter().map(String::as_str);
        let trained = train_bpe(texts, self.vocabulary.get(), &special).map_err(|error| data(&error))?;
        Ok(TokenizerFile { json: trained.to_json().map_err(|error| data(&error))? })
    }
}
