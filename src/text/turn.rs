//! One turn of a conversation with a student: a question and its answer as the student's own chat template writes them, and
//! where the pieces of the answer lie in that.
//!
//! A student is asked with what the template writes up to where the model goes on. It is taught what the template writes behind
//! that once the answer is there, as far as the answer and the token that ends its turn reach. Both are checked:
//!
//! | what is found | what becomes of it |
//! |---|---|
//! | a template that writes the question otherwise once an answer follows | refused: the student would be asked as it was not taught |
//! | one that writes the assistant's heading with the answer alone | refused: the student would have to write the heading |
//! | `{% generation %}` that begins elsewhere than the answer, or ends within it | refused |
//! | an answer that the template changes, such as one whose thoughts it takes out | refused, with the question |
//! | a system message that the template refuses or leaves out | refused |
//! | what the template writes before every answer, such as empty brackets for thoughts | the *lead*: it is taught, and passed over when an answer is read |

use std::ops::Range;

use crate::chat_template::{ChatTemplate, ChatTemplateError, Rendered};
use crate::conversation::{Conversation, Message, Role};
use crate::target::Target;

/// A message and an answer to try a template with.
const QUESTION: &str = "Which of the two is it?";
const ANSWER: &str = "It is the other one.";

/// How much of a text an error shows.
const SHOWN_CHARS: usize = 40;

/// Why a template cannot be used to train a student.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TurnError {
    /// The template cannot be rendered.
    #[error(transparent)]
    Template(#[from] ChatTemplateError),
    /// The template refuses the system message.
    #[error(
        "the chat template refuses the system message ({why}): leave out `system`, and put its words into the `prompt`"
    )]
    System {
        /// What the template says.
        why: String,
    },
    /// The template does not write a message.
    #[error("the chat template leaves out {what}{}", if *system { ": leave out `system`, and put its words into the `prompt`" } else { "" })]
    LeftOut {
        /// Which message.
        what: &'static str,
        /// Whether it is the system message.
        system: bool,
    },
    /// The template has no part for generation.
    #[error(
        "the chat template has no generation part: it writes the same with and without `add_generation_prompt`, and puts \
         `{heading}` before an answer, which a student would have to write itself; take a template that ends with it where \
         the model goes on"
    )]
    NoGenerationPart {
        /// What it writes before an answer.
        heading: String,
    },
    /// The question reads otherwise once an answer follows.
    #[error(
        "the chat template writes a question otherwise once an answer follows it, so that a student would not be asked as it \
         was taught: `{asked}` becomes `{answered}`, behind `{common}`"
    )]
    Prefix {
        /// The end of what is the same.
        common: String,
        /// How it goes on where the model is asked.
        asked: String,
        /// How it goes on where an answer follows.
        answered: String,
    },
    /// The template does not write the answer as it is.
    #[error("the chat template changes the answer: expected `{expected}`, found `{found}`{}", if *thinks { "; its thoughts are taken out or written otherwise: leave out `think`, or take another template" } else { "" })]
    Changed {
        /// What should stand there.
        expected: String,
        /// What stands there.
        found: String,
        /// Whether the answer has brackets for thoughts.
        thinks: bool,
    },
    /// What is marked as generated is not the answer.
    #[error(
        "the chat template marks something else than the answer with `{{% generation %}}`: `{marked}`, and the assistant writes \
         `{written}`"
    )]
    Generated {
        /// What is marked.
        marked: String,
        /// What is written behind the question.
        written: String,
    },
}

/// A chat template that was tried, and is fit to train with.
#[derive(Debug)]
pub struct Turns {
    template: ChatTemplate,
    system: Option<String>,
    /// What it writes before every answer.
    lead: String,
    /// What it writes behind an answer.
    behind: String,
    /// What it writes of a question up to where the model goes on.
    asked: String,
}

/// A question and what is taught of its answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Turn {
    /// The question, up to where the model goes on.
    pub asked: String,
    /// What is taught, with the places of its pieces; behind the answer stands what ends the turn.
    pub taught: Target,
    /// Where the answer with its rationale ends in what is taught.
    pub said_to: usize,
    /// Where the lead ends in what is taught.
    pub lead_to: usize,
}

