//! Prompts: what a student or a teacher is asked, rendered from a Jinja template.
//!
//! | variable | what it is |
//! |---|---|
//! | `question` | the words of the question, without its choices |
//! | `choices` | a list of choices, each with `label` and `text`; empty where the answer is no choice |
//! | `classes` | the names of the classes; empty where the answer is no class |
//! | `fields` | further fields of the dataset, by name |
//! | `answer` | the right answer as a student is to write it, only where the answer is shown |
//! | `label` | the same: of a choice its letter |
//! | `answer_text` | the words of the right answer: those of the choice, or the answer itself |
//!
//! A variable that is not there is an error, never an empty string, so a student's prompt cannot show the answer by
//! mistake. A block on a line of its own leaves no line behind, and one line feed at the template's end is dropped.

use std::collections::BTreeSet;

use minijinja::syntax::SyntaxConfig;
use minijinja::value::Value;
use minijinja::{AutoEscape, Environment, ErrorKind, UndefinedBehavior, context};
use serde_json::Value as Json;

use crate::attributes::{Attribute, unknown_of_choice};
use retort_artifact::{Answers, Choice, Question};

/// The student's prompt after the paper's figures and its appendix D, on one line.
pub const STUDENT: &str = "Question: {{ question }} Choices: {% for choice in choices %}\
    {{ choice.label }}: {{ choice.text }}{% if not loop.last %}; {% endif %}{% endfor %}";

/// The student's prompt where not every question has choices: classes are named like choices, and an open question stands by
/// itself.
pub const STUDENT_OPEN: &str = "Question: {{ question }}{% if choices %} Choices: {% for choice in choices %}\
    {{ choice.label }}: {{ choice.text }}{% if not loop.last %}; {% endif %}{% endfor %}{% endif %}{% if classes %} Answers: \
    {{ classes | join('; ') }}{% endif %}";

/// Returns the student's prompt for some questions where the pipeline names none.
pub fn student<'a>(questions: impl IntoIterator<Item = &'a Question>) -> &'static str {
    let lettered = questions.into_iter().all(|question| question.answers.is_choice());
    if lettered { STUDENT } else { STUDENT_OPEN }
}

/// What stands between a prompt and the target that follows it.
pub const SEPARATOR: &str = "\n";

/// The work that a template may do for one text: an instruction, or 64 bytes of text, costs 1. A prompt with a hundred worked
/// examples costs some ten thousand.
pub(crate) const FUEL: u64 = 1_000_000;

/// The most bytes of a rendered text: many times what any model reads.
pub(crate) const TEXT_BYTES_MAX: usize = 8 << 20;

pub(crate) const VARIABLES: [&str; 7] = ["question", "choices", "classes", "fields", "answer", "label", "answer_text"];

/// Whether a template may name the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// `answer`, `label` and `answer_text` are not there: for a student.
    Hidden,
    /// They are there where the question has an answer: for a teacher who explains it.
    Shown,
}

/// A template that cannot be read or rendered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PromptError {
    /// The template is not Jinja.
    #[error("cannot read the template `{template}`, line {line}: {why}")]
    Syntax {
        /// The template's name.
        template: String,
        /// The line, counted from 1.
        line: usize,
        /// What the parser said.
        why: String,
    },
    /// The template names a variable that no prompt has.
    #[error("cannot read the template `{template}`, line {line}: there is no variable `{variable}`, expected {known}")]
    Variable {
        /// The template's name.
        template: String,
        /// The first line that has the variable's name, counted from 1.
        line: usize,
        /// The variable.
        variable: String,
        /// The variables that there are, with the one that was perhaps meant.
        known: String,
    },
    /// The template takes something of a choice that no choice has.
    #[error(
        "cannot read the template `{template}`, line {line}: a choice has no `{attribute}`, expected label or text{meant}"
    )]
    Attribute {
        /// The template's name.
        template: String,
        /// The line, counted from 1.
        line: usize,
        /// What it takes.
        attribute: String,
        /// The one that was perhaps meant.
        meant: String,
    },
    /// The template names nothing of the question.
    #[error(
        "cannot use the template `{template}`: it names nothing of the question, so that all questions would be asked the same; write `{{{{ question }}}}`"
    )]
    Constant {
        /// The template's name.
        template: String,
    },
    /// The template does not fit a question.
    #[error("cannot render the template `{template}`, line {line}, for the question `{question}`: {why}")]
    Render {
        /// The template's name.
        template: String,
        /// The line, counted from 1.
        line: usize,
        /// The question's identifier.
        question: String,
        /// What the renderer said.
        why: String,
    },
}

