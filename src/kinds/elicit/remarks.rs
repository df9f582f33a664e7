//! What a person should know of answers that can be used: who gave them, whether the prompt reached the model whole, and
//! what was left out.

use std::collections::BTreeMap;

use super::openai::OpenAi;
use super::row::Row;

/// The note of a result that names the models which answered, as their server calls them, with how often each did.
pub(super) const MODELS: &str = "models";
/// The note of a result that names the addresses where they answered, one a line.
pub(super) const SERVERS: &str = "servers";

/// More bytes of a prompt for each token than any text comes to.
const BYTES_A_TOKEN_MAX: u64 = 16;
/// Prompts shorter than this say nothing about tokens.
const PROMPT_BYTES_MIN: u64 = 2000;
/// So many different prompts of the same number of tokens are no chance.
const ALIKE_MIN: usize = 4;
/// The most characters of a name that a server gave.
const NAME_CHARS_MAX: usize = 120;

/// An answer that can be used.
#[derive(Debug)]
pub(super) struct Seen<'a> {
    /// The question.
    pub(super) id: &'a str,
    pub(super) row: &'a Row,
    /// The length of what was asked.
    pub(super) asked_bytes: usize,
    /// Whether thoughts were left out.
    pub(super) cut: bool,
}

/// Says what a person should know of the answers of a stage.
pub(super) fn of(seen: &[Seen<'_>], openai: Option<&OpenAi>) -> Vec<String> {
    let model = openai.and_then(|openai| others(seen, &openai.model, &openai.answers_as));
    let server = openai.and_then(|openai| elsewhere(seen, openai.base_url.0.place(), openai.server.is_some()));
    [model, server, shortened(seen), damaged(seen), thoughts(seen)].into_iter().flatten().collect()
}

/// Names the models that answered and the addresses where they did, for the record of the result.
pub(super) fn origins(seen: &[Seen<'_>]) -> Vec<(&'static str, String)> {
    let models = models(seen).into_iter().map(|(model, count)| format!("{model} ({count})")).collect::<Vec<_>>();
    let mut servers: Vec<&str> = seen.iter().filter_map(|seen| seen.row.server.as_deref()).collect();
    servers.sort_unstable();
    servers.dedup();
    let all = [(MODELS, models.join(", ")), (SERVERS, servers.join("\n"))];
    all.into_iter().filter(|(_, text)| !text.is_empty()).collect()
}

/// Counts the answers of each model that a server named.
fn models(seen: &[Seen<'_>]) -> BTreeMap<String, usize> {
    let mut models = BTreeMap::new();
    for model in seen.iter().filter_map(|seen| seen.row.model.as_deref()) {
        let name: String = model.chars().filter(|c| !c.is_control()).take(NAME_CHARS_MAX).collect();
        *models.entry(name).or_default() += 1;
    }
    models
}

/// Says that other models answered than the one asked for, or several.
fn others(seen: &[Seen<'_>], asked: &str, named: &[String]) -> Option<String> {
    let models = models(seen);
    let known = |model: &String| named.contains(model) || (named.is_empty() && is_same_model(asked, model));
    if models.len() < 2 && models.keys().all(known) {
        return None;
    }
    if models.keys().all(|model| named.contains(model)) {
        return None;
    }
    let counted: Vec<String> = models.iter().map(|(model, count)| format!("`{model}` ({count})")).collect();
    let names: Vec<&str> = models.keys().map(String::as_str).collect();
    Some(format!(
        "`{asked}` was asked for, and the server says that other models answered: {}; `answers_as: [{}]` says that these may, \
         and no others",
        counted.join(", "),
        names.join(", ")
    ))
}

/// Says whether a server means the model that was asked for by another name: an owner before it, a tag behind it, or the date
/// of its snapshot.
fn is_same_model(asked: &str, answered: &str) -> bool {
    let plain = |name: &str| {
        let name = name.trim().to_ascii_lowercase();
        let name = name.strip_prefix("models/").unwrap_or(&name);
        [":latest", ":free"].iter().find_map(|tag| name.strip_suffix(tag)).unwrap_or(name).to_owned()
    };
    let (asked, answered) = (plain(asked), plain(answered));
    let last = |name: &str| name.rsplit('/').next().unwrap_or_default().to_owned();
    let owned = asked.contains('/') && answered.contains('/');
    let (asked, answered) = if owned { (asked, answered) } else { (last(&asked), last(&answered)) };
    let dated = answered.strip_prefix(asked.as_str()).is_some_and(|rest| {
        let date: Vec<char> = rest.chars().filter(|c| !"-@".contains(*c)).collect();
        rest.starts_with(['-', '@']) && date.len() >= 4 && date.iter().all(char::is_ascii_digit)
    });
    !asked.is_empty() && (asked == answered || dated)
}

/// Says that answers were given at another address, which may be another model under the same name.
fn elsewhere(seen: &[Seen<'_>], place: &str, declared: bool) -> Option<String> {
    let mut others: BTreeMap<&str, usize> = BTreeMap::new();
    for server in seen.iter().filter_map(|seen| seen.row.server.as_deref()).filter(|server| *server != place) {
        *others.entry(server).or_default() += 1;
    }
    if others.is_empty() || declared {
        return None;
    }
    let counted: Vec<String> = others.iter().map(|(server, count)| format!("`{server}` ({count})")).collect();
    Some(another_server(&counted.join(", "), place))
}

/// Says that answers come from another address than the one a pipeline names.
pub(super) fn another_server(there: &str, here: &str) -> String {
    format!(
        "answers come from the cache that were given at {there}, and not at `{here}`: where that is another model under the \
         same name, `server: NAME` in the teacher keeps the two apart"
    )
}

/// Says that the server seems to have cut prompts: far too few tokens, or the same number for prompts of many lengths.
fn shortened(seen: &[Seen<'_>]) -> Option<String> {
    let counted = || seen.iter().filter_map(|seen| Some((seen, seen.row.prompt_tokens?, seen.asked_bytes as u64)));
    let short = |(_, tokens, bytes): &(_, u64, u64)| *bytes >= PROMPT_BYTES_MIN && tokens * BYTES_A_TOKEN_MAX < *bytes;
    let mut cut: Vec<_> = counted().filter(short).collect();
    if cut.is_empty() {
        let mut by_tokens: BTreeMap<u64, Vec<_>> = BTreeMap::new();
        for of in counted().filter(|(_, tokens, bytes)| *tokens > 0 && *bytes >= PROMPT_BYTES_MIN) {
            by_tokens.entry(of.1).or_default().push(of);
        }
        cut = by_tokens.into_values().find(|alike| {
            let mut lengths: Vec<u64> = alike.iter().map(|(.., bytes)| *bytes).collect();
            lengths.sort_unstable();
            lengths.dedup();
            // Prompts of one length may well have as many tokens.
            let (shortest, longest) = (lengths[0], lengths[lengths.len() - 1]);
            lengths.len() >= ALIKE_MIN && longest - shortest > shortest / 20
        })?;
    }
    let (first, tokens, bytes) = cut.first()?;
    Some(format!(
        "the server counts {tokens} tokens for a prompt of {bytes} bytes (question `{}`; {} of {} answers): it seems to have cut \
         the prompt to its context. Give it a longer context (`num_ctx` of Ollama, `-c` of llama.cpp, `--max-model-len` of vLLM) \
         or ask for less",
        first.id,
        cut.len(),
        seen.len()
    ))
}

/// Says that bytes were no text.
fn damaged(seen: &[Seen<'_>]) -> Option<String> {
    let mut damaged = seen.iter().filter(|seen| seen.row.text.contains(char::REPLACEMENT_CHARACTER));
    let first = damaged.next()?;
    let count = damaged.count() + 1;
    Some(format!(
        "{count} of {} answers have U+FFFD in the place of bytes that are not UTF-8; first question `{}`",
        seen.len(),
        first.id
    ))
}

/// Says that thoughts were left out.
fn thoughts(seen: &[Seen<'_>]) -> Option<String> {
    let count = seen.iter().filter(|seen| seen.cut).count();
    (count > 0).then(|| {
        format!(
            "{count} of {} answers contain thoughts (`<think>…</think>`), which are left out of the rationales; \
             `rationale_from: reasoning` in `elicit` takes the thoughts instead",
            seen.len()
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(model: Option<&str>, server: Option<&str>, prompt_tokens: Option<u64>) -> Row {
        Row {
            text: "Ice.".into(),
            reasoning: None,
            finish: None,
            refusal: None,
            tool: false,
            model: model.map(str::to_owned),
            server: server.map(str::to_owned),
            prompt_tokens,
            answer_tokens: None,
            latency_ms: 0,
            limit: 64,
            body: None,
        }
    }

    fn seen<'a>(rows: &'a [Row], bytes: &[usize]) -> Vec<Seen<'a>> {
        let bytes = bytes.iter().chain(std::iter::repeat(&100));
        rows.iter().zip(bytes).map(|(row, bytes)| Seen { id: "q", row, asked_bytes: *bytes, cut: false }).collect()
    }

    #[test]
    fn which_names_are_one_model() {
        for (asked, answered, same) in [
            ("m", "m", true),
            ("M", "m", true),
            ("llama3", "llama3:latest", true),
            ("mistralai/Mistral-7B", "Mistral-7B", true),
            ("x/y:free", "x/y", true),
            ("gemini-2.0-flash", "models/gemini-2.0-flash", true),
            ("gpt-4o", "gpt-4o-2024-08-06", true),
            ("claude-3-5-sonnet", "claude-3-5-sonnet-20241022", true),
            ("gpt-4", "gpt-4-0613", true),
            ("gpt-4", "gpt-4-turbo", false),
            ("gpt-4", "gpt-4o", false),
            ("qwen3-72b", "qwen-72b", false),
            ("a/m", "b/m", false),
            ("llama3:70b", "llama3:8b", false),
            ("m", "", false),
            ("", "m", false),
        ] {
            assert_eq!(is_same_model(asked, answered), same, "{asked} {answered}");
        }
    }

    #[test]
    fn other_models_and_several_are_told() {
        for (models, named, told) in [
            (&["m", "m"][..], &[][..], false),
            (&["n", "n"], &[], true),
            (&["m", "n"], &[], true),
            (&["m-20240101", "m-20240202"], &[], true),
            (&["n", "n"], &["n"], false),
            (&["m", "n"], &["m", "n"], false),
            (&[], &[], false),
        ] {
            let rows: Vec<Row> = models.iter().map(|model| row(Some(model), None, None)).collect();
            let named: Vec<String> = named.iter().map(|name| (*name).to_owned()).collect();
            assert_eq!(others(&seen(&rows, &[]), "m", &named).is_some(), told, "{models:?}");
        }
        let rows = [row(Some("qwen-72b"), Some("http://a"), None), row(Some("qwen-7b"), Some("http://b"), None)];
        assert_eq!(
            origins(&seen(&rows, &[])),
            [(MODELS, "qwen-72b (1), qwen-7b (1)".to_owned()), (SERVERS, "http://a\nhttp://b".to_owned())]
        );
    }

    #[test]
    fn answers_of_another_address_are_told() {
        let rows = [row(None, Some("http://a"), None), row(None, None, None)];
        let seen = seen(&rows, &[]);
        assert_eq!(elsewhere(&seen, "http://a", false), None);
        assert!(elsewhere(&seen, "http://b", false).unwrap().contains("`http://a` (1)"));
        assert_eq!(elsewhere(&seen, "http://b", true), None);
    }

    #[test]
    fn prompts_that_were_cut_are_told() {
        for (tokens, bytes, told) in [
            (&[32, 32][..], &[46_000, 46_010][..], true),
            (&[10_000, 10_000], &[46_000, 46_010], false),
            // The same number for prompts of many lengths.
            (&[4096, 4096, 4096, 4096], &[20_000, 22_000, 24_000, 26_000], true),
            (&[4096, 4096, 4096, 4096], &[20_000, 20_010, 20_020, 20_030], false),
            (&[4000, 4400, 4800, 5200], &[20_000, 22_000, 24_000, 26_000], false),
            // Too short to tell.
            (&[2, 2], &[100, 110], false),
        ] {
            let rows: Vec<Row> = tokens.iter().map(|tokens| row(None, None, Some(*tokens))).collect();
            assert_eq!(shortened(&seen(&rows, bytes)).is_some(), told, "{tokens:?} {bytes:?}");
        }
    }
}
