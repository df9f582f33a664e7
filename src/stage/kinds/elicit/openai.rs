//! A model behind a server that speaks OpenAI's protocol.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value as Json, json};

use super::inquiry::Rows;
use super::row::Row;
use super::tally::Tally;
use crate::kinds::sequence::data;
use crate::params::{Aside, Count, FromNode, PositiveReal, Scope, Share};
use crate::{Context, Flaw, StageError};
use retort_artifact::json_term;
use retort_fingerprint::{ContentHash, Term};
use retort_hub::Secret;
use retort_source::{Diagnostic, Node, Value};
use retort_teacher::{
    Answer, Api, Backoff, Desk, Ended, Fault, LimitField, News, Place, Rules, Server, Settings, ask_all,
};

crate::words!(read Api);
crate::words!(read LimitField);

crate::params! {
    /// How a server may be asked. Times are in seconds.
    pub struct Traffic {
        /// The most requests on their way at once.
        pub concurrency: Count = Traffic::USUAL.concurrency,
        /// The most requests within any minute.
        pub requests_per_minute: Option<Count>,
        /// The most tokens, asked and answered, within any minute.
        pub tokens_per_minute: Option<Count>,
        /// How long one request may take.
        pub timeout: PositiveReal = Traffic::USUAL.timeout,
        /// How often a row is sent again after a failure.
        pub retries: u64 = Traffic::USUAL.retries,
        /// How long to wait before that; twice as long each time.
        pub first_wait: PositiveReal = Traffic::USUAL.first_wait,
        /// The longest such wait.
        pub longest_wait: PositiveReal = Traffic::USUAL.longest_wait,
        /// How long a server may answer nobody before it is given up.
        pub patience: PositiveReal = Traffic::USUAL.patience,
    }
}

crate::params! {
    /// What a million tokens cost.
    pub struct Price {
        /// Those of what is asked.
        pub input: f64,
        /// Those of the answers.
        pub output: f64,
    }
}

crate::params! {
    /// A model behind a server that speaks OpenAI's protocol.
    pub struct OpenAi {
        /// The server's address, up to where the paths of the protocol begin. It differs between machines, so it is not in
        /// the key.
        pub base_url: Aside<String>,
        /// The model, as the server calls it.
        pub model: String,
        /// The protocol: `chat`, or `completions` for one text that reaches the model as it is.
        pub api: Api = Api::Chat,
        /// The variable of the environment that holds the key; none is sent where this is not given.
        pub key_env: Aside<Option<String>>,
        /// What logits are divided by; `null` leaves it to the server.
        pub temperature: Option<f64> = Some(0.0),
        /// The probability that the tokens which may be drawn have together.
        pub top_p: Option<Share>,
        /// The most tokens of an answer.
        pub max_tokens: Count = Count::of(256),
        /// What the server calls that. It changes how the same is said.
        pub limit_as: Aside<LimitField> = Aside(LimitField::MaxTokens),
        /// Decides what is drawn, where the server can do that; each further sample has the next one.
        pub seed: Option<u64>,
        /// Texts that end an answer.
        pub stop: Vec<String> = Vec::new(),
        /// Further fields of the request, as the server knows them.
        pub extra: BodyFields = BodyFields::default(),
        /// How the server may be asked, which changes when answers come.
        pub traffic: Aside<Traffic> = Aside(Traffic::USUAL),
        /// What a million tokens cost, for estimates.
        pub price: Aside<Option<Price>>,
    }
}

impl Traffic {
    const USUAL: Self = Self {
        concurrency: Count::of(8),
        requests_per_minute: None,
        tokens_per_minute: None,
        timeout: PositiveReal::of(300.0),
        retries: 6,
        first_wait: PositiveReal::of(0.5),
        longest_wait: PositiveReal::of(60.0),
        patience: PositiveReal::of(600.0),
    };

    fn rules(&self) -> Rules {
        let limit = |count: Option<Count>| count.map(|count| count.get() as u64);
        Rules {
            concurrency: self.concurrency.get(),
            requests_per_minute: limit(self.requests_per_minute),
            tokens_per_minute: limit(self.tokens_per_minute),
            retries: u32::try_from(self.retries).unwrap_or(u32::MAX),
            backoff: Backoff { first: seconds(self.first_wait), most: seconds(self.longest_wait) },
            patience: seconds(self.patience),
            salt: u64::from(std::process::id()),
        }
    }
}

