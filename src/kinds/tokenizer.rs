//! `tokenizer`: a byte-level BPE tokenizer trained on the train split.

use retort_artifact::{Questions, Rationales, Split, TokenizerFile};
use retort_stage::params::{Count, Input};
use retort_stage::{Context, Stage, StageError};
use retort_text::answer::Expected;
use retort_text::prompt::{self, Answer, Template};
use retort_text::tokenizer::train_bpe;

retort_stage::params! {
    /// A byte-level BPE tokenizer, as GPT-2's, trained on the questions of the train split and on rationales.
    pub struct Tokenizer {
        /// The questions.
        pub questions: Input<Questions>,
        /// Rationales whose words it should know as well.
        pub rationales: Option<Input<Rationales>>,
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
        let questions = context.read(&self.questions)?;
        let source = prompt::student(questions.split(Split::Train));
        let prompt = Template::parse("student", source).expect("the built-in template is Jinja");
        let data = |error: &dyn std::fmt::Display| StageError::data(error.to_string());
        let mut texts = Vec::new();
        for question in questions.split(Split::Train) {
            texts.push(prompt.render(question, Answer::Hidden).map_err(|error| data(&error))?);
            // The label is written after a space, and each must be one token.
            match Expected::from(question).all() {
                Some(answers) => texts.extend(answers.iter().map(|answer| format!(" {answer}"))),
                None => texts.extend(question.answer.iter().map(|answer| format!(" {answer}"))),
            }
        }
        if let Some(rationales) = &self.rationales {
            texts.extend(context.read(rationales)?.rows.into_iter().map(|row| format!(" {}", row.text)));
        }
        let special: Vec<&str> = self.special.iter().map(String::as_str).collect();
        let texts = texts.iter().map(String::as_str);
        let trained = train_bpe(texts, self.vocabulary.get(), &special).map_err(|error| data(&error))?;
        Ok(TokenizerFile { json: trained.to_json().map_err(|error| data(&error))? })
    }
}
