//! How much each token of a text counts, by scores of other tokens of the same text.
//!
//! 1. A byte has the score of the scored token it stands in, negative scores being 0; 0 where it stands in none, and the
//!    greatest where several share it, as the tokens of an emoji do.
//! 2. A token has the mean score of its bytes. So a token that was scored as it is keeps its score, the pieces of a scored
//!    word have the word's, and a token made of several scored ones has their mean by length.
//! 3. The scores are divided by their mean, so that the tokens count 1 on average whatever the unit of the scores, and
//!    then mixed with 1: `floor + (1 − floor) · score`. No token counts for less than `floor`.

use std::ops::Range;

use retort_artifact::Attribution;

/// Scores that cannot be used for a text.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum EmphasisError {
    /// They were made for another text.
    #[error(
        "cannot weigh the rationale of `{id}`, sample {sample}: its attribution was made for another text; attribute the \
         rationales that the student is trained on"
    )]
    OtherText {
        /// The question's identifier.
        id: String,
        /// The sample number.
        sample: u32,
    },
    /// A score is no number, or stands at a place that the text does not have.
    #[error(
        "cannot weigh the rationale of `{id}`, sample {sample}: its attribution has the score {score} for the bytes {start} \
         to {end} of {length}"
    )]
    Score {
        /// The question's identifier.
        id: String,
        /// The sample number.
        sample: u32,
        /// The score.
        score: f64,
        /// The first byte.
        start: usize,
        /// The byte after the last.
        end: usize,
        /// The bytes of the text.
        length: usize,
    },
}

/// Returns how much each token counts, the tokens being ranges of bytes of `text`, none of them empty; `None` where no
/// score is above 0, so that all count the same.
pub fn emphasis(
    scores: &Attribution,
    text: &str,
    tokens: &[Range<usize>],
    floor: f64,
) -> Result<Option<Vec<f64>>, EmphasisError> {
    let Attribution { id, sample, text: scored, tokens: scores, .. } = scores;
    if scored != text {
        return Err(EmphasisError::OtherText { id: id.clone(), sample: *sample });
    }
    let mut bytes = vec![0.0_f64; text.len()];
    for token in scores {
        let ((start, end), score) = (token.span, token.score);
        let stretch = bytes.get_mut(start..end).filter(|_| score.is_finite()).ok_or_else(|| EmphasisError::Score {
            id: id.clone(),
            sample: *sample,
            score,
            start,
            end,
            length: text.len(),
        })?;
        for byte in stretch {
            *byte = byte.max(score);
        }
    }
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len().max(1) as f64;
    let found: Vec<f64> = tokens.iter().map(|token| mean(&bytes[token.clone()])).collect();
    let average = mean(&found);
    let mixed = |score: &f64| floor + (1.0 - floor) * score / average;
    Ok((average > 0.0).then(|| found.iter().map(mixed).collect()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use retort_artifact::TokenScore;

    const TEXT: &str = "ice is smooth";

    fn scored(scores: &[(usize, usize, f64)]) -> Attribution {
        let token = |&(start, end, score): &(usize, usize, f64)| TokenScore { span: (start, end), score };
        Attribution {
            id: "q".into(),
            sample: 0,
            text: TEXT.into(),
            tokens: scores.iter().map(token).collect(),
            completeness: None,
        }
    }

    #[track_caller]
    fn check(scores: &[(usize, usize, f64)], tokens: &[Range<usize>], floor: f64, expected: Option<&[f64]>) {
        let found = emphasis(&scored(scores), TEXT, tokens, floor).unwrap();
        let rounded = found.map(|found| found.iter().map(|x| (x * 1e9).round() / 1e9).collect::<Vec<_>>());
        assert_eq!(rounded.as_deref(), expected);
    }

    #[test]
    fn scores_become_weights_of_mean_one() {
        let words = [0..3, 4..6, 7..13];
        // The same tokens keep their proportions; what counts against the label counts nothing.
        check(&[(0, 3, 2.0), (4, 6, -5.0), (7, 13, 4.0)], &words, 0.0, Some(&[1.0, 0.0, 2.0]));
        check(&[(0, 3, 2.0), (4, 6, -5.0), (7, 13, 4.0)], &words, 0.5, Some(&[1.0, 0.5, 1.5]));
        check(&[(0, 3, 2.0), (4, 6, -5.0), (7, 13, 4.0)], &words, 1.0, Some(&[1.0, 1.0, 1.0]));
        // Pieces have the score of the word, a joined token the mean by length, an unknown one none.
        check(&[(0, 3, 3.0), (7, 13, 3.0)], &[0..2, 2..3, 4..6, 7..13], 0.25, Some(&[1.25, 1.25, 0.25, 1.25]));
        check(&[(7, 9, 3.0), (9, 13, 0.0)], &[0..3, 7..13], 0.0, Some(&[0.0, 2.0]));
        // Tokens that share a character: the greatest.
        check(&[(0, 3, 1.0), (0, 3, 3.0), (4, 6, 1.0)], &[0..3, 4..6], 0.0, Some(&[1.5, 0.5]));
        // Nothing speaks for the label, or there are no tokens.
        check(&[(0, 3, -1.0), (4, 6, 0.0)], &words, 0.0, None);
        check(&[], &words, 0.5, None);
        check(&[(0, 3, 1.0)], &[], 0.0, None);
    }

    #[test]
    fn scores_that_do_not_fit_name_the_question() {
        let error = |scores: &Attribution, text| emphasis(scores, text, &[], 0.0).unwrap_err().to_string();
        expect_test::expect!["cannot weigh the rationale of `q`, sample 0: its attribution was made for another text; attribute the rationales that the student is trained on"]
            .assert_eq(&error(&scored(&[]), "ice is rough"));
        expect_test::expect![
            "cannot weigh the rationale of `q`, sample 0: its attribution has the score NaN for the bytes 0 to 3 of 13"
        ]
        .assert_eq(&error(&scored(&[(0, 3, f64::NAN)]), TEXT));
        expect_test::expect![
            "cannot weigh the rationale of `q`, sample 0: its attribution has the score 1 for the bytes 9 to 14 of 13"
        ]
        .assert_eq(&error(&scored(&[(9, 14, 1.0)]), TEXT));
    }

    proptest! {
        #[test]
        fn weights_have_mean_one_no_less_than_the_floor_and_no_unit(
            scores in prop::collection::vec(-1.0_f64..1.0, 3),
            floor in 0.0_f64..=1.0,
            unit in 0.001_f64..1000.0,
        ) {
            let words = [0..3, 4..6, 7..13];
            let of = |unit: f64| {
                let scores: Vec<_> = words.iter().zip(&scores).map(|(word, score)| (word.start, word.end, score * unit)).collect();
                emphasis(&scored(&scores), TEXT, &words, floor).unwrap()
            };
            let Some(found) = of(1.0) else {
                prop_assert!(scores.iter().all(|score| *score <= 0.0));
                return Ok(());
            };
            prop_assert!((found.iter().sum::<f64>() - 3.0).abs() < 1e-9);
            prop_assert!(found.iter().all(|&weight| weight >= floor - 1e-12));
            for (a, b) in found.iter().zip(of(unit).unwrap()) {
                prop_assert!((a - b).abs() < 1e-9);
            }
        }
    }
}