impl Turns {
    /// Tries a template with a question and an answer.
    pub fn new(template: ChatTemplate, system: Option<&str>) -> Result<Self, TurnError> {
        let system = system.map(str::trim).filter(|system| !system.is_empty()).map(str::to_owned);
        let mut turns = Self { template, system, lead: String::new(), behind: String::new(), asked: String::new() };
        turns.asked = match turns.write(QUESTION, None, true) {
            Err(ChatTemplateError::Template { why, .. }) if turns.system.is_some() => {
                let alone = Conversation::of(QUESTION);
                turns.template.write(&alone, true)?;
                return Err(TurnError::System { why });
            }
            asked => asked?.text,
        };
        let left_out = |what, system| Err(TurnError::LeftOut { what, system });
        if !turns.asked.contains(QUESTION) {
            return left_out("the question", false);
        }
        if turns.system.as_ref().is_some_and(|system| !turns.asked.contains(system.as_str())) {
            return left_out("the system message", true);
        }
        let answered = turns.write(QUESTION, Some(ANSWER), false)?;
        let rest = behind(&turns.asked, &answered.text)?;
        let Some((lead, ending)) = rest.split_once(ANSWER) else { return left_out("the answer", false) };
        if !lead.trim().is_empty() && turns.write(QUESTION, None, false)?.text == turns.asked {
            return Err(TurnError::NoGenerationPart { heading: shown(lead) });
        }
        marked(&answered, turns.asked.len(), turns.asked.len() + lead.len() + ANSWER.len())?;
        (turns.lead, turns.behind) = (lead.to_owned(), ending.to_owned());
        Ok(turns)
    }

    /// Returns what the template writes before every answer.
    pub fn lead(&self) -> &str {
        &self.lead
    }

    /// Returns what the template writes behind an answer.
    pub fn behind(&self) -> &str {
        &self.behind
    }

    /// Says whether a bracket is open already where the model goes on.
    pub fn opens(&self, bracket: &str) -> bool {
        !bracket.trim().is_empty() && self.asked.trim_end().ends_with(bracket.trim())
    }

    /// Says whether the template asked for the day.
    pub fn asked_day(&self) -> bool {
        self.template.asked_day()
    }

    /// Writes a question up to where the model goes on.
    pub fn ask(&self, question: &str) -> Result<String, TurnError> {
        Ok(self.write(question, None, true)?.text)
    }

    /// Writes a question and its answer; `ending` is the token that ends the turn.
    pub fn answer(&self, question: &str, target: &Target, ending: Option<&str>) -> Result<Turn, TurnError> {
        let asked = self.ask(question)?;
        let answered = self.write(question, Some(&target.text), false)?;
        let rest = behind(&asked, &answered.text)?;
        let (mut taught, lead_to) = self.placed(target, rest)?;
        let said_to = [&taught.answer].into_iter().chain(&taught.rationales).map(|at| at.end).max().unwrap_or(0);
        let marked = marked(&answered, asked.len(), asked.len() + said_to)?;
        let ended = ending.and_then(|ending| Some(said_to + rest[said_to..].find(ending)? + ending.len()));
        let end = ended.unwrap_or(said_to).max(marked.map_or(0, |end| end - asked.len()));
        taught.text.truncate(end);
        Ok(Turn { asked, taught, said_to, lead_to })
    }

    fn write(&self, question: &str, answer: Option<&str>, goes_on: bool) -> Result<Rendered, ChatTemplateError> {
        let say = |role, text: &str| Message { role, text: text.to_owned() };
        let system = self.system.iter().map(|system| say(Role::System, system));
        let answer = answer.map(|answer| say(Role::Assistant, answer));
        let messages = system.chain([say(Role::User, question)]).chain(answer).collect();
        self.template.write(&Conversation { messages }, goes_on)
    }

