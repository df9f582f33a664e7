//! Names that try to become markup, and arms and specifications of every shape.

use proptest::prelude::*;

use super::*;

const HOSTILE: &str = "</script></title><script>alert(1)</script>\"'&|`*\n\u{0}";

#[test]
fn nothing_from_outside_becomes_markup() {
    let mut arms = vec![
        arm(HOSTILE, &[(HOSTILE, HOSTILE), ("fraction", "0.1")], "+-+"),
        arm(HOSTILE, &[(HOSTILE, "other"), ("fraction", "0.2")], "-+-"),
    ];
    for arm in &mut arms {
        arm.outcomes.rows.iter_mut().for_each(|row| row.id += HOSTILE);
        arm.log = Some(TrainingLog { losses: vec![1.0, 0.5], ..TrainingLog::default() });
    }
    for x in [None, Some("fraction".to_owned())] {
        let input = ReportInput {
            title: HOSTILE.into(),
            experiment: HOSTILE.into(),
            arms: arms.clone(),
            agreements: vec![agreement(HOSTILE, &[(HOSTILE, HOSTILE)], 0), agreement(HOSTILE, &[(HOSTILE, "b")], 2)],
            spec: ReportSpec { x, panels: axes(&[HOSTILE]), ..ReportSpec::default() },
            provenance: vec![(HOSTILE.into(), HOSTILE.into())],
        };
        let report = report(&input).unwrap();
        for (name, bytes) in &report.files.files {
            let text = str::from_utf8(bytes).unwrap();
            match name.rsplit_once('.').unwrap().1 {
                "svg" => well_formed(text),
                "html" => {
                    assert!(!text.contains("alert(1)</script>") && !text.contains("<script>alert"), "{text}");
                    assert_eq!(text.matches("<script").count(), text.matches("</script>").count());
                    assert_eq!(text.matches("</script>").count(), 2);
                }
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
        Arm { coords, stage, outcomes: scores(&marks), log: Some(log) }
    });
    prop::collection::vec(one, 0..8)
}

fn some_spec() -> impl Strategy<Value = ReportSpec> {
    let axis = || prop::collection::vec("[a-c]|arm", 0..2);
    let baseline = prop::option::of(prop::collection::btree_map("[a-c]|arm", "[a-c01]", 0..2));
    (axis(), axis(), prop::option::of("[a-c]"), axis(), axis(), axis(), baseline).prop_map(
        |(rows, columns, x, lines, panels, average, baseline)| ReportSpec {
            rows,
            columns,
            x,
            lines,
            panels,
            average,
            baseline,
            ..ReportSpec::default()
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn any_arms_and_any_specification_give_a_report_or_a_reason(arms in some_arms(), spec in some_spec()) {
        let input = input(arms, spec);
        match report(&input) {
            Ok(report) => {
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
