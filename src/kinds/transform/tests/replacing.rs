//! What stands in a rationale's place: copies of a token, neighbours of the answer, another's rationale, a wrong one.

use std::collections::BTreeMap;

use expect_test::expect;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;

use super::*;
use retort_artifact::{Answer, Label, Rationale, Rationales};
use retort_text::words::words;

#[test]
fn a_rationale_is_filled_with_copies_of_a_token() {
    let bench = Bench::new();
    let one = |steps: &str| bench.run(steps, &rows(&["Ice."])).unwrap().remove(0).text;
    // The paper's control with no information in it, at the length from which on it no longer helped.
    let eleven = "<unk> <unk> <unk> <unk> <unk> <unk> <unk> <unk> <unk> <unk> <unk>";
    assert_eq!(one("[ { fill: { count: 11 } } ]"), eleven);
    assert_eq!(one("[ { fill: { count: 0 } } ]"), "");
    assert_eq!(one("[ { fill: { count: 3, with: ., between: \"\" } } ]"), "...");
    for count in [1, 2, 36, 256] {
        assert_eq!(one(&format!("[ {{ fill: {{ count: {count} }} }} ]")).matches("<unk>").count(), count);
    }
}

const VECTORS: &[u8] = b"ice 1 0\nsnow 0.9 0.1\nfrost 0.8 0.2\nmud 0 1\nsand 0.1 0.9\nresistance 0.5 0.5\n";

fn with_vectors(vectors: &[u8]) -> Bench {
    let questions = [
        question("a", 'B', &["less resistance", "the Ice"]),
        question("b", 'A', &["more resistance", "less"]),
        question("c", 'A', &["unheard-of", "ice"]),
    ];
    Bench::new().with_questions(questions).with_file("steps[0].neighbours.vectors", "vectors.txt", vectors)
}

