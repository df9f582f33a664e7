//! The words by which a pipeline says what is read out of an answer.

/// Where the teacher's own label is taken from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LabelFrom {
    /// From its words, where they state one: `The answer is B because …`.
    Text,
}

retort_stage::words!(LabelFrom { Text = "from_text" });

/// Which words of a teacher's answer are the rationale.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RationaleFrom {
    /// What it says, without what it thought before.
    Content,
    /// What it thought before: in a field of its own, or else between tags.
    Reasoning,
    /// What it thought between tags, such as `<think>…</think>`, alone.
    Think,
    /// All of it: the thoughts, then what it says.
    All,
}

retort_stage::words!(RationaleFrom { Content = "content", Reasoning = "reasoning", Think = "think", All = "all" });
