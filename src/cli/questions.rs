//! Questions in a terminal: what a split holds, and its first questions as a student is asked them.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::reporter::{clean, width, wrapped};
use crate::artifact::{Answer, Answers, Question, Questions, Split};
use crate::stage::Posed;

/// The columns of the names of fields, and what stands before them.
const NAMES: usize = 12;
/// The fewest columns of text.
const TEXT_MIN: usize = 20;

/// Sums up the splits: how many questions each has, with what answers and rationales.
pub(super) fn summary(questions: &Questions) -> String {
    let mut out = String::new();
    for split in Split::ALL {
        let all = questions.split(split);
        if all.is_empty() {
            continue;
        }
        let count = all.len();
        let unknown = all.iter().filter(|question| question.answer.is_none()).count();
        let rationales = all.iter().filter(|question| question.rationale.is_some()).count();
        let mut facts = vec![format!("{count} {}", if count == 1 { "question" } else { "questions" }), answers(all)];
        if unknown > 0 {
            facts.push(format!("{} without a known answer", of(unknown, count)));
        }
        facts.push(match rationales {
            0 => "no rationales".to_owned(),
            some => format!("{} with a rationale", of(some, count)),
        });
        out += &format!("{:<6} {}\n", format!("{split}:"), facts.join(", "));
    }
    if out.is_empty() { "no questions\n".to_owned() } else { out }
}

fn of(some: usize, all: usize) -> String {
    if some == all { "all".to_owned() } else { some.to_string() }
}

/// Says what the answers are, and how often each where there are few.
fn answers(all: &[Question]) -> String {
    let mut kinds: BTreeMap<&'static str, usize> = BTreeMap::new();
    let mut counts: BTreeMap<&Answer, usize> = BTreeMap::new();
    let mut choices: BTreeMap<usize, usize> = BTreeMap::new();
    for question in all {
        let kind = match &question.answers {
            Answers::Choice => "choices",
            Answers::Class(_) => "classes",
            Answers::Number => "numbers",
            Answers::Text => "texts",
            Answers::Exact => "exact texts",
        };
        *kinds.entry(kind).or_default() += 1;
        if question.answers.is_choice() {
            *choices.entry(question.choices.len()).or_default() += 1;
        }
        if let Some(answer @ (Answer::Choice(_) | Answer::Class(_))) = &question.answer {
            *counts.entry(answer).or_default() += 1;
        }
    }
    let kinds: Vec<&str> = kinds.into_keys().collect();
    let mut out = format!("answers are {}", kinds.join(" and "));
    match &choices.iter().collect::<Vec<_>>()[..] {
        [] => {}
        [(each, _)] => out += &format!(", {each} each"),
        several => {
            let several = several.iter().map(|(each, count)| format!("{each} ({count})"));
            out += &format!(", of different number: {}", several.collect::<Vec<_>>().join(", "));
        }
    }
    if (1..=10).contains(&counts.len()) {
        // The commonest first; of equally common ones in their order.
        let mut counts: Vec<(&Answer, usize)> = counts.into_iter().collect();
        counts.sort_by_key(|(_, count)| Reverse(*count));
        let counts = counts.into_iter().map(|(answer, count)| format!("{answer} {count}"));
        out += &format!(" ({})", counts.collect::<Vec<_>>().join(", "));
    }
    out
}

/// Writes one question as it is asked; `place` says which it is, and `columns` how wide the terminal is, if there is one.
pub(super) fn question(place: &str, question: &Question, posed: &Posed, columns: Option<usize>) -> String {
    let Question { id, choices, answer, rationale, fields, .. } = question;
    let known = match answer {
        None => "not known".to_owned(),
        Some(answer) => match question.words(answer).filter(|_| answer.is_choice()) {
            Some(words) => format!("{answer}  {words}"),
            None => answer.to_string(),
        },
    };
    let mut out = format!("{place}  {id}\n");
    out += &field("asked", &posed.prompt, columns);
    if let Some(longest) = choices.iter().map(|choice| width(&choice.text)).max()
        && longest > 0
    {
        let listed = choices.iter().map(|choice| format!("{}  {}", choice.label, choice.text));
        out += &field("choices", &listed.collect::<Vec<_>>().join("\n"), columns);
    }
    out += &field("answer", &known, columns);
    match &posed.target {
        Some(target) => out += &field("target", target, columns),
        None if rationale.is_some() => out += &field("rationale", rationale.as_deref().unwrap_or_default(), columns),
        None => {}
    }
    for (name, value) in fields {
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        out += &field(name, &text, columns);
    }
    out
}

