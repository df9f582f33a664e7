//! Operations on rationales, by property and after the paper's examples.

use expect_test::{Expect, expect};
use proptest::prelude::*;

use super::*;
use crate::artifact::TokenScore;
use crate::text::tokenizer::train_bpe;
use crate::text::{Fraction, words};

/// The rationale of the paper's examples.
const PAPER: &str = "The answer is B because bodybuilders typically have more strength than nerds, which could translate into a greater ability to throw a baseball faster.";

fn rationale(id: &str, text: &str) -> Rationale {
    Rationale { id: id.into(), sample: 0, text: text.into(), label: None, kept: None }
}

fn tokenizer() -> Tokenizer {
    train_bpe([PAPER, PAPER, "bodybuilders build body"], 400, &[MASK]).unwrap()
}

fn mask(fraction: f64, level: Level, with: Option<&str>) -> Operation {
    Operation::Mask(Mask { fraction: Fraction::try_from(fraction).unwrap(), level, with: with.map(str::to_owned) })
}

fn shuffle(level: Level) -> Operation {
    Operation::Shuffle(Shuffle { level })
}

fn truncate(units_max: usize, level: Level) -> Operation {
    Operation::Truncate(Truncate { units_max, level })
}

fn done(operation: &Operation, row: &Rationale, tokenizer: Option<&Tokenizer>) -> String {
    operation.apply(row, &Step { seed: 17, index: 0, tokenizer, attribution: None }).unwrap().text
}

fn check(operation: &Operation, text: &str, expected: &Expect) {
    expected.assert_eq(&done(operation, &rationale("V1_B3_0128", text), Some(&tokenizer())));
}

