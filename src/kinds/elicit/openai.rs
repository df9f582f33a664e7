//! A model behind a server that speaks OpenAI's protocol.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::fields::{Address, BodyFields, Variables};
use super::inquiry::Rows;
use super::row::Row;
use super::tally::Tally;
use crate::sequence::data;
use retort_fingerprint::{ContentHash, Term};
use retort_hub::Secret;
use retort_stage::params::{Aside, Count, PositiveReal, UnitReal, VariableName};
use retort_stage::{Context, Flaw, StageError};
use retort_teacher::{
    Answer, Api, Backoff, Desk, Ended, Fault, FaultKind, LimitField, News, Place, Rules, Server, Settings, Why,
    ask_all, spelled,
};

retort_stage::params! {
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
        /// How long a server may answer nobody, or ask to wait, before it is given up.
        pub patience: PositiveReal = Traffic::USUAL.patience,
    }
}

retort_stage::params! {
    /// What a million tokens cost.
    pub struct Price {
        /// Those of what is asked.
        pub input: f64,
        /// Those of the answers.
        pub output: f64,
    }
}

retort_stage::params! {
    /// A model behind a server that speaks OpenAI's protocol.
    pub struct OpenAi {
        /// The server's address, up to where the paths of the protocol begin, with a query where it needs one
        /// (`?api-version=2024-10-21`). It differs between machines, so it is not in the key.
        pub base_url: Aside<Address>,
        /// The model, as the server calls it.
        pub model: String,
        /// What tells this server from others that have another model under the same name. Any text; it enters the key.
        pub server: Option<String>,
        /// The names under which the model may answer; an answer under another cannot be used. Where there are none, any may,
        /// and a person is told.
        pub answers_as: Vec<String> = Vec::new(),
        /// The protocol: `chat`; `completions` for one text that reaches the model as it is; `responses`, OpenAI's newer one; or
        /// `ollama`, Ollama's own, whose address ends in `/api`.
        pub api: Api = Api::Chat,
        /// The variable of the environment that holds the key; none is sent where this is not given.
        pub key_env: Aside<Option<VariableName>>,
        /// Further headers, each with the variable of the environment that holds its value: `api-key: AZURE_OPENAI_KEY`.
        pub headers: Aside<Variables> = Aside(Variables::default()),
        /// Further fields of the address's query, each with the variable of the environment that holds its value.
        pub query: Aside<Variables> = Aside(Variables::default()),
        /// What logits are divided by; `null` leaves it to the server.
        pub temperature: Option<f64> = Some(0.0),
        /// The probability that the tokens which may be drawn have together.
        pub top_p: Option<UnitReal>,
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
        /// What a million tokens cost, for estimates and for `max_cost`.
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
        let Self { model, server, api, temperature, top_p, stop, extra, .. } = self;
        let settings = [
            ("model", model.term()),
            ("api", api.term()),
            ("temperature", temperature.term()),
            ("top_p", top_p.term()),
            ("stop", stop.term()),
            ("extra", extra.term()),
        ];
        // Answers that were given before servers could be named keep their keys.
        let server = server.iter().map(|server| ("server", server.term()));
        let all = settings.into_iter().chain(server).map(|(name, term)| (name.to_owned().into(), term));
        Term::variant("openai", Term::Record(all.collect()))
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
            top_p: self.top_p.map(UnitReal::get),
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
            let place = self.base_url.0.place();
            let mut clerk = Clerk { context, openai: self, place, settings, rows, asked_bytes };
            clerk.tell();
            let ended = ask_all(&server, self.traffic.0.rules(), open, &mut clerk);
            rows.settle(context)?;
            match ended? {
                // What is wrong is said with the counts, unless it was a person who had enough.
                Ended::Enough if context.stopping() => return Err(StageError::Stopped),
                Ended::Enough => rows.used_up().map_or(Ok(()), Err)?,
                Ended::Done => {}
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
        let Some(VariableName(variable)) = &self.key_env.0 else { return Ok(None) };
        let value = context.reach().variable(variable).filter(|value| !value.reveal().trim().is_empty());
        let value = value.ok_or_else(|| {
            data(format!(
                "the environment has no key in `{variable}`, which `key_env` names: set it, or leave `key_env` out"
            ))
        })?;
        let unsound =
            |why| data(format!("what the environment has in `{variable}`, which `key_env` names, is no key: {why}"));
        value.key().map(Some).map_err(unsound)
    }

    fn server(&self, context: &Context<'_>) -> Result<Server, StageError> {
        self.server_with(context, self.secret(context)?)
    }

    fn server_with(&self, context: &Context<'_>, secret: Option<Secret>) -> Result<Server, StageError> {
        let held = |variable: &str| context.reach().variable(variable);
        let values = |field: &str, variables: &Variables| -> Result<Vec<(String, Secret)>, StageError> {
            let value = |(name, variable): (&String, &String)| {
                let missing = || {
                    data(format!(
                        "the environment has nothing in `{variable}`, which `{field}.{name}` names: set it, or leave `{name}` out"
                    ))
                };
                let unsound = |why| {
                    data(format!(
                        "what the environment has in `{variable}`, which `{field}.{name}` names, cannot be sent: {why}"
                    ))
                };
                Ok((name.clone(), held(variable).ok_or_else(missing)?.header().map_err(unsound)?))
            };
            variables.0.iter().map(value).collect()
        };
        let headers = values("headers", &self.headers.0)?;
        if secret.is_some() && headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("authorization")) {
            return Err(data("`headers.authorization` is what `key_env` sends: leave one of them out"));
        }
        let place = Place {
            base_url: self.base_url.0.0.clone(),
            api: self.api,
            secret,
            headers,
            query: values("query", &self.query.0)?,
            way: context.reach().way(),
            timeout: seconds(self.traffic.0.timeout),
        };
        Server::new(place).map_err(data)
    }

    fn gave_up(&self, fault: &Fault) -> StageError {
        let url = self.base_url.0.place();
        let hint = match (fault.kind, fault.status) {
            (_, Some(401 | 403)) if self.key_env.0.is_some() => {
                "; is the key that `key_env` names one for this server?"
            }
            (_, Some(401 | 403)) if !self.headers.0.0.is_empty() => {
                "; do `headers` carry the key that this server wants?"
            }
            (_, Some(401 | 403)) => "; `key_env` names the variable that holds a key, `headers` those of other headers",
            (_, Some(404)) => "; are `base_url`, `api` and `model` right? Most addresses end in `/v1`",
            (_, Some(300..=399)) => "; is `base_url` right?",
            (FaultKind::Foreign, _) => "; are `base_url` and `api` right? Most addresses end in `/v1`",
            (FaultKind::Tls, _) => {
                "; `SSL_CERT_FILE` names the certificate of an authority of your own, and `base_url` begins with `http://` where \
                 the server speaks no TLS"
            }
            _ => "; what it has answered is kept, and a run goes on from there",
        };
        data(format!("the teacher `{}` at `{url}` gives no answers: {fault}{hint}", self.model))
    }
}

