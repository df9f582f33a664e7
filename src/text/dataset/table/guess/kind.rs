//! What kind of answer the texts of a field are.

use std::collections::BTreeSet;

use super::super::value::truth_of;
use super::written::quoted;
use crate::answer::Number;
use retort_artifact::Answers;

/// The most classes that are taken for classes.
const CLASSES_MAX: usize = 8;

/// A kind of answer, how it is written, and why.
pub(super) struct Kind {
    pub(super) answers: Answers,
    pub(super) written: String,
    pub(super) why: String,
}

/// Guesses the kind of answers without choices; `is_label` says that the field is called like that of classes.
pub(super) fn kind(texts: &[String], is_label: bool) -> Kind {
    let all: BTreeSet<&str> = texts.iter().map(|text| text.trim()).filter(|text| !text.is_empty()).collect();
    if !all.is_empty() && all.iter().all(|text| truth_of(text).is_some()) {
        let spelled = |text: &str| ["yes", "no"].contains(&text.to_lowercase().as_str());
        let why = if all.iter().any(|text| spelled(text)) {
            "all that occur"
        } else {
            "`true` is read as yes, `false` as no"
        };
        return classes(["yes", "no"].into_iter(), why);
    }
    let short = all.iter().all(|text| text.len() <= 24 && text.split_whitespace().count() <= 3);
    let few = (2..=CLASSES_MAX).contains(&all.len()) && all.len() * 3 <= texts.len();
    let numbers = !all.is_empty() && all.iter().all(|text| Number::parse(text).is_some());
    let whole = all.iter().all(|text| text.parse::<i8>().is_ok_and(|number| (-1..CLASSES_MAX as i8).contains(&number)));
    if short && few && !numbers {
        return classes(all.iter().copied(), "all that occur");
    }
    if is_label && whole && numbers {
        let most = all.iter().filter_map(|text| text.parse::<usize>().ok()).max().unwrap_or(0).max(1);
        let names: Vec<String> = (0..=most).map(|number| number.to_string()).collect();
        return classes(
            names.iter().map(String::as_str),
            "the numbers of classes; their names in this order read better",
        );
    }
    if numbers {
        return Kind { answers: Answers::Number, written: "number".into(), why: "every answer is a number".into() };
    }
    let why = "compared without case, punctuation and articles; `exact` compares every character".into();
    Kind { answers: Answers::Text, written: "text".into(), why }
}

fn classes<'a>(names: impl Iterator<Item = &'a str> + Clone, why: &str) -> Kind {
    let written: Vec<String> = names.clone().map(quoted_name).collect();
    Kind {
        answers: Answers::Class(names.map(str::to_owned).collect()),
        written: format!("[{}]", written.join(", ")),
        why: why.to_owned(),
    }
}

/// Names of classes are text, whatever they look like.
fn quoted_name(name: &str) -> String {
    if name.starts_with(char::is_alphabetic) && !name.contains('/') && truth_of(name).is_none() {
        quoted(name)
    } else {
        serde_json::Value::from(name).to_string()
    }
}
