//! What a stage may cost at most: it stops asking, keeps everything, and says how to go on.

use super::Written;
use super::openai::Price;
use super::row::Row;
use super::teacher::Teacher;
use retort_stage::Exceeded;
use retort_stage::params::PositiveReal;

/// Bytes that count as one token where a server counts none.
const BYTES_A_TOKEN: u64 = 4;

/// What may be spent.
#[derive(Debug, Clone, Copy)]
pub(super) struct Budget<'a> {
    cost_max: Option<f64>,
    tokens_max: Option<u64>,
    price: Option<&'a Price>,
    /// The most tokens an answer may have, which is what is expected of the first.
    limit: u64,
}

/// What was spent on the answers of a stage, by whom and whenever they were paid.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Spent {
    answers: u64,
    prompt_tokens: u64,
    answer_tokens: u64,
    /// Answers whose tokens nobody counted.
    uncounted: u64,
}

impl Spent {
    /// Adds an answer to a question of so many bytes.
    pub(super) fn add(&mut self, row: &Row, asked_bytes: usize) {
        let said = row.text.len() + row.reasoning.as_ref().map_or(0, String::len);
        // A server that counts 0 tokens of some text counts none.
        let counted = |tokens: Option<u64>, bytes: usize| tokens.filter(|tokens| *tokens > 0 || bytes == 0);
        let (prompt, answer) = (counted(row.prompt_tokens, asked_bytes), counted(row.answer_tokens, said));
        self.answers += 1;
        self.prompt_tokens = self.prompt_tokens.saturating_add(prompt.unwrap_or_else(|| guess(asked_bytes)));
        self.answer_tokens = self.answer_tokens.saturating_add(answer.unwrap_or_else(|| guess(said)));
        self.uncounted += u64::from(prompt.is_none() || answer.is_none());
    }

    fn tokens(&self) -> u64 {
        self.prompt_tokens.saturating_add(self.answer_tokens)
    }
}

fn guess(bytes: usize) -> u64 {
    (bytes as u64).div_ceil(BYTES_A_TOKEN)
}

impl<'a> Budget<'a> {
    /// Returns what a stage may spend; `None` where that is not declared.
    pub(super) fn of(written: &'a Written, limit: u64) -> Option<Self> {
        let price = match &written.teacher {
            Teacher::OpenAi(openai) => openai.price(),
            Teacher::Local(_) | Teacher::Gold | Teacher::Import(_) => None,
        };
        let cost_max = written.max_cost.0.map(PositiveReal::get);
        let tokens_max = written.max_tokens_total.0.map(|tokens| tokens.get() as u64);
        (cost_max.is_some() || tokens_max.is_some()).then_some(Self { cost_max, tokens_max, price, limit })
    }

    /// Says whether another row may be sent while so many are on their way. Each of them is expected to take as much as the
    /// answers before did; while there are none, as much as it may: a prompt of the longest, and an answer of `max_tokens`.
    pub(super) fn affords(&self, spent: &Spent, on_their_way: usize, longest: impl FnOnce() -> usize) -> bool {
        let (tokens, cost) = (spent.tokens() as f64, self.cost(spent.prompt_tokens, spent.answer_tokens));
        let (tokens_each, cost_each) = if spent.answers > 0 {
            (tokens / spent.answers as f64, cost / spent.answers as f64)
        } else {
            let asked = guess(longest());
            (asked.saturating_add(self.limit) as f64, self.cost(asked, self.limit))
        };
        let within = |spent: f64, each: f64, most: Option<f64>| {
            most.is_none_or(|most| each.mul_add(on_their_way as f64, spent) < most)
        };
        within(tokens, tokens_each, self.tokens_max.map(|most| most as f64)) && within(cost, cost_each, self.cost_max)
    }

    /// Says which bound is passed where so many further tokens are spent, the answers by what each costs.
    pub(super) fn exceeded(&self, spent: &Spent, prompt_tokens: u64, answer_tokens: u64) -> Option<Exceeded> {
        let after = Spent {
            prompt_tokens: spent.prompt_tokens.saturating_add(prompt_tokens),
            answer_tokens: spent.answer_tokens.saturating_add(answer_tokens),
            ..*spent
        };
        let passed = |field, most: Option<f64>, expected: f64| {
            most.filter(|most| expected > *most).map(|most| Exceeded { field, most, expected })
        };
        passed("max_cost", self.cost_max, self.cost(after.prompt_tokens, after.answer_tokens))
            .or_else(|| passed("max_tokens_total", self.tokens_max.map(|most| most as f64), after.tokens() as f64))
    }

    fn cost(&self, prompt_tokens: u64, answer_tokens: u64) -> f64 {
        self.price.map_or(0.0, |price| price.of(prompt_tokens, answer_tokens))
    }

