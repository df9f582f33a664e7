//! The readers, by example, and the official counts where the files are at hand.

use expect_test::{Expect, expect};

use super::*;
use retort_artifact::Question;

const GOOD: &str = r#"{"id":"1","question":{"stem":"Where is ice?","choices":[{"label":"A","text":"pole"},{"label":"B","text":"sun"}]},"answerKey":"A"}"#;

fn refused<T: std::fmt::Debug>(result: Result<T, DatasetError>, expected: &Expect) {
    expected.assert_eq(&result.unwrap_err().to_string());
}

/// Reads the good line after it was changed in one place.
fn changed(from: &str, to: &str) -> Result<Vec<Question>, DatasetError> {
    assert!(GOOD.contains(from));
    obqa::read(GOOD.replace(from, to).as_bytes())
}

#[test]
fn a_good_line_is_read_whole() {
    let questions = csqa::read(GOOD.as_bytes()).unwrap();
    expect![[r#"Question { id: "1", stem: "Where is ice?", answers: Choice, choices: [Choice { label: Label(65), text: "pole" }, Choice { label: Label(66), text: "sun" }], answer: Some(Choice(Label(65))), rationale: None, fields: {} }"#]]
        .assert_eq(&format!("{:?}", questions[0]));
    assert_eq!(obqa::read(format!("\r\n{GOOD}\r\n\n").as_bytes()).unwrap(), questions);
}

#[test]
fn an_absent_answer_is_allowed_in_commonsenseqa_alone() {
    let line = GOOD.replace(r#","answerKey":"A""#, "");
    assert_eq!(csqa::read(line.as_bytes()).unwrap()[0].answer, None);
    refused(
        obqa::read(line.as_bytes()),
        &expect![
            "cannot read line 1 as an OpenBookQA question: the field `answerKey` is missing, expected the label of a choice"
        ],
    );
}

#[test]
fn errors_name_the_line_the_field_and_what_was_expected() {
    refused(
        changed(r#""A","text""#, r#""5","text""#),
        &expect![
            "cannot read line 1 as an OpenBookQA question: the field `question.choices[0].label` is `5`, expected a letter from A to Z"
        ],
    );
    refused(
        changed(r#""label":"B""#, r#""label":"A""#),
        &expect![
            "cannot read line 1 as an OpenBookQA question: the field `question.choices[1].label` is `A`, expected a label that no other choice has"
        ],
    );
    refused(
        changed(r#""answerKey":"A""#, r#""answerKey":"C""#),
        &expect!["cannot read line 1 as an OpenBookQA question: the field `answerKey` is `C`, expected one of A, B"],
    );
    refused(
        changed("Where is ice?", "  "),
        &expect![
            "cannot read line 1 as an OpenBookQA question: the field `question.stem` is `  `, expected text that is not blank"
        ],
    );
    refused(
        changed("pole", ""),
        &expect![
            "cannot read line 1 as an OpenBookQA question: the field `question.choices[0].text` is ``, expected text that is not blank"
        ],
    );
    refused(
        changed(r#","choices":[{"label":"A","text":"pole"},{"label":"B","text":"sun"}]"#, ""),
        &expect![
            "cannot read line 1 as an OpenBookQA question: the field `question.choices` is missing, expected a list of two choices or more"
        ],
    );
    refused(
        changed(r#",{"label":"B","text":"sun"}"#, ""),
        &expect![[
            r#"cannot read line 1 as an OpenBookQA question: the field `question.choices` is `[{"label":"A","text":"pole"}]`, expected a list of two choices or more"#
        ]],
    );
    refused(
        obqa::read(b"[[]]"),
        &expect![
            "cannot read line 1 as an OpenBookQA question: the field `(the line)` is `[]`, expected an object with the field `id`"
        ],
    );
    refused(
        obqa::read(b"\n{"),
        &expect![
            "cannot read line 2 as an OpenBookQA question: it is not JSON: EOF while parsing an object at line 1 column 1"
        ],
    );
    refused(
        obqa::read(b"{}\n"),
        &expect![
            "cannot read line 1 as an OpenBookQA question: the field `id` is missing, expected text that is not blank, or a whole number"
        ],
    );
    refused(
        obqa::read(b"\n\n\"a\xff\""),
        &expect!["cannot read line 3 as an OpenBookQA question: it is not UTF-8 from byte 2 of the line on"],
    );
    refused(
        obqa::read(format!("{GOOD}\n\n{GOOD}").as_bytes()),
        &expect![
            "cannot read line 3 as an OpenBookQA question: the field `id` is `1`, which line 1 has already; each line needs another identifier"
        ],
    );
    refused(
        quarel::read(br#"{"id":"q","question":"Which? (A) a (B) b","answer_index":2}"#),
        &expect![
            "cannot read line 1 as a QuaRel question: the field `answer_index` is `2`, expected an index from 0 to 1"
        ],
    );
}

/// The same question in every layout in which such questions are published.
#[test]
fn the_layouts_and_labels_of_the_hub_and_of_arc_are_read() {
    let one = &csqa::read(GOOD.as_bytes()).unwrap()[0];
    let hub = |labels: &str, key: &str| {
        format!(
            r#"{{"id":"1","question":"Where is ice?","question_concept":"ice","choices":{{"label":{labels},"text":["pole","sun"]}},"answerKey":{key}}}"#
        )
    };
    let own = |first: &str, second: &str, key: &str| {
        let line = GOOD.replace(r#""label":"A""#, &format!(r#""label":{first}"#));
        let line = line.replace(r#""label":"B""#, &format!(r#""label":{second}"#));
        line.replace(r#""answerKey":"A""#, &format!(r#""answerKey":{key}"#))
    };
    for (labels, key) in [
        ([r#""A""#, r#""B""#], r#""A""#),
        ([r#""a""#, r#""b""#], r#""a""#),
        ([r#""a""#, r#""b""#], r#""A""#),
        ([r#""1""#, r#""2""#], r#""1""#),
        ([r#""0""#, r#""1""#], r#""0""#),
        (["1", "2"], "1"),
        (["1", "2"], r#""1""#),
    ] {
        let listed = format!("[{}]", labels.join(","));
        for line in [
            hub(&listed, key),
            hub(&listed, key).replace(r#""question":"#, r#""question_stem":"#),
            own(labels[0], labels[1], key),
            format!("[{}]", hub(&listed, key)),
        ] {
            for read in [csqa::read, obqa::read] {
                assert_eq!(&read(line.as_bytes()).unwrap()[0], one, "{line}");
            }
        }
    }
    // The hub's test split of CommonsenseQA has empty keys.
    assert_eq!(csqa::read(hub(r#"["A","B"]"#, r#""""#).as_bytes()).unwrap()[0].answer, None);
    for (line, expected) in [
        (
            hub(r#"["1","2"]"#, r#""3""#),
            expect!["cannot read line 1 as an OpenBookQA question: the field `answerKey` is `3`, expected one of 1, 2"],
        ),
        (
            hub(r#"["1","3"]"#, r#""3""#),
            expect![
                "cannot read line 1 as an OpenBookQA question: the field `choices.label[0]` is `1`, expected a letter from A to Z"
            ],
        ),
        (
            hub(r#"["A"]"#, r#""A""#),
            expect![[
                r#"cannot read line 1 as an OpenBookQA question: the field `choices.text` is `["pole","sun"]`, expected 1 texts, as many as there are labels"#
            ]],
        ),
        (
            hub(r#"["A","a"]"#, r#""A""#),
            expect![
                "cannot read line 1 as an OpenBookQA question: the field `choices.label[1]` is `a`, expected a label that no other choice has"
            ],
        ),
    ] {
        refused(obqa::read(line.as_bytes()), &expected);
    }
}

#[test]
fn the_in_house_split_keeps_the_order_and_refuses_strangers() {
    let lines: Vec<String> = (0..4).map(|id| GOOD.replace(r#""id":"1""#, &format!(r#""id":"{id}""#))).collect();
    let questions = csqa::read(lines.join("\n").as_bytes()).unwrap();
    let parts = csqa::in_house(questions.clone(), b"2\n0\n").unwrap();
    let ids = |questions: &[Question]| questions.iter().map(|question| question.id.clone()).collect::<Vec<_>>();
    assert_eq!((ids(&parts.train), ids(&parts.test)), (vec!["0".into(), "2".into()], vec!["1".into(), "3".into()]));
    refused(
        csqa::in_house(questions.clone(), b"2\n9\n"),
        &expect!["cannot read line 2 as an identifier of the in-house split: no question has the identifier `9`"],
    );
    refused(
        csqa::in_house(questions, b"2\n\n2"),
        &expect![
            "cannot read line 3 as an identifier of the in-house split: the field `id` is `2`, which line 1 has already; each line needs another identifier"
        ],
    );
}

#[test]
fn rationales_have_samples_and_labels() {
    let two = br#"{"id":"q","rationale":" Ice melts. ","sample":0,"label":"B"}
{"id":"q","rationale":"It is warm.","sample":1}"#;
    let rows = rationales::read(two).unwrap().rows;
    assert_eq!(
        (rows[0].text.as_str(), rows[0].sample, rows[0].label.clone()),
        ("Ice melts.", 0, retort_artifact::Answer::at(1))
    );
    assert_eq!((rows[1].sample, rows[1].label.clone()), (1, None));
    let twice = br#"{"id":"q","rationale":"a"}
{"id":"q","rationale":"b"}"#;
    refused(
        rationales::read(twice),
        &expect![
            "cannot read line 2 as a rationale: the field `id` is `q` with the sample `0`, which line 1 has already; each line needs another identifier"
        ],
    );
    refused(
        rationales::read(br#"{"id":"q","rationale":"a","sample":-1}"#),
        &expect!["cannot read line 1 as a rationale: the field `sample` is `-1`, expected a whole number from 0 up"],
    );
}

/// Reads the official files where `RETORT_DATA` names the directory that holds them.
#[test]
fn the_official_files_have_their_official_counts() {
    let Some(data) = std::env::var_os("RETORT_DATA").map(std::path::PathBuf::from) else {
        eprintln!("skipped: RETORT_DATA does not name a data directory");
        return;
    };
    let bytes = |path: &str| fs_err::read(data.join(path)).unwrap();
    let counts = |read: fn(&[u8]) -> Result<Vec<Question>, DatasetError>, files: [&str; 3]| {
        files.map(|file| read(&bytes(file)).unwrap().len())
    };
    let quarel = counts(quarel::read, ["quarel/train.jsonl", "quarel/dev.jsonl", "quarel/test.jsonl"]);
    assert_eq!(quarel, [1930, 278, 552]);
    let obqa = counts(obqa::read, ["obqa/train.jsonl", "obqa/dev.jsonl", "obqa/test.jsonl"]);
    assert_eq!(obqa, [4957, 500, 500]);
    let files = ["csqa/train_rand_split.jsonl", "csqa/dev_rand_split.jsonl", "csqa/test_rand_split_no_answers.jsonl"];
    assert_eq!(counts(csqa::read, files), [9741, 1221, 1140]);
    assert!(csqa::read(&bytes(files[2])).unwrap().iter().all(|question| question.answer.is_none()));
    let parts = csqa::in_house(csqa::read(&bytes(files[0])).unwrap(), &bytes("csqa/inhouse_split_qids.txt")).unwrap();
    assert_eq!((parts.train.len(), parts.test.len()), (8500, 1241));
    let rationales = ["csqa_llama3-70b", "obqa_llama3-70b", "quarel_gpt3", "quarel_gpt3_samples"]
        .map(|name| rationales::read(&bytes(&format!("rationales/{name}.jsonl"))).unwrap().rows.len());
    assert_eq!(rationales, [9727, 4953, 1757, 9650]);
}
