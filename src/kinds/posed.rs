//! Questions as a student is asked them, and what it is taught to write: for a person to read before anything is trained.

use retort_artifact::{Format, Placement, Question, Usage};
use retort_stage::{Posed, StageError};
use retort_text::prompt::{self, Answer as Shows, Template};
use retort_text::target::{self, MARKER};

use super::sequence::{data, turns};

/// What stands in a target for a rationale that is not known yet.
pub const UNKNOWN: &str = "<rationale>";

/// Returns how a student is asked and answers where no stage says so.
pub fn usual<'a>(questions: impl IntoIterator<Item = &'a Question>) -> Usage {
    Usage {
        format: Format::marked(Placement::After, MARKER),
        prompt: prompt::student(questions).to_owned(),
        begin: Vec::new(),
        end: None,
        chat: None,
        targets: Vec::new(),
    }
}

/// Puts questions to a student, in their order. A target has the question's own rationale, or else says where one stands.
///
/// # Errors
/// The first question that the template or the target does not fit.
pub fn posed(usage: &Usage, questions: &[Question]) -> Result<Vec<Posed>, StageError> {
    let template = Template::parse("prompt", &usage.prompt).map_err(data)?;
    let turns = usage.chat.as_ref().map(turns).transpose()?;
    let one = |question: &Question| {
        let asked = template.render(question, Shows::Hidden).map_err(data)?;
        let prompt = match &turns {
            Some(turns) => turns.ask(&asked).map_err(data)?,
            None => asked,
        };
        let rationale = question.rationale.as_deref().filter(|text| !text.trim().is_empty()).unwrap_or(UNKNOWN);
        let written = question.answer.as_ref().map(|answer| {
            let target = target::render(&usage.format, answer, rationale);
            target.map(|target| target.text).map_err(|error| data(format!("question `{}`: {error}", question.id)))
        });
        Ok(Posed { prompt, target: written.transpose()? })
    };
    questions.iter().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use retort_artifact::{Answer, Answers};

    #[test]
    fn a_question_is_put_with_its_target() {
        let known = Question {
            id: "q".into(),
            stem: "Two and two?".into(),
            answers: Answers::Number,
            answer: Some(Answer::Number("4".into())),
            rationale: Some("2 + 2 = 4.".into()),
            ..Question::default()
        };
        let without = Question { rationale: None, ..known.clone() };
        let withheld = Question { answer: None, ..known.clone() };
        let all = [known, without, withheld];
        let shown = posed(&usual(&all), &all).unwrap();
        let prompt = "Question: Two and two?";
        assert!(shown.iter().all(|posed| posed.prompt == prompt), "{shown:?}");
        let targets: Vec<Option<&str>> = shown.iter().map(|posed| posed.target.as_deref()).collect();
        let with = |rationale: &str| format!("[FIN_LABEL] 4 [FIN_LABEL] {rationale}");
        assert_eq!(targets, [Some(with("2 + 2 = 4.").as_str()), Some(with("<rationale>").as_str()), None]);
    }
}