#[test]
fn masking_the_papers_example() {
    check(
        &mask(0.1, Level::Word, Some(MASK)),
        PAPER,
        &expect![
            "The answer is B because bodybuilders typically have more strength than [MASK], which could translate into a greater ability to throw a baseball [MASK]."
        ],
    );
    check(
        &mask(0.5, Level::Word, Some(MASK)),
        PAPER,
        &expect![
            "The answer is [MASK] [MASK] bodybuilders [MASK] have more strength than [MASK], [MASK] [MASK] translate [MASK] a [MASK] ability [MASK] throw [MASK] [MASK] [MASK]."
        ],
    );
    check(
        &mask(0.9, Level::Word, Some(MASK)),
        PAPER,
        &expect![
            "The [MASK] [MASK] [MASK] [MASK] [MASK] [MASK] [MASK] [MASK] [MASK] [MASK] [MASK], [MASK] [MASK] translate [MASK] [MASK] [MASK] [MASK] [MASK] [MASK] [MASK] [MASK] [MASK]."
        ],
    );
    check(
        &mask(1.0, Level::Word, Some(MASK)),
        "\"Ice,\" he said — smooth!",
        &expect![[r#""[MASK]," [MASK] [MASK] — [MASK]!"#]],
    );
    check(
        &mask(0.5, Level::Token, Some(MASK)),
        PAPER,
        &expect![
            "The answer is B [MASK] [MASK] typically [MASK] more strength than nerds[MASK] [MASK] could translate [MASK] [MASK] greater [MASK] [MASK] [MASK] a [MASK] [MASK][MASK]"
        ],
    );
    check(
        &mask(0.0, Level::Word, Some(MASK)),
        PAPER,
        &expect![
            "The answer is B because bodybuilders typically have more strength than nerds, which could translate into a greater ability to throw a baseball faster."
        ],
    );
}

#[test]
fn deleting_leaves_no_gaps() {
    check(
        &mask(0.5, Level::Word, None),
        PAPER,
        &expect!["The answer is bodybuilders have more strength than, translate a ability throw."],
    );
    check(
        &mask(0.5, Level::Token, None),
        PAPER,
        &expect!["The answer is B typically more strength than nerds could translate greater a"],
    );
    check(&mask(1.0, Level::Word, None), PAPER, &expect![""]);
    check(&mask(1.0, Level::Sentence, None), PAPER, &expect![""]);
}

#[test]
fn shuffling_the_papers_example() {
    check(
        &shuffle(Level::Word),
        PAPER,
        &expect![
            "answer throw have translate faster could B baseball The more a typically, bodybuilders is which greater than to ability because into nerds a strength."
        ],
    );
    check(
        &shuffle(Level::Token),
        PAPER,
        &expect![
            "could ability into greater strength B answer translate a more The . faster have typically is which because nerds throw to bodybuilders a , baseball than"
        ],
    );
    check(&shuffle(Level::Sentence), "One is ice. Two is mud! Three?", &expect!["One is ice. Three? Two is mud!"]);
}

#[test]
fn truncating_the_papers_example() {
    check(
        &truncate(12, Level::Word),
        PAPER,
        &expect!["The answer is B because bodybuilders typically have more strength than nerds,"],
    );
    check(&truncate(1, Level::Word), "two-legged birds", &expect!["two-legged"]);
    check(&truncate(3, Level::Token), PAPER, &expect!["The answer is"]);
    check(&truncate(1, Level::Sentence), "One is ice. Two is mud!", &expect!["One is ice."]);
    check(&truncate(0, Level::Word), PAPER, &expect![""]);
    check(
        &truncate(99, Level::Word),
        PAPER,
        &expect![
            "The answer is B because bodybuilders typically have more strength than nerds, which could translate into a greater ability to throw a baseball faster."
        ],
    );
}

fn attribution(row: &Rationale, tokens: &[(&str, f64)]) -> Attribution {
    let mut at = 0;
    let tokens = tokens.iter().map(|&(token, score)| {
        let start = at + row.text[at..].find(token).unwrap();
        at = start + token.len();
        TokenScore { span: (start, at), score }
    });
    Attribution { id: row.id.clone(), sample: 0, tokens: tokens.collect(), text: row.text.clone(), completeness: None }
}

#[test]
fn keeping_the_top_tokens_of_the_papers_example() {
    let row = rationale("V1_B3_0128", PAPER);
    let tokens = [
        ("The", 0.1),
        ("answer", 0.2),
        ("is", 0.0),
        ("B", 0.9),
        ("because", 0.8),
        ("body", 0.7),
        ("builders", 0.8),
        ("typically", -1.0),
        ("have", f64::NAN),
        ("more", 0.6),
        ("strength", 0.8),
        ("than", 0.3),
        ("translate", 0.5),
        ("throw", 0.6),
        ("baseball", 0.6),
        ("faster", 0.9),
        (".", 0.3),
    ];
    let scores = attribution(&row, &tokens);
    let kept = |tokens, subwords| {
        let step = Step { seed: 1, index: 0, tokenizer: None, attribution: Some(&scores) };
        Operation::KeepTop(KeepTop { tokens, subwords }).apply(&row, &step).unwrap().text
    };
    assert_eq!(kept(10, Subwords::Apart), "B because body builders more strength translate throw baseball faster");
    assert_eq!(kept(10, Subwords::Joined), "B because bodybuilders more strength translate throw baseball faster");
    assert_eq!(kept(2, Subwords::Joined), "B faster");
    assert_eq!(kept(5, Subwords::Joined), "B because builders strength faster");
    assert_eq!(kept(11, Subwords::Joined), "B because bodybuilders more strength than translate throw baseball faster");
    assert_eq!(kept(0, Subwords::Joined), "");
    assert!(kept(99, Subwords::Joined).ends_with("typically have more strength than translate throw baseball faster."));
}

#[test]
fn scores_that_do_not_fit_are_refused() {
    let row = rationale("q", "Ice is smoöth");
    let operation = Operation::KeepTop(KeepTop { tokens: 3, subwords: Subwords::Joined });
    let refuse = |scores: Option<&Attribution>, expected: &Expect| {
        let step = Step { seed: 1, index: 0, tokenizer: None, attribution: scores };
        expected.assert_eq(&operation.apply(&row, &step).unwrap_err().to_string());
    };
    let good = attribution(&row, &[("Ice", 1.0)]);
    let span = |span| Attribution { tokens: vec![TokenScore { span, score: 1.0 }], ..good.clone() };
    refuse(None, &expect!["cannot keep the top tokens of the rationale of `q`, sample 0: it has no attribution"]);
    refuse(
        Some(&Attribution { sample: 1, ..good.clone() }),
        &expect!["cannot keep the top tokens of the rationale of `q`, sample 0: it has no attribution"],
    );
    refuse(
        Some(&Attribution { text: "Ice".into(), ..good.clone() }),
        &expect![
            "cannot keep the top tokens of the rationale of `q`, sample 0: its attribution was made for another text; attribute the rationale that is transformed here"
        ],
    );
    refuse(
        Some(&span((0, 99))),
        &expect!["cannot keep the top tokens of the rationale of `q`: it has no characters at the bytes 0 to 99"],
    );
    refuse(
        Some(&span((3, 1))),
        &expect!["cannot keep the top tokens of the rationale of `q`: it has no characters at the bytes 3 to 1"],
    );
    refuse(
        Some(&span((0, 11))),
        &expect!["cannot keep the top tokens of the rationale of `q`: it has no characters at the bytes 0 to 11"],
    );
}

#[test]
fn tokens_need_a_tokenizer() {
    let operation = shuffle(Level::Token);
    assert!(operation.needs_tokenizer() && !shuffle(Level::Word).needs_tokenizer());
    let step = Step { seed: 1, index: 0, tokenizer: None, attribution: None };
    assert_eq!(operation.apply(&rationale("q", "x"), &step), Err(OperationError::NoTokenizer { id: "q".into() }));
}

#[test]
fn every_parameter_is_in_the_key() {
    let keep = |tokens, subwords| Operation::KeepTop(KeepTop { tokens, subwords });
    let operations = [
        mask(0.1, Level::Word, Some(MASK)),
        mask(0.2, Level::Word, Some(MASK)),
        mask(0.1, Level::Token, Some(MASK)),
        mask(0.1, Level::Word, Some("_")),
        mask(0.1, Level::Word, None),
        shuffle(Level::Word),
        shuffle(Level::Token),
        shuffle(Level::Sentence),
        truncate(1, Level::Word),
        truncate(2, Level::Word),
        truncate(1, Level::Token),
        keep(1, Subwords::Joined),
        keep(2, Subwords::Joined),
        keep(1, Subwords::Apart),
    ];
    for (index, one) in operations.iter().enumerate() {
        assert!(operations[..index].iter().all(|other| other.term() != one.term()), "{one:?}");
    }
}

fn level() -> impl Strategy<Value = Level> {
    prop_oneof![Just(Level::Word), Just(Level::Token), Just(Level::Sentence)]
}

fn any_operation() -> impl Strategy<Value = Operation> {
    prop_oneof![
        (0.0f64..=1.0, level(), prop::option::of("\\PC{0,6}")).prop_map(|(fraction, level, with)| mask(
            fraction,
            level,
            with.as_deref()
        )),
        level().prop_map(shuffle),
        (0usize..9, level()).prop_map(|(units_max, level)| truncate(units_max, level)),
    ]
}

fn sorted_words(text: &str) -> Vec<&str> {
    let mut sorted: Vec<&str> = words::words(text).into_iter().map(|range| &text[range]).collect();
    sorted.sort_unstable();
    sorted
}

proptest! {
    #[test]
    fn the_number_of_masked_words_is_exact_and_the_others_keep_their_order(
        text in "[a-zé ,.()'-]{0,80}", fraction in 0.0f64..=1.0, seed: u64,
    ) {
        let operation = mask(fraction, Level::Word, Some("MASKED"));
        let row = rationale("q", &text);
        let step = Step { seed, index: 2, tokenizer: None, attribution: None };
        let masked = operation.apply(&row, &step).unwrap().text;
        let before: Vec<&str> = words::words(&text).into_iter().map(|range| &text[range]).collect();
        let after: Vec<&str> = words::words(&masked).into_iter().map(|range| &masked[range]).collect();
        prop_assert_eq!(before.len(), after.len());
        prop_assert_eq!(after.iter().filter(|word| **word == "MASKED").count(), (fraction * before.len() as f64).round() as usize);
        prop_assert!(before.iter().zip(&after).all(|(old, new)| old == new || *new == "MASKED"));
        prop_assert_eq!(operation.apply(&row, &step).unwrap().text, masked);
    }

    #[test]
    fn a_larger_fraction_masks_the_same_words_and_more(low in 0.0f64..=1.0, high in 0.0f64..=1.0, seed: u64) {
        let (low, high) = (low.min(high), low.max(high));
        let masked = |fraction| {
            let step = Step { seed, index: 0, tokenizer: None, attribution: None };
            let text = mask(fraction, Level::Word, Some("MASKED")).apply(&rationale("q", PAPER), &step).unwrap().text;
            text.split(' ').map(|word| word.contains("MASKED")).collect::<Vec<_>>()
        };
        prop_assert!(masked(low).iter().zip(masked(high)).all(|(small, large)| !small || large));
    }

    #[test]
    fn deleting_words_keeps_the_others_in_order(text in "[a-z ,.]{0,60}", fraction in 0.0f64..=1.0) {
        let kept = done(&mask(fraction, Level::Word, None), &rationale("q", &text), None);
        let all: Vec<&str> = words::words(&text).into_iter().map(|range| &text[range]).collect();
        let left: Vec<&str> = words::words(&kept).into_iter().map(|range| &kept[range]).collect();
        prop_assert!(left.len() <= all.len());
        let mut rest = all.iter();
        prop_assert!(left.iter().all(|word| rest.any(|other| other.contains(word) || word.contains(*other))));
    }

    #[test]
    fn shuffled_words_are_the_same_words(text in "(\\(?[a-zé]{1,4}[,.)]{0,2} ){0,12}") {
        let shuffled = done(&shuffle(Level::Word), &rationale("q", &text), None);
        prop_assert_eq!(sorted_words(&shuffled), sorted_words(&text));
        let marks = |text: &str| text.replace(char::is_alphanumeric, "");
        prop_assert_eq!(marks(&shuffled), marks(&text));
    }

    #[test]
    fn no_text_makes_an_operation_panic(text in "(?s).*", operation in any_operation()) {
        let tokenizer = train_bpe(["the ice is smooth"], 256 + 1, &[MASK]).unwrap();
        let once = done(&operation, &rationale("q", &text), Some(&tokenizer));
        prop_assert_eq!(done(&operation, &rationale("q", &text), Some(&tokenizer)), once);
    }

    #[test]
    fn other_rows_never_move(operation in any_operation(), ids in prop::collection::btree_set("[a-z]{1,4}", 2..6)) {
        let tokenizer = train_bpe(["the ice is smooth"], 256 + 1, &[MASK]).unwrap();
        let all = |ids: &[&String]| ids.iter().map(|id| done(&operation, &rationale(id, PAPER), Some(&tokenizer))).collect::<Vec<_>>();
        let ids: Vec<&String> = ids.iter().collect();
        let reversed: Vec<&String> = ids.iter().rev().copied().collect();
        let whole = all(&ids);
        prop_assert_eq!(&whole[1..], &all(&ids[1..])[..]);
        prop_assert_eq!(whole.iter().rev().cloned().collect::<Vec<_>>(), all(&reversed));
    }
}

#[test]
fn seeds_steps_rows_and_samples_draw_differently() {
    let operation = shuffle(Level::Word);
    let text = |seed, index, id: &str, sample| {
        let row = Rationale { sample, ..rationale(id, PAPER) };
        operation.apply(&row, &Step { seed, index, tokenizer: None, attribution: None }).unwrap().text
    };
    let base = text(1, 0, "q", 0);
    assert_eq!(text(1, 0, "q", 0), base);
    for other in [text(2, 0, "q", 0), text(1, 1, "q", 0), text(1, 0, "r", 0), text(1, 0, "q", 1)] {
        assert_ne!(other, base);
    }
}
