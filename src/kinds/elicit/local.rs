//! A model on this machine's device, asked in its own chat format.

use std::path::PathBuf;

use serde_json::{Value as Json, json};

use super::inquiry::Rows;
use super::row::Row;
use crate::bounds::{Begin, eos_ids};
use crate::failed::model_failed;
use crate::sequence::data;
use retort_fingerprint::{ContentHash, Digest, Term};
use retort_hub::{CHAT_TEMPLATE, CONFIG, GENERATION, HubModel, TOKENIZER, TOKENIZER_CONFIG, is_weights};
use retort_model::{Budget, Config, Device, GenerateOptions, Model, Sampling, StopReason, WeightsFile, generate};
use retort_source::{Diagnostic, Node};
use retort_stage::params::{Count, External, FromNode, ModelSpec, Scope, Seed, UnitReal, tagged};
use retort_stage::{Context, Flaw, Looked, StageError, foreign};
use retort_text::chat_template::{ChatTemplate, Day};
use retort_text::tokenizer::Tokenizer;

/// A model in Hugging Face's layout that was taught to answer: its chat template stands beside its weights.
#[derive(Debug, Clone)]
pub struct ChatModel(External);

impl FromNode for ChatModel {
    fn from_node(node: &Node, scope: &mut Scope<'_>) -> Option<Self> {
        // A model on the hub has its revision beside it, so its mapping is read whole.
        if let Some(name) = node.get("hub") {
            let model = HubModel { chat: true, ..HubModel::from_node(node, scope)? };
            return Some(Self(scope.within("path", |scope| External::hub(model, name.span, scope))));
        }
        let (form, body) = tagged(node, &["path", "hub"], scope)?;
        scope.within(form, |scope| External::chat_model_folder(body, scope)).map(Self)
    }

    fn schema() -> Json {
        json!({ "oneOf": [
            {
                "type": "object",
                "description": "A directory with `config.json`, `tokenizer.json`, `model.safetensors`, and a chat template in \
                                `chat_template.jinja` or `tokenizer_config.json`.",
                "properties": { "path": External::schema() }, "required": ["path"], "additionalProperties": false,
            },
            HubModel::schema(),
        ] })
    }
}

impl ContentHash for ChatModel {
    fn term(&self) -> Term {
        self.0.term()
    }
}

/// A day, as `2024-07-26`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Today(Day);

impl FromNode for Today {
    fn from_node(node: &Node, scope: &mut Scope<'_>) -> Option<Self> {
        node.text().and_then(|text| text.parse().ok()).map(Self).or_else(|| {
            let wrong = Diagnostic::at(node.span, format!("`{}` cannot be {}", scope.path(), node.describe()));
            scope.fail(wrong.label("expected a day, such as 2024-07-26"))
        })
    }

    fn schema() -> Json {
        json!({ "type": "string" })
    }
}

impl ContentHash for Today {
    fn term(&self) -> Term {
        Term::Text(self.0.to_string())
    }
}

retort_stage::params! {
    /// A model on this machine's device.
    pub struct Local {
        /// The model: the `path` of its directory, or `{ hub: owner/name, revision: … }`.
        pub model: ModelSpec<ChatModel>,
        /// What logits are divided by; 0 takes the likeliest token.
        pub temperature: f64 = 0.0,
        /// How many of the likeliest tokens may be drawn.
        pub top_k: Option<Count>,
        /// The probability that the tokens which may be drawn have together.
        pub top_p: Option<UnitReal>,
        /// The most tokens of an answer.
        pub max_tokens: Count = Count::of(256),
        /// Decides what is drawn; each further sample has the next one.
        pub seed: Seed,
        /// Texts that end an answer.
        pub stop: Vec<String> = Vec::new(),
        /// The token, or the tokens, before what the chat template writes, unless it begins with them itself; `null` for
        /// none. Where this is not given, what the tokenizer's own post-processor adds, as for a student.
        pub begin: Begin,
        /// The day that a chat template is told where it asks for today's date, so that answers do not depend on when they
        /// are asked for; 2024-07-26 where this is not given.
        pub today: Option<Today>,
        /// The most questions asked side by side.
        pub batch: Count = Count::of(16),
        /// The most tokens that questions asked side by side may come to.
        pub positions: Count = Count::of(16_384),
    }
}

/// Everything it takes to ask.
struct Loaded {
    model: Model,
    tokenizer: Tokenizer,
    template: ChatTemplate,
    begin: Vec<u32>,
    stop_ids: Vec<u32>,
}

/// Everything about the model but its weights.
struct Described {
    template: ChatTemplate,
    tokenizer: Tokenizer,
    config: Config,
    begin: Vec<u32>,
    stop_ids: Vec<u32>,
    weights: Vec<(String, PathBuf, Digest)>,
}

