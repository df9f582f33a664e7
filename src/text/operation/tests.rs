//! Operations on rationales, by property and after the paper's examples.

use expect_test::{Expect, expect};
use proptest::prelude::*;

use super::*;
use crate::tokenizer::{Tokenizer, train_bpe};
use crate::{Fraction, words};
use retort_artifact::{Choice, Label};
use retort_fingerprint::Draw;

/// The rationale of the paper's examples.
const PAPER: &str = "The answer is B because bodybuilders typically have more strength than nerds, which could translate into a greater ability to throw a baseball faster.";

fn tokenizer() -> Tokenizer {
    train_bpe([PAPER, PAPER, "bodybuilders build body"], 400, &[MASK]).unwrap()
}

/// An operation as the steps of a transform put it together.
#[derive(Debug, Clone)]
enum Done {
    Mask(f64, Level, Option<String>),
    Shuffle(Level),
    Truncate(usize, Level),
}

fn mask(fraction: f64, level: Level, with: Option<&str>) -> Done {
    Done::Mask(fraction, level, with.map(str::to_owned))
}

fn shuffle(level: Level) -> Done {
    Done::Shuffle(level)
}

fn truncate(units_max: usize, level: Level) -> Done {
    Done::Truncate(units_max, level)
}

fn done_with(operation: &Done, text: &str, tokenizer: Option<&Tokenizer>, mut draw: Draw) -> String {
    let units = |level| units(text, level, tokenizer).unwrap();
    match operation {
        Done::Mask(fraction, level, with) => {
            let units = units(*level);
            let count = Fraction::try_from(*fraction).unwrap().of(units.len());
            let chosen = draw.sample(units.len(), count).into_iter().map(|index| units[index].clone());
            masked(text, chosen, with.as_deref())
        }
        Done::Shuffle(level) => shuffled(text, &units(*level), *level, &mut draw),
        Done::Truncate(most, level) => truncated(text, &units(*level), *most, *level),
    }
}

fn done(operation: &Done, id: &str, text: &str, tokenizer: Option<&Tokenizer>) -> String {
    let name = match operation {
        Done::Mask(..) => "mask",
        Done::Shuffle(_) => "shuffle",
        Done::Truncate(..) => "truncate",
    };
    done_with(operation, text, tokenizer, Draw::new(17, &[name, "0", id, "0"]))
}

