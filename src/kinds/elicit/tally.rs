//! How many of what came, what it cost, and whether that is within the tolerance.

use std::fmt::Write as _;

use super::row::{Flaw, Row};

/// Counts of answers by what can be made of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Tally {
    /// Rows in all.
    pub(super) total: usize,
    pub(super) sound: usize,
    pub(super) empty: usize,
    pub(super) refused: usize,
    pub(super) cut_off: usize,
    pub(super) broken: usize,
    /// Answers of another model than may answer.
    pub(super) others: usize,
    /// Answers that came whole and hold nothing of what is read out of them, which are among the empty ones.
    unread: usize,
    /// Rows without an answer.
    pub(super) lost: usize,
    /// Tokens that were paid for in this run.
    pub(super) prompt_tokens: u64,
    pub(super) answer_tokens: u64,
    /// What was wrong with the first row that cannot be used.
    first: Option<String>,
}

impl Tally {
    pub(super) fn of(total: usize) -> Self {
        Self { total, ..Self::default() }
    }

    /// Counts an answer that came in this run, usable or not: it was paid for.
    pub(super) fn paid(&mut self, row: &Row) {
        self.prompt_tokens += row.prompt_tokens.unwrap_or(0);
        self.answer_tokens += row.answer_tokens.unwrap_or(0);
    }

    /// Counts an answer that can be used.
    pub(super) fn sound(&mut self) {
        self.sound += 1;
    }

    /// Counts an answer that cannot be used, and keeps what is wrong with the first.
    pub(super) fn flawed(&mut self, id: &str, flaw: Flaw, told: &str) {
        let of = match flaw {
            Flaw::Empty | Flaw::Unspoken | Flaw::Unreasoned | Flaw::Untagged => &mut self.empty,
            Flaw::Refused => &mut self.refused,
            Flaw::CutOff | Flaw::CutThinking => &mut self.cut_off,
            Flaw::Tool | Flaw::Broken => &mut self.broken,
            Flaw::OtherModel => &mut self.others,
        };
        *of += 1;
        self.unread += usize::from(flaw.is_of_reading());
        self.first.get_or_insert_with(|| format!("question `{id}`: {told}"));
    }

    /// Counts a row that has no answer.
    pub(super) fn lose(&mut self, id: &str, said: &str) {
        self.lost += 1;
        self.first.get_or_insert(format!("question `{id}`: {said}"));
    }

    /// Returns how many rows came to an end of some kind.
    pub(super) fn done(&self) -> usize {
        self.sound + self.unusable()
    }

    fn unusable(&self) -> usize {
        self.empty + self.refused + self.cut_off + self.broken + self.others + self.lost
    }

    /// Says whether more than so large a fraction of all rows cannot be used.
    pub(super) fn exceeds(&self, tolerance: f64) -> bool {
        self.unusable() as f64 > tolerance * self.total as f64 + 1e-9
    }

    /// Says what cannot be used, each kind with its count; `None` where there is nothing of the kind.
    pub(super) fn said(&self) -> Option<String> {
        let counts = [
            (self.lost, "failed"),
            (self.empty, "empty"),
            (self.refused, "refused"),
            (self.cut_off, "cut off"),
            (self.broken, "broken off"),
            (self.others, "from another model"),
        ];
        let counts: Vec<String> =
            counts.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}")).collect();
        let first = self.first.as_ref()?;
        let (unusable, done, counts) = (self.unusable(), self.done(), counts.join(", "));
        if done < self.total {
            return Some(format!("{unusable} of the first {done} answers cannot be used ({counts}); first {first}"));
        }
        Some(format!("{unusable} of {done} answers cannot be used ({counts}); first {first}"))
    }

    /// Says what can be done where more cannot be used than is tolerated.
    pub(super) fn way_on(&self, tolerance: f64) -> String {
        let mut told = format!("that is more than the tolerance of {tolerance} of {} answers", self.total);
        let unasked = self.total - self.done();
        if unasked > 0 {
            let _ = write!(told, ", so asking stopped before the other {unasked}");
        }
        told.push_str(". What can be used is kept");
        match self.unusable() - self.unread {
            0 => {}
            1 => told.push_str(". Another run asks again for the one that cannot"),
            n if self.unread == 0 => {
                let _ = write!(told, ". Another run asks again for the {n} that cannot");
            }
            n => {
                let _ = write!(told, ". Another run asks again for {n} of the others");
            }
        }
        if self.unread > 0 {
            let _ = write!(
                told,
                ". {} came whole, without what `rationale_from` reads out of them, and are not asked for again: \
                 choose another `rationale_from`",
                self.unread
            );
        }
        let longer = if self.cut_off > 0 { "; `max_tokens` sets how long answers may be" } else { "" };
        told.push_str(". `tolerance` sets how much may be missing");
        told + longer
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    #[test]
    fn what_cannot_be_used_is_counted_by_kind() {
        let mut tally = Tally::of(200);
        tally.sound();
        assert_eq!(tally.said(), None);
        tally.flawed("b", Flaw::CutOff, "the answer is cut off at 64 tokens");
        tally.flawed("c", Flaw::Empty, "the answer is empty");
        assert!(!tally.exceeds(0.01) && tally.exceeds(0.0));
        tally.lose("d", "HTTP 400: too long");
        assert!(tally.exceeds(0.01) && !tally.exceeds(0.02));
        tally.flawed("e", Flaw::Refused, "");
        tally.flawed("f", Flaw::CutThinking, "");
        tally.flawed("g", Flaw::Broken, "");
        tally.flawed("h", Flaw::OtherModel, "");
        expect!["7 of the first 8 answers cannot be used (1 failed, 1 empty, 1 refused, 2 cut off, 1 broken off, 1 from another model); first question `b`: the answer is cut off at 64 tokens"]
            .assert_eq(&tally.said().unwrap());
        assert_eq!(tally.done(), 8);
        expect!["that is more than the tolerance of 0.01 of 200 answers, so asking stopped before the other 192. What can be used is kept. Another run asks again for the 7 that cannot. `tolerance` sets how much may be missing; `max_tokens` sets how long answers may be"].assert_eq(&tally.way_on(0.01));
    }

    #[test]
    fn what_came_whole_is_not_asked_for_again() {
        let mut tally = Tally::of(2);
        tally.flawed("a", Flaw::Untagged, "no thoughts");
        tally.flawed("b", Flaw::Unreasoned, "no thoughts");
        expect!["that is more than the tolerance of 0 of 2 answers. What can be used is kept. 2 came whole, without what `rationale_from` reads out of them, and are not asked for again: choose another `rationale_from`. `tolerance` sets how much may be missing"].assert_eq(&tally.way_on(0.0));
        tally.total = 3;
        tally.flawed("c", Flaw::Broken, "broken");
        expect!["that is more than the tolerance of 0 of 3 answers. What can be used is kept. Another run asks again for the one that cannot. 2 came whole, without what `rationale_from` reads out of them, and are not asked for again: choose another `rationale_from`. `tolerance` sets how much may be missing"].assert_eq(&tally.way_on(0.0));
    }
}