    /// Says that it is used up, where so many rows of all are there.
    pub(super) fn used_up(&self, spent: &Spent, there: usize, total: usize) -> String {
        let cost = self.cost(spent.prompt_tokens, spent.answer_tokens);
        let is_cost = self.cost_max.is_some_and(|most| cost >= most);
        let (field, most) = match (self.cost_max, self.tokens_max) {
            (Some(most), _) if is_cost => ("max_cost", most.to_string()),
            (_, Some(most)) => ("max_tokens_total", most.to_string()),
            (most, None) => ("max_cost", most.unwrap_or_default().to_string()),
        };
        let Spent { answers, prompt_tokens, answer_tokens, uncounted } = spent;
        let paid = self.price.map(|_| format!(", which cost {}", money(cost))).unwrap_or_default();
        let guessed = match uncounted {
            0 => String::new(),
            n => format!(
                "; the server counted no tokens of {n} of them, for which {BYTES_A_TOKEN} bytes are taken as one"
            ),
        };
        format!(
            "the budget `{field}: {most}` is used up: {there} of {total} rows are there. The {answers} answers so far took \
             {prompt_tokens} tokens asked and {answer_tokens} answered{paid}{guessed}. They are kept: raise `{field}` and run \
             again, which asks only for the {} rows that are left",
            total.saturating_sub(there)
        )
    }
}

/// Writes a sum with two digits behind the point, or as many as tell it from nothing.
fn money(sum: f64) -> String {
    let digits = (2..9).find(|digits| sum == 0.0 || sum * 10_f64.powi(*digits) >= 100.0).unwrap_or(9) as usize;
    format!("{sum:.digits$}")
}

#[cfg(test)]
mod tests {
    use expect_test::expect;
    use serde_json::json;

    use super::*;

    const PRICE: Price = Price { input: 1.0, output: 1000.0 };

    fn spent(answers: u64) -> Spent {
        Spent { answers, prompt_tokens: 20 * answers, answer_tokens: 10 * answers, uncounted: 0 }
    }

    #[test]
    fn nothing_is_sent_once_what_is_on_its_way_uses_it_up() {
        let tokens = Budget { cost_max: None, tokens_max: Some(100), price: None, limit: 40 };
        for (answers, on_their_way, affords) in [
            // Nothing is known yet: 10 tokens asked, and 40 answered.
            (0, 0, true),
            (0, 1, true),
            (0, 2, false),
            (1, 0, true),
            (1, 2, true),
            (1, 3, false),
            (3, 0, true),
            (3, 1, false),
            (4, 0, false),
        ] {
            assert_eq!(tokens.affords(&spent(answers), on_their_way, || 40), affords, "{answers} {on_their_way}");
        }
        let cost = Budget { cost_max: Some(0.03), tokens_max: None, price: Some(&PRICE), limit: 40 };
        assert!(cost.affords(&spent(0), 0, || 40) && !cost.affords(&spent(0), 1, || 40));
        assert!(
            cost.affords(&spent(2), 0, || 40)
                && !cost.affords(&spent(2), 1, || 40)
                && !cost.affords(&spent(3), 0, || 40)
        );
    }

    #[test]
    fn a_server_that_counts_nothing_is_no_free_one() {
        let row = |text: &str, prompt, answer| {
            let told = json!({ "text": text, "limit": 64, "prompt_tokens": prompt, "answer_tokens": answer });
            serde_json::from_value::<Row>(told).unwrap()
        };
        for (row, expected) in [
            (row("eight by", Some(7), Some(5)), (7, 5, 0)),
            (row("eight by", None, None), (10, 2, 1)),
            (row("eight by", Some(0), Some(0)), (10, 2, 1)),
            (row("", Some(7), Some(0)), (7, 0, 0)),
            (row("", Some(u64::MAX), Some(u64::MAX)), (u64::MAX, u64::MAX, 0)),
        ] {
            let mut spent = Spent::default();
            spent.add(&row, 40);
            assert_eq!((spent.prompt_tokens, spent.answer_tokens, spent.uncounted), expected, "{row:?}");
            spent.add(&row, 40);
        }
    }

    #[test]
    fn what_is_there_is_told() {
        let cost = Budget { cost_max: Some(0.03), tokens_max: Some(1_000_000), price: Some(&PRICE), limit: 40 };
        expect!["the budget `max_cost: 0.03` is used up: 3 of 12 rows are there. The 3 answers so far took 60 tokens asked and 30 answered, which cost 0.0301. They are kept: raise `max_cost` and run again, which asks only for the 9 rows that are left"]
            .assert_eq(&cost.used_up(&spent(3), 3, 12));
        let tokens = Budget { cost_max: None, tokens_max: Some(100), price: None, limit: 40 };
        let spent = Spent { uncounted: 2, ..spent(4) };
        expect!["the budget `max_tokens_total: 100` is used up: 3 of 12 rows are there. The 4 answers so far took 80 tokens asked and 40 answered; the server counted no tokens of 2 of them, for which 4 bytes are taken as one. They are kept: raise `max_tokens_total` and run again, which asks only for the 9 rows that are left"]
            .assert_eq(&tokens.used_up(&spent, 3, 12));
    }

    #[test]
    fn sums() {
        for (sum, text) in
            [(0.0, "0.00"), (12.345, "12.35"), (1.0, "1.00"), (0.0301, "0.0301"), (0.000_004, "0.00000400")]
        {
            assert_eq!(money(sum), text);
        }
    }
}
