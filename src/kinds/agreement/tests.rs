//! Agreements of selections that are written by hand.

use expect_test::expect;

use super::*;
use retort_artifact::{Averaged, Part};

const TEXT: &str = "The answer is B because bodybuilders typically have more strength than nerds.";

fn row(id: &str, text: &str, kept: Option<&[&str]>) -> Rationale {
    let place = |piece: &&str| TEXT.find(piece).map(|at| (at, at + piece.len())).expect("in the text");
    let kept: Option<Vec<(usize, usize)>> = kept.map(|pieces| pieces.iter().map(place).collect());
    Rationale { id: id.into(), text: text.into(), kept, ..Rationale::default() }
}

fn whole(ids: &[&str]) -> Rationales {
    Rationales { rows: ids.iter().map(|id| row(id, TEXT, None)).collect() }
}

fn chosen(rows: &[(&str, &[&str])]) -> Rationales {
    Rationales { rows: rows.iter().map(|(id, pieces)| row(id, &pieces.join(" "), Some(pieces))).collect() }
}

fn agree(
    of: &Rationales,
    reference: &Rationales,
    selected: &Rationales,
    matching: Matching,
) -> Result<(Agreements, Vec<String>), StageError> {
    let (whole, reference) = (Named::new("of", of)?, Named::new("reference", reference)?);
    agreements(of, &whole, &reference, &Named::new("selected", selected)?, matching, 17)
}

#[track_caller]
fn refused(of: &Rationales, reference: &Rationales, selected: &Rationales) -> String {
    agree(of, reference, selected, Matching::Subword).unwrap_err().to_string()
}

#[test]
fn any_subword_is_a_full_overlap_and_exactly_it_is_none() {
    let of = whole(&["a"]);
    let human = chosen(&[("a", &["bodybuilders", "more strength", "nerds"])]);
    let top = chosen(&[("a", &["B", "builders", "strength", "than", "nerds", "."])]);
    let (found, warnings) = agree(&of, &top, &human, Matching::Subword).unwrap();
    let row = &found.rows[0];
    assert_eq!((row.selected, row.reference, row.shared), (4, 6, 3));
    assert_eq!((row.precision, row.recall), (Some(0.75), Some(0.5)));
    assert_eq!(row.words.shared, ["bodybuilders", "strength", "nerds"]);
    assert_eq!(row.words.selected, ["more"]);
    assert_eq!(row.words.reference, ["B", "than", "."]);
    // Four of the twelve words are drawn, five of which the reference has; of punctuation none is drawn.
    assert!((row.chance_precision.unwrap() - 5.0 / 12.0).abs() < 1e-12);
    assert!((row.chance_recall.unwrap() - 4.0 * 5.0 / 12.0 / 6.0).abs() < 1e-12);
    assert_eq!(warnings, [""; 0]);

    let (found, _) = agree(&of, &top, &human, Matching::Exact).unwrap();
    assert_eq!((found.rows[0].shared, found.rows[0].precision), (2, Some(0.5)));
    assert!((found.rows[0].chance_precision.unwrap() - 4.0 / 12.0).abs() < 1e-12);
}

#[test]
fn rows_are_averaged_both_ways_over_those_that_both_have() {
    let of = whole(&["a", "b", "c", "d"]);
    let human = chosen(&[("b", &["nerds"]), ("a", &["B", "more"]), ("c", &[])]);
    let top = chosen(&[("a", &["B", "is", "than", "have"]), ("b", &["nerds"]), ("c", &["B"]), ("d", &["B"])]);
    let (found, warnings) = agree(&of, &top, &human, Matching::Subword).unwrap();
    assert_eq!(found.rows.iter().map(|row| row.id.as_str()).collect::<Vec<_>>(), ["a", "b", "c"]);
    let AgreementSummary { rationales, questions, only_selected, only_reference, .. } = found.summary;
    assert_eq!((rationales, questions, only_selected, only_reference), (3, 3, 0, 1));
    let value = |averaged, measure| found.summary.get(measure, averaged).unwrap().value;
    assert!((value(Averaged::Micro, Measure::Precision) - 2.0 / 3.0).abs() < 1e-12);
    assert!((value(Averaged::Macro, Measure::Precision) - 0.75).abs() < 1e-12);
    assert!((value(Averaged::Micro, Measure::Recall) - 2.0 / 6.0).abs() < 1e-12);
    assert!((value(Averaged::Macro, Measure::Recall) - 1.25 / 3.0).abs() < 1e-12);
    assert_eq!(found.rows[2].precision, None);
    expect![
        "compared on the 3 rationales that both selections have; 0 are in `selected` alone and 1 in `reference` alone"
    ]
    .assert_eq(&warnings.join("\n"));
}