/// A template that was read and can be rendered for any number of questions.
#[derive(Debug, Clone)]
pub struct Template {
    name: String,
    source: String,
    environment: Environment<'static>,
    constant: bool,
}

impl Template {
    /// Reads a template; `name` stands in errors only.
    pub fn parse(name: &str, source: &str) -> Result<Self, PromptError> {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_fuel(Some(FUEL));
        // Errors name the variable in every build, not only in debug builds.
        environment.set_debug(true);
        environment.set_auto_escape_callback(|_| AutoEscape::None);
        let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build();
        environment.set_syntax(syntax.expect("the delimiters are Jinja's own"));
        let template = name.to_owned();
        let syntax = |error: &minijinja::Error| PromptError::Syntax {
            template: template.clone(),
            line: error.line().unwrap_or(1),
            why: why(error),
        };
        environment.add_template_owned("prompt", source.to_owned()).map_err(|error| syntax(&error))?;
        let read = environment.get_template("prompt").map_err(|error| syntax(&error))?;
        let named = check_variables(name, source, &environment, &read, &VARIABLES)?;
        let constant = !VARIABLES.iter().any(|variable| named.contains(*variable));
        Ok(Self { name: name.to_owned(), source: source.to_owned(), environment, constant })
    }

    /// Returns the default student prompt.
    pub fn student() -> Self {
        Self::parse("student", STUDENT).expect("the built-in template is Jinja")
    }

    /// Says whether it names nothing of a question, so that all questions are asked the same.
    pub fn is_constant(&self) -> bool {
        self.constant
    }

    /// Returns the template's text.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Renders the prompt for a question.
    pub fn render(&self, question: &Question, answer: Answer) -> Result<String, PromptError> {
        let variables = variables(question, answer);
        let rendered = self.environment.get_template("prompt").and_then(|template| template.render(variables));
        let rendered = rendered.and_then(within_bounds);
        rendered.map_err(|error| PromptError::Render {
            template: self.name.clone(),
            line: error.line().unwrap_or(1),
            question: question.id.clone(),
            why: why(&error),
        })
    }
}

/// Checks that a template names no variable but some known ones, and returns those that it names.
pub(crate) fn check_variables(
    name: &str,
    source: &str,
    environment: &Environment<'_>,
    template: &minijinja::Template<'_, '_>,
    known: &[&'static str],
) -> Result<BTreeSet<String>, PromptError> {
    let globals: BTreeSet<String> = environment.globals().map(|(global, _)| global.to_owned()).collect();
    let named: BTreeSet<String> = template.undeclared_variables(false).into_iter().collect();
    let named: BTreeSet<String> = named.into_iter().filter(|variable| !globals.contains(variable)).collect();
    let Some(variable) = named.iter().find(|variable| !known.contains(&variable.as_str())) else {
        return match unknown_of_choice(source) {
            None => Ok(named),
            Some(Attribute { name: attribute, line }) => {
                let meant = nearest(&attribute, &["label", "text"]);
                Err(PromptError::Attribute { template: name.to_owned(), line, attribute, meant })
            }
        };
    };
    let line = source.lines().position(|line| line.contains(variable)).map_or(1, |index| index + 1);
    let meant = nearest(variable, known);
    let listed = match known {
        [all @ .., last] => format!("{} or {last}", all.join(", ")),
        [] => "none".to_owned(),
    };
    let (template, variable, known) = (name.to_owned(), variable.clone(), listed + &meant);
    Err(PromptError::Variable { template, line, variable, known })
}

/// Says which of some names was perhaps meant.
fn nearest(unknown: &str, known: &[&str]) -> String {
    let nearest = known.iter().map(|name| (strsim::jaro_winkler(unknown, name), *name));
    let nearest = nearest.max_by(|a, b| a.0.total_cmp(&b.0)).filter(|(likeness, _)| *likeness > 0.8);
    nearest.map_or_else(String::new, |(_, name)| format!("; did you mean `{name}`?"))
}

/// Returns what a template may name of a question.
pub(crate) fn variables(question: &Question, answer: Answer) -> Value {
    let choice = |Choice { label, text }: &Choice| context! { label => label.to_string(), text => text };
    let choices: Vec<Value> = question.choices.iter().map(choice).collect();
    let classes = match &question.answers {
        Answers::Class(names) => names.clone(),
        Answers::Choice | Answers::Number | Answers::Text | Answers::Exact => Vec::new(),
    };
    let fields = Value::from_pairs(question.fields.iter().map(|(name, value)| (name.clone(), json_value(value))));
    let variables = context! { question => &question.stem, choices => choices, classes => classes, fields => fields };
    match (answer, &question.answer) {
        (Answer::Shown, Some(answer)) => {
            let (written, text) = (answer.to_string(), question.words(answer).unwrap_or_default());
            context! { answer => &written, label => &written, answer_text => text, ..variables }
        }
        _ => variables,
    }
}

/// Returns a JSON value as templates have it.
pub(crate) fn json_value(json: &Json) -> Value {
    match json {
        Json::Null => Value::from(()),
        Json::Bool(value) => Value::from(*value),
        Json::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(whole), _) => Value::from(whole),
            (None, Some(whole)) => Value::from(whole),
            (None, None) => Value::from(number.as_f64().unwrap_or(f64::NAN)),
        },
        Json::String(text) => Value::from(text.as_str()),
        Json::Array(items) => items.iter().map(json_value).collect(),
        Json::Object(fields) => Value::from_pairs(fields.iter().map(|(name, value)| (name.clone(), json_value(value)))),
    }
}

