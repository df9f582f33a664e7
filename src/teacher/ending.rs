//! How an answer ended, by the server's word for it.

/// What the end of an answer means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// The model came to an end by itself, or the server does not say.
    Ordinary,
    /// It was longer than allowed.
    CutOff,
    /// The teacher, or a filter before it, would not go on.
    Refused,
    /// It wants a tool instead of answering.
    Tool,
    /// It broke off, or ended in a way nobody knows.
    Broken,
}

/// The words of servers for an end, in lower case and without what some put before them.
const WORDS: &[(Ending, &[&str])] = &[
    (
        Ending::Ordinary,
        &[
            "stop",
            "eos",
            "eos_token",
            "end_turn",
            "end",
            "stop_sequence",
            "stop_token",
            "stop_str",
            "complete",
            "completed",
            "done",
        ],
    ),
    (
        Ending::CutOff,
        &[
            "length",
            "max_tokens",
            "max_length",
            "max_new_tokens",
            "max_output_tokens",
            "max_completion_tokens",
            "model_length",
            "context_length",
            "context_length_exceeded",
            "context_window_exceeded",
            "model_context_window_exceeded",
            "token_limit",
            "token_limit_reached",
            "limit",
            "truncated",
            "incomplete",
        ],
    ),
    (
        Ending::Refused,
        &[
            "content_filter",
            "content_filtered",
            "contentfilter",
            "refusal",
            "refused",
            "safety",
            "recitation",
            "blocklist",
            "blocked",
            "prohibited_content",
            "spii",
            "image_safety",
            "language",
            "sensitive",
            "moderation",
            "guardrail",
            "guardrails",
            "guardrail_intervened",
            "error_toxic",
        ],
    ),
    (
        Ending::Tool,
        &["tool_calls", "tool_call", "tool_use", "function_call", "malformed_function_call", "unexpected_tool_call"],
    ),
];

impl Ending {
    /// Reads a server's word; one that nobody knows is no ordinary end.
    pub fn of(word: Option<&str>) -> Self {
        let plain = |word: &str| word.trim().to_ascii_lowercase().replace(['-', ' '], "_");
        let word = word.map(plain).unwrap_or_default();
        let bare = word.strip_prefix("finish_reason_").or_else(|| word.strip_prefix("finishreason.")).unwrap_or(&word);
        if bare.is_empty() || bare == "null" || bare == "none" {
            return Self::Ordinary;
        }
        let known = WORDS.iter().find(|(_, words)| words.contains(&bare));
        known.map_or(Self::Broken, |(ending, _)| *ending)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_ends() {
        use Ending::{Broken, CutOff, Ordinary, Refused, Tool};
        for (word, expected) in [
            (None, Ordinary),
            (Some(""), Ordinary),
            (Some("stop"), Ordinary),
            (Some("STOP"), Ordinary),
            (Some("eos_token"), Ordinary),
            (Some("end_turn"), Ordinary),
            (Some("COMPLETE"), Ordinary),
            (Some("FINISH_REASON_STOP"), Ordinary),
            (Some("length"), CutOff),
            (Some("MAX_TOKENS"), CutOff),
            (Some("Max Tokens"), CutOff),
            (Some("model_length"), CutOff),
            (Some("incomplete"), CutOff),
            (Some("content_filter"), Refused),
            (Some("content-filter"), Refused),
            (Some("SAFETY"), Refused),
            (Some("RECITATION"), Refused),
            (Some("tool_calls"), Tool),
            (Some("function_call"), Tool),
            (Some("error"), Broken),
            (Some("abort"), Broken),
            (Some("cancelled"), Broken),
            (Some("load"), Broken),
            (Some("insufficient_system_resource"), Broken),
            (Some("OTHER"), Broken),
            (Some("pause_turn"), Broken),
            (Some("quux"), Broken),
        ] {
            assert_eq!(Ending::of(word), expected, "{word:?}");
        }
    }
}