#[test]
fn an_agreement_survives_its_codec() {
    use retort_artifact::Artifact;
    let (found, _) = agree(&whole(&["a"]), &chosen(&[("a", &["B"])]), &chosen(&[("a", &[])]), Matching::Exact).unwrap();
    let parts = found.encode();
    assert_eq!(Agreements::decode(&parts).unwrap(), found);
    assert_eq!(AgreementSummary::decode(&parts).unwrap(), found.summary);
    let error = AgreementSummary::decode(&retort_artifact::Parts::new()).unwrap_err().to_string();
    assert_eq!(error, "cannot decode `agreement-summary`: its part `summary` is missing");
}

/// Guards the kind's revision: when a digest here changes, its `REVISION` must be raised as well.
#[test]
fn the_output_for_a_fixed_input_is_pinned() {
    use retort_artifact::Artifact;
    let of = whole(&["a", "b", "c"]);
    let human = chosen(&[("b", &["nerds", "builders"]), ("a", &["B", "more"]), ("c", &[])]);
    let top = chosen(&[("a", &["B", "is", "have"]), ("b", &["nerds", "bodybuilders"]), ("c", &["."])]);
    let digest = |matching| {
        let parts = agree(&of, &top, &human, matching).unwrap().0.encode();
        let short = |content: Part| retort_fingerprint::Digest::of(content.bytes().unwrap()).short();
        let shortened = |(part, content): (String, Part)| format!("{part} {}\n", short(content));
        parts.into_iter().map(shortened).collect::<String>()
    };
    expect![[r"
        rows 52b9dbc6b5
        summary bd7e08946f
    "]]
    .assert_eq(&digest(Matching::Subword));
    expect![[r"
        rows 97a7524911
        summary de4bb8e500
    "]]
    .assert_eq(&digest(Matching::Exact));
    assert_eq!(Agreement::REVISION, 1);
}

#[test]
fn what_cannot_be_compared_is_named_with_what_to_do() {
    let of = whole(&["a", "b"]);
    let (good, other) = (chosen(&[("a", &["nerds"])]), chosen(&[("b", &["nerds"])]));
    expect!["cannot compare `selected` with `reference`: no rationale of `of` has a row in both"]
        .assert_eq(&refused(&of, &good, &other));
    expect!["cannot compare the words of `reference`: its row for question `a`, sample 0, does not say which words it keeps; name a transform over the stage of `of` whose first and only step selects, such as `keep_top` or `keep_words`"]
        .assert_eq(&refused(&of, &whole(&["a"]), &good));
    expect!["cannot compare the words of `selected`: it has a row for question `x`, sample 0, which `of` lacks; give as `of` what both selections were made from"]
        .assert_eq(&refused(&of, &good, &chosen(&[("x", &[])])));
    expect!["cannot compare the words of `selected`: it has question `a`, sample 0, twice"].assert_eq(&refused(
        &of,
        &good,
        &chosen(&[("a", &[]), ("a", &[])]),
    ));
    let beyond = Rationales { rows: vec![Rationale { kept: Some(vec![(0, 3), (70, 700)]), ..row("a", "The", None) }] };
    expect!["cannot compare the words of `selected`: its row for question `a`, sample 0, keeps words that `of` does not have: the text has no characters at the bytes 70 to 700; give as `of` what the selection was made from"]
        .assert_eq(&refused(&of, &good, &beyond));
}

#[test]
fn words_that_do_not_read_as_the_text_are_warned_of() {
    let strange = Rationales { rows: vec![row("a", "something else", Some(&["nerds"]))] };
    let (_, warnings) = agree(&whole(&["a"]), &chosen(&[("a", &["B"])]), &strange, Matching::Subword).unwrap();
    expect!["1 rows of the selections do not read as the words of `of` at the places they keep: is that what they were made from?"]
        .assert_eq(&warnings.join("\n"));
}
