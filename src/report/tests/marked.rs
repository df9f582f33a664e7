//! What is marked, what is drawn, and what is not for want of readable answers.

use super::*;

fn two_datasets() -> Vec<Arm> {
    let at = |dataset, placement| [("dataset", dataset), ("placement", placement)];
    vec![
        arm("scores", &at("csqa", "none"), "++++++++++----------"),
        arm("scores", &at("csqa", "after"), "++++++++++++++++++++"),
        arm("scores", &at("obqa", "none"), "--------------------"),
        arm("scores", &at("obqa", "after"), "++++++++++----------"),
    ]
}

fn by_column(arms: Vec<Arm>, best: &[&str]) -> Report {
    let (columns, lines) = (axes(&["dataset"]), axes(&["placement"]));
    report(&input(arms, ReportSpec { columns, lines, best: axes(best), ..ReportSpec::default() })).unwrap()
}

fn bold(report: &Report) -> Vec<String> {
    let cells = report.tables.iter().flat_map(|table| table.rows.iter().flatten());
    cells.filter(|cell| cell.best).map(|cell| cell.text.clone()).collect()
}

#[test]
fn bold_is_the_best_of_a_column_and_above_chance() {
    // Of the second dataset the better arm is at chance.
    let made = by_column(two_datasets(), &[]);
    assert_eq!(bold(&made), ["100.0 [83.9, 100.0]"; 2]);
    let said = "Bold (★) is an arm that is above chance and above each other arm of its column (dataset)";
    assert!(shown(&made.tables[0]).contains(said), "{}", shown(&made.tables[0]));
    assert!(!shown(&made.tables[1]).contains('★'), "said once: {}", shown(&made.tables[1]));
    // Without columns, nothing is bold unless it is asked for.
    let rows = ReportSpec { rows: axes(&["placement"]), ..ReportSpec::default() };
    let plain = report(&input(two_datasets(), rows.clone())).unwrap();
    assert!(bold(&plain).is_empty() && !shown(&plain.tables[0]).contains('★'));
    let asked = report(&input(two_datasets(), ReportSpec { best: axes(&["placement"]), ..rows })).unwrap();
    assert_eq!(bold(&asked), ["100.0 [83.9, 100.0]"]);
}

#[test]
fn nothing_is_marked_that_may_come_of_unreadable_outputs() {
    let arms = vec![
        arm("scores", &[("placement", "none")], "++++++++++++++++++--"),
        arm("scores", &[("placement", "before")], "++++++++????????????"),
        arm("scores", &[("placement", "after")], "++++++++++++????????"),
        arm("scores", &[("placement", "both")], "--------------------"),
    ];
    let baseline = Some(coords(&[("placement", "none")]));
    let made = report(&input(arms, ReportSpec { baseline, ..ReportSpec::default() })).unwrap();
    let table = &made.tables[0];
    assert!(
        shown(table).starts_with("# Accuracy of each arm\nplacement | accuracy % | of readable % |"),
        "{}",
        shown(table)
    );
    let marked: Vec<&str> = table
        .rows
        .iter()
        .filter(|row| row.iter().any(|cell| cell.side.is_some()))
        .map(|row| row[0].text.as_str())
        .collect();
    assert_eq!(marked, ["both"]);
    let warning = &made.opening.warnings[0];
    assert!(warning.contains("count as wrong: `before` (60.0 %), `after` (40.0 %)."), "{warning}");
    assert!(text(&made.files, "report.html").contains("<p class=\"warning\">"));
    assert!(text(&made.files, "report.md").contains("> **Warning:** Outputs without"));
    // One arm is not assessable: it is named, and nothing is drawn for it.
    let figure = text(&made.files, "figure-1.svg");
    assert_eq!(figure.matches(">not assessable</text>").count(), 1, "{figure}");
    assert!(!figure.contains("<title>scores[placement=before]"), "{figure}");
    well_formed(&figure);
}

#[test]
fn a_line_has_a_gap_where_an_arm_is_not_assessable() {
    let at = |fraction| [("fraction", fraction), ("placement", "after")];
    let arms = vec![
        arm("scores", &at("0.1"), "++++++++--"),
        arm("scores", &at("0.2"), "+++++++---"),
        arm("scores", &at("0.3"), "??????????"),
        arm("scores", &at("0.4"), "++++++----"),
        arm("scores", &at("0.5"), "+++++-----"),
    ];
    let spec = ReportSpec { x: Some("fraction".into()), lines: axes(&["placement"]), ..ReportSpec::default() };
    let figure = text(&report(&input(arms, spec)).unwrap().files, "figure-1.svg");
    assert_eq!((figure.matches("<polyline ").count(), figure.matches("<polygon ").count()), (2, 2), "{figure}");
    assert_eq!(figure.matches("<title>scores[").count(), 4, "{figure}");
    well_formed(&figure);
}

#[test]
fn columns_without_an_x_are_sections_and_every_row_has_a_name() {
    let made = by_column(two_datasets(), &[]);
    let figure = text(&made.files, "figure-1.svg");
    let places: Vec<usize> = [">csqa</text>", ">obqa</text>"]
        .iter()
        .map(|heading| figure.find(heading).expect("a section's heading"))
        .collect();
    let rows: Vec<usize> = figure.match_indices(">after</text>").map(|(at, _)| at).collect();
    assert!(rows.len() == 2 && places[0] < rows[0] && rows[0] < places[1] && places[1] < rows[1], "{figure}");
    assert_eq!(figure.matches(">none</text>").count(), 2, "{figure}");
    well_formed(&figure);
}
