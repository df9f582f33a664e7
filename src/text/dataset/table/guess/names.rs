//! What fields are usually called, by what they are.

pub(super) const IDS: &[&str] = &["id", "qid", "uid", "questionid", "pairid", "idx", "index"];
pub(super) const QUESTIONS: &[&str] = &[
    "question",
    "questionstem",
    "stem",
    "problem",
    "query",
    "instruction",
    "prompt",
    "input",
    "goal",
    "statement",
    "claim",
    "sentence",
    "text",
];
/// What is read before a question.
pub(super) const CONTEXTS: &[&str] =
    &["body", "context", "passage", "paragraph", "story", "background", "article", "premise", "support", "input"];
/// The two sentences of inference.
pub(super) const PAIRS: &[[&str; 2]] =
    &[["premise", "hypothesis"], ["sentence1", "sentence2"], ["context", "hypothesis"]];
pub(super) const ANSWERS: &[&str] = &[
    "answer",
    "answerkey",
    "correctanswer",
    "finalanswer",
    "goldanswer",
    "answeridx",
    "label",
    "goldlabel",
    "gold",
    "target",
    "correct",
    "correctoption",
    "answers",
    "output",
    "response",
    "completion",
    "solution",
    "cop",
];
/// Fields whose small whole numbers are those of classes.
pub(super) const LABELS: &[&str] = &["label", "goldlabel", "target", "gold", "class"];
pub(super) const RATIONALES: &[&str] = &[
    "rationale",
    "explanation",
    "explanation1",
    "reason",
    "reasoning",
    "chainofthought",
    "cot",
    "steps",
    "facts",
    "solution",
    "thinking",
    "exp",
];
pub(super) const CHOICES: &[&str] = &["choices", "options", "endings", "candidates"];
/// Names of columns of choices, the first of each row of columns.
pub(super) const COLUMNS: &[&[&str]] = &[
    &["a", "b", "c", "d", "e"],
    &["choicea", "choiceb", "choicec", "choiced", "choicee"],
    &["optiona", "optionb", "optionc", "optiond", "optione"],
    &["answera", "answerb", "answerc", "answerd", "answere"],
    &["opa", "opb", "opc", "opd", "ope"],
    &["choice0", "choice1", "choice2", "choice3", "choice4"],
    &["choice1", "choice2", "choice3", "choice4", "choice5"],
    &["option1", "option2", "option3", "option4", "option5"],
    &["sol1", "sol2"],
    &["ending0", "ending1", "ending2", "ending3"],
    &["ending1", "ending2", "ending3", "ending4"],
];

/// Writes a name without what names differ in: case, and all but letters and digits.
pub(super) fn plain(name: &str) -> String {
    name.chars().filter(|letter| letter.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}
