//! What an operation takes as one: a word, a sentence, and so on.

/// What an operation takes as one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// A word without the punctuation around it.
    Word,
    /// A token of a tokenizer.
    Token,
    /// A sentence with its punctuation.
    Sentence,
    /// A step of a list, or a line where there is no list.
    Step,
    /// A paragraph.
    Paragraph,
}

retort_fingerprint::words!(Level {
    Word = "word",
    Token = "token",
    Sentence = "sentence",
    Step = "step",
    Paragraph = "paragraph",
});

impl Level {
    /// What is written between two units that did not stand beside each other.
    pub const fn between(self) -> &'static str {
        match self {
            Self::Word | Self::Token | Self::Sentence => " ",
            Self::Step => "\n",
            Self::Paragraph => "\n\n",
        }
    }
}
