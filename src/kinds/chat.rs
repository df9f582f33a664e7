//! How a student's prompts are written: by a template alone, or through the chat template of the model.

use serde_json::{Value as Json, json};

use super::bounds::{Begin, End, OwnEnd};
use super::sequence::{data, turns};
use super::student::{Speech, Student};
use retort_artifact::{Chat, Format, Placement, Think, Usage};
use retort_fingerprint::{ContentHash, Term};
use retort_source::{Node, Value};
use retort_stage::params::{External, FromNode, Scope, tagged};
use retort_stage::{Clash, Context, Flaw, StageError};
use retort_text::prompt::Template;
use retort_text::target::{MARKER, check_form, check_marker};
use retort_text::tokenizer::Tokenizer;
use retort_text::turn::Turns;

/// How prompts are written.
#[derive(Debug, Clone)]
pub enum Prompt {
    /// By the built-in template.
    Own,
    /// By a template in a file.
    File(External),
    /// By the model's chat template, around a message of the user that the built-in template writes, or one in a file.
    Chat(Option<External>),
}

impl Prompt {
    /// Returns the file that writes the question.
    pub(super) fn file(&self) -> Option<&External> {
        match self {
            Self::Own | Self::Chat(None) => None,
            Self::File(file) | Self::Chat(Some(file)) => Some(file),
        }
    }

    pub(super) fn is_chat(&self) -> bool {
        matches!(self, Self::Chat(_))
    }

    /// Returns the template that writes a question; `default` where no file is named.
    pub(super) fn source(&self, context: &Context<'_>, default: &str) -> Result<String, StageError> {
        self.file().map_or_else(|| Ok(default.to_owned()), |file| template(context, file))
    }
}

impl FromNode for Prompt {
    fn from_node(node: &Node, scope: &mut Scope<'_>) -> Option<Self> {
        let read = match &node.value {
            Value::Null => Self::Own,
            Value::Map(_) => {
                let (_, body) = tagged(node, &["chat"], scope)?;
                let file = |scope: &mut Scope<'_>| match body.value {
                    Value::Null => Some(None),
                    _ => External::file(body, scope).map(Some),
                };
                Self::Chat(scope.within("chat", file)?)
            }
            _ if node.text() == Some("chat") => Self::Chat(None),
            _ => Self::File(External::file(node, scope)?),
        };
        if read.is_chat() {
            // The student stands before the prompt in `train`, so its files have been noted.
            scope.talk();
        }
        Some(read)
    }

    fn absent(_scope: &mut Scope<'_>) -> Option<Self> {
        Some(Self::Own)
    }

    fn schema() -> Json {
        json!({
            "anyOf": [
                { "const": "chat", "description": "The model's own chat template, around the built-in question." },
                { "type": "string", "description": "The path of a template." },
                {
                    "type": "object",
                    "description": "The model's own chat template, around a message that the template in this file writes.",
                    "properties": { "chat": External::schema() },
                    "required": ["chat"],
                    "additionalProperties": false
                },
                { "type": "null" },
            ],
            "x-absent": "Default: the built-in prompt."
        })
    }
}

impl ContentHash for Prompt {
    fn term(&self) -> Term {
        match self {
            // What stands in the file enters the key as an input.
            Self::Own | Self::File(_) => Term::None,
            Self::Chat(_) => Term::variant("chat", Term::None),
        }
    }
}

/// Reads the template in a file.
pub(super) fn template(context: &Context<'_>, file: &External) -> Result<String, StageError> {
    let place = context.path_of(file);
    let text =
        String::from_utf8(context.file(file)?).map_err(|_| data(format!("the template `{place}` is not UTF-8")))?;
    // Whoever reads it from the checkpoint knows its place no more.
    Ok(Template::parse(&place, &text).map_err(data)?.source().to_owned())
}

retort_stage::params! {
    /// Brackets around a rationale that stands before the label, such as those of models that think. They are written as they
    /// are given; a chat template may put line breaks around them.
    pub struct Brackets {
        /// What opens the rationale, such as `<think>`.
        pub open: String,
        /// What closes it, such as `</think>`.
        pub close: String,
    }
}

/// A chat template that was tried, and what is kept of it with a student.
pub(super) struct Talk {
    pub(super) turns: Turns,
    pub(super) chat: Chat,
}

/// The fields of a training that say how its prompts and answers are written.
pub(super) struct Writing<'t> {
    pub(super) prompt: &'t Prompt,
    pub(super) system: Option<&'t str>,
    pub(super) think: Option<&'t Brackets>,
    pub(super) answer_form: Option<&'t str>,
    pub(super) marker: &'t str,
    pub(super) placement: Placement,
    pub(super) end: &'t End,
}