impl Price {
    /// Returns what so many tokens cost.
    pub(super) fn of(&self, input_tokens: u64, output_tokens: u64) -> f64 {
        (input_tokens as f64 * self.input + output_tokens as f64 * self.output) / 1e6
    }
}

/// A time so long that nobody waits for its end.
const FOREVER: Duration = Duration::from_hours(24 * 365);

fn seconds(of: PositiveReal) -> Duration {
    Duration::try_from_secs_f64(of.get()).unwrap_or(FOREVER).min(FOREVER)
}

impl OpenAi {
    /// Returns what every answer depends on but the conversation, the seed and the sample.
    pub(super) fn row_term(&self) -> Term {
        let Self { model, api, temperature, top_p, stop, extra, .. } = self;
        let settings = Term::record([
            ("model", model.term()),
            ("api", api.term()),
            ("temperature", temperature.term()),
            ("top_p", top_p.term()),
            ("stop", stop.term()),
            ("extra", extra.term()),
        ]);
        Term::variant("openai", settings)
    }

    /// Returns the model, as estimates know it.
    pub(super) fn model_term(&self) -> Term {
        Term::variant("openai", self.model.term())
    }

    pub(super) fn limit(&self) -> u64 {
        self.max_tokens.get() as u64
    }

    pub(super) fn seed(&self) -> Option<u64> {
        self.seed
    }

    pub(super) fn price(&self) -> Option<&Price> {
        self.price.0.as_ref()
    }

    fn settings(&self) -> Settings {
        Settings {
            api: self.api,
            model: self.model.clone(),
            temperature: self.temperature,
            top_p: self.top_p.map(Share::get),
            max_tokens: self.limit(),
            limit_as: self.limit_as.0,
            stop: self.stop.clone(),
            extra: self.extra.0.clone(),
        }
    }

    /// Asks for every row that nobody has answered yet.
    pub(super) fn ask(&self, context: &Context<'_>, rows: &mut Rows<'_>) -> Result<(), StageError> {
        let open = rows.open();
        if let Some(&first) = open.first() {
            let settings = self.settings();
            if settings.body(&rows.conversation(first)?, None).is_none() {
                return Err(data("`api: completions` takes one text, and the prompt says who speaks: use `api: chat`"));
            }
            let server = Arc::new(self.server(context)?);
            let asked_bytes = rows.conversation(first)?.bytes();
            let mut clerk = Clerk { context, openai: self, settings, rows, asked_bytes };
            clerk.tell();
            let ended = ask_all(&server, self.traffic.0.rules(), open, &mut clerk);
            rows.settle(context)?;
            match ended? {
                // What is wrong is said with the counts, unless it was a person who had enough.
                Ended::Enough if context.stopping() => return Err(StageError::Stopped),
                Ended::Done | Ended::Enough => {}
                Ended::GaveUp(fault) => return Err(self.gave_up(&fault)),
            }
        }
        Ok(())
    }

    /// Checks the address, and that the key is there.
    pub(super) fn preflight(&self, context: &Context<'_>) -> Vec<Flaw> {
        let key = Flaw::of("teacher.openai.key_env", self.secret(context));
        let address = Flaw::of("teacher.openai.base_url", self.server_with(context, None));
        key.map(|key| Flaw { here: true, ..key }).into_iter().chain(address).collect()
    }

    fn secret(&self, context: &Context<'_>) -> Result<Option<Secret>, StageError> {
        let Some(variable) = &self.key_env.0 else { return Ok(None) };
        let secret = context.reach().secret(variable).ok_or_else(|| {
            data(format!(
                "the environment has no key in `{variable}`, which `key_env` names: set it, or leave `key_env` out"
            ))
        });
        secret.map(Some)
    }

    fn server(&self, context: &Context<'_>) -> Result<Server, StageError> {
        self.server_with(context, self.secret(context)?)
    }

    fn server_with(&self, context: &Context<'_>, secret: Option<Secret>) -> Result<Server, StageError> {
        let place = Place {
            base_url: self.base_url.0.clone(),
            api: self.api,
            secret,
            proxy: context.reach().proxy(),
            timeout: seconds(self.traffic.0.timeout),
        };
        Server::new(place).map_err(data)
    }

    fn gave_up(&self, fault: &Fault) -> StageError {
        let url = &self.base_url.0;
        let hint = match fault.status {
            Some(401 | 403) if self.key_env.0.is_some() => "; is the key that `key_env` names one for this server?",
            Some(401 | 403) => "; `key_env` names the variable that holds a key",
            Some(404) => "; are `base_url`, `api` and `model` right? Most addresses end in `/v1`",
            Some(300..=399) => "; is `base_url` right?",
            _ => "; what it has answered is kept, and a run goes on from there",
        };
        data(format!("the teacher `{}` at `{url}` gives no answers: {fault}{hint}", self.model))
    }
}