/// Writes a field, its text in lines that fit.
fn field(name: &str, text: &str, columns: Option<usize>) -> String {
    let name = clean(name).replace('\n', " ");
    let indent = " ".repeat(NAMES);
    // A long name has a line of its own.
    let mut out = format!("  {name}");
    if width(&out) + 2 > NAMES {
        out += &format!("\n{indent}");
    } else {
        out += &" ".repeat(NAMES - width(&out));
    }
    let room = columns.map_or(usize::MAX, |columns| columns.max(NAMES + TEXT_MIN));
    let text = clean(text.trim_end());
    let lines = text.lines().map(|line| wrapped(line, room, NAMES, &indent));
    out += &lines.collect::<Vec<_>>().join(&format!("\n{indent}"));
    let lines: Vec<&str> = out.lines().map(str::trim_end).collect();
    lines.join("\n") + "\n"
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;
    use crate::artifact::{Choice, Label};

    fn choice() -> Question {
        let choice = |(index, text): (usize, &str)| Choice { label: Label::at(index).unwrap(), text: text.into() };
        Question {
            id: "q1".into(),
            stem: "Which of these melts when it is left in the sun for the whole of a long afternoon?".into(),
            choices: ["a cube of ice that came out of the freezer", "mud"]
                .into_iter()
                .enumerate()
                .map(choice)
                .collect(),
            answer: Answer::at(0),
            rationale: Some("Ice is frozen water.\nThe sun is warm.".into()),
            fields: [("a field of a long name".to_owned(), serde_json::json!(["x", 1]))].into(),
            ..Question::default()
        }
    }

    fn check(columns: Option<usize>, expected: &Expect) {
        let asked = choice();
        let posed = Posed {
            prompt: format!("Question: {} Choices: A: ice; B: mud", asked.stem),
            target: Some(format!("[FIN_LABEL] A [FIN_LABEL] {}", asked.rationale.clone().unwrap())),
        };
        let shown = question("train 1 of 5", &asked, &posed, columns);
        let most = columns.unwrap_or(usize::MAX);
        assert!(shown.lines().all(|line| width(line) <= most), "{shown}");
        expected.assert_eq(&shown);
    }

    #[test]
    fn a_question_fits_its_terminal() {
        check(
            Some(80),
            &expect![[r#"
                train 1 of 5  q1
                  asked     Question: Which of these melts when it is left in the sun for the
                            whole of a long afternoon? Choices: A: ice; B: mud
                  choices   A  a cube of ice that came out of the freezer
                            B  mud
                  answer    A  a cube of ice that came out of the freezer
                  target    [FIN_LABEL] A [FIN_LABEL] Ice is frozen water.
                            The sun is warm.
                  a field of a long name
                            ["x",1]
            "#]],
        );
        check(
            Some(120),
            &expect![[r#"
                train 1 of 5  q1
                  asked     Question: Which of these melts when it is left in the sun for the whole of a long afternoon? Choices: A:
                            ice; B: mud
                  choices   A  a cube of ice that came out of the freezer
                            B  mud
                  answer    A  a cube of ice that came out of the freezer
                  target    [FIN_LABEL] A [FIN_LABEL] Ice is frozen water.
                            The sun is warm.
                  a field of a long name
                            ["x",1]
            "#]],
        );
        check(
            None,
            &expect![[r#"
                train 1 of 5  q1
                  asked     Question: Which of these melts when it is left in the sun for the whole of a long afternoon? Choices: A: ice; B: mud
                  choices   A  a cube of ice that came out of the freezer
                            B  mud
                  answer    A  a cube of ice that came out of the freezer
                  target    [FIN_LABEL] A [FIN_LABEL] Ice is frozen water.
                            The sun is warm.
                  a field of a long name
                            ["x",1]
            "#]],
        );
    }

    #[test]
    fn an_answer_that_is_not_known_is_said() {
        let hidden = Question { answer: None, choices: Vec::new(), fields: BTreeMap::new(), ..choice() };
        let posed = Posed { prompt: "Which?".into(), target: None };
        expect![[r"
            test 2 of 2  q1
              asked     Which?
              answer    not known
              rationale
                        Ice is frozen water.
                        The sun is warm.
        "]]
        .assert_eq(&question("test 2 of 2", &hidden, &posed, Some(80)));
    }

    #[test]
    fn splits_are_summed_up() {
        let class = |name: &str| Question {
            answers: Answers::Class(vec!["yes".into(), "no".into()]),
            answer: Some(Answer::Class(name.into())),
            ..Question::default()
        };
        let number =
            || Question { answers: Answers::Number, answer: Some(Answer::Number("4".into())), ..Question::default() };
        let hidden = Question { answer: None, rationale: None, ..choice() };
        let mut three = choice();
        three.choices.push(Choice { label: Label::at(2).unwrap(), text: "fog".into() });
        let mut questions = Questions::default();
        questions.splits.insert(Split::Train, vec![choice(), three, hidden]);
        questions.splits.insert(Split::Dev, vec![class("yes"), class("no"), class("yes")]);
        questions.splits.insert(Split::Test, vec![number()]);
        expect![[r"
            train: 3 questions, answers are choices, of different number: 2 (2), 3 (1) (A 2), 1 without a known answer, 2 with a rationale
            dev:   3 questions, answers are classes (yes 2, no 1), no rationales
            test:  1 question, answers are numbers, no rationales
        "]]
        .assert_eq(&summary(&questions));
        assert_eq!(summary(&Questions::default()), "no questions\n");
    }
}
