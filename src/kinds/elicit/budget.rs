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
        let guess = |bytes: usize| (bytes as u64).div_ceil(BYTES_A_TOKEN);
        let said = row.text.len() + row.reasoning.as_ref().map_or(0, String::len);
        self.answers += 1;
        self.prompt_tokens += row.prompt_tokens.unwrap_or_else(|| guess(asked_bytes));
        self.answer_tokens += row.answer_tokens.unwrap_or_else(|| guess(said));
        self.uncounted += u64::from(row.prompt_tokens.is_none() || row.answer_tokens.is_none());
    }

    fn tokens(&self) -> u64 {
        self.prompt_tokens + self.answer_tokens
    }
}

impl<'a> Budget<'a> {
    /// Returns what a stage may spend; `None` where that is not declared.
    pub(super) fn of(written: &'a Written) -> Option<Self> {
        let price = match &written.teacher {
            Teacher::OpenAi(openai) => openai.price(),
            Teacher::Local(_) | Teacher::Gold | Teacher::Import(_) => None,
        };
        let cost_max = written.max_cost.0.map(PositiveReal::get);
        let tokens_max = written.max_tokens_total.0.map(|tokens| tokens.get() as u64);
        (cost_max.is_some() || tokens_max.is_some()).then_some(Self { cost_max, tokens_max, price })
    }

    /// Says whether another row may be sent while so many are on their way, each of which is taken to come to as much as
    /// the others did.
    pub(super) fn affords(&self, spent: &Spent, on_their_way: usize) -> bool {
        let ways = 1.0 + on_their_way as f64 / (spent.answers.max(1) as f64);
        let within = |spent: f64, most: Option<f64>| most.is_none_or(|most| spent * ways < most);
        within(spent.tokens() as f64, self.tokens_max.map(|most| most as f64))
            && within(self.cost(spent), self.cost_max)
    }

    /// Says which bound is passed where so many further tokens are spent, the answers by what each costs.
    pub(super) fn exceeded(&self, spent: &Spent, prompt_tokens: u64, answer_tokens: u64) -> Option<Exceeded> {
        let after = Spent {
            prompt_tokens: spent.prompt_tokens + prompt_tokens,
            answer_tokens: spent.answer_tokens + answer_tokens,
            ..*spent
        };
        let passed = |field, most: Option<f64>, expected: f64| {
            most.filter(|most| expected > *most).map(|most| Exceeded { field, most, expected })
        };
        passed("max_cost", self.cost_max, self.cost(&after))
            .or_else(|| passed("max_tokens_total", self.tokens_max.map(|most| most as f64), after.tokens() as f64))
    }

    fn cost(&self, spent: &Spent) -> f64 {
        self.price.map_or(0.0, |price| price.of(spent.prompt_tokens, spent.answer_tokens))
    }

    /// Says that it is used up, where so many rows of all are there.
    pub(super) fn used_up(&self, spent: &Spent, there: usize, total: usize) -> String {
        let is_cost = self.cost_max.is_some_and(|most| self.cost(spent) >= most);
        let (field, most) = match (self.cost_max, self.tokens_max) {
            (Some(most), _) if is_cost => ("max_cost", most.to_string()),
            (_, Some(most)) => ("max_tokens_total", most.to_string()),
            (most, None) => ("max_cost", most.unwrap_or_default().to_string()),
        };
        let Spent { answers, prompt_tokens, answer_tokens, uncounted } = spent;
        let cost = self.price.map(|_| format!(", which cost {}", money(self.cost(spent)))).unwrap_or_default();
        let guessed = match uncounted {
            0 => String::new(),
            n => format!(
                "; the server counted no tokens of {n} of them, for which {BYTES_A_TOKEN} bytes are taken as one"
            ),
        };
        format!(
            "the budget `{field}: {most}` is used up: {there} of {total} rows are there. The {answers} answers so far took \
             {prompt_tokens} tokens asked and {answer_tokens} answered{cost}{guessed}. They are kept: raise `{field}` and run \
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

    use super::*;

    const PRICE: Price = Price { input: 1.0, output: 1000.0 };

    fn spent(answers: u64) -> Spent {
        Spent { answers, prompt_tokens: 20 * answers, answer_tokens: 10 * answers, uncounted: 0 }
    }

    #[test]
    fn nothing_is_sent_once_what_is_on_its_way_uses_it_up() {
        let tokens = Budget { cost_max: None, tokens_max: Some(100), price: None };
        for (answers, on_their_way, affords) in [
            (0, 0, true),
            (0, 8, true),
            (1, 0, true),
            (1, 2, true),
            (1, 3, false),
            (3, 0, true),
            (3, 1, false),
            (4, 0, false),
        ] {
            assert_eq!(tokens.affords(&spent(answers), on_their_way), affords, "{answers} {on_their_way}");
        }
        let cost = Budget { cost_max: Some(0.03), tokens_max: None, price: Some(&PRICE) };
        assert!(cost.affords(&spent(2), 0) && !cost.affords(&spent(2), 1) && !cost.affords(&spent(3), 0));
    }

    #[test]
    fn what_is_there_is_told() {
        let cost = Budget { cost_max: Some(0.03), tokens_max: Some(1_000_000), price: Some(&PRICE) };
        expect!["the budget `max_cost: 0.03` is used up: 3 of 12 rows are there. The 3 answers so far took 60 tokens asked and 30 answered, which cost 0.0301. They are kept: raise `max_cost` and run again, which asks only for the 9 rows that are left"]
            .assert_eq(&cost.used_up(&spent(3), 3, 12));
        let tokens = Budget { cost_max: None, tokens_max: Some(100), price: None };
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