/// Keeps what comes, and says how far it is.
struct Clerk<'a, 'r> {
    context: &'a Context<'a>,
    openai: &'a OpenAi,
    /// The address without its query.
    place: &'a str,
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
        self.rows.take(slot, Row::of(answer, self.settings.max_tokens, self.place))?;
        self.tell();
        Ok(())
    }

    fn lost(&mut self, slot: usize, fault: Fault) -> Result<(), StageError> {
        self.rows.lose(slot, format!("{fault}{}", advice(&fault.said)))?;
        self.tell();
        Ok(())
    }

    fn news(&mut self, news: News<'_>) {
        let url = self.place;
        let patience = spelled(seconds(self.openai.traffic.0.patience));
        self.context.warn(match news {
            News::Paused(fault) => {
                format!("the teacher at `{url}` gives no answers ({fault}); retrying for up to {patience}")
            }
            News::Resumed => format!("the teacher at `{url}` answers again"),
            News::Waits { wait, why } => {
                let (long, end) = (spelled(wait), clock(wait));
                match why {
                    Why::Asked(fault) => format!(
                        "the teacher at `{url}` asks to wait ({fault}): waiting {long}, until {end}; `traffic.patience` allows \
                         {patience}"
                    ),
                    Why::Limits => format!(
                        "the teacher at `{url}` may not be asked more within this minute: waiting {long}, until {end}; later \
                         waits of this kind are not told"
                    ),
                    Why::Again => format!("the teacher at `{url}` is asked again in {long}, at {end}"),
                }
            }
        });
    }

    fn enough(&self) -> bool {
        self.context.stopping() || self.rows.hopeless()
    }

    fn affords(&self, on_their_way: usize) -> bool {
        self.rows.affords(on_their_way)
    }
}

/// Names the field that a server complains of.
fn advice(said: &str) -> &'static str {
    let said = said.to_ascii_lowercase();
    let fields = [
        ("max_completion_tokens", "; `limit_as: max_completion_tokens` calls the limit so"),
        ("temperature", "; `temperature: null` leaves that to the server"),
        ("seed", "; leave `seed` out"),
        ("system role", "; the prompt must do without `system()`"),
        ("context", "; ask for less, lower `max_tokens`, or give the server a longer context"),
    ];
    fields.into_iter().find(|(word, _)| said.contains(word)).map_or("", |(_, advice)| advice)
}

/// Returns the time of day after a wait.
fn clock(wait: Duration) -> String {
    let then = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().saturating_add(wait).as_secs();
    format!("{:02}:{:02}:{:02} UTC", then / 3600 % 24, then / 60 % 60, then % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_enters_the_key_only_where_it_is_named() {
        let openai = |server: Option<&str>| OpenAi {
            base_url: Aside(Address("http://a.lab/v1".into())),
            model: "m".into(),
            server: server.map(str::to_owned),
            answers_as: vec!["m".into()],
            api: Api::Chat,
            key_env: Aside(None),
            headers: Aside(Variables::default()),
            query: Aside(Variables::default()),
            temperature: Some(0.0),
            top_p: None,
            max_tokens: Count::of(256),
            limit_as: Aside(LimitField::MaxTokens),
            seed: None,
            stop: Vec::new(),
            extra: BodyFields::default(),
            traffic: Aside(Traffic::USUAL),
            price: Aside(None),
        };
        // As rows were keyed before servers had names, so that what was bought then is found.
        let before = [
            ("model", "m".to_owned().term()),
            ("api", Api::Chat.term()),
            ("temperature", Some(0.0).term()),
            ("top_p", None::<f64>.term()),
            ("stop", Term::List(Vec::new())),
            ("extra", Term::Record(std::collections::BTreeMap::new())),
        ];
        assert_eq!(openai(None).row_term(), Term::variant("openai", Term::record(before)));
        assert_ne!(openai(Some("a")).row_term(), openai(None).row_term());
        assert_ne!(openai(Some("a")).row_term(), openai(Some("b")).row_term());
    }

    #[test]
    fn a_time_of_day_is_told() {
        let told = clock(Duration::from_secs(36));
        assert!(told.len() == "13:05:10 UTC".len() && told.ends_with(" UTC"), "{told}");
    }
}