impl Writing<'_> {
    /// Checks that the fields go together.
    pub(super) fn check(&self) -> Result<(), Clash> {
        let clash = |field, why: &str, hint: &str| Err(Clash { field, why: why.into(), hint: hint.into() });
        if let Err(error) = check_marker(self.marker) {
            return clash("marker", &error.to_string(), "give another, or leave `marker` out");
        }
        if let Some(form) = self.answer_form {
            if let Err(error) = check_form(form) {
                return clash("answer_form", &error.to_string(), "`{answer}` stands where the answer is written");
            }
            if self.marker != MARKER {
                let why = "`marker` has no meaning with `answer_form`: no markers are written";
                return clash("marker", why, "leave one of the two out");
            }
        }
        if let Some(Brackets { open, close }) = self.think {
            let (open, close) = (open.trim(), close.trim());
            if open.is_empty() || close.is_empty() || open == close {
                let why = "`think` needs two different brackets that are not blank";
                return clash("think", why, "for example `think: { open: \"<think>\", close: \"</think>\" }`");
            }
            let around = self.answer_form.unwrap_or(self.marker);
            if close.contains(around) || around.contains(close) {
                let why =
                    format!("`think` closes with `{close}`, which cannot be told from what stands around the label");
                return clash("think", &why, "give other brackets");
            }
        }
        match (self.prompt.is_chat(), self.system, self.end) {
            (false, Some(_), _) => clash(
                "system",
                "`system` is a message of a conversation, and only `prompt: chat` writes one",
                "add `prompt: chat`, or put the words into a template and name it as `prompt`",
            ),
            (true, Some(system), _) if system.trim().is_empty() => {
                clash("system", "the system message is blank", "leave `system` out for none")
            }
            (true, _, End::Given(_)) => clash(
                "end",
                "`end` has no meaning with `prompt: chat`: the chat template ends the assistant's turn",
                "leave `end` out",
            ),
            _ => Ok(()),
        }
    }

    /// Tries the student's chat template; `None` where prompts are not written by one.
    pub(super) fn talk(&self, context: &Context<'_>, student: &Student) -> Result<Option<Talk>, StageError> {
        if !self.prompt.is_chat() {
            return Ok(None);
        }
        let template = student.chat_template(context)?;
        let chat = Chat {
            template: template.source().to_owned(),
            special: template.special().clone(),
            system: self.system.map(|system| system.trim().to_owned()),
            stops: Vec::new(),
        };
        Ok(Some(Talk { turns: turns(&chat)?, chat }))
    }

    /// Finds what no training through the chat template would get past.
    pub(super) fn flaw(&self, context: &Context<'_>, student: &Student) -> Option<Flaw> {
        let error = self.talk(context, student).err()?;
        let of_system = error.to_string().contains("the system message");
        Some(Flaw::new(if of_system { "system" } else { "prompt" }, error))
    }

    /// Settles how a student is asked and read: by `prompt`, with what begins and ends its texts. Its tokenizer takes on the
    /// beginning.
    pub(super) fn usage(
        &self,
        context: &Context<'_>,
        student: &Student,
        Speech { tokenizer, own_end }: &mut Speech,
        begin: &Begin,
        prompt: String,
    ) -> Result<Usage, StageError> {
        let talk = self.talk(context, student)?;
        let begin = match &talk {
            Some(_) => Talk::begin(begin, tokenizer)?,
            None => begin.resolve(tokenizer)?,
        };
        let ending = talk.as_ref().map(|talk| talk.ending(tokenizer)).transpose()?.flatten();
        let end = match ending {
            Some(ending) => Some(ending),
            None => self.end.resolve(tokenizer, own_end)?,
        };
        if talk.is_none() && tokenizer.begin().map_err(data)? != begin {
            // Whoever asks the student elsewhere asks it as it is asked here.
            tokenizer.set_begin(&begin).map_err(data)?;
        }
        let format = self.format(talk.as_ref().map(|talk| &talk.turns));
        let chat = talk.as_ref().map(|talk| talk.kept(tokenizer, own_end, end.as_deref()));
        Ok(Usage { format, prompt, begin, end, chat, targets: Vec::new() })
    }

    /// How the student is taught to write.
    pub(super) fn format(&self, turns: Option<&Turns>) -> Format {
        let think = self.think.map(|Brackets { open, close }| Think {
            open: open.clone(),
            close: close.clone(),
            opened: turns.is_some_and(|turns| turns.opens(open)),
        });
        Format {
            answer_form: self.answer_form.map(str::to_owned),
            think,
            lead: turns.map_or(String::new(), |turns| turns.lead().trim().to_owned()),
            ..Format::marked(self.placement, self.marker)
        }
    }
}

impl Talk {
    /// What stands before every text: what is asked for, since a template writes the rest itself.
    pub(super) fn begin(begin: &Begin, tokenizer: &Tokenizer) -> Result<Vec<String>, StageError> {
        match begin {
            Begin::Own => Ok(Vec::new()),
            Begin::Given(_) => begin.resolve(tokenizer),
        }
    }

    /// The token that the template ends an answer with: the first special one behind it.
    pub(super) fn ending(&self, tokenizer: &Tokenizer) -> Result<Option<String>, StageError> {
        let behind = self.turns.behind().trim_start();
        let first = tokenizer.ids(behind).map_err(data)?.into_iter().next().and_then(|id| tokenizer.token(id));
        Ok(first.filter(|token| tokenizer.is_added(token) && behind.starts_with(token.as_str())))
    }

    /// What is kept with the student, whose own tokens end an answer as well.
    pub(super) fn kept(&self, tokenizer: &Tokenizer, own: &OwnEnd, end: Option<&str>) -> Chat {
        let known = |token: &&String| tokenizer.id(token).is_some() && Some(token.as_str()) != end;
        Chat { stops: own.all().iter().filter(known).cloned().collect(), ..self.chat.clone() }
    }
}

#[cfg(test)]
mod tests;
