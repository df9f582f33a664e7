//! Teachers whose answers were put to the vote: how far they agree with themselves, and how often they are right.

use super::label::{self, ABSENT};
use super::{Cell, Column, ReportInput, Table, Teacher};
use retort_artifact::Votes;
use retort_stats::{Level, Response, Responses, accuracy};

/// Makes the table, one line for each teacher; `None` where there is none.
pub(super) fn table(input: &ReportInput) -> Option<Table> {
    let level = input.spec.level;
    let line = |teacher: &Teacher| -> Vec<Cell> {
        let Votes { polls } = &teacher.votes;
        let most = polls.iter().map(|poll| poll.cast).max().unwrap_or(0);
        let ties = polls.iter().filter(|poll| poll.tie).count();
        let count = |number: usize| Cell::number(number as f64, label::count(number));
        let fraction = |fraction: Option<f64>| {
            fraction.map_or_else(|| Cell::words(ABSENT), |fraction| Cell::number(fraction, label::percent(fraction)))
        };
        // The only stage of a report has no name in it.
        let name = label::instance(&teacher.stage, &teacher.coords);
        vec![
            Cell::words(if name.is_empty() { "the teacher".to_owned() } else { name }),
            count(polls.len()),
            count(most),
            fraction(teacher.votes.consistency()),
            majority(&teacher.votes, level),
            fraction(teacher.votes.answer_right()),
            count(ties),
        ]
    };
    let rows: Vec<Vec<Cell>> = input.teachers.iter().map(line).collect();
    (!rows.is_empty()).then(|| Table {
        title: "Teachers".to_owned(),
        columns: vec![
            Column::words("teacher"),
            Column::numbers("questions"),
            Column::numbers("votes"),
            Column::numbers("self-consistency %"),
            Column::numbers("majority right %"),
            Column::numbers("one answer right %"),
            Column::numbers("ties"),
        ],
        rows,
        notes: vec![
            "Self-consistency is the fraction of a question's answers that state the majority's label, averaged over questions; \
             answers without a label agree with none."
                .to_owned(),
            format!(
                "Brackets hold the {} interval after Wilson, over the questions whose right answer is known. These are the \
                 questions the teacher was asked, which need not be those a student is tested on.",
                label::level(level)
            ),
        ],
    })
}

/// Writes how often the majority is right, with its interval.
fn majority(votes: &Votes, level: Level) -> Cell {
    let response = |poll: &retort_artifact::Poll| {
        Some(Response { question: poll.id.clone(), chance: None, right: vec![poll.right?.majority] })
    };
    let responses = Responses::new(votes.polls.iter().filter_map(response).collect());
    let estimate = responses.ok().and_then(|responses| accuracy(&responses, level));
    estimate.map_or_else(
        || Cell::words(ABSENT),
        |estimate| Cell::number(estimate.value, label::with_interval(&estimate, label::percent)),
    )
}
