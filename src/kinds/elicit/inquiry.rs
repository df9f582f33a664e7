//! Every row that is asked, with its key and the answer that is there already.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::json;

use super::budget::{Budget, Spent};
use super::history::Took;
use super::prompt::prompt;
use super::record::{decode, encode};
use super::remarks::{self, Seen};
use super::row::{Flaw, Reading, Row};
use super::tally::Tally;
use super::teacher::Teacher;
use super::{LabelFrom, Written};
use crate::sequence::data;
use retort_artifact::{Question, Rationale, Rationales};
use retort_fingerprint::{ContentHash, RowKey, Term};
use retort_stage::{Asked, Basis, Context, Estimate, Inquiry, StageError};
use retort_store::RowStore;
use retort_teacher::Api;
use retort_text::conversation::{Conversation, TeacherPrompt};
use retort_text::statement::stated;

/// Raised when rows of the same key would come out otherwise.
const ROWS_REVISION: u32 = 2;

/// The rows that were bought of a server: what could be used when it came, and what could not, or came later.
pub(super) const BOUGHT: [&str; 2] = ["elicit", "elicit-unusable"];

/// The same of a model on this machine. What it computes can be computed again, and is kept apart from what cannot.
const COMPUTED: [&str; 2] = ["elicit-local", "elicit-local-unusable"];

/// How often a person is told how far it is.
const TOLD_EVERY: Duration = Duration::from_millis(100);

/// Every row, in the order of the result.
pub(super) struct Rows<'a> {
    written: &'a Written,
    questions: &'a [Question],
    prompt: TeacherPrompt,
    /// The first answer to each row that could be used when it came.
    store: Arc<RowStore>,
    /// Every other answer, numbered. One that could not be used as answers were read then may do as they are read now.
    further: Arc<RowStore>,
    /// The protocol that bodies came in.
    api: Api,
    slots: Vec<Slot>,
    /// The teacher and its model, as estimates know them.
    model: Term,
    limit: u64,
    pub(super) tally: Tally,
    budget: Option<Budget<'a>>,
    /// What was spent on the answers that are there, and on those that cannot be used.
    spent: Spent,
    took: Took,
    began: Instant,
    told: Option<Instant>,
}

/// Writes a conversation as it is sent, for a person to read.
pub(super) type AsSent<'w> = dyn Fn(&Conversation) -> Result<String, StageError> + 'w;

struct Slot {
    question: usize,
    sample: u32,
    key: RowKey,
    /// The length of what is asked.
    bytes: usize,
    found: Found,
    state: State,
}

/// What the cache has of a row already.
#[derive(Debug, Clone, Copy, Default)]
struct Found {
    /// Whether there is an answer under the row's own key.
    first: bool,
    /// How many others there are.
    further: u32,
}

enum State {
    /// Nobody has answered.
    Open,
    /// The same is asked in an earlier slot, whose answer counts for both.
    Like(usize),
    Sound(Row),
    /// What came cannot be used, and why in words.
    Unusable(Flaw, String),
    /// Nothing came.
    Lost(String),
}

impl<'a> Rows<'a> {
    /// Renders every prompt and looks up every answer.
    pub(super) fn of(
        context: &Context<'_>,
        written: &'a Written,
        questions: &'a [Question],
    ) -> Result<Self, StageError> {
        let (kinds, api, teacher, model, limit) = match &written.teacher {
            Teacher::OpenAi(openai) => (BOUGHT, openai.api, openai.row_term(), openai.model_term(), openai.limit()),
            Teacher::Local(local) => {
                (COMPUTED, Api::Chat, local.row_term(context)?, local.row_term(context)?, local.limit())
            }
            Teacher::Gold | Teacher::Import(_) => return Err(data("there is nobody to ask")),
        };
        let prompt = prompt(context, written)?;
        let samples = u32::try_from(written.samples()).map_err(data)?;
        let total = questions.len().saturating_mul(samples as usize);
        let mut slots = Vec::new();
        slots.try_reserve_exact(total).map_err(|_| {
            data(format!(
                "{samples} samples of {} questions are {total} answers, which do not fit into memory",
                questions.len()
            ))
        })?;
        let mut rows = Self {
            written,
            questions,
            prompt,
            store: context.rows(kinds[0])?,
            further: context.rows(kinds[1])?,
            api,
            slots,
            model,
            limit,
            tally: Tally::of(total),
            budget: Budget::of(written, limit),
            spent: Spent::default(),
            took: Took::default(),
            began: Instant::now(),
            told: None,
        };
        let mut seen = BTreeMap::new();
        for (index, question) in questions.iter().enumerate() {
            let conversation = rows.prompt.render(question).map_err(data)?;
            let (asked, bytes) = (conversation_term(&conversation), conversation.bytes());
            for sample in 0..samples {
                let key = RowKey::of(&Term::record([
                    ("teacher", teacher.clone()),
                    ("asked", asked.clone()),
                    ("seed", rows.seed(sample).term()),
                    ("sample", sample.term()),
                    ("revision", ROWS_REVISION.term()),
                ]));
                let (state, found) = match seen.get(&key) {
                    Some(&first) => (State::Like(first), Found::default()),
                    None => rows.known(&key, bytes)?,
                };
                match &state {
                    State::Sound(_) => rows.tally.sound(),
                    State::Unusable(flaw, told) => rows.tally.flawed(&question.id, *flaw, told),
                    State::Open | State::Like(_) | State::Lost(_) => {}
                }
                seen.entry(key).or_insert(rows.slots.len());
                rows.slots.push(Slot { question: index, sample, key, bytes, found, state });
            }
        }
        Ok(rows)
    }

