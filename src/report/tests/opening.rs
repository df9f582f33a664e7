//! What a report says before its tables.

use super::*;

fn opened(input: &ReportInput) -> String {
    let Opening { title, lead, findings, warnings } = report(input).unwrap().opening;
    let findings: String = findings.iter().map(|finding| format!("\n- {finding}")).collect();
    let warnings: String = warnings.iter().map(|warning| format!("\n! {warning}")).collect();
    format!("{title}: {lead}{findings}{warnings}")
}

#[test]
fn arms_that_differ_from_their_baseline_are_told() {
    let baseline = Some(coords(&[("arm", "scores"), ("placement", "before")]));
    let arms = vec![
        arm("scores", &[("placement", "before")], "++++++++++----------"),
        arm("scores", &[("placement", "after")], "++++++++++++++++++++"),
        arm("scores", &[("placement", "both")], "+++++++++++---------"),
        arm("scores", &[("placement", "none")], "--------------------"),
    ];
    let with = ReportSpec { baseline, ..ReportSpec::default() };
    let made = opened(&input(arms.clone(), with.clone()));
    assert!(made.starts_with("Masking: 4 arms on 20 questions; 1 of them clearly above chance."), "{made}");
    assert!(made.contains("\n- `after` is 50.0 points above its baseline `before`: difference ["), "{made}");
    assert!(made.contains("\n- `none` is 50.0 points below its baseline `before`: difference ["), "{made}");
    assert_eq!(made.matches("\n- ").count(), 2, "{made}");
    let alike = vec![arms[0].clone(), arms[2].clone()];
    let made = opened(&input(alike, with));
    assert!(made.ends_with("\n- No arm differs clearly from its baseline, at 5 % after Holm's correction."), "{made}");
    assert!(!opened(&input(arms, ReportSpec::default())).contains("\n- "));
    let one = vec![arm("scores", &[], "++++++++++++++++++++")];
    assert_eq!(
        opened(&input(one, ReportSpec::default())),
        "Masking: 1 arm on 20 questions; it is clearly above chance."
    );
}

#[test]
fn questions_of_several_datasets_are_counted_once_each() {
    // Three datasets with the same identifiers; of one question the answers are the same in all three.
    let of = |dataset: &str, placement: &str, shift: usize| {
        let mut made = arm("scores", &[("dataset", dataset), ("placement", placement)], "++++++++++");
        for (index, row) in made.outcomes.rows.iter_mut().enumerate() {
            row.choices = 5;
            row.answer = Answer::at(if index == 0 { 0 } else { (index + shift) % 5 }).unwrap();
        }
        made
    };
    let arms = ["csqa", "obqa", "quarel"]
        .iter()
        .enumerate()
        .flat_map(|(shift, dataset)| [of(dataset, "none", shift), of(dataset, "after", shift)]);
    let made = opened(&input(arms.collect(), ReportSpec::default()));
    assert!(made.contains("6 arms on 10 questions each, 30 in all"), "{made}");
}

#[test]
fn a_column_in_which_nothing_stands_is_left_out() {
    let mut open = arm("scores", &[("placement", "after")], "++--");
    for row in &mut open.outcomes.rows {
        (row.answer, row.choices) = (Answer::Number("7".into()), 0);
    }
    let table = report(&input(vec![open], ReportSpec::default())).unwrap().tables.remove(0);
    let names: Vec<&str> = table.columns.iter().map(|column| column.name.as_str()).collect();
    assert_eq!(names, ["arm", "accuracy %", "n", "parsed %"]);
    assert!(table.rows.iter().all(|row| row.len() == names.len()));
}

#[test]
fn what_trainings_went_without_is_one_note_of_each_kind() {
    let log = |without_rationale, blank| TrainingLog { without_rationale, blank, ..TrainingLog::default() };
    let mut arms = placements();
    for (arm, (without, blank)) in arms.iter_mut().zip([(12, 0), (12, 3), (15, 0), (15, 3), (15, 3)]) {
        arm.log = Some(log(without, blank));
    }
    let made = report(&input(arms, ReportSpec::default())).unwrap();
    let table = made.tables.iter().find(|table| table.title == "Training").unwrap();
    assert_eq!(
        table.notes[1..],
        [
            "Questions without a rationale, left out: 12 (`scores[placement=none]`, `scores[placement=before]`), 15 \
             (`scores[placement=after]`, `retrained[placement=before]`, `retrained[placement=after]`).",
            "Examples with a blank rationale, trained on their labels alone: 3 (`scores[placement=before]`, \
             `retrained[placement=before]`, `retrained[placement=after]`).",
        ]
    );
}

#[test]
fn a_record_without_an_opening_still_has_its_title() {
    let report = report(&input(placements(), ReportSpec::default())).unwrap();
    assert_eq!(Report::opening_in(&report.files).unwrap(), report.opening);
    let mut files = report.files;
    let old = b"{\"version\":2,\"title\":\"Old\",\"experiment\":\"\",\"tables\":[]}";
    files.files.insert("report.json".into(), old.to_vec());
    assert_eq!(Report::opening_in(&files).unwrap(), Opening { title: "Old".into(), ..Opening::default() });
}