fn check(operation: &Done, text: &str, expected: &Expect) {
    expected.assert_eq(&done(operation, "V1_B3_0128", text, Some(&tokenizer())));
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

/// The paper's tokens of importance and a score for each, the ones it keeps with the higher.
fn weighed() -> Vec<(std::ops::Range<usize>, f64)> {
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
    let mut at = 0;
    let place = |(token, score): (&str, f64)| {
        let start = at + PAPER[at..].find(token).unwrap();
        at = start + token.len();
        (start..at, score)
    };
    tokens.into_iter().map(place).collect()
}

#[test]
fn keeping_the_top_tokens_of_the_papers_example() {
    let kept = |tokens, subwords| written(PAPER, &highest(weighed(), tokens), subwords);
    let paper = "B because body builders more strength translate throw baseball faster";
    assert_eq!(kept(10, Subwords::Apart), paper);
    assert_eq!(kept(10, Subwords::Joined), "B because bodybuilders more strength translate throw baseball faster");
    assert_eq!(kept(2, Subwords::Joined), "B faster");
    assert_eq!(kept(5, Subwords::Joined), "B because builders strength faster");
    assert_eq!(kept(11, Subwords::Joined), "B because bodybuilders more strength than translate throw baseball faster");
    assert_eq!(kept(0, Subwords::Joined), "");
    assert!(kept(99, Subwords::Joined).ends_with("typically have more strength than translate throw baseball faster."));
    // Shuffled as the paper shows it: the same tokens in another order.
    let shuffled = done(&shuffle(Level::Word), "V1_B3_0128", paper, None);
    let papers = "translate because more body B faster builders baseball strength throw";
    assert_eq!(sorted_words(&shuffled), sorted_words(papers));
    assert_ne!(shuffled, paper);
}

#[test]
fn the_papers_examples_have_the_form_of_ours() {
    let papers = "Baseball a faster throw to ability greater a into translate could which nerds than strength more have \
                  typically bodybuilders because B is answer The.";
    let ours = done(&shuffle(Level::Word), "V1_B3_0128", PAPER, None);
    assert_eq!(sorted_words(&ours.to_lowercase()), sorted_words(&papers.to_lowercase()));
    let papers = [
        (
            0.1,
            "The answer is [MASK] because bodybuilders typically have more [MASK] than nerds, which could translate into a \
             greater ability to throw a baseball [MASK].",
        ),
        (
            0.5,
            "The [MASK] is B [MASK] bodybuilders typically [MASK] more [MASK] than nerds, [MASK] could translate [MASK] a \
             greater [MASK] to throw [MASK] baseball [MASK].",
        ),
    ];
    for (fraction, paper) in papers {
        // Hidden words keep their places among the others, and the punctuation around them.
        let units = words::words(PAPER);
        let kept = words::words(paper);
        let hidden = |index: &usize| paper[kept[*index].clone()] == *"MASK";
        let chosen = (0..units.len()).filter(hidden).map(|index| units[index].clone());
        assert_eq!(masked(PAPER, chosen, Some(MASK)), paper);
        let ours = done(&mask(fraction, Level::Word, Some(MASK)), "V1_B3_0128", PAPER, None);
        assert_eq!(ours.matches(MASK).count(), (fraction * units.len() as f64).round() as usize);
    }
}

#[test]
fn listed_words_are_found_whatever_their_case() {
    let units = words::words(PAPER);
    let words = ["the".to_owned(), "A".to_owned(), "nerds".to_owned()];
    let masked = masked(PAPER, listed(PAPER, &units, &words), Some(MASK));
    expect![
        "[MASK] answer is B because bodybuilders typically have more strength than [MASK], which could translate into [MASK] greater ability to throw [MASK] baseball faster."
    ]
    .assert_eq(&masked);
}

#[test]
fn tokens_need_a_tokenizer() {
    assert_eq!(units("x", Level::Token, None), Err(UnitsError::NoTokenizer));
    assert!(units("x", Level::Word, None).is_ok());
}

/// Four choices, two of them with words.
fn four_choices() -> Vec<Choice> {
    let choice = |(index, text): (usize, &str)| Choice { label: Label::at(index).unwrap(), text: text.into() };
    ["", "wet dog", "ice", ""].into_iter().enumerate().map(choice).collect()
}

#[test]
fn what_gives_the_answer_away() {
    let choices = four_choices();
    let strip = |text: &str, right, reasons| Giveaways { choices: &choices, right, reasons }.strip(text);
    let table = [
        // The letter of a choice as the answer.
        ("The answer is B because ice is smooth.", true),
        ("The answer is (B).", true),
        ("the correct answer is therefore **C**.", true),
        ("Answer: B", true),
        ("So the right choice must be \"A\".", true),
        ("The best option would be D here.", true),
        ("My choice is B.", true),
        ("The label is B!", true),
        ("Option B is the best.", true),
        ("(B) is correct.", true),
        ("A is the most likely answer.", true),
        ("We pick option B, which is colder.", true),
        ("One would therefore choose (C).", true),
        ("Therefore, B.", true),
        ("So it must be B.", true),
        ("(B)", true),
        ("Ans: B", true),
        ("ANS:A", true),
        ("Ans - C", true),
        ("Ans C", true),
        ("Ans is A.", true),
        ("Option A", true),
        ("Choice B.", true),
        ("\\boxed{B}", true),
        ("Thus $\\boxed{\\text{B}}$.", true),
        ("The answer is $\\text{D}$.", true),
        ("So the answer is b.", true),
        // Merely a word, an article, another thing, or another choice.
        ("The answer is a bodybuilder.", false),
        ("A right angle has 90 degrees.", false),
        ("Option A is too slow.", false),
        ("B is not correct.", false),
        ("Vitamin B is in the blood.", false),
        ("The answer I like is another.", false),
        ("the answer is a", false),
        ("The answer is E.", false),
        ("The answer depends on the ice.", false),
        ("They choose a plan.", false),
        ("It is in group B.", false),
        ("Ice is smoother.", false),
        ("", false),
    ];
    for (sentence, gives_away) in table {
        let (left, gone) = strip(sentence, None, false);
        assert_eq!(gone, usize::from(gives_away), "{sentence}");
        assert_eq!(left, if gives_away { "" } else { sentence }, "{sentence}");
    }
    let text =
        "Ice is smooth.  Nerds slip on it. The answer is B because of this.\nSo the Wet  floor is worse. It is cold.";
    let (left, gone) = strip(text, None, false);
    assert_eq!(
        (left.as_str(), gone),
        ("Ice is smooth.  Nerds slip on it.\nSo the Wet  floor is worse. It is cold.", 1)
    );
    let (left, gone) = strip(text, Some("wet floor"), false);
    assert_eq!((left.as_str(), gone), ("Ice is smooth.  Nerds slip on it. It is cold.", 2));
    assert_eq!(strip(text, Some("…"), false).1, 1);
    // What belongs to it goes with it.
    assert_eq!(strip("It barks. The answer is: **B. wet dog**", None, false), ("It barks.".to_owned(), 2));
    assert_eq!(strip("It barks.\n\n### Answer\nB", None, false), ("It barks.".to_owned(), 2));
    assert_eq!(strip("The answer is B. Wet dogs bark.", None, false), ("Wet dogs bark.".to_owned(), 1));
    // The paper's rationales say the answer and the reason in one sentence.
    assert_eq!(strip(PAPER, None, false), (String::new(), 1));
    let reason = PAPER.split_once("because ").unwrap().1;
    assert_eq!(strip(PAPER, None, true), (reason.to_owned(), 1));
    assert_eq!(strip("Ice. The answer is B because the answer is B.", None, true), ("Ice.".to_owned(), 1));
    assert_eq!(strip("So be it. B is right because of ice. Mud.", Some("ice"), true), ("So be it. Mud.".to_owned(), 1));
    assert_eq!(strip("The answer is B because.", None, true), (String::new(), 1));
}

fn level() -> impl Strategy<Value = Level> {
    prop_oneof![Just(Level::Word), Just(Level::Token), Just(Level::Sentence)]
}

fn any_operation() -> impl Strategy<Value = Done> {
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
        let draw = || Draw::new(seed, &["mask"]);
        let masked = done_with(&operation, &text, None, draw());
        let before: Vec<&str> = words::words(&text).into_iter().map(|range| &text[range]).collect();
        let after: Vec<&str> = words::words(&masked).into_iter().map(|range| &masked[range]).collect();
        prop_assert_eq!(before.len(), after.len());
        prop_assert_eq!(after.iter().filter(|word| **word == "MASKED").count(), (fraction * before.len() as f64).round() as usize);
        prop_assert!(before.iter().zip(&after).all(|(old, new)| old == new || *new == "MASKED"));
        prop_assert_eq!(done_with(&operation, &text, None, draw()), masked);
    }

    #[test]
    fn a_larger_fraction_masks_the_same_words_and_more(low in 0.0f64..=1.0, high in 0.0f64..=1.0, seed: u64) {
        let (low, high) = (low.min(high), low.max(high));
        let masked = |fraction| {
            let text = done_with(&mask(fraction, Level::Word, Some("MASKED")), PAPER, None, Draw::new(seed, &["mask"]));
            text.split(' ').map(|word| word.contains("MASKED")).collect::<Vec<_>>()
        };
        prop_assert!(masked(low).iter().zip(masked(high)).all(|(small, large)| !small || large));
    }

    #[test]
    fn deleting_words_keeps_the_others_in_order(text in "[a-z ,.]{0,60}", fraction in 0.0f64..=1.0) {
        let kept = done(&mask(fraction, Level::Word, None), "q", &text, None);
        let all: Vec<&str> = words::words(&text).into_iter().map(|range| &text[range]).collect();
        let left: Vec<&str> = words::words(&kept).into_iter().map(|range| &kept[range]).collect();
        prop_assert!(left.len() <= all.len());
        let mut rest = all.iter();
        prop_assert!(left.iter().all(|word| rest.any(|other| other.contains(word) || word.contains(*other))));
    }

    #[test]
    fn shuffled_words_are_the_same_words(text in "(\\(?[a-zé]{1,4}[,.)]{0,2} ){0,12}") {
        let shuffled = done(&shuffle(Level::Word), "q", &text, None);
        prop_assert_eq!(sorted_words(&shuffled), sorted_words(&text));
        let marks = |text: &str| text.replace(char::is_alphanumeric, "");
        prop_assert_eq!(marks(&shuffled), marks(&text));
    }

    #[test]
    fn no_text_makes_an_operation_panic(text in "(?s).*", operation in any_operation()) {
        let tokenizer = train_bpe(["the ice is smooth"], 256 + 1, &[MASK]).unwrap();
        let once = done(&operation, "q", &text, Some(&tokenizer));
        prop_assert_eq!(done(&operation, "q", &text, Some(&tokenizer)), once);
    }

    #[test]
    fn a_selection_is_in_order_and_as_large_as_asked(
        scores in prop::collection::vec(prop_oneof![4 => -3.0f64..3.0, 1 => Just(f64::NAN)], 0..20), count in 0usize..25,
    ) {
        let text = "word ".repeat(scores.len());
        let scored: Vec<_> = words::words(&text).into_iter().zip(scores).collect();
        let kept = highest(scored.clone(), count);
        prop_assert_eq!(kept.len(), count.min(scored.len()));
        prop_assert!(kept.windows(2).all(|pair| pair[0].end <= pair[1].start));
        // None that stays scores less than one that goes.
        let of = |range: &std::ops::Range<usize>| scored.iter().find(|(other, _)| other == range).unwrap().1;
        let least = kept.iter().map(of).fold(f64::INFINITY, |least, score| if score.is_nan() { f64::NEG_INFINITY } else { least.min(score) });
        let gone = scored.iter().filter(|(range, _)| !kept.contains(range));
        prop_assert!(gone.filter(|(_, score)| !score.is_nan()).all(|(_, score)| *score <= least || kept.is_empty()));
    }

    #[test]
    fn what_is_left_of_giveaways_is_whole_sentences(text in "(The answer is [A-D][.!] |Ice is [a-z]{1,5}\\. |\n){0,6}") {
        let choices = four_choices();
        let giveaways = Giveaways { choices: &choices, right: None, reasons: false };
        let (left, gone) = giveaways.strip(&text);
        let sentences = |text: &str| -> Vec<String> {
            words::sentences(text).into_iter().map(|range| text[range].to_owned()).collect()
        };
        prop_assert_eq!(sentences(&left).len() + gone, sentences(&text).len());
        prop_assert!(sentences(&left).iter().all(|sentence| sentence.starts_with("Ice")));
        prop_assert_eq!(giveaways.strip(&left), (left.clone(), 0));
    }
}