    /// Looks up the answers to a row, and takes the first that can be used as answers are read today, or else one that came
    /// whole. With a budget all are counted: each was paid for.
    fn known(&mut self, key: &RowKey, bytes: usize) -> Result<(State, Found), StageError> {
        let (mut usable, mut whole, mut found) = (None, None, Found::default());
        let first = self.store.get(key)?;
        found.first = first.is_some();
        let mut next = first;
        loop {
            if let Some(row) = next.as_deref().and_then(|bytes| decode(bytes, self.api)) {
                self.spent.add(&row, bytes);
                if row.fits(self.limit) {
                    match row.words(self.reading()) {
                        Ok(_) => usable = usable.or(Some(row)),
                        Err(flaw) if flaw.is_of_reading() => {
                            whole = whole.or_else(|| Some(State::Unusable(flaw, row.told(flaw))));
                        }
                        Err(_) => {}
                    }
                }
            }
            if usable.is_some() && self.budget.is_none() {
                break;
            }
            next = self.further.get(&further(key, found.further))?;
            if next.is_none() {
                break;
            }
            found.further += 1;
        }
        Ok((usable.map(State::Sound).or(whole).unwrap_or(State::Open), found))
    }

    /// Says how answers are read.
    fn reading(&self) -> Reading<'a> {
        let Written { teacher, refusals, rationale_from, .. } = self.written;
        let names = match teacher {
            Teacher::OpenAi(openai) => openai.answers_as.as_slice(),
            Teacher::Local(_) | Teacher::Gold | Teacher::Import(_) => &[],
        };
        Reading { refusals, from: *rationale_from, names }
    }

    /// Returns the rows nobody has answered yet.
    pub(super) fn open(&self) -> Vec<usize> {
        (0..self.slots.len()).filter(|slot| matches!(self.slots[*slot].state, State::Open)).collect()
    }

    /// Returns what is asked in a row.
    pub(super) fn conversation(&self, slot: usize) -> Result<Conversation, StageError> {
        self.prompt.render(self.question(slot)).map_err(data)
    }

    /// Returns the seed that is sent with a row, where one is declared: another for each sample.
    pub(super) fn seed_of(&self, slot: usize) -> Option<u64> {
        self.seed(self.slots[slot].sample)
    }

    fn seed(&self, sample: u32) -> Option<u64> {
        let seed = match &self.written.teacher {
            Teacher::OpenAi(openai) => openai.seed(),
            Teacher::Local(local) => local.seed(),
            Teacher::Gold | Teacher::Import(_) => None,
        };
        seed.map(|seed| seed.wrapping_add(u64::from(sample)))
    }

    fn question(&self, slot: usize) -> &'a Question {
        &self.questions[self.slots[slot].question]
    }

    /// Takes an answer. It is kept, one way or the other, before this returns.
    pub(super) fn take(&mut self, slot: usize, row: Row) -> Result<(), StageError> {
        let flaw = row.words(self.reading()).err();
        let bytes = encode(&row).map_err(data)?;
        let Slot { key, found, bytes: asked_bytes, .. } = &mut self.slots[slot];
        if flaw.is_none() && !found.first {
            self.store.put(*key, &bytes)?;
            found.first = true;
        } else {
            self.further.put(further(key, found.further), &bytes)?;
            found.further += 1;
        }
        self.spent.add(&row, *asked_bytes);
        // The body is in the cache, and what is needed of it was read.
        let row = Row { body: None, ..row };
        self.tally.paid(&row);
        if let (Some(prompt), Some(answer)) = (row.prompt_tokens, row.answer_tokens) {
            self.took.calls += 1;
            self.took.prompt_bytes += self.slots[slot].bytes as u64;
            self.took.prompt_tokens += prompt;
            self.took.answer_tokens += answer;
        }
        self.slots[slot].state = match flaw {
            None => {
                self.tally.sound();
                State::Sound(row)
            }
            Some(flaw) => {
                let (id, told) = (&self.question(slot).id, row.told(flaw));
                self.tally.flawed(id, flaw, &told);
                State::Unusable(flaw, told)
            }
        };
        Ok(())
    }

    /// Takes note that a row has no answer.
    pub(super) fn lose(&mut self, slot: usize, said: String) -> Result<(), StageError> {
        let record = json!({ "failed": said }).to_string();
        let key = RowKey::of(&Term::variant("failed", Term::Text(self.slots[slot].key.hex())));
        self.further.put(key, record.as_bytes())?;
        let id = &self.question(slot).id;
        self.tally.lose(id, &said);
        self.slots[slot].state = State::Lost(said);
        Ok(())
    }

    /// Says whether so much cannot be used that there will be no result, whatever else comes.
    pub(super) fn hopeless(&self) -> bool {
        self.tally.exceeds(self.written.tolerance.0.get())
    }

    /// Says whether the budget allows for another row while so many are on their way.
    pub(super) fn affords(&self, on_their_way: usize) -> bool {
        let longest = || self.slots.iter().map(|slot| slot.bytes).max().unwrap_or(0);
        self.budget.is_none_or(|budget| budget.affords(&self.spent, on_their_way, longest))
    }

    /// Returns the error of a budget that is used up before everything was asked, unless there is a worse one.
    pub(super) fn used_up(&self) -> Option<StageError> {
        let budget = self.budget.filter(|budget| !self.hopeless() && !budget.affords(&self.spent, 0, || 0))?;
        let there = (0..self.slots.len()).filter(|slot| self.sound(*slot).is_some()).count();
        Some(data(budget.used_up(&self.spent, there, self.slots.len())))
    }

    /// Says how far it is, unless that was said just now.
    pub(super) fn tell(&mut self, context: &Context<'_>, price: impl Fn(&Tally) -> Option<f64>) {
        let now = Instant::now();
        let done = self.tally.done() as u64;
        let last = done >= self.tally.total as u64;
        if !last && self.told.is_some_and(|told| now.duration_since(told) < TOLD_EVERY) {
            return;
        }
        self.told = Some(now);
        context.progress(done, self.tally.total as u64, "answers");
        if let Some(cost) = price(&self.tally) {
            context.measure("cost", done, cost);
        }
    }

    /// Makes everything that came durable, and leaves behind what it took.
    pub(super) fn settle(&mut self, context: &Context<'_>) -> Result<(), StageError> {
        self.took.wall_ms = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        std::mem::take(&mut self.took).keep(context, &self.model)?;
        self.store.flush()?;
        self.further.flush()?;
        Ok(())
    }

    /// Returns what came, and says what cannot be used of it; an error where that is more than is tolerated.
    pub(super) fn rationales(mut self, context: &Context<'_>) -> Result<Rationales, StageError> {
        let copies: Vec<(usize, usize)> = (self.slots.iter().enumerate())
            .filter_map(
                |(slot, Slot { state, .. })| if let State::Like(first) = state { Some((slot, *first)) } else { None },
            )
            .collect();
        for (slot, first) in copies {
            let id = &self.question(slot).id;
            match &self.slots[first].state {
                State::Sound(_) => self.tally.sound(),
                State::Unusable(flaw, told) => self.tally.flawed(id, *flaw, told),
                State::Lost(said) => self.tally.lose(id, said),
                State::Open | State::Like(_) => {}
            }
        }
        if let Some(said) = self.tally.said() {
            if self.hopeless() {
                return Err(data(format!("{said}; {}", self.tally.way_on(self.written.tolerance.0.get()))));
            }
            context.warn(said);
        }
        self.remark(context);
        let rows = (0..self.slots.len()).filter_map(|slot| self.rationale(slot)).collect();
        Ok(Rationales { rows })
    }

    /// Says what a person should know of the answers that can be used, and who gave them.
    fn remark(&self, context: &Context<'_>) {
        let seen = (0..self.slots.len()).filter_map(|slot| {
            let row = self.sound(slot)?;
            let cut = row.words(self.reading()).is_ok_and(|words| words.cut);
            Some(Seen { id: &self.question(slot).id, row, asked_bytes: self.slots[slot].bytes, cut })
        });
        let seen: Vec<Seen<'_>> = seen.collect();
        let openai = match &self.written.teacher {
            Teacher::OpenAi(openai) => Some(openai),
            Teacher::Local(_) | Teacher::Gold | Teacher::Import(_) => None,
        };
        for remark in remarks::of(&seen, openai) {
            context.warn(remark);
        }
        if openai.is_some() {
            for (name, answered) in remarks::origins(&seen) {
                context.record(name, &answered);
            }
        }
    }

    /// Returns the answer of a slot, where it can be used.
    fn sound(&self, slot: usize) -> Option<&Row> {
        match &self.slots[slot].state {
            State::Sound(row) => Some(row),
            State::Like(first) => match &self.slots[*first].state {
                State::Sound(row) => Some(row),
                _ => None,
            },
            State::Open | State::Unusable(..) | State::Lost(_) => None,
        }
    }

    fn rationale(&self, slot: usize) -> Option<Rationale> {
        let row = self.sound(slot)?;
        let words = row.words(self.reading()).ok()?;
        let question = self.question(slot);
        let label = match self.written.label {
            Some(LabelFrom::Text) => stated(&words.said, question),
            None => None,
        };
        Some(Rationale {
            id: question.id.clone(),
            sample: self.slots[slot].sample,
            text: words.rationale,
            label,
            finish: row.finish.clone(),
            ..Rationale::default()
        })
    }

    /// Says what would be asked, as `sent` writes it, and what that is expected to take.
    pub(super) fn inquiry(&self, context: &Context<'_>, sent: &AsSent<'_>) -> Result<Inquiry, StageError> {
        let mut rows = Vec::with_capacity(self.slots.len());
        let (mut calls, mut bytes) = (0, 0);
        for (slot, Slot { sample, state, .. }) in self.slots.iter().enumerate() {
            let asked = self.conversation(slot)?;
            let answered = !matches!(state, State::Open);
            if !answered {
                calls += 1;
                bytes += asked.bytes() as u64;
            }
            rows.push(Asked { id: self.question(slot).id.clone(), sample: *sample, prompt: sent(&asked)?, answered });
        }
        let took = Took::find(context, &self.model)?;
        let (prompt_tokens, answer_tokens, took_ms, basis) = match took {
            Some(Took { calls: then, prompt_bytes, prompt_tokens, answer_tokens, wall_ms }) => {
                let fraction = |of: u64, now: u64, then: u64| (of as f64 * now as f64 / then as f64).round() as u64;
                let tokens = fraction(prompt_tokens, bytes, prompt_bytes);
                (tokens, fraction(answer_tokens, calls, then), Some(fraction(wall_ms, calls, then)), Basis::History)
            }
            None => (bytes.div_ceil(4), calls * self.limit, None, Basis::Guess),
        };
        let price = match &self.written.teacher {
            Teacher::OpenAi(openai) => openai.price(),
            _ => None,
        };
        let cost = price.map(|price| price.of(prompt_tokens, answer_tokens));
        let answered = self.slots.len() as u64 - calls;
        let exceeds = self.budget.and_then(|budget| budget.exceeded(&self.spent, prompt_tokens, answer_tokens));
        let estimate = Estimate { answered, calls, prompt_tokens, answer_tokens, cost, took_ms, basis, exceeds };
        Ok(Inquiry { rows, estimate })
    }
}

/// The key of a row's further answers. The first has the row's own, as all had before they were numbered.
fn further(key: &RowKey, number: u32) -> RowKey {
    if number == 0 {
        return *key;
    }
    RowKey::of(&Term::record([("row", Term::Text(key.hex())), ("further", number.term())]))
}

fn conversation_term(asked: &Conversation) -> Term {
    let said = asked.messages.iter().map(|said| Term::variant(said.role.name(), said.text.term()));
    Term::List(said.collect())
}
