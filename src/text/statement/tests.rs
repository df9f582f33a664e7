//! The decision table of stated labels.

use proptest::prelude::*;

use super::*;
use retort_artifact::{Choice, Label};

fn choices() -> Vec<Choice> {
    let choice = |(index, text): (usize, &str)| Choice { label: Label::at(index).unwrap(), text: text.into() };
    ["snow", "ice"].into_iter().enumerate().map(choice).collect()
}

#[test]
fn the_decision_table() {
    let choices = choices();
    for (text, expected) in [
        // As teachers state it.
        ("The answer is B because ice is smooth.", Some('B')),
        ("The answer is B", Some('B')),
        ("Ice is smooth. So the answer is (b).", Some('B')),
        ("**The Answer is: A**", Some('A')),
        ("The answer is [A] snow", Some('A')),
        ("The answer is A snow", Some('A')),
        ("The answer is A: snow", Some('A')),
        ("The answer is A, because snow is soft.", Some('A')),
        ("ÀÉ the answer is (B)", Some('B')),
        ("Answer: B", Some('B')),
        ("ANSWER: (B)", Some('B')),
        ("Final answer: B.", Some('B')),
        ("### Answer\n\nIt slides.\n\n**Answer:** B", Some('B')),
        ("Answer: A\nRationale: snow is soft.", Some('A')),
        ("answer: b", Some('B')),
        ("Answer - B", Some('B')),
        ("Answer = B", Some('B')),
        ("So the correct answer is option B.", Some('B')),
        ("The correct option is (B).", Some('B')),
        ("The right choice is B.", Some('B')),
        ("The best answer is B: ice", Some('B')),
        ("The answer is B) ice", Some('B')),
        ("The answer is B. ice", Some('B')),
        ("The answer is B (ice).", Some('B')),
        ("The answer is B - ice", Some('B')),
        ("The answer is choice B", Some('B')),
        ("The answer is Option (B): ice", Some('B')),
        ("The answer is therefore B.", Some('B')),
        ("The answer is most likely B.", Some('B')),
        ("The answer must be B.", Some('B')),
        ("The answer would be B.", Some('B')),
        ("The answer to the question is B.", Some('B')),
        ("The answer, then, is B.", Some('B')),
        ("The answers are B", Some('B')),
        ("(B) is the correct answer.", Some('B')),
        ("Therefore, option B is correct.", Some('B')),
        ("Option A is correct because snow is soft.", Some('A')),
        ("B is the right choice.", Some('B')),
        ("A is the correct answer.", Some('A')),
        ("Snow is soft. Therefore, A is the correct choice.", Some('A')),
        ("Thus A is correct.", Some('A')),
        ("Vitamin A is the right choice.", None),
        // As they typeset it.
        ("\\boxed{B}", Some('B')),
        ("The answer is \\boxed{B}.", Some('B')),
        ("$\\boxed{\\text{B}}$", Some('B')),
        ("\\boxed{(B)}", Some('B')),
        ("\\boxed{B: ice}", Some('B')),
        ("The answer is **B**.", Some('B')),
        ("The answer is $B$", Some('B')),
        ("The answer is `B`", Some('B')),
        ("The answer is “B”", Some('B')),
        ("The answer is \"B\".", Some('B')),
        ("The answer is <b>B</b>", Some('B')),
        ("The answer is:\n\nB", Some('B')),
        ("The answer is Ｂ", Some('B')),
        ("Answer：Ｂ", Some('B')),
        // Nothing but the label.
        ("B", Some('B')),
        ("(B)", Some('B')),
        ("**B**.\n", Some('B')),
        ("Option B", Some('B')),
        // The last statement counts, and what is said of the others does it no harm.
        ("the answer is A. Wait, the answer is B", Some('B')),
        ("The answer is not A. The answer is B.", Some('B')),
        ("The answer is B, not A.", Some('B')),
        ("The answer is B. The answer is not A.", Some('B')),
        ("The answer is B. (A) is wrong.", Some('B')),
        ("The answer is B because A is wrong.", Some('B')),
        ("It cannot be said that the answer is A. The answer is B.", Some('B')),
        ("The answer is B. It would be wrong to say that the answer is A.", Some('B')),
        ("Snow is not smooth, so the answer is B.", Some('B')),
        ("Snow is rough, which is why the answer is B.", Some('B')),
        ("Is it snow? No. The answer is B.", Some('B')),
        ("The answer is A and the reason is friction.", Some('A')),
        ("The answer is B.\n\nQuestion: Which is heavier? (A) lead (B) wool\nAnswer: A", Some('B')),
        ("Ice is smooth.\nQuestion: Which?\nAnswer: A", None),
        // Several, or none.
        ("The answer is A or B.", None),
        ("The answer is A/B", None),
        ("The answer is A and B.", None),
        ("The answer is A, B, or both", None),
        ("The answer is (A) or (B).", None),
        ("The answer is either A or B.", None),
        ("The answer is neither A nor B.", None),
        ("The answer is both.", None),
        ("Answer: A or B", None),
        ("\\boxed{A or B}", None),
        ("Whether (A) or (B) is correct depends.", None),
        // Denied, asked, reported, supposed.
        ("The answer is not A", None),
        ("The answer is not A. It is B.", None),
        ("The answer isn't A.", None),
        ("It is wrong to say the answer is A.", None),
        ("It would be wrong to say that the answer is A", None),
        ("It cannot be said that the answer is A; B it is.", None),
        ("I don't think the answer is A.", None),
        ("Someone might say the answer is A, which is wrong.", None),
        ("The answer is A, which is wrong.", None),
        ("The answer is A is a common mistake, and false.", None),
        ("I first thought the answer is A. But friction shows it is B.", None),
        ("If the answer is A, the sled stops.", None),
        ("The answer is A?? No: ice. Therefore B.", None),
        ("Is it true that the answer is A?", None),
        ("The answer could be A.", None),
        ("Option A is not correct.", None),
        // Taken back.
        ("The answer is A. No, that is wrong.", None),
        ("The answer is A. Wait, ice is smoother.", None),
        ("The answer is A. But in fact it is B.", None),
        ("The answer is B. The answer is not B.", None),
        ("The answer is B. Or the answer is A or B.", None),
        ("The answer is A. Therefore, B.", None),
        // No label at all.
        ("The answer is a kind of snow", None),
        ("The answer is A good one, namely ice (B).", None),
        ("Answer: A sled goes further on ice.", None),
        ("The answer is Ice", None),
        ("The answer is A's", None),
        ("The answer is B-52", None),
        ("The answer is C", None),
        ("The answer is", None),
        ("Because it is B", None),
        ("La respuesta es B", None),
        ("Die Antwort ist A", None),
        ("A sled", None),
        ("", None),
    ] {
        assert_eq!(stated_label(text, &choices).map(Label::letter), expected, "{text}");
    }
}

#[test]
fn long_texts_take_no_longer_than_their_length() {
    for piece in ["(", "B ", "the answer is ", "\\boxed{", "A, ", "answer is B ", "so "] {
        let _ = stated_label(&piece.repeat(20_000), &choices());
    }
}

proptest! {
    #[test]
    fn no_text_makes_it_panic_and_only_a_choice_is_read(
        words in prop::collection::vec(prop::sample::select(vec![
            "The answer is", "Answer:", "correct option is", "A", "B", "C", "(b)", "or", "not", "?", ".", ",", "\n", "\\boxed{",
            "}", "because", "it is", "wrong", "é", "<b>", "isn't",
        ]), 0..12),
        any in "(?s).{0,20}",
    ) {
        let text = words.join(" ") + &any;
        let label = stated_label(&text, &choices()).map(Label::letter);
        prop_assert!(matches!(label, None | Some('A' | 'B')));
    }
}