/// Refuses a text that is longer than any prompt.
pub(crate) fn within_bounds(text: String) -> Result<String, minijinja::Error> {
    if text.len() <= TEXT_BYTES_MAX {
        return Ok(text);
    }
    let said = format!("it makes {} bytes of text, and a prompt has at most {TEXT_BYTES_MAX}", text.len());
    Err(minijinja::Error::new(ErrorKind::InvalidOperation, said))
}

/// What is said of a template that does not come to an end.
pub(crate) const ENDLESS: &str = "it loops too often or makes too much text for a prompt";

fn why(error: &minijinja::Error) -> String {
    if error.kind() == ErrorKind::OutOfFuel {
        return ENDLESS.to_owned();
    }
    match error.detail() {
        Some(detail) => format!("{}: {detail}", error.kind()),
        None => error.kind().to_string(),
    }
}

/// The text decides what is rendered; the name only stands in errors.
#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;
    use retort_artifact::{Answer as Right, Label};

    fn question() -> Question {
        let choice = |(index, text): (usize, &str)| Choice { label: Label::at(index).unwrap(), text: text.into() };
        Question {
            id: "q7".into(),
            stem: "An electric car <runs> on {{ what }}?".into(),
            choices: ["gas", "hydrogen", "ions"].into_iter().enumerate().map(choice).collect(),
            answer: Right::at(2),
            ..Question::default()
        }
    }

    fn check(source: &str, answer: Answer, expected: &Expect) {
        let rendered = Template::parse("p.jinja", source).and_then(|template| template.render(&question(), answer));
        expected.assert_eq(&rendered.unwrap_or_else(|error| error.to_string()));
    }

    #[test]
    fn the_default_prompt_follows_the_paper() {
        let rendered = Template::student().render(&question(), Answer::Hidden).unwrap();
        expect!["Question: An electric car <runs> on {{ what }}? Choices: A: gas; B: hydrogen; C: ions"]
            .assert_eq(&rendered);
    }

    #[test]
    fn the_student_prompts_of_the_pipelines_follow_the_paper() {
        let csqa = include_str!("../../pipelines/prompts/student/csqa.jinja");
        let obqa = include_str!("../../pipelines/prompts/student/obqa.jinja");
        let quarel = include_str!("../../pipelines/prompts/student/quarel.jinja");
        let built_in = Template::student().render(&question(), Answer::Hidden).unwrap();
        for same in [csqa, obqa] {
            let rendered = Template::parse("p", same).unwrap().render(&question(), Answer::Hidden).unwrap();
            assert_eq!(rendered, built_in);
        }
        check(
            quarel,
            Answer::Hidden,
            &expect!["Question: An electric car <runs> on {{ what }}? (A) gas (B) hydrogen (C) ions"],
        );
    }

    #[test]
    fn a_teacher_may_see_the_answer_and_a_student_may_not() {
        let source = "{{ question }}\nAnswer: {{ label }} ({{ answer_text }})\n";
        check(source, Answer::Shown, &expect!["An electric car <runs> on {{ what }}?\nAnswer: C (ions)"]);
        check(
            source,
            Answer::Hidden,
            &expect![
                "cannot render the template `p.jinja`, line 2, for the question `q7`: undefined value: `label` is undefined"
            ],
        );
    }

    #[test]
    fn questions_without_letters_have_a_prompt_of_their_own() {
        let open = Question { answers: Answers::Number, choices: Vec::new(), answer: None, ..question() };
        let classes = Answers::Class(vec!["yes".into(), "no".into()]);
        let class = Question { answers: classes, answer: Some(Right::Class("no".into())), ..open.clone() };
        assert_eq!(student([&question()]), STUDENT);
        let source = student([&question(), &open, &class]);
        let shown =
            |question: &Question| Template::parse("p", source).unwrap().render(question, Answer::Hidden).unwrap();
        assert_eq!(shown(&question()), Template::student().render(&question(), Answer::Hidden).unwrap());
        assert_eq!(shown(&open), "Question: An electric car <runs> on {{ what }}?");
        assert_eq!(shown(&class), "Question: An electric car <runs> on {{ what }}? Answers: yes; no");
        let fields = Question { fields: [("unit".to_owned(), "km".into())].into(), ..class };
        let source = "{{ fields.unit }} {{ answer }} {{ label }} {{ answer_text }} {{ classes[1] }}";
        let rendered = Template::parse("p", source).unwrap().render(&fields, Answer::Shown);
        assert_eq!(rendered.unwrap(), "km no no no no");
    }

    #[test]
    fn blocks_leave_no_empty_lines() {
        check(
            "{% for c in choices %}\n  - {{ c.text }}\n{% endfor %}\n.",
            Answer::Hidden,
            &expect!["  - gas\n  - hydrogen\n  - ions\n."],
        );
    }

    #[test]
    fn errors_name_the_template_and_the_line() {
        check(
            "a\n{% if %}",
            Answer::Hidden,
            &expect!["cannot read the template `p.jinja`, line 2: syntax error: unexpected end of block"],
        );
        check(
            "a\n\n{{ stem }}",
            Answer::Hidden,
            &expect![
                "cannot read the template `p.jinja`, line 3: there is no variable `stem`, expected question, choices, classes, fields, answer, label or answer_text"
            ],
        );
        check(
            "\n{{ choices[9].text }}",
            Answer::Hidden,
            &expect![
                "cannot render the template `p.jinja`, line 2, for the question `q7`: undefined value: `choices[9]` is undefined"
            ],
        );
    }

    #[test]
    fn a_template_without_a_question_is_known_and_one_of_other_choices_refused() {
        let constant = |source: &str| Template::parse("p", source).map(|template| template.is_constant());
        assert_eq!(constant("Think. {% set x = 3 %}{{ x }}"), Ok(true));
        assert_eq!(constant("{{ question }}"), Ok(false));
        assert_eq!(constant("{% for c in choices %}{{ c.text }}{% endfor %}"), Ok(false));
        check(
            "a\n{% for c in choices %}{{ c.txt }}{% endfor %}",
            Answer::Hidden,
            &expect![
                "cannot read the template `p.jinja`, line 2: a choice has no `txt`, expected label or text; did you mean `text`?"
            ],
        );
    }

    #[test]
    fn a_template_that_does_not_end_or_does_not_fit_is_stopped() {
        let loops = "{% for a in range(9999) %}{% for b in range(9999) %}{% for c in range(9999) %}{% endfor %}{% endfor %}{% endfor %}";
        let doubles =
            "{% set s = namespace(x='aaaa') %}{% for i in range(60) %}{% set s.x = s.x ~ s.x %}{% endfor %}{{ s.x }}";
        let recurses = "{% macro m(n) %}{{ m(n) }}{{ m(n) }}{% endmacro %}{{ m(1) }}";
        let repeats = "{{ ('ab' * 90000000)[:3] }}";
        let lists = "{{ ([1] * 90000000) | join }}";
        let joins = "{{ range(99999) | join('a' * 99999) }}";
        let indents = "{{ 'a' | indent(9999999999, true) }}";
        let long = "{% for a in range(3000) %}{{ 'abcdefgh' * 512 }}{% endfor %}";
        for source in [loops, doubles, recurses, repeats, lists, joins, indents, long] {
            let said =
                Template::parse("p", source).unwrap().render(&question(), Answer::Hidden).unwrap_err().to_string();
            assert!(
                said.starts_with("cannot render the template `p`, line 1, for the question `q7`: "),
                "{source}: {said}"
            );
        }
        let many =
            "{% for a in range(2000) %}{% for c in choices %}{{ c.label }}: {{ c.text }}\n{% endfor %}{% endfor %}";
        let rendered = Template::parse("p", many).unwrap().render(&question(), Answer::Hidden).unwrap();
        assert_eq!(rendered.lines().count(), 6000);
    }
}