#[test]
fn the_neighbours_of_the_longest_word_of_the_answer_stand_for_the_rationale() {
    let bench = with_vectors(VECTORS);
    bench.check(
        "[ { neighbours: { vectors: x, k: 2 } } ]",
        &rows(&["One.", "Two."]),
        &expect![[r#"
        a 0: snow frost
        b 0: frost snow
    "#]],
    );
    bench.check(
        "[ { neighbours: { vectors: x } } ]",
        &rows(&["One."]),
        &expect![[r#"
            a 0: snow frost resistance sand mud
        "#]],
    );
    let three = rows(&["One.", "Two.", "Three."]);
    for missing in ["fail", "drop", "keep"] {
        let expected = match missing {
            "fail" => expect![[r#"
                error: cannot do `steps[0].neighbours`: 1 of 3 rationales have an answer whose longest word has no vector: `c`; `missing: drop` or `missing: keep` goes on without
            "#]],
            "drop" => expect![[r#"
                a 0: snow
                b 0: frost
                warning: `steps[0].neighbours`: 1 of 3 rationales have an answer whose longest word has no vector and are left out: `c`
            "#]],
            _ => expect![[r#"
                a 0: snow
                b 0: frost
                c 0: 
                warning: `steps[0].neighbours`: 1 of 3 rationales have an answer whose longest word has no vector and are empty now: `c`
            "#]],
        };
        bench.check(&format!("[ {{ neighbours: {{ vectors: x, k: 1, missing: {missing} }} }} ]"), &three, &expected);
    }
}

#[test]
fn vectors_that_cannot_be_used_are_named() {
    let one = rows(&["One."]);
    let steps = "[ { neighbours: { vectors: x, k: 2 } } ]";
    with_vectors(b"ice 1 0\nsnow 1\n").check(steps, &one, &expect![[r#"
        error: cannot do `steps[0].neighbours`: `<dir>/vectors.txt` cannot be used: line 2 has 1 numbers, and the file has 2 dimensions
    "#]]);
    with_vectors(b"9 2\nice 1 0\n").check(steps, &one, &expect![[r#"
        error: cannot do `steps[0].neighbours`: `<dir>/vectors.txt` cannot be used: it is cut short: its first line promises 9 words, and it ends after 1
    "#]]);
    with_vectors(b"").check(
        steps,
        &one,
        &expect![[r#"
        error: cannot do `steps[0].neighbours`: `<dir>/vectors.txt` cannot be used: it has no word vectors
    "#]],
    );
    with_vectors(VECTORS).check(
        steps,
        &[row("z", "x")],
        &expect![[r#"
        error: cannot do `steps[0].neighbours`: the rationale of `z` belongs to no question of the split
    "#]],
    );
    let declared = "[ { neighbours: { vectors: x, k: 2, format: word2vec } } ]";
    with_vectors(VECTORS).check(declared, &one, &expect![[r#"
        error: cannot do `steps[0].neighbours`: `<dir>/vectors.txt` cannot be used: its first line is `ice 1 0`, where word2vec's formats have `count dimension`; is it in the format `glove`?
    "#]]);
}

/// Questions with the labels of their right answers, one letter each, and rationales that name their questions.
fn labelled(labels: &BTreeMap<String, char>) -> (Bench, Vec<Rationale>) {
    let choices = ["one", "two", "three"];
    let bench = Bench::new().with_questions(labels.iter().map(|(id, label)| question(id, *label, &choices)));
    (bench, labels.keys().map(|id| row(id, id)).collect())
}

#[test]
fn no_question_gets_its_own_rationale_and_labels_are_as_declared() {
    let strategy = prop::collection::btree_map("[a-z]{1,2}", prop::sample::select(vec!['A', 'B', 'C']), 2..25);
    let mut runner =
        TestRunner::new(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() });
    let holds = |labels: BTreeMap<String, char>| {
        let (bench, rows) = labelled(&labels);
        for rule in ["any", "same", "other"] {
            let steps = format!("[ {{ swap: {{ label: {rule} }} }} ]");
            let Ok(swapped) = bench.run(&steps, &rows) else {
                let alone = |letter: &char| labels.values().filter(|other| *other == letter).count() == 1;
                let one_label = labels.values().all(|letter| Some(letter) == labels.values().next());
                let cannot = if rule == "same" { labels.values().any(alone) } else { rule == "other" && one_label };
                prop_assert!(cannot);
                continue;
            };
            for row in &swapped {
                let (own, other) = (labels[&row.id], labels[&row.text]);
                prop_assert_ne!(&row.id, &row.text);
                let suits = match rule {
                    "same" => own == other,
                    "other" => own != other,
                    _ => true,
                };
                prop_assert!(suits);
            }
            if rule != "other" {
                let mut used: Vec<&str> = texts(&swapped);
                used.sort_unstable();
                prop_assert_eq!(used, texts(&rows), "each is used once");
            }
            // Without one question, no more rows than the one before it get another partner.
            let fewer: Vec<Rationale> = rows[1..].to_vec();
            if rule == "any" && fewer.len() > 1 {
                let again = bench.run(&steps, &fewer).unwrap();
                let moved = again.iter().zip(&swapped[1..]).filter(|(new, old)| new.text != old.text).count();
                prop_assert_eq!(moved, 1);
            }
        }
        Ok(())
    };
    runner.run(&strategy, holds).unwrap();
}

#[test]
fn samples_are_swapped_place_by_place_with_their_labels() {
    let bench = Bench::new();
    let b = Label::try_from('B').ok().map(Answer::Choice);
    let rows = [row("a", "a0"), Rationale { sample: 4, label: b, ..row("a", "a4") }, row("b", "b0")];
    bench.check(
        "[ { swap: } ]",
        &rows,
        &expect![[r#"
        a 0: b0
        a 4: b0
        b 0: a0
    "#]],
    );
    assert_eq!(
        bench.run("[ { swap: } ]", &rows).unwrap().iter().map(|row| row.label.clone()).collect::<Vec<_>>(),
        [const { None }; 3]
    );
    bench.check(
        "[ { swap: } ]",
        &rows[..2],
        &expect![[r#"
        error: cannot do `steps[0].swap`: for 1 of 1 questions there is no other question: `a`
    "#]],
    );
    bench.check(
        "[ { swap: { label: same } } ]",
        &rows,
        &expect![[r#"
        error: cannot do `steps[0].swap`: it goes by the questions, and the stage has none; name them as `questions`
    "#]],
    );
    let (bench, rows) = labelled(&BTreeMap::from([("p".into(), 'A'), ("q".into(), 'A'), ("r".into(), 'B')]));
    bench.check(
        "[ { swap: { label: same } } ]",
        &rows,
        &expect![[r#"
        error: cannot do `steps[0].swap`: for 1 of 3 questions no other question has the same right answer: `r`
    "#]],
    );
    bench.check(
        "[ { swap: { label: other } } ]",
        &rows[..2],
        &expect![[r#"
        error: cannot do `steps[0].swap`: for 2 of 2 questions no question has another right answer: `p`, `q`
    "#]],
    );
}

#[test]
fn a_rationale_for_a_wrong_choice_comes_from_the_samples() {
    let labelled = |id: &str, sample, label: Option<char>, text: &str| {
        let label = label.map(|label| Label::try_from(label).unwrap().into());
        Rationale { sample, label, ..row(id, text) }
    };
    let samples = Rationales {
        rows: vec![
            labelled("a", 0, Some('A'), "right"),
            labelled("a", 1, Some('B'), "wrong"),
            labelled("a", 2, Some('B'), "also wrong"),
            labelled("a", 3, None, "unlabelled"),
            labelled("b", 0, Some('B'), "right as well"),
            labelled("z", 0, Some('B'), "another question's"),
        ],
    };
    let questions = [question("a", 'A', &["ice", "mud"]), question("b", 'B', &["ice", "mud"])];
    let bench = Bench::new().with_questions(questions).with_input("steps[0].wrong.from", &samples);
    let rows = rows(&["Ice is smooth.", "Mud is rough."]);
    bench.check("[ { wrong: { from: s } } ]", &rows, &expect![[r#"
        error: cannot do `steps[0].wrong`: 1 of 2 rationales have no sample with another label than the right answer: `b`; `missing: drop` or `missing: keep` goes on without
    "#]]);
    bench.check("[ { wrong: { from: s, missing: drop } } ]", &rows, &expect![[r#"
        a 0: wrong
        warning: `steps[0].wrong`: 1 of 2 rationales have no sample with another label than the right answer and are left out: `b`
    "#]]);
    bench.check("[ { wrong: { from: s, missing: keep } } ]", &rows, &expect![[r#"
        a 0: wrong
        b 0: 
        warning: `steps[0].wrong`: 1 of 2 rationales have no sample with another label than the right answer and are empty now: `b`
    "#]]);
    bench.check("[ { wrong: { from: s, missing: drop } } ]", &rows[1..], &expect![[r#"
        error: cannot do `steps[0].wrong`: 1 of 1 rationales have no sample with another label than the right answer: `b`
    "#]]);
    let wrong = bench.run("[ { wrong: { from: s } } ]", &rows[..1]).unwrap();
    assert_eq!(wrong[0].label, Label::try_from('B').ok().map(Answer::Choice));
}

#[test]
fn sentences_that_give_the_answer_away_are_counted() {
    let bench = Bench::new().with_questions([question("a", 'B', &["mud", "the ice"]), question("b", 'A', &["x", "y"])]);
    let rows = rows(&["Ice is smooth. The answer is B. It is the ice.", "The answer is A."]);
    bench.check(
        "[ { strip_label: } ]",
        &rows,
        &expect![[r#"
            a 0: Ice is smooth. It is the ice.
            b 0: 
            warning: `steps[0].strip_label`: 1 of 2 rationales are empty now: `b`
            warning: `steps[0].strip_label`: 2 sentences are left out or cut, in all 2 rationales
        "#]],
    );
    bench.check(
        "[ { strip_label: { choice_text: true } } ]",
        &rows[..1],
        &expect![[r#"
            a 0: Ice is smooth.
            warning: `steps[0].strip_label`: 2 sentences are left out or cut, in all 1 rationales
        "#]],
    );
    // The letters that count are those of the question's choices.
    let far = [row("a", "The answer is D. Ice.")];
    bench.check(
        "[ { strip_label: } ]",
        &far,
        &expect![[r#"
        a 0: The answer is D. Ice.
        warning: `steps[0].strip_label`: 0 sentences are left out or cut, in 0 of 1 rationales; the others stay as they are
    "#]],
    );
    // Every kind of answer needs its question: nothing is left in because nobody said what answers are.
    assert!(Bench::read("[ { strip_label: } ]").unwrap()[0].needs().questions);
    Bench::new().check("[ { strip_label: } ]", &far, &expect![[r#"
        error: cannot do `steps[0].strip_label`: it goes by the questions, and the stage has none; name them as `questions`
    "#]]);
}

#[test]
fn listed_words_are_hidden() {
    let bench = Bench::new();
    let rows = rows(&["The ice, the mud.", "Thee."]);
    bench.check(
        "[ { mask: { words: [the, mud] } } ]",
        &rows,
        &expect![[r#"
        a 0: [MASK] ice, [MASK] [MASK].
        b 0: Thee.
    "#]],
    );
    bench.check(
        "[ { mask: { words: [the], with: null } } ]",
        &rows,
        &expect![[r#"
        a 0: ice, mud.
        b 0: Thee.
    "#]],
    );
    bench.check(
        "[ { mask: { words: [THE, sand, snow] } } ]",
        &rows,
        &expect![[r#"
        a 0: [MASK] ice, [MASK] mud.
        b 0: Thee.
        warning: `steps[0].mask`: no rationale has `sand`, `snow`
    "#]],
    );
    assert!(words("Thee.").len() == 1, "a part of a word is no word");
}
