//! Names that try to become markup, and arms and specifications of every shape.

use proptest::prelude::*;

use super::*;
use retort_stats::Margin;

const HOSTILE: &str = "</script></title><script>alert(1)</script>\"'&|`*\n\u{0}";

#[test]
fn nothing_from_outside_becomes_markup() {
    let mut arms = vec![
        arm(HOSTILE, &[(HOSTILE, HOSTILE), ("fraction", "0.1")], "+-+"),
        arm(HOSTILE, &[(HOSTILE, "other"), ("fraction", "0.2")], "-+-"),
    ];
    for arm in &mut arms {
        for row in &mut arm.outcomes.rows {
            row.id += HOSTILE;
            row.output = format!("[M] A [M] {HOSTILE} <!--provenance-->");
        }
        arm.questions = Some(0);
        arm.log = Some(TrainingLog { losses: vec![1.0, 0.5], ..TrainingLog::default() });
    }
    let asked = |row: &Outcome| Question {
        id: row.id.clone(),
        stem: HOSTILE.into(),
        choices: vec![
            retort_artifact::Choice { label: Label::at(0).unwrap(), text: HOSTILE.into() },
            retort_artifact::Choice { label: Label::at(1).unwrap(), text: HOSTILE.into() },
        ],
        answer: Some(row.answer.clone()),
        ..Question::default()
    };
    let hypothesis = Hypothesis {
        says: HOSTILE.into(),
        relation: Relation::Same { within: Margin::new(0.02).unwrap() },
        first: coords(&[(HOSTILE, HOSTILE)]),
        second: coords(&[("fraction", "0.2")]),
        only: BTreeMap::new(),
    };
    let stated =
        Stated { coords: BTreeMap::from([(HOSTILE.to_owned(), Some(HOSTILE.to_owned()))]), accuracy: Some(0.5) };
    for x in [None, Some("fraction".to_owned())] {
        let input = ReportInput {
            title: HOSTILE.into(),
            experiment: HOSTILE.into(),
            arms: arms.clone(),
            agreements: vec![agreement(HOSTILE, &[(HOSTILE, HOSTILE)], 0), agreement(HOSTILE, &[(HOSTILE, "b")], 2)],
            teachers: vec![Teacher {
                coords: coords(&[(HOSTILE, HOSTILE)]),
                stage: HOSTILE.into(),
                votes: Votes::default(),
            }],
            questions: vec![arms[0].outcomes.rows.iter().map(asked).collect()],
            beside: Some(Beside { name: HOSTILE.into(), rows: vec![stated.clone()] }),
            spec: ReportSpec {
                x,
                panels: axes(&[HOSTILE]),
                hypotheses: vec![hypothesis.clone()],
                ..ReportSpec::default()
            },
            provenance: vec![(HOSTILE.into(), HOSTILE.into())],
        };
        let further = Section {
            title: HOSTILE.into(),
            figures: vec![SectionFigure::new(HOSTILE, "<svg></svg>".into())],
            tables: vec![Table {
                title: HOSTILE.into(),
                columns: vec![Column::prose(HOSTILE)],
                rows: vec![vec![Cell { small: HOSTILE.into(), ..Cell::words(HOSTILE) }]],
                notes: vec![HOSTILE.into()],
            }],
            files: BTreeMap::new(),
        };
        let report = report_with(&input, &[further]).unwrap();
        let provenance =
            Provenance { experiment: HOSTILE.into(), models: vec![HOSTILE.into()], ..Provenance::default() };
        let files = provenance.added_to(&report.files, |ms| ms.to_string());
        for (name, bytes) in &files.files {
            let text = str::from_utf8(bytes).unwrap();
            match name.rsplit_once('.').unwrap().1 {
                "svg" => well_formed(text),
                "html" => {
                    assert!(!text.contains("alert(1)</script>") && !text.contains("<script>alert"), "{text}");
                    assert_eq!(text.matches("<script").count(), text.matches("</script>").count());
                    assert_eq!(text.matches("</script>").count(), 2);
                    assert!(!text.contains("<!--provenance-->") && text.ends_with("</html>"), "{text}");
                    assert_eq!(text.matches("<dl>").count(), 1);
                }
                // An ampersand that is not escaped would end a cell.
                "tex" => assert!(text.contains(r"'\&") && !text.contains("'&"), "{text}"),
                // What stands in a code span is shown as it is.
                "md" => assert!(!text.replace("`` </script></title><script>", "").contains("<script"), "{text}"),
                _ => {}
            }
        }
    }
}

fn some_arms() -> impl Strategy<Value = Vec<Arm>> {
    let value = prop_oneof!["[01]", "0[.][1-4]", "[a-c]", ".{0,8}"];
    let at = prop::collection::btree_map("[a-c]|arm", value, 0..4);
    let one = (at, "scores|other", "[-+? ]{0,6}").prop_map(|(coords, stage, marks)| {
        let log = TrainingLog { losses: vec![0.5; marks.len()], ..TrainingLog::default() };
        Arm { coords, stage, outcomes: scores(&marks), log: Some(log), questions: None }
    });
    prop::collection::vec(one, 0..8)
}

fn some_spec() -> impl Strategy<Value = ReportSpec> {
    let axis = || prop::collection::vec("[a-c]|arm", 0..2);
    let selector = || prop::collection::btree_map("[a-c]|arm", "[a-c01]", 0..2);
    let baseline = prop::option::of(selector());
    let hypothesis = (selector(), selector(), prop::bool::ANY).prop_map(|(first, second, same)| Hypothesis {
        says: String::new(),
        relation: if same {
            Relation::Same { within: Margin::new(0.02).unwrap() }
        } else {
            Relation::More { by: Margin::new(0.01).ok() }
        },
        first,
        second,
        only: BTreeMap::new(),
    });
    let hypotheses = prop::collection::vec(hypothesis, 0..2);
    (axis(), axis(), prop::option::of("[a-c]"), axis(), axis(), axis(), baseline, axis(), hypotheses).prop_map(
        |(rows, columns, x, lines, panels, average, baseline, best, hypotheses)| ReportSpec {
            rows,
            columns,
            x,
            lines,
            panels,
            average,
            baseline,
            best,
            hypotheses,
            ..ReportSpec::default()
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn any_arms_and_any_specification_give_a_report_or_a_reason(arms in some_arms(), spec in some_spec()) {
        let input = input(arms, spec);
        let known: Vec<_> = input.arms.iter().map(|arm| (arm.stage.clone(), arm.coords.clone())).collect();
        let foreseen = foresee(&input.spec, &known);
        match report(&input) {
            Ok(report) => {
                prop_assert!(foreseen.is_empty() || input.arms.is_empty(), "{foreseen:?}");
                for table in &report.tables {
                    prop_assert!(table.rows.iter().all(|row| row.len() == table.columns.len()));
                }
                for (name, bytes) in &report.files.files {
                    if name.ends_with("svg") {
                        well_formed(str::from_utf8(bytes).unwrap());
                    }
                }
                prop_assert_eq!(Report::tables_in(&report.files).unwrap(), report.tables);
            }
            Err(error) => prop_assert!(error.to_string().starts_with("cannot report")),
        }
    }

    #[test]
    fn every_arm_is_counted_once(arms in some_arms()) {
        let input = input(arms, ReportSpec::default());
        if let Ok(report) = report(&input) {
            prop_assert_eq!(report.tables[0].rows.len(), input.arms.len());
        }
    }
}
