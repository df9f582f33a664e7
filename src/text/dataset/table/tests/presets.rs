//! Presets: a row of each dataset, and whole files as they are published.

use super::super::*;
use super::read;

/// Where a count comes from.
#[derive(Debug, Clone, Copy)]
enum Counted {
    /// The file itself has been read with this test.
    File,
    /// The dataset's card on the hub has the number of questions, and nobody has run this test on the file yet: how many
    /// rationales there are is assumed.
    Card,
}

/// Reads whole files as they are published where `RETORT_DATASETS` names the directory that holds them.
#[test]
fn the_published_files_have_their_counts() {
    let Some(data) = std::env::var_os("RETORT_DATASETS").map(std::path::PathBuf::from) else {
        eprintln!("skipped: RETORT_DATASETS does not name a data directory");
        return;
    };
    let mut read = 0;
    for (name, file, count, with_rationale, counted) in [
        ("gsm8k", "gsm8k/train.jsonl", 7473, 7473, Counted::File),
        ("gsm8k", "gsm8k/test.jsonl", 1319, 1319, Counted::File),
        ("svamp", "svamp/SVAMP.json", 1000, 0, Counted::File),
        ("strategyqa", "strategyqa/train.json", 2061, 2061, Counted::File),
        ("strategyqa", "strategyqa/dev.json", 229, 229, Counted::File),
        ("aqua", "aqua/dev.json", 254, 254, Counted::File),
        ("aqua", "aqua/test.json", 254, 254, Counted::File),
        ("arc", "arc/ARC-Challenge-Train.jsonl", 1119, 0, Counted::Card),
        ("arc", "arc/ARC-Challenge-Dev.jsonl", 299, 0, Counted::Card),
        ("arc", "arc/ARC-Challenge-Test.jsonl", 1172, 0, Counted::Card),
        ("esnli", "esnli/esnli_dev.csv", 9842, 9842, Counted::Card),
        ("esnli", "esnli/esnli_test.csv", 9824, 9824, Counted::Card),
        ("anli", "anli/R1/dev.jsonl", 1000, 1000, Counted::Card),
        ("anli", "anli/R3/test.jsonl", 1200, 1200, Counted::Card),
        ("piqa", "piqa/valid.parquet", 1838, 0, Counted::Card),
    ] {
        let Ok(bytes) = fs_err::read(data.join(file)) else {
            eprintln!("skipped: {file} is not there");
            continue;
        };
        let form = Form::of(&bytes);
        let rows = rows(form, bytes).unwrap_or_else(|error| panic!("{file}: {error}"));
        let table = preset::preset(name).unwrap().mapping().read(&rows, false);
        let table = table.unwrap_or_else(|error| panic!("{file}: {error}"));
        let all = || table.questions.iter().map(|(_, question)| question);
        assert_eq!(all().count(), count, "{file}, {counted:?}");
        assert_eq!(
            all().filter(|question| question.rationale.is_some()).count(),
            with_rationale,
            "{file}, {counted:?}"
        );
        for question in all() {
            assert!(question.answer.is_some(), "{file}: {question:?}");
            let rationale = question.rationale.as_deref().unwrap_or_default();
            assert!(!rationale.contains("<<") && !rationale.contains("####"), "{file}: {question:?}");
            assert!(
                !question.stem.contains("{{") && question.choices.iter().all(|choice| !choice.text.starts_with("A)"))
            );
        }
        read += 1;
    }
    assert!(read > 0, "RETORT_DATASETS has none of the files");
}

#[test]
fn every_preset_reads_a_row_of_its_dataset() {
    for (name, row, expected) in [
        (
            "svamp",
            r#"{"ID":"chal-1","Body":"Each pack costs 76 dollars.","Question":"How much?","Equation":"( 76.0 - 25.0 )","Answer":51.0,"Type":"Subtraction"}"#,
            "Each pack costs 76 dollars. How much? = 51",
        ),
        (
            "strategyqa",
            r#"{"qid":"b","question":"Can ice burn?","answer":false,"facts":["Ice is water.","Water does not burn."]}"#,
            "Can ice burn? = no | Ice is water. Water does not burn.",
        ),
        (
            "strategyqa",
            r#"{"qid":"c","question":"Is ice cold?","answer":"True","facts":["Ice is frozen water ","What is frozen is cold!"]}"#,
            "Is ice cold? = yes | Ice is frozen water. What is frozen is cold!",
        ),
        (
            "strategyqa",
            r#"{"qid":"d","question":"Is ice cold?","answer":"yes","facts":"Ice is cold"}"#,
            "Is ice cold? = yes | Ice is cold.",
        ),
        (
            "svamp",
            r#"{"ID":"chal-2","Body":"Dan had $ 3 left ","Question":"How much did it cost?","Answer":"1,145.50","Equation":"","Type":""}"#,
            "Dan had $ 3 left. How much did it cost? = 1,145.50",
        ),
        (
            "gsm8k",
            r#"{"question":"Profit?","answer":"So 80,000*1.5=<<80000*1.5=120000>>120,000.\nIt is $<<200-70=130>>130.\n#### 2,280"}"#,
            "Profit? = 2,280 | So 80,000*1.5=120,000.\nIt is $130.",
        ),
        (
            "arc",
            r#"{"id":"M_1","question":"Which?","choices":{"text":["ice","mud"],"label":["1","2"]},"answerKey":"2"}"#,
            "Which? = B",
        ),
        (
            "esnli",
            r#"{"premise":"A man sings.","hypothesis":"He sleeps.","label":2,"explanation_1":"One cannot do both."}"#,
            "Premise: A man sings. Hypothesis: He sleeps. = contradiction | One cannot do both.",
        ),
        (
            "esnli",
            r#"{"gold_label":"neutral","Sentence1":"A man sings.","Sentence2":"He is old.","Explanation_1":"Not all are."}"#,
            "Premise: A man sings. Hypothesis: He is old. = neutral | Not all are.",
        ),
        (
            "anli",
            r#"{"uid":"u","premise":"P.","hypothesis":"H.","label":0,"reason":"So."}"#,
            "Premise: P. Hypothesis: H. = entailment | So.",
        ),
        ("piqa", r#"{"goal":"Open a jar.","sol1":"Twist.","sol2":"Shout.","label":0}"#, "Open a jar. = A"),
        ("aqua", r#"{"question":"x?","options":["A)21","B)21.5"],"rationale":"So.","correct":"A"}"#, "x? = A | So."),
    ] {
        let table = read(&preset::preset(name).unwrap().mapping(), Form::Json, row)
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        let Question { stem, answer, rationale, .. } = &table.questions[0].1;
        let rationale = rationale.as_ref().map_or(String::new(), |text| format!(" | {text}"));
        assert_eq!(format!("{stem} = {}{rationale}", answer.as_ref().unwrap()), expected, "{name}");
    }
    assert_eq!(preset::PRESETS.len(), 8);
}