/// Keeps what comes, and says how far it is.
struct Clerk<'a, 'r> {
    context: &'a Context<'a>,
    openai: &'a OpenAi,
    settings: Settings,
    rows: &'a mut Rows<'r>,
    /// The length of a conversation, for want of a better guess at its tokens.
    asked_bytes: usize,
}

impl Clerk<'_, '_> {
    fn tell(&mut self) {
        let price = |tally: &Tally| Some(self.openai.price()?.of(tally.prompt_tokens, tally.answer_tokens));
        self.rows.tell(self.context, price);
    }
}

impl Desk for Clerk<'_, '_> {
    type Error = StageError;

    fn body(&mut self, slot: usize) -> Result<Vec<u8>, StageError> {
        let asked = self.rows.conversation(slot)?;
        self.asked_bytes = asked.bytes();
        let body = self.settings.body(&asked, self.rows.seed_of(slot));
        let body = body.ok_or_else(|| data("`api: completions` takes one text, and the prompt says who speaks"))?;
        serde_json::to_vec(&body).map_err(data)
    }

    fn tokens(&self, _slot: usize) -> u64 {
        let answers = self.rows.tally.done() as u64;
        let answer = self.rows.tally.answer_tokens.checked_div(answers).filter(|mean| *mean > 0);
        self.asked_bytes as u64 / 4 + answer.unwrap_or(self.settings.max_tokens)
    }

    fn answered(&mut self, slot: usize, answer: Answer) -> Result<(), StageError> {
        let asked_bytes = self.rows.conversation(slot)?.bytes();
        self.rows.take(slot, asked_bytes, Row::of(answer, self.settings.max_tokens))?;
        self.tell();
        Ok(())
    }

    fn lost(&mut self, slot: usize, fault: Fault) -> Result<(), StageError> {
        self.rows.lose(slot, fault.to_string())?;
        self.tell();
        Ok(())
    }

    fn news(&mut self, news: News<'_>) {
        let url = &self.openai.base_url.0;
        self.context.warn(match news {
            News::Paused(fault) => {
                let patience = self.openai.traffic.0.patience.get();
                format!(
                    "the teacher at `{url}` answers nobody ({fault}): pausing, and looking again for up to {patience} s"
                )
            }
            News::Resumed => format!("the teacher at `{url}` answers again"),
        });
    }

    fn enough(&self) -> bool {
        self.context.stopping() || self.rows.hopeless()
    }
}

/// What the teacher says by itself, and would be in its key twice or not at all.
const OWN: [&str; 10] = [
    "model",
    "messages",
    "prompt",
    "temperature",
    "top_p",
    "max_tokens",
    "max_completion_tokens",
    "seed",
    "stop",
    "stream",
];

/// Further fields of a request, as JSON.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct BodyFields(BTreeMap<String, Json>);

impl FromNode for BodyFields {
    fn from_node(node: &Node, scope: &mut Scope<'_>) -> Option<Self> {
        let Value::Map(entries) = &node.value else {
            let message = format!("`{}` cannot be {}", scope.path(), node.describe());
            return scope.fail(Diagnostic::at(node.span, message).label("expected a mapping"));
        };
        if let Some((key, _)) = entries.iter().find(|(key, _)| OWN.contains(&key.text.as_str())) {
            let message = format!("`{}` in `{}` is no further field", key.text, scope.path());
            let label = "the teacher says this by itself";
            return scope.fail(Diagnostic::at(key.span, message).label(label));
        }
        Some(Self(entries.iter().map(|(key, value)| (key.text.clone(), to_json(value))).collect()))
    }

    fn schema() -> Json {
        json!({ "type": "object" })
    }
}

impl ContentHash for BodyFields {
    fn term(&self) -> Term {
        Term::Record(self.0.iter().map(|(name, value)| (name.clone().into(), json_term(value))).collect())
    }
}

fn to_json(node: &Node) -> Json {
    match &node.value {
        Value::Null => Json::Null,
        Value::Bool(value) => json!(value),
        Value::Int(value) => json!(value),
        Value::Float(value) => json!(value),
        Value::Text(value) => json!(value),
        Value::List(items) => items.iter().map(to_json).collect(),
        Value::Map(entries) => entries.iter().map(|(key, value)| (key.text.clone(), to_json(value))).collect(),
    }
}