impl Local {
    /// Returns what every answer depends on but the conversation, the seed and the sample.
    pub(super) fn row_term(&self, context: &Context<'_>) -> Result<Term, StageError> {
        let Self {
            model,
            temperature,
            top_k,
            top_p,
            stop,
            begin,
            today,
            max_tokens: _,
            seed: _,
            batch: _,
            positions: _,
        } = self;
        let file = |(name, _, digest): &(String, PathBuf, Digest)| (name.clone().into(), Term::Digest(*digest));
        let files = context.files_of(&model.0.0).iter().map(file).collect();
        let settings = Term::record([
            ("model", Term::Record(files)),
            ("numerics", Term::Text(context.device::<Device>()?.numerics().into())),
            ("temperature", temperature.term()),
            ("top_k", top_k.term()),
            ("top_p", top_p.term()),
            ("stop", stop.term()),
            ("begin", begin.term()),
            ("today", today.unwrap_or(Today(Day::DEFAULT)).term()),
        ]);
        Ok(Term::variant("local", settings))
    }

    pub(super) fn limit(&self) -> u64 {
        self.max_tokens.get() as u64
    }

    /// Nothing is drawn at temperature 0, so no seed counts.
    pub(super) fn seed(&self) -> Option<u64> {
        (self.temperature > 0.0).then_some(self.seed.0)
    }

    /// Asks for every row that nobody has answered yet, some side by side.
    pub(super) fn ask(&self, context: &Context<'_>, rows: &mut Rows<'_>) -> Result<(), StageError> {
        self.sound()?;
        let mut open = rows.open();
        if open.is_empty() {
            return Ok(());
        }
        // Rows of one seed are drawn side by side, so each sample of many questions fills batches of its own.
        open.sort_by_key(|slot| rows.seed_of(*slot));
        let loaded = self.load(context)?;
        let mut batch = Vec::new();
        let mut used_up = None;
        for (index, &slot) in open.iter().enumerate() {
            if context.stopping() {
                rows.settle(context)?;
                return Err(StageError::Stopped);
            }
            if !rows.affords(batch.len()) {
                self.answer(&loaded, rows, &std::mem::take(&mut batch))?;
                used_up = rows.used_up();
                if used_up.is_some() {
                    break;
                }
            }
            let text = loaded.template.render(&rows.conversation(slot)?).map_err(data)?;
            let mut ids = loaded.tokenizer.ids(&text).map_err(data)?;
            if !ids.starts_with(&loaded.begin) {
                ids.splice(..0, loaded.begin.iter().copied());
            }
            let room = loaded.model.config().context();
            if ids.len() >= room {
                rows.lose(slot, format!("the prompt has {} tokens, and the model takes {room}", ids.len()))?;
            } else {
                batch.push((slot, text.len(), ids));
            }
            if batch.len() == self.batch.get() || index + 1 == open.len() {
                self.answer(&loaded, rows, &std::mem::take(&mut batch))?;
                rows.tell(context, |_| None);
            }
            if rows.hopeless() {
                break;
            }
        }
        if self.today.is_none() && loaded.template.asked_day() {
            context.warn(format!(
                "the chat template asks for today's date, and is told {}; `today` in `teacher.local` names another day",
                Day::DEFAULT
            ));
        }
        rows.settle(context)?;
        used_up.map_or(Ok(()), Err)
    }

    /// Answers some rows, each with the length of its prompt and its tokens.
    fn answer(
        &self,
        loaded: &Loaded,
        rows: &mut Rows<'_>,
        batch: &[(usize, usize, Vec<u32>)],
    ) -> Result<(), StageError> {
        let Loaded { model, tokenizer, template: _, begin: _, stop_ids } = loaded;
        // Each sample of a question draws by a seed of its own, so rows of one seed go together.
        let mut seeds: Vec<Option<u64>> = batch.iter().map(|(slot, ..)| rows.seed_of(*slot)).collect();
        seeds.sort_unstable();
        seeds.dedup();
        for seed in seeds {
            let alike: Vec<_> = batch.iter().filter(|(slot, ..)| rows.seed_of(*slot) == seed).collect();
            let prompts: Vec<&[u32]> = alike.iter().map(|(.., ids)| ids.as_slice()).collect();
            let options = GenerateOptions {
                max_new: self.max_tokens.get(),
                stop_ids: stop_ids.clone(),
                batch: self.batch.get(),
                budget: Budget::of(self.positions.get()),
                sampling: seed.map(|seed| Sampling {
                    temperature: self.temperature,
                    top_k: self.top_k.map(Count::get),
                    top_p: self.top_p.map(UnitReal::get),
                    seed,
                }),
            };
            let stops = |_: usize, ids: &[u32]| {
                !self.stop.is_empty() && tokenizer.decode(ids).is_ok_and(|text| self.stop_in(&text).is_some())
            };
            let began = std::time::Instant::now();
            let generated = generate(model, &prompts, &options, &stops).map_err(model_failed)?;
            let latency_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
            for ((slot, _, prompt), answer) in alike.into_iter().zip(generated) {
                let mut text = tokenizer.decode(&answer.ids).map_err(data)?;
                if let Some(end) = self.stop_in(&text) {
                    text.truncate(end);
                }
                let finish = match answer.reason {
                    StopReason::StopId | StopReason::Predicate => "stop",
                    StopReason::MaxNew | StopReason::Context => "length",
                };
                let row = Row {
                    text,
                    reasoning: None,
                    finish: Some(finish.to_owned()),
                    refusal: None,
                    tool: false,
                    model: None,
                    server: None,
                    prompt_tokens: Some(prompt.len() as u64),
                    answer_tokens: Some(answer.ids.len() as u64),
                    latency_ms,
                    limit: self.limit(),
                    body: None,
                };
                rows.take(*slot, row)?;
            }
        }
        Ok(())
    }

