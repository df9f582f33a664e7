//! Mappings for datasets that many use, as data.
//!
//! | preset | questions | answers |
//! |---|---|---|
//! | `gsm8k` | grade-school word problems (Cobbe et al., 2021) | numbers, with rationales |
//! | `svamp` | word problems (Patel et al., 2021) | numbers |
//! | `strategyqa` | questions of several hops (Geva et al., 2021) | yes or no, with facts as rationales |
//! | `arc` | science questions (Clark et al., 2018) | choices |
//! | `esnli` | inference with explanations (Camburu et al., 2018) | three classes, with rationales |
//! | `anli` | adversarial inference (Nie et al., 2020) | three classes, with rationales |
//! | `piqa` | physical common sense (Bisk et al., 2020) | two choices |
//! | `aqua` | algebra (Ling et al., 2017) | five choices, with rationales |

use super::{Field, Listed, Mapping, Pattern, Source};
use retort_artifact::Answers;

/// A piece of a question: a field, a pattern, and what is removed, the last two empty where there are none.
type Piece = (&'static str, &'static str, &'static str);

/// A mapping for one dataset.
#[derive(Debug, Clone, Copy)]
pub struct Preset {
    /// The name by which a pipeline names it.
    pub name: &'static str,
    /// What it is.
    pub about: &'static str,
    /// The identifier; empty where it is made from the words.
    id: &'static str,
    question: &'static str,
    /// One field, or the columns; empty where there are none.
    choices: &'static [&'static str],
    answer: Piece,
    rationale: Piece,
    keep: &'static [&'static str],
    answers: Kind,
}

/// The kind of answer, as data.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Choice,
    Number,
    Class(&'static [&'static str]),
}

const NONE: Piece = ("", "", "");
/// Facts as sentences in a row, as not every one of them has a full stop.
const FACTS: &str = "{% for fact in ([facts] if facts is string else facts) %}{{ '' if loop.first else ' ' }}{{ fact.strip() }}\
                     {{ '' if fact.strip()[-1:] in '.!?' else '.' }}{% endfor %}";
const INFERENCE: Kind = Kind::Class(&["entailment", "neutral", "contradiction"]);

/// Every preset.
pub const PRESETS: [Preset; 8] = [
    Preset {
        name: "gsm8k",
        about: "GSM8K: grade-school word problems; the answer follows `####`, and what stands before it is the rationale.",
        id: "",
        question: "question",
        choices: &[],
        answer: ("answer", r"####\s*(.+)", ""),
        rationale: ("answer", r"(?s)^(.*)\n####", "<<[^>]*>>"),
        keep: &[],
        answers: Kind::Number,
    },
    Preset {
        name: "svamp",
        about: "SVAMP: word problems whose wording was varied; a full stop parts the story from the question where there is none.",
        id: "ID",
        question: "{{ Body.strip() }}{{ '' if Body.strip()[-1:] in '.!?' else '.' }} {{ Question.strip() }}",
        choices: &[],
        answer: ("Answer", "", ""),
        rationale: NONE,
        keep: &["Equation", "Type"],
        answers: Kind::Number,
    },
    Preset {
        name: "strategyqa",
        about: "StrategyQA: yes or no, after several steps; the facts are the rationale.",
        id: "qid",
        question: "question",
        choices: &[],
        answer: ("answer", "", ""),
        rationale: (FACTS, "", ""),
        keep: &[],
        answers: Kind::Class(&["yes", "no"]),
    },
    Preset {
        name: "arc",
        about: "ARC: science questions for schools, with three to five choices.",
        id: "id",
        question: "question",
        choices: &["choices"],
        answer: ("answerKey", "", ""),
        rationale: NONE,
        keep: &[],
        answers: Kind::Choice,
    },
    Preset {
        name: "esnli",
        about: "e-SNLI: inference with people's explanations, in the hub's layout or that of the authors' CSV.",
        id: "",
        question: "Premise: {{ premise if premise is defined else Sentence1 }} Hypothesis: {{ hypothesis if hypothesis is \
                   defined else Sentence2 }}",
        choices: &[],
        answer: ("{{ label if label is defined else gold_label }}", "", ""),
        rationale: ("{{ explanation_1 if explanation_1 is defined else Explanation_1 }}", "", ""),
        keep: &[],
        answers: INFERENCE,
    },
    Preset {
        name: "anli",
        about: "ANLI: inference that was written to mislead models; the writer's reason is the rationale.",
        id: "uid",
        question: "Premise: {{ premise }} Hypothesis: {{ hypothesis }}",
        choices: &[],
        answer: ("label", "", ""),
        rationale: ("reason", "", ""),
        keep: &[],
        answers: INFERENCE,
    },
    Preset {
        name: "piqa",
        about: "PIQA: which of two ways reaches a goal.",
        id: "",
        question: "goal",
        choices: &["sol1", "sol2"],
        answer: ("label", "", ""),
        rationale: NONE,
        keep: &[],
        answers: Kind::Choice,
    },
    Preset {
        name: "aqua",
        about: "AQuA-RAT: algebra with five choices and rationales.",
        id: "",
        question: "question",
        choices: &["options"],
        answer: ("correct", "", ""),
        rationale: ("rationale", "", ""),
        keep: &[],
        answers: Kind::Choice,
    },
];

/// Returns the preset of a name.
pub fn preset(name: &str) -> Option<&'static Preset> {
    PRESETS.iter().find(|preset| preset.name == name)
}

impl Preset {
    /// Returns the mapping that it is.
    pub fn mapping(&self) -> Mapping {
        let field = |written: &str| Field::parse(written).expect("presets name sound fields, as a test shows");
        let pattern = |written: &str| {
            let read = |written| Pattern::parse(written).expect("presets have sound patterns, as a test shows");
            Some(written).filter(|written| !written.is_empty()).map(read)
        };
        let source = |(written, found, removed): Piece| {
            let of = || Source { field: field(written), pattern: pattern(found), remove: pattern(removed) };
            (!written.is_empty()).then(of)
        };
        Mapping {
            answers: match self.answers {
                Kind::Choice => Answers::Choice,
                Kind::Number => Answers::Number,
                Kind::Class(names) => Answers::Class(names.iter().map(|name| (*name).to_owned()).collect()),
            },
            id: source((self.id, "", "")),
            question: Source::of(field(self.question)),
            choices: match self.choices {
                [] => None,
                [one] => Some(Listed::Field(field(one))),
                several => Some(Listed::Columns(several.iter().map(|column| field(column)).collect())),
            },
            answer: source(self.answer),
            rationale: source(self.rationale),
            keep: self.keep.iter().map(|name| field(name)).collect(),
        }
    }
}
