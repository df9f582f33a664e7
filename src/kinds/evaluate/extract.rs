//! How an answer is read from free text: strictly, by patterns, and leniently beside it.

use serde_json::{Value as Json, json};

use retort_artifact::{Answer, Question, Reading};
use retort_fingerprint::{ContentHash, Term};
use retort_source::{Diagnostic, Node, Value};
use retort_stage::StageError;
use retort_stage::params::{FromNode, Scope};
use retort_text::answer::Expected;
use retort_text::extract::{Patterns, Pick, lenient};

use super::super::ask::{Until, judged};
use super::super::sequence::data;

/// Raised whenever the same output is read as another answer.
const REVISION: u32 = 1;

/// What becomes of scores where a pattern finds nothing in half of the outputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unmatched {
    /// There are none: the pattern is taken for a mistake. What was written is kept, so that another costs nothing.
    Fail,
    /// Outputs in which it finds nothing are wrong answers.
    Wrong,
}

retort_stage::words!(Unmatched { Fail = "fail", Wrong = "wrong" });

retort_stage::params! {
    /// How answers are read from free text.
    pub struct ExtractFields {
        /// Regular expressions for the strict reading: the first that matches counts, and of it the first match, of which the
        /// first group that is not empty, or all where there is no group, must be the answer and nothing else. Where none is
        /// given, the answer stands between the markers, as the student was taught.
        pub strict: Vec<String> = Vec::new(),
        /// Regular expressions for the lenient reading, of which the last match counts. Where none is given, it is the last
        /// number; or the choice or class that the output states or names last; or its last line.
        pub lenient: Vec<String> = Vec::new(),
        /// What happens where the patterns find nothing in half of the outputs or more: it will `fail`, or they count as
        /// `wrong`.
        pub unmatched: Unmatched = Unmatched::Fail,
    }
}

/// How answers are read from free text: a list of patterns for the strict reading, or `{ strict: […], lenient: […] }`.
#[derive(Debug, Clone)]
pub struct Extract {
    strict: Patterns,
    lenient: Patterns,
    fields: ExtractFields,
}

impl FromNode for Extract {
    fn from_node(node: &Node, scope: &mut Scope<'_>) -> Option<Self> {
        let fields = match &node.value {
            Value::List(_) => ExtractFields {
                strict: Vec::<String>::from_node(node, scope)?,
                lenient: Vec::new(),
                unmatched: Unmatched::Fail,
            },
            _ => ExtractFields::from_node(node, scope)?,
        };
        let mut parse = |name: &str, patterns: &[String]| {
            Patterns::parse(patterns).or_else(|why| {
                let node = node.get(name).unwrap_or(node);
                let message = format!("`{}`: {why}", scope.path());
                scope.fail(Diagnostic::at(node.span, message).label("expected regular expressions")).ok_or(())
            })
        };
        let (strict, lenient) = (parse("strict", &fields.strict), parse("lenient", &fields.lenient));
        Some(Self { strict: strict.ok()?, lenient: lenient.ok()?, fields })
    }

    fn schema() -> Json {
        let list = json!({
            "type": "array", "items": { "type": "string" },
            "description": "Regular expressions for the strict reading; the lenient one is that of the kind of answer.",
        });
        json!({ "anyOf": [list, ExtractFields::schema()] })
    }
}

impl ContentHash for Extract {
    fn term(&self) -> Term {
        let Self { strict: _, lenient: _, fields } = self;
        Term::record([("fields", fields.term()), ("revision", REVISION.term())])
    }
}

/// Outputs in which patterns found nothing.
#[derive(Debug, Default)]
pub(super) struct Missed {
    outputs: usize,
    strict: Vec<String>,
    lenient: Vec<String>,
    /// The first question on whose output a pattern took too many steps, and the pattern.
    endless: Option<(String, String)>,
}

impl Missed {
    /// What a pattern found in the output of a question.
    fn found<'t>(&mut self, found: Result<Option<&'t str>, &str>, question: &Question) -> Option<&'t str> {
        found.unwrap_or_else(|pattern| {
            self.endless.get_or_insert_with(|| (question.id.clone(), pattern.to_owned()));
            None
        })
    }
}

impl Extract {
    /// Says what ends an answer.
    pub(super) fn until(&self) -> Until {
        if self.strict.is_empty() { Until::Answered } else { Until::End }
    }

    /// Reads an output strictly and leniently: `own` is what the student's own format says, `right` the right answer.
    pub(super) fn read(
        &self,
        output: &str,
        own: Option<Answer>,
        (question, right): (&Question, &Answer),
        missed: &mut Missed,
    ) -> (Reading, Reading) {
        let expected = Expected::from(question);
        missed.outputs += 1;
        let strict = if self.strict.is_empty() {
            own
        } else {
            let piece = missed.found(self.strict.find(output, Pick::First), question);
            missed.strict.extend(piece.is_none().then(|| question.id.clone()));
            piece.and_then(|piece| expected.read(piece).ok())
        };
        let leniently = if !self.lenient.is_empty() {
            let piece = missed.found(self.lenient.find(output, Pick::Last), question);
            missed.lenient.extend(piece.is_none().then(|| question.id.clone()));
            piece.and_then(|piece| expected.read(piece).ok())
        } else if self.strict.is_empty() && strict.is_some() {
            // Between the markers stands one answer, and what follows them is not read.
            strict.clone()
        } else {
            lenient(output, question)
        };
        (judged(strict, expected, right), judged(leniently, expected, right))
    }