    /// Returns where the first of the texts that end an answer begins.
    fn stop_in(&self, text: &str) -> Option<usize> {
        self.stop.iter().filter_map(|stop| text.find(stop.as_str())).min()
    }

    fn sound(&self) -> Result<(), StageError> {
        if self.temperature < 0.0 {
            return Err(data(format!("`temperature` is {}, and cannot be below 0", self.temperature)));
        }
        Ok(())
    }

    /// Checks what can be known before the model is loaded.
    pub(super) fn preflight(&self, context: &Context<'_>, looked: &Looked) -> Vec<Flaw> {
        let mut flaws: Vec<Flaw> = Flaw::of("teacher.local.temperature", self.sound()).into_iter().collect();
        if looked.first(format!("teacher {}", context.seen(&self.model.0.0))) {
            flaws.extend(Flaw::of("teacher.local.model", self.described(context)));
        }
        flaws
    }

    /// Reads a file of the model that it need not have.
    fn optional(&self, context: &Context<'_>, name: &str) -> Result<Option<Vec<u8>>, StageError> {
        let files = &self.model.0.0;
        let is_there = context.files_of(files).iter().any(|(known, ..)| known == name);
        is_there.then(|| context.file_named(files, name)).transpose()
    }

    /// Reads the template by which the model is talked to.
    pub(super) fn template(&self, context: &Context<'_>) -> Result<ChatTemplate, StageError> {
        let (jinja, setup) = (self.optional(context, CHAT_TEMPLATE)?, self.optional(context, TOKENIZER_CONFIG)?);
        let today = self.today.map_or(Day::DEFAULT, |Today(day)| day);
        let template = ChatTemplate::from_files(jinja.as_deref(), setup.as_deref(), today);
        let place = context.path_of(&self.model.0.0);
        template.map_err(|error| data(format!("cannot ask the model `{place}`: {error}")))
    }

    /// Reads everything about the model but its weights, which are only looked at.
    fn described(&self, context: &Context<'_>) -> Result<Described, StageError> {
        let files = &self.model.0.0;
        let all = context.files_of(files);
        let file = |name: &str| context.file_named(files, name);
        let place = context.path_of(files);
        let template = self.template(context)?;
        let tokenizer = Tokenizer::from_json(&file(TOKENIZER)?).map_err(data)?;
        let begin = self.begin.resolve(&tokenizer)?.iter().filter_map(|token| tokenizer.id(token)).collect();
        let config_bytes = file(CONFIG)?;
        let config = Config::from_json(&config_bytes, &format!("{place}/{CONFIG}")).map_err(data)?;
        let mut stop_ids = match self.optional(context, GENERATION)? {
            Some(bytes) => eos_ids(&bytes, GENERATION)?,
            None => eos_ids(&config_bytes, CONFIG)?,
        };
        stop_ids.extend(template.eos().and_then(|eos| tokenizer.id(eos)));
        let weights: Vec<&(String, PathBuf, Digest)> = all.iter().filter(|(name, ..)| is_weights(name)).collect();
        weights.iter().try_for_each(|(_, path, _)| foreign::refuse(path)).map_err(data)?;
        Ok(Described { template, tokenizer, config, begin, stop_ids, weights: weights.into_iter().cloned().collect() })
    }

    fn load(&self, context: &Context<'_>) -> Result<Loaded, StageError> {
        let Described { template, tokenizer, config, begin, stop_ids, weights } = self.described(context)?;
        let open =
            |file: &(String, PathBuf, Digest)| Ok(WeightsFile::new(file.1.display().to_string(), context.open(file)?));
        let weights = weights.iter().map(open).collect::<Result<_, StageError>>()?;
        let model = Model::from_files(&config, weights, 0, context.device::<Device>()?).map_err(model_failed)?;
        Ok(Loaded { model, tokenizer, template, begin, stop_ids })
    }
}
