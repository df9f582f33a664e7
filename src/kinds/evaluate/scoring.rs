//! How the answer to a question is found: by what the student writes, or by what it holds for likely.

use serde_json::{Value as Json, json};

use super::super::choices::{Held, Stands};
use retort_artifact::{Likelihood, Placement};
use retort_fingerprint::{ContentHash, Term};
use retort_source::Node;
use retort_stage::params::{FromNode, Scope, tagged};

/// Says why a student cannot be scored by its answers.
pub(super) fn needs_label_first(placement: Placement) -> String {
    format!(
        "`score: likelihood` needs a student that writes its label first, and this one's `placement` is `{placement}`: use \
         `score: generation`, or score the words of the choices with `score: {{ likelihood: {{ of: text }} }}`"
    )
}

/// What choices are compared by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// The probability of all its tokens.
    Sum,
    /// The same per token: the geometric mean.
    Mean,
    /// The same per byte of text.
    Bytes,
    /// The same per character of text.
    Characters,
}

retort_stage::words!(By { Sum = "sum", Mean = "mean", Bytes = "bytes", Characters = "characters" });

retort_stage::params! {
    /// The choice of highest likelihood is the answer.
    pub struct LikelihoodRecipe {
        /// What stands for a choice: the `answer` as the student was taught to write it, which needs the label first; the `text`
        /// of the choice; or its `label` alone, a letter or the name of a class.
        pub of: Stands = Stands::Answer,
        /// How log-probabilities are normalised before choices are compared: not at all (`sum`), by the number of tokens (`mean`),
        /// of `bytes`, or of `characters`. In lm-evaluation-harness these are `acc`, none, `acc_bytes` and `acc_norm`.
        pub by: By = By::Sum,
    }
}

/// How the answer to a question is found.
#[derive(Debug, Clone)]
pub enum Scoring {
    /// By what the student writes.
    Generation,
    /// By what it holds for likely.
    Likelihood(LikelihoodRecipe),
}

impl FromNode for Scoring {
    fn from_node(node: &Node, scope: &mut Scope<'_>) -> Option<Self> {
        match node.text() {
            Some("generation") => return Some(Self::Generation),
            Some("likelihood") => {
                return Some(Self::Likelihood(LikelihoodRecipe { of: Stands::Answer, by: By::Sum }));
            }
            _ => {}
        }
        let (form, body) = tagged(node, &["likelihood", "generation"], scope)?;
        scope.within(form, |scope| match form {
            "likelihood" => LikelihoodRecipe::from_node(body, scope).map(Self::Likelihood),
            _ => Some(Self::Generation),
        })
    }

    fn schema() -> Json {
        json!({ "anyOf": [
            { "const": "generation", "description": "By what the student writes." },
            { "const": "likelihood", "description": "By the answer that it holds for the likeliest." },
            {
                "type": "object",
                "properties": { "likelihood": LikelihoodRecipe::schema() },
                "required": ["likelihood"],
                "additionalProperties": false
            },
            { "type": "string", "pattern": r"^\$\{[^}]+\}$" },
        ] })
    }
}

impl ContentHash for Scoring {
    fn term(&self) -> Term {
        match self {
            Self::Generation => Term::variant("generation", Term::None),
            Self::Likelihood(recipe) => Term::variant("likelihood", recipe.term()),
        }
    }
}

impl By {
    /// Compares what the choices of a question were held for; `None` where any of it is no number. `characters` are those of
    /// the text of each.
    pub(super) fn compared(self, held: &[Held], characters: &[usize]) -> Option<Vec<Likelihood>> {
        let compared = |(held, characters): (&Held, &usize)| {
            let Held { ref label, log_probability, tokens, bytes } = *held;
            let (label, log_probability) = (label.clone(), log_probability?);
            let score = match self {
                Self::Sum => log_probability,
                Self::Mean => log_probability / tokens as f64,
                Self::Bytes => log_probability / bytes as f64,
                Self::Characters => log_probability / *characters as f64,
            };
            Some(Likelihood { label, log_probability, tokens, bytes, score })
        };
        held.iter().zip(characters).map(compared).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use retort_artifact::Answer;

    #[test]
    fn choices_are_compared_as_a_sum_or_over_their_length() {
        let held = |index, log_probability, tokens, bytes| Held {
            label: Answer::at(index).unwrap(),
            log_probability,
            tokens,
            bytes,
        };
        let both = [held(0, Some(-6.0), 2, 12), held(1, Some(-8.0), 4, 10)];
        let scores =
            |by: By| by.compared(&both, &[12, 8]).unwrap().iter().map(|choice| choice.score).collect::<Vec<_>>();
        assert_eq!(scores(By::Sum), [-6.0, -8.0]);
        assert_eq!(scores(By::Mean), [-3.0, -2.0]);
        assert_eq!(scores(By::Bytes), [-0.5, -0.8]);
        assert_eq!(scores(By::Characters), [-0.5, -1.0]);
        assert_eq!(By::Sum.compared(&[held(0, Some(-6.0), 2, 12), held(1, None, 4, 10)], &[12, 10]), None);
    }
}