    /// Refuses patterns that take too many steps, and those that find nothing in half of the outputs.
    pub(super) fn check(&self, missed: &Missed) -> Result<(), StageError> {
        if let Some((question, pattern)) = &missed.endless {
            return Err(data(format!(
                "`extract`: the pattern `{pattern}` takes too many steps on the output to `{question}`: write it without \
                 repetitions within repetitions (what was written is kept, so that asking again costs nothing)"
            )));
        }
        if self.fields.unmatched == Unmatched::Wrong {
            return Ok(());
        }
        let of = [("strict", &missed.strict, &self.strict), ("lenient", &missed.lenient, &self.lenient)];
        for (reading, without, patterns) in of {
            if !without.is_empty() && 2 * without.len() >= missed.outputs {
                let first: Vec<String> = without.iter().take(3).map(|id| format!("`{id}`")).collect();
                return Err(data(format!(
                    "`extract`: {} of the {reading} reading finds nothing in {} of {} outputs, those to {} first: change the \
                     pattern (what was written is kept, so that asking again costs nothing), or count them as wrong answers with \
                     `unmatched: wrong`",
                    patterns.written(),
                    without.len(),
                    missed.outputs,
                    first.join(", "),
                )));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use retort_artifact::{Answers, Format, Placement};
    use retort_text::target;

    fn extract(strict: &[&str], lenient: &[&str], unmatched: Unmatched) -> Extract {
        let owned = |of: &[&str]| of.iter().map(|pattern| (*pattern).to_owned()).collect::<Vec<_>>();
        let fields = ExtractFields { strict: owned(strict), lenient: owned(lenient), unmatched };
        Extract {
            strict: Patterns::parse(&fields.strict).unwrap(),
            lenient: Patterns::parse(&fields.lenient).unwrap(),
            fields,
        }
    }

    #[test]
    fn an_output_is_read_strictly_and_leniently() {
        let format = Format::marked(Placement::Before, "[FIN_LABEL]");
        let own = |output: &str, question: &Question| target::parse(output, &format, Expected::from(question)).ok();
        let question = Question { id: "q".into(), answers: Answers::Number, ..Question::default() };
        let right = Answer::Number("1000".into());
        let gsm8k = extract(&[r"#### (\-?[0-9\.\,]+)"], &[], Unmatched::Fail);
        let harness = extract(&[r"#### (\-?[0-9\.\,]+)"], &["(-?[$0-9.,]{2,})|(-?[0-9]+)"], Unmatched::Fail);
        let taught = extract(&[], &[], Unmatched::Fail);
        // Whether the strict reading is right, and the lenient one; `None` where nothing is read.
        let table = [
            (&gsm8k, "so #### 1,000", Some(true), Some(true)),
            (&gsm8k, "it is $1,000.", None, Some(true)),
            (&gsm8k, "#### 1000 eggs, of which 3 broke", Some(true), Some(false)),
            (&gsm8k, "#### ,, no", None, None),
            (&harness, "it is $1,000.", None, Some(true)),
            (&harness, "it is 1000...", None, None),
            (&taught, "2 + 2 [FIN_LABEL] 1000 [FIN_LABEL] 5", Some(true), Some(true)),
            (&taught, "2 + 2, so 1000", None, Some(true)),
            (&taught, "nothing", None, None),
        ];
        for (extract, output, strict, lenient) in table {
            let mut missed = Missed::default();
            let (a, b) = extract.read(output, own(output, &question), (&question, &right), &mut missed);
            let told = |reading: &Reading| reading.predicted.as_ref().map(|_| reading.correct(&right));
            assert_eq!((told(&a), told(&b)), (strict, lenient), "{output}");
        }
    }

    #[test]
    fn a_pattern_that_finds_nothing_in_half_of_the_outputs_is_refused() {
        let format = Format::marked(Placement::None, "[FIN_LABEL]");
        let own = |output: &str, question: &Question| target::parse(output, &format, Expected::from(question)).ok();
        let right = Answer::Number("1".into());
        let read = |extract: &Extract, outputs: &[&str]| {
            let mut missed = Missed::default();
            for (index, output) in outputs.iter().enumerate() {
                let question = Question { id: format!("q{index}"), answers: Answers::Number, ..Question::default() };
                extract.read(output, own(output, &question), (&question, &right), &mut missed);
            }
            extract.check(&missed).map_err(|error| error.to_string())
        };
        let mostly = ["#### 1", "#### 2", "#### 3", "4"];
        let half = ["#### 1", "2", "3", "4", "5", "#### 6", "#### 7", "#### 8"];
        let strict = extract(&["#### (.*)"], &[], Unmatched::Fail);
        assert_eq!(read(&strict, &mostly), Ok(()));
        assert_eq!(read(&strict, &[]), Ok(()));
        let said = read(&strict, &half).unwrap_err();
        assert!(
            said.contains(
                "`#### (.*)` of the strict reading finds nothing in 4 of 8 outputs, those to `q1`, `q2`, `q3` first"
            ),
            "{said}"
        );
        assert_eq!(read(&extract(&["#### (.*)"], &[], Unmatched::Wrong), &half), Ok(()));
        let endless = format!("v7 then {}! final v9", "a".repeat(40));
        let pattern = "(?<!x)(?:(?:a|a|aa)+b(?=c)|(v[0-9]))";
        let said = read(&extract(&[], &[pattern], Unmatched::Wrong), &["v1", &endless]).unwrap_err();
        assert!(said.contains(&format!("`{pattern}` takes too many steps on the output to `q1`")), "{said}");
        let lenient = extract(&[], &["x"], Unmatched::Fail);
        assert!(
            read(&lenient, &mostly).unwrap_err().contains("`x` of the lenient reading finds nothing in 4 of 4 outputs")
        );
        assert_eq!(
            read(&extract(&[], &[], Unmatched::Fail), &["", ""]),
            Ok(()),
            "without patterns nothing can be wrong with them"
        );
    }
}
