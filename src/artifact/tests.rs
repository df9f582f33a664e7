//! The codecs, by property.

use proptest::prelude::*;

use super::*;

/// The fields of an outcome.
type Row = (String, Answer, Option<Answer>, String, usize, bool, Option<Answer>, Option<Vote>);

fn answer() -> impl Strategy<Value = Answer> {
    prop_oneof![
        4 => (0usize..26).prop_map(|index| Answer::at(index).expect("below 26")),
        1 => ".*".prop_map(Answer::Class),
        1 => ".*".prop_map(Answer::Number),
        1 => "(?s).*".prop_map(Answer::Text),
    ]
}

fn answers() -> impl Strategy<Value = Answers> {
    prop_oneof![
        4 => Just(Answers::Choice),
        1 => prop::collection::vec(".*", 0..3).prop_map(Answers::Class),
        1 => prop::sample::select(vec![Answers::Number, Answers::Text, Answers::Exact]),
    ]
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
        rows in prop::collection::vec((".*", ".*", answers(), prop::option::of(answer()), prop::option::of(".*"), ".{0,3}"), 0..6),
    ) {
        let question = |(id, stem, answers, answer, rationale, field): (_, _, _, _, _, String)| {
            let fields = [field].into_iter().filter(|name| !name.is_empty()).map(|name| (name, serde_json::json!(1.5)));
            Question { id, stem, answers, choices: vec![], answer, rationale, fields: fields.collect() }
        };
        let rows: Vec<Question> = rows.into_iter().map(question).collect();
        let splits = Split::ALL.into_iter().map(|split| (split, rows.clone())).collect();
        round_trip(&Questions { splits })?;
    }

    #[test]
    fn rationales_survive_their_codec(
        rows in prop::collection::vec((".*", any::<u32>(), "(?s).*", prop::option::of(answer())), 0..6),
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
        rows in prop::collection::vec((
            ".*", answer(), prop::option::of(answer()), "(?s).*", any::<usize>(), any::<bool>(), prop::option::of(answer()),
            prop::option::of(prop::sample::select(vec![Vote::Majority, Vote::Any, Vote::Mean])),
        ), 0..6),
    ) {
        let outcome = |row: Row| {
            let (id, answer, predicted, output, tokens, equal, lenient, vote) = row;
            let lenient = lenient.map(|answer| Reading { predicted: Some(answer), equal });
            let sample = Sample {
                output: output.clone(), tokens, strict: Reading { predicted: predicted.clone(), equal }, lenient: lenient.clone(),
            };
            let samples = if vote.is_some() { vec![sample.clone(), sample] } else { Vec::new() };
            Outcome { id, answer, choices: 4, predicted, equal, output, tokens, likelihoods: Vec::new(), lenient, vote, samples }
        };
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

/// What a program of before wrote is read, what it could have written is written as it did, and what it could not is of a
/// version that it refuses.
#[test]
fn lettered_rows_keep_their_bytes_and_others_have_a_version_of_their_own() {
    let question = |answer: Option<Answer>| Question {
        id: "q".into(),
        stem: "Which?".into(),
        choices: vec![Choice { label: Label::at(0).unwrap(), text: "ice".into() }],
        answer,
        ..Question::default()
    };
    let train = |question: Question| {
        let parts = Questions { splits: [(Split::Train, vec![question])].into() }.encode();
        String::from_utf8(parts["train"].bytes().unwrap().to_vec()).unwrap()
    };
    let before = "{\"retort\":\"questions\",\"version\":1}\n\
        {\"id\":\"q\",\"stem\":\"Which?\",\"choices\":[{\"label\":\"A\",\"text\":\"ice\"}],\"answer\":\"A\"}\n";
    assert_eq!(train(question(Answer::at(0))), before);
    let read = Questions::decode(&Parts::from([("train".to_owned(), before.as_bytes().to_vec().into())])).unwrap();
    assert_eq!(read.split(Split::Train), [question(Answer::at(0))]);
    let open = Question {
        answers: Answers::Number,
        choices: Vec::new(),
        answer: Some(Answer::Number("42".into())),
        ..question(None)
    };
    expect_test::expect![[r#"
        {"retort":"questions","version":2}
        {"id":"q","stem":"Which?","answers":"number","choices":[],"answer":{"number":"42"}}
    "#]]
    .assert_eq(&train(open));
    let classes = Question {
        answers: Answers::Class(vec!["yes".into(), "no".into()]),
        answer: Some(Answer::Class("no".into())),
        ..question(None)
    };
    assert!(train(classes).contains(r#""answers":{"class":["yes","no"]}"#));
    let later = "{\"retort\":\"questions\",\"version\":3}\n";
    let refused = Questions::decode(&Parts::from([("train".to_owned(), later.as_bytes().to_vec().into())]));
    assert!(refused.unwrap_err().to_string().contains("\"version\":3"));
}