    /// Finds the pieces of a target in what the template wrote of it, with nothing but white space between them, and where
    /// they begin.
    fn placed(&self, target: &Target, written: &str) -> Result<(Target, usize), TurnError> {
        let [open, close] = match &target.brackets {
            Some([open, close]) => [Some(open.clone()), Some(close.clone())],
            None => [None, None],
        };
        let opened = open.as_ref().is_some_and(|open| self.opens(&target.text[open.clone()]));
        let mut pieces: Vec<&Range<usize>> =
            open.iter().filter(|_| !opened).chain(&close).chain(&target.rationales).chain([&target.answer]).collect();
        pieces.sort_by_key(|piece| piece.start);
        let blank = |at: usize| written.len() - written[at..].trim_start().len();
        let begins =
            |at: usize| pieces.first().is_some_and(|first| written[at..].starts_with(&target.text[(*first).clone()]));
        let lead = if written.starts_with(&self.lead) { self.lead.len() } else { 0 };
        let lead_to = if begins(blank(lead)) { blank(lead) } else { blank(0) };
        let mut at = lead_to;
        let mut found: Vec<(Range<usize>, usize)> = Vec::new();
        for piece in pieces {
            let expected = &target.text[piece.clone()];
            at = blank(at);
            if !written[at..].starts_with(expected) {
                return Err(TurnError::Changed {
                    expected: shown(expected),
                    found: shown(&written[at..]),
                    thinks: target.brackets.is_some(),
                });
            }
            found.push((piece.clone(), at));
            at += expected.len();
        }
        let moved = |at: &Range<usize>| {
            let (piece, to) = found.iter().find(|(piece, _)| piece.start <= at.start && at.end <= piece.end)?;
            Some(at.start - piece.start + to..at.end - piece.start + to)
        };
        let all = |places: &[Range<usize>]| places.iter().filter_map(moved).collect();
        let taught = Target {
            text: written.to_owned(),
            answer: moved(&target.answer).unwrap_or_default(),
            label: moved(&target.label).unwrap_or_default(),
            rationales: all(&target.rationales),
            brackets: None,
        };
        Ok((taught, lead_to))
    }
}

/// Returns what stands behind a question once an answer follows it.
fn behind<'a>(asked: &str, answered: &'a str) -> Result<&'a str, TurnError> {
    answered.strip_prefix(asked).ok_or_else(|| {
        let common = asked.chars().zip(answered.chars()).take_while(|(a, b)| a == b).map(|(a, _)| a.len_utf8()).sum();
        let before: Vec<char> = asked[..common].chars().rev().take(SHOWN_CHARS / 2).collect();
        TurnError::Prefix {
            common: before.into_iter().rev().collect::<String>().replace('\n', "\\n"),
            asked: shown(&asked[common..]),
            answered: shown(&answered[common..]),
        }
    })
}

/// Where what is marked as generated ends, if anything is; it must begin with what is taught and hold all that is said.
fn marked(answered: &Rendered, from: usize, said_to: usize) -> Result<Option<usize>, TurnError> {
    let Rendered { text, generated } = answered;
    let Some(marked) = generated.iter().rfind(|marked| !marked.is_empty()) else { return Ok(None) };
    let begins = marked.start >= from && text[from..marked.start].trim().is_empty();
    if !begins || marked.end < said_to {
        return Err(TurnError::Generated { marked: shown(&text[marked.clone()]), written: shown(&text[from..]) });
    }
    Ok(Some(marked.end))
}

