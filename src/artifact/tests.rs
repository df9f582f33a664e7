//! The codecs, by property.

use proptest::prelude::*;

use super::*;

fn label() -> impl Strategy<Value = Label> {
    (0usize..26).prop_map(|index| Label::at(index).expect("below 26"))
}

fn round_trip<A: Artifact + PartialEq + std::fmt::Debug>(value: &A) -> Result<(), TestCaseError> {
    let parts = value.encode();
    prop_assert_eq!(&A::decode(&parts).unwrap(), value);
    prop_assert_eq!(A::decode(&parts).unwrap().encode(), parts);
    Ok(())
}

proptest! {
    #[test]
    fn questions_survive_their_codec(
        rows in prop::collection::vec((".*", ".*", prop::option::of(label()), prop::option::of(".*")), 0..6),
    ) {
        let question = |(id, stem, answer, rationale)| Question { id, stem, choices: vec![], answer, rationale };
        let rows: Vec<Question> = rows.into_iter().map(question).collect();
        let splits = Split::ALL.into_iter().map(|split| (split, rows.clone())).collect();
        round_trip(&Questions { splits })?;
    }

    #[test]
    fn rationales_survive_their_codec(
        rows in prop::collection::vec((".*", any::<u32>(), "(?s).*", prop::option::of(label())), 0..6),
    ) {
        let rationale = |(id, sample, text, label)| Rationale { id, sample, text, label, ..Rationale::default() };
        round_trip(&Rationales { rows: rows.into_iter().map(rationale).collect() })?;
    }

    #[test]
    fn attributions_survive_their_codec(
        rows in prop::collection::vec((".*", prop::collection::vec(-1e9f64..1e9, 0..5), any::<bool>()), 0..6),
    ) {
        let rows = rows.into_iter().map(|(text, scores, adds_up)| Attribution {
            id: "q".into(),
            sample: 0,
            tokens: scores.iter().map(|&score| TokenScore { span: (0, text.len()), score }).collect(),
            text,
            completeness: adds_up.then_some(Completeness { error: 0.25, change: -2.0, beyond: true }),
        });
        round_trip(&Attributions { rows: rows.collect() })?;
    }

    #[test]
    fn scores_survive_their_codec(
        rows in prop::collection::vec((".*", label(), prop::option::of(label()), "(?s).*", any::<usize>()), 0..6),
    ) {
        let outcome = |(id, answer, predicted, output, tokens)| Outcome { id, answer, choices: 4, predicted, output, tokens, likelihoods: Vec::new() };
        round_trip(&Scores { rows: rows.into_iter().map(outcome).collect() })?;
    }

    #[test]
    fn a_cut_artifact_is_refused_or_shorter_by_whole_rows(cut in 0usize..200) {
        let row = |id: &str| Rationale { id: id.into(), text: "Ice is smooth.".into(), ..Rationale::default() };
        let mut parts = Rationales { rows: vec![row("a"), row("b")] }.encode();
        let Some(Part::Bytes(bytes)) = parts.get_mut("rows") else { panic!("rows are in memory") };
        let cut = cut.min(bytes.len());
        bytes.truncate(cut);
        if let Ok(decoded) = Rationales::decode(&parts) {
            prop_assert_eq!(&decoded.encode(), &parts);
        }
    }
}

#[test]
fn another_format_is_named_in_the_error() {
    let parts = Scores::default().encode();
    let error = Rationales::decode(&parts).unwrap_err().to_string();
    expect_test::expect![[
        r#"cannot decode `rationales`: its header is `{"retort":"scores","version":1}`, expected `{"retort":"rationales","version":1}`"#
    ]]
    .assert_eq(&error);
}