/// The beginning of a text, on one line.
fn shown(text: &str) -> String {
    let mut shown: String = text.chars().take(SHOWN_CHARS).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    shown.replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;
    use crate::chat_template::Day;
    use crate::target::{MARKER, render};
    use retort_artifact::{Answer, Format, Placement, Think};

    const CHATML: &str = "{% for m in messages %}{{ '<|im_start|>' + m.role + '\n' + m.content + '<|im_end|>\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}";
    /// A template of models that think: it opens the thoughts itself, and keeps them only in the last answer.
    const THINKS: &str = "{% for m in messages %}{{ '<|' + m.role + '|>' }}{% if m.role == 'assistant' %}{% set said = m.content.split('</think>')[-1].lstrip('\n') %}{% set thought = m.content.split('</think>')[0].split('<think>')[-1].strip('\n') if '</think>' in m.content else '' %}{{ '<think>\n' + thought + '\n</think>\n\n' + said }}{% else %}{{ m.content }}{% endif %}{% endfor %}{% if add_generation_prompt %}{{ '<|assistant|><think>\n' }}{% endif %}";

    fn template(source: &str) -> ChatTemplate {
        ChatTemplate::new(source, [("eos_token".to_owned(), "</s>".into())].into(), Day::DEFAULT).unwrap()
    }

    fn format(placement: Placement, thinks: bool) -> Format {
        let think = thinks.then(|| Think { open: "<think>".into(), close: "</think>".into(), opened: false });
        Format { think, ..Format::marked(placement, MARKER) }
    }

    /// What is taught of an answer, with its pieces in brackets, and what the student is asked; or why it cannot be.
    fn check(source: &str, system: Option<&str>, format: &Format, expected: &Expect) {
        let taught = Turns::new(template(source), system).and_then(|turns| {
            let target = render(format, &Answer::at(1).unwrap(), "Ice is smooth.").unwrap();
            let turn = turns.answer("Which?", &target, Some("<|im_end|>"))?;
            let Turn { asked, taught, said_to, lead_to } = turn;
            let of = |at: &Range<usize>| taught.text[at.clone()].to_owned();
            let pieces: Vec<String> = taught.rationales.iter().chain([&taught.answer, &taught.label]).map(of).collect();
            let (lead, behind) = (&taught.text[..lead_to], &taught.text[said_to..]);
            Ok(format!("{asked:?}\n{:?}\n{lead:?} {pieces:?} {behind:?}", taught.text))
        });
        expected.assert_eq(&taught.unwrap_or_else(|error| error.to_string()));
    }

    #[test]
    fn what_is_asked_and_what_is_taught() {
        use Placement::{After, Before, None as Alone};
        check(
            CHATML,
            Some(" Be brief. "),
            &format(Before, false),
            &expect![[r#"
                "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nWhich?<|im_end|>\n<|im_start|>assistant\n"
                "Ice is smooth. [FIN_LABEL] B [FIN_LABEL]<|im_end|>"
                "" ["Ice is smooth.", "[FIN_LABEL] B [FIN_LABEL]", "B"] "<|im_end|>""#]],
        );
        check(
            CHATML,
            None,
            &format(After, true),
            &expect![[r#"
                "<|im_start|>user\nWhich?<|im_end|>\n<|im_start|>assistant\n"
                "[FIN_LABEL] B [FIN_LABEL] Ice is smooth.<|im_end|>"
                "" ["Ice is smooth.", "[FIN_LABEL] B [FIN_LABEL]", "B"] "<|im_end|>""#]],
        );
        check(
            THINKS,
            None,
            &format(Before, true),
            &expect![[r#"
                "<|user|>Which?<|assistant|><think>\n"
                "Ice is smooth.\n</think>\n\n [FIN_LABEL] B [FIN_LABEL]"
                "" ["Ice is smooth.", "[FIN_LABEL] B [FIN_LABEL]", "B"] """#]],
        );
        check(
            THINKS,
            None,
            &format(Alone, false),
            &expect![[r#"
                "<|user|>Which?<|assistant|><think>\n"
                "\n</think>\n\n[FIN_LABEL] B [FIN_LABEL]"
                "\n</think>\n\n" ["[FIN_LABEL] B [FIN_LABEL]", "B"] """#]],
        );
        // What is marked as generated reaches as far as the template says.
        let marked = CHATML.replace(
            "+ m.content + '<|im_end|>\n' }}",
            "}}{% generation %}{{ m.content + '<|im_end|>\n' }}{% endgeneration %}",
        );
        check(
            &marked,
            None,
            &format(Alone, false),
            &expect![[r#"
                "<|im_start|>user\nWhich?<|im_end|>\n<|im_start|>assistant\n"
                "[FIN_LABEL] B [FIN_LABEL]<|im_end|>\n"
                "" ["[FIN_LABEL] B [FIN_LABEL]", "B"] "<|im_end|>\n""#]],
        );
    }

    #[test]
    fn a_template_that_cannot_be_trained_through_is_refused() {
        let plain = format(Placement::Before, false);
        let refused = |source: &str, system: Option<&str>, expected: &Expect| check(source, system, &plain, expected);
        let no_heading = CHATML.split("{% if add").next().unwrap();
        refused(
            no_heading,
            None,
            &expect![[
                r"the chat template has no generation part: it writes the same with and without `add_generation_prompt`, and puts `<|im_start|>assistant\n` before an answer, which a student would have to write itself; take a template that ends with it where the model goes on"
            ]],
        );
        refused(
            "{% for m in messages %}{% if m.role == 'system' %}\n{{ raise_exception('System role not supported') }}{% endif %}{{ m.content }}{% endfor %}",
            Some("Be brief."),
            &expect![
                "the chat template refuses the system message (System role not supported): leave out `system`, and put its words into the `prompt`"
            ],
        );
        refused(
            "{% for m in messages if m.role != 'system' %}{{ m.content }};{% endfor %}",
            Some("Be brief."),
            &expect![
                "the chat template leaves out the system message: leave out `system`, and put its words into the `prompt`"
            ],
        );
        refused("hello", None, &expect!["the chat template leaves out the question"]);
        refused(
            "{% for m in messages if m.role == 'user' %}{{ m.content }};{% endfor %}",
            None,
            &expect!["the chat template leaves out the answer"],
        );
        // As Qwen 3 does with earlier answers, and DeepSeek's R1 with all: the thoughts that it opens are gone later.
        refused(
            "{% for m in messages %}{{ '<|' + m.role + '|>' + m.content.split('</think>')[-1] }}{% endfor %}{% if add_generation_prompt %}{{ '<|assistant|><think>\n' }}{% endif %}",
            None,
            &expect![[
                r"the chat template writes a question otherwise once an answer follows it, so that a student would not be asked as it was taught: `<think>\n` becomes `It is the other one.`, behind ` is it?<|assistant|>`"
            ]],
        );
        let marks_all = "{% for m in messages %}{% generation %}{{ m.content }};{% endgeneration %}{% endfor %}";
        let question_marked =
            marks_all.replace("{% for m in messages %}", "{{ messages[0].content }};{% for m in messages[1:] %}x");
        refused(
            &question_marked,
            None,
            &expect![
                "the chat template has no generation part: it writes the same with and without `add_generation_prompt`, and puts `x` before an answer, which a student would have to write itself; take a template that ends with it where the model goes on"
            ],
        );
        refused(
            "{% for m in messages %}{% if m.role == 'user' %}{{ m.content }}{% else %}{{ m.content }}{% generation %}</s>{% endgeneration %}{% endif %}{% endfor %}",
            None,
            &expect![
                "the chat template marks something else than the answer with `{% generation %}`: `</s>`, and the assistant writes `It is the other one.</s>`"
            ],
        );
        check(
            &CHATML.replace("m.content", "m.content.split('</think>')[-1]"),
            None,
            &format(Placement::Before, true),
            &expect![
                "the chat template changes the answer: expected `<think>`, found `[FIN_LABEL] B [FIN_LABEL]<|im_end|>\\n`; its thoughts are taken out or written otherwise: leave out `think`, or take another template"
            ],
        );
    }

    #[test]
    fn an_answer_that_the_template_changes_is_refused() {
        let turns = Turns::new(template(&CHATML.replace("m.content", "m.content | replace('B', 'b')")), None).unwrap();
        let target = render(&format(Placement::None, false), &Answer::at(1).unwrap(), "").unwrap();
        let said = turns.answer("Which?", &target, None).unwrap_err().to_string();
        assert!(
            said.starts_with("the chat template changes the answer: expected `[FIN_LABEL] B [FIN_LABEL]`, found"),
            "{said}"
        );
    }
}
