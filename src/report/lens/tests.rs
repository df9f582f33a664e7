//! What a report says of readings, from small made-up students.

#![expect(clippy::needless_raw_string_hashes, reason = "expect-test writes expectations so")]

use expect_test::{Expect, expect};

use super::*;
use crate::{Arm, ReportInput, Table, report_with};
use retort_artifact::{Answer, LayerReading, Lens, ReadingRow, ReadingSummary, Readings, Scores};

fn coords(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(axis, value)| ((*axis).to_owned(), (*value).to_owned())).collect()
}

/// Makes a student of three blocks: of each question the first layer whose label is above the bound, or a mark: `x` for one
/// that is never there, `-` for one that is answered wrong, `?` for one whose label never occurs.
fn student(stage: &str, at: &[(&str, &str)], lens: Lens, marks: &str) -> LensArm {
    let row = |(index, mark): (usize, char)| {
        let first = mark.to_digit(10).map_or(4, |first| first as usize);
        let layer = |layer: usize| LayerReading {
            layer,
            top: vec!["[FIN_LABEL]".into(), if layer >= first { " B".into() } else { "\n".into() }],
            top_probability: vec![0.5, 0.9],
            probability: vec![0.05, if layer >= first { 0.9 } else { 0.2 }],
            entropy: vec![1.0, 0.5],
            divergence: vec![0.25, 0.125],
            rank: vec![9, if layer >= first { 1 } else { 3 }],
        };
        ReadingRow {
            id: format!("q{index:02}"),
            answer: Answer::at(1).unwrap(),
            correct: !"-?".contains(mark),
            tokens: vec!["[FIN_LABEL]".into(), " B".into()],
            skipped: if stage == "seen" { 0 } else { 7 },
            label_at: (mark != '?').then_some(1),
            label_tokens: 1,
            layers: (0..4).map(layer).collect(),
        }
    };
    let rows: Vec<ReadingRow> = marks.chars().enumerate().filter(|(_, mark)| *mark != ' ').map(row).collect();
    let summary = ReadingSummary {
        lens,
        layers: (0..4).collect(),
        last: 3,
        questions: rows.len(),
        correct: rows.iter().filter(|row| row.correct).count(),
        without_label: rows.iter().filter(|row| row.label_at.is_none()).count(),
        several_tokens: 0,
        without_rationale: 0,
    };
    LensArm { coords: coords(at), stage: stage.to_owned(), readings: Readings { rows, summary } }
}

fn spec() -> ReportSpec {
    let axes = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    ReportSpec {
        lines: axes(&["placement"]),
        panels: axes(&["dataset"]),
        average: axes(&["run"]),
        baseline: Some(coords(&[("placement", "none")])),
        ..ReportSpec::default()
    }
}

fn lens() -> LensSpec {
    LensSpec {
        bound: 0.6,
        fraction: 0.8,
        grids: 2,
        questions: Vec::new(),
        panels: Vec::new(),
        columns: 12,
        pairs: false,
        replicate: BTreeMap::new(),
    }
}

fn arms() -> Vec<LensArm> {
    let of = |placement, marks| student("seen", &[("dataset", "quarel"), ("placement", placement)], Lens::Tuned, marks);
    vec![of("none", "333332x3-3?3"), of("before", "2222222x22?3"), of("after", "111122112-21")]
}

fn shown(table: &Table) -> String {
    let join = |cells: &mut dyn Iterator<Item = &str>| cells.collect::<Vec<_>>().join(" | ");
    let mut out = format!("# {}\n{}", table.title, join(&mut table.columns.iter().map(|column| column.name.as_str())));
    for row in &table.rows {
        out += &format!("\n{}", join(&mut row.iter().map(|cell| cell.text.as_str())));
    }
    for note in &table.notes {
        out += &format!("\n* {note}");
    }
    out
}

#[track_caller]
fn tables(section: &Section, expected: &Expect) {
    expected.assert_eq(&section.tables.iter().map(shown).collect::<Vec<_>>().join("\n"));
}

#[test]
fn students_are_compared_on_what_all_answer_right() {
    let section = lens_section("Figure 2", &arms(), &spec(), &lens()).unwrap();
    tables(
        &section,
        &expect![[r#"
        # From which layer on the label is known
        dataset | placement | of layers | 80 % know it by layer | vs baseline | layer, on average | vs baseline | never % | n
        quarel | none | 3 | 3 [3, never] | – | 3.0 [2.7, 3.3] | – | 11.1 | 9
        quarel | before | 3 | 3 [2, never] | 0 [−2, +1] | 2.3 [2.0, 2.9] | −0.7 [−1.1, −0.1] | 11.1 | 9
        quarel | after | 3 | 2 [1, 2] | −1 [−3, −1] | 1.2 [1.0, 1.6] | −1.8 [−2.2, −1.2] | 0.0 | 9
        * A label is known from the earliest layer from which its probability, read through the tuned lens where it occurs first, stays above 0.6. Layer 0 is the embeddings, the last one the student's output; where it never does it counts as one layer beyond.
        * `n` are the questions that all students compared answer right.
        * Brackets hold 95 % intervals, each by itself: the percentile bootstrap over questions (4,000 resamples), paired by question for `vs baseline`, which is in layers: below zero is earlier.
        * `none` and what is compared with it are all right on 9 of the 12 questions they share.
        # What was read
        dataset | placement | questions | right | label never occurs | label of several tokens | without a rationale
        quarel | none | 12 | 10 | 1 | 0 | 0
        quarel | before | 12 | 11 | 1 | 0 | 0
        quarel | after | 12 | 11 | 0 | 0 | 0
        * Counted over all replicates. A question whose right label never occurs in a student's text has no part in what is said of the label."#]],
    );
    let names: Vec<&str> = section.figures.iter().map(|figure| figure.file.as_str()).collect();
    assert_eq!(names, ["lens-known.svg", "lens-probability.svg", "lens-question-1.svg", "lens-question-2.svg"]);
    let csv = String::from_utf8(section.files["lens.csv"].clone()).unwrap();
    assert_eq!(csv.lines().count(), 1 + 3 * 4, "{csv}");
    let questions = String::from_utf8(section.files["lens-questions.csv"].clone()).unwrap();
    assert_eq!(questions.lines().count(), 1 + 3 * 12);
    expect![[r#"
        dataset,placement,stage,lens,question,answer,correct,compared,places,label_at,earliest_layer,probability
        quarel,none,seen,tuned,q00,B,true,true,2,1,3,0.8999999761581421
        quarel,none,seen,tuned,q01,B,true,true,2,1,3,0.8999999761581421
    "#]]
    .assert_eq(&questions.lines().take(3).map(|line| format!("{line}\n")).collect::<String>());
    assert_eq!(section, lens_section("Figure 2", &arms(), &spec(), &lens()).unwrap());
}

#[test]
fn a_grid_says_what_every_cell_is() {
    let section = lens_section("Figure 2", &arms(), &spec(), &lens()).unwrap();
    let svg = &section.figures[2].svg;
    for said in [
        ">none</text>",
        ">B known from layer 3</text>",
        ">3 output</text>",
        ">0 input</text>",
        ">↵<title>",
        "layer 0, before B: likeliest ↵ 0.900; label 0.200, rank 3; entropy 0.50 nats, divergence 0.12 nats",
    ] {
        assert!(svg.contains(said), "{said}: {svg}");
    }
    // Asked for by name: also one that nobody is compared on.
    let asked = LensSpec { questions: vec!["q10".into(), "q07".into()], columns: 1, ..lens() };
    let section = lens_section("Figure 2", &arms(), &spec(), &asked).unwrap();
    assert!(section.figures[2].svg.contains(">B never occurs, answered wrong; 1 token before</text>"));
    assert!(section.figures[3].svg.contains(">B not above 0.6 at the end; 1 token before</text>"));
    let asked = LensSpec { questions: vec!["q77".into()], ..lens() };
    let error = lens_section("Figure 2", &arms(), &spec(), &asked).unwrap_err().to_string();
    expect!["cannot report: no lens has read the question `q77`, which is to have a grid; leave it out of `questions`"]
        .assert_eq(&error);
}

#[test]
fn sets_are_apart_lenses_are_named_and_replicates_averaged() {
    let mut arms = arms();
    let alone = student("seen", &[("dataset", "obqa"), ("placement", "after")], Lens::Tuned, "-?");
    arms.push(alone);
    for arm in &mut arms {
        arm.coords.insert("run".into(), "0".into());
    }
    let again = [("dataset", "quarel"), ("placement", "after"), ("run", "1")];
    arms.push(student("seen", &again, Lens::Tuned, "3333333333 1"));
    arms.push(student(
        "seen-plain",
        &[("dataset", "quarel"), ("placement", "none"), ("run", "0")],
        Lens::Logit,
        "xxxxxxxxxxxx",
    ));
    let spec = ReportSpec { baseline: None, ..spec() };
    let section = lens_section("Figure 2", &arms, &spec, &lens()).unwrap();
    tables(
        &section,
        &expect![[r#"
            # From which layer on the label is known
            dataset | placement | arm | lens | of layers | 80 % know it by layer | layer, on average | never % | n
            quarel | none | seen | tuned | 3 | 3 [3, never] | 3.0 [2.7, 3.3] | 11.1 | 9
            quarel | none | seen-plain | logit | 3 | never | never | 100.0 | 9
            quarel | before | seen | tuned | 3 | 3 [2, never] | 2.3 [2.0, 2.9] | 11.1 | 9
            quarel | after | seen | tuned | 3 | 3 [0, never] | 2.0 [0.0, never] | 0.0 | 9
            obqa | after | seen | tuned | 3 | – | – | – | 0
            * A label is known from the earliest layer from which its probability, read through the lens that is named where it occurs first, stays above 0.6. Layer 0 is the embeddings, the last one the student's output; where it never does it counts as one layer beyond.
            * `n` are the questions that all students compared answer right.
            * Brackets hold 95 % intervals, each by itself: for several trainings Student's t with the error over questions and trainings, else the percentile bootstrap over questions (4,000 resamples).
            * `none · seen` and what is compared with it are all right on 9 of the 11 questions they share.
            * `after · seen` shares no question with another student, and is compared with none.
            # What was read
            dataset | placement | arm | lens | questions | right | label never occurs | label of several tokens | without a rationale
            quarel | none | seen | tuned | 12 | 10 | 1 | 0 | 0
            quarel | none | seen-plain | logit | 12 | 12 | 0 | 0 | 0
            quarel | before | seen | tuned | 12 | 11 | 1 | 0 | 0
            quarel | after | seen | tuned | 23 | 22 | 0 | 0 | 0
            obqa | after | seen | tuned | 2 | 0 | 1 | 0 | 0
            * Counted over all replicates. A question whose right label never occurs in a student's text has no part in what is said of the label."#]],
    );
}

#[test]
fn nothing_in_common_is_said_and_grids_show_what_there_is() {
    let of = |placement, marks| student("seen", &[("placement", placement)], Lens::Logit, marks);
    let spec = ReportSpec { panels: Vec::new(), average: Vec::new(), ..spec() };
    let section = lens_section("Figure 2", &[of("none", "1-"), of("after", "-1")], &spec, &lens()).unwrap();
    tables(
        &section,
        &expect![[r#"
        # From which layer on the label is known
        placement | of layers | 80 % know it by layer | layer, on average | never % | n
        none | 3 | – | – | – | 0
        after | 3 | – | – | – | 0
        * A label is known from the earliest layer from which its probability, read through the logit lens where it occurs first, stays above 0.6. Layer 0 is the embeddings, the last one the student's output; where it never does it counts as one layer beyond.
        * `n` are the questions that all students compared answer right.
        * Brackets hold 95 % intervals, each by itself: the percentile bootstrap over questions (4,000 resamples).
        * `none` and 1 more are all right on none of the 2 questions they share, so that nothing can be said of them.
        # What was read
        placement | questions | right | label never occurs | label of several tokens | without a rationale
        none | 2 | 1 | 0 | 0 | 0
        after | 2 | 1 | 0 | 0 | 0
        * Counted over all replicates. A question whose right label never occurs in a student's text has no part in what is said of the label."#]],
    );
    // Grids show what there is instead.
    let names: Vec<&str> = section.figures.iter().map(|figure| figure.file.as_str()).collect();
    assert_eq!(names, ["lens-question-1.svg", "lens-question-2.svg"]);
    assert!(
        section.figures[0].svg.contains(">B not above 0.6 at the end, answered wrong"),
        "{}",
        section.figures[0].svg
    );
    let twice = [of("none", "1"), of("none", "1")];
    assert_eq!(
        lens_section("t", &twice, &spec, &lens()).unwrap_err().to_string(),
        "cannot report: two arms are both `seen[placement=none]`"
    );
    let mut twice = of("none", "11");
    twice.readings.rows[1].id = "q00".into();
    expect!["cannot report on the arm `seen[placement=none]`: cannot count question `q00`: it was answered twice by one replicate"].assert_eq(&lens_section("t", &[twice], &spec, &lens()).unwrap_err().to_string());
    let unknown = LensSpec { panels: vec!["lens".into()], ..lens() };
    expect!["cannot report: `lens.panels` names the axis `lens`, which no arm has; the axes are `placement`"]
        .assert_eq(&lens_section("t", &[of("none", "1")], &spec, &unknown).unwrap_err().to_string());
}

#[test]
fn the_page_has_the_tables_and_the_figures() {
    let section = lens_section("Figure 2", &arms(), &spec(), &lens()).unwrap();
    let arm = |placement: &str| Arm {
        coords: coords(&[("dataset", "quarel"), ("placement", placement)]),
        stage: "answers".into(),
        outcomes: Scores::default(),
        log: None,
        questions: None,
    };
    let input = ReportInput {
        title: "Figure 2".into(),
        experiment: String::new(),
        arms: vec![arm("none"), arm("after")],
        agreements: Vec::new(),
        teachers: Vec::new(),
        questions: Vec::new(),
        beside: None,
        spec: ReportSpec { average: Vec::new(), ..spec() },
        provenance: Vec::new(),
    };
    let files = report_with(&input, &[section]).unwrap().files.files;
    let text = |name: &str| String::from_utf8(files[name].clone()).unwrap();
    let page = text("report.html");
    for said in
        ["From which layer on the label is known", "Inside the students", "class=\"natural\"", "B known from layer 3"]
    {
        assert!(page.contains(said), "{said}");
    }
    assert!(text("report.md").contains("(lens-known.svg)"));
    assert!(files.contains_key("lens-question-2.svg") && files.contains_key("lens.csv"));
}

#[test]
fn every_two_students_are_held_against_each_other_on_request() {
    let asked = LensSpec { pairs: true, ..lens() };
    let section = lens_section("Figure 2", &arms(), &spec(), &asked).unwrap();
    let found = section.tables.iter().find(|table| table.title == "How students differ in it").unwrap();
    expect![[r#"
        # How students differ in it
        panel | student | less | 80 % know it by layer | layer, on average | n
        quarel | before | none | 0 [−2, +1] | −0.7 [−1.2, 0.0] | 9
        quarel | after | none | −1 [−3, −1] | −1.8 [−2.3, −1.1] | 9
        quarel | after | before | −1 [−3, 0] | −1.1 [−1.8, −0.6] | 9
        * In layers, paired by question: below zero, the first of the two knows the label earlier. Every two students are shown, so the intervals are widened for their number: in each column, all of them hold at once at 95 % (the percentile bootstrap, after Mandel and Betensky, 2008)."#]].assert_eq(&shown(found));
    // What stands beside the baseline is the same number, with an interval that holds by itself.
    let known = &section.tables[0];
    let versus = known.columns.iter().position(|column| column.name == "vs baseline").unwrap();
    let against: Vec<&str> = known.rows.iter().map(|row| row[versus].text.as_str()).collect();
    let number = |text: &str| text.split(' ').next().unwrap().to_owned();
    assert_eq!(number(&found.rows[0][3].text), number(against[1]));
    assert_eq!(number(&found.rows[1][3].text), number(against[2]));
    assert!(
        lens_section("t", &arms(), &spec(), &lens()).unwrap().tables.iter().all(|table| table.title != found.title)
    );
}

#[test]
fn a_grid_is_of_the_replicate_that_is_named() {
    let of = |run, marks| student("seen", &[("placement", "after"), ("run", run)], Lens::Logit, marks);
    let arms = [of("0", "11"), of("1", "33")];
    let spec = ReportSpec { panels: Vec::new(), baseline: None, ..spec() };
    let drawn = |replicate: &[(&str, &str)]| {
        let asked = LensSpec { replicate: coords(replicate), ..lens() };
        lens_section("t", &arms, &spec, &asked)
    };
    let grid = |replicate: &[(&str, &str)]| {
        let figures = drawn(replicate).unwrap().figures;
        figures.iter().find(|figure| figure.file == "lens-question-1.svg").unwrap().svg.clone()
    };
    assert!(grid(&[]).contains("B known from layer 1") && !grid(&[]).contains("run 0"));
    assert!(grid(&[("run", "1")]).contains("B known from layer 3") && grid(&[("run", "1")]).contains("run 1"));
    let fails = |replicate: &[(&str, &str)]| drawn(replicate).unwrap_err().to_string();
    expect!["cannot report: `lens.replicate` asks for `run=7`, which no arm has; the values of `run` are `0`, `1`"]
        .assert_eq(&fails(&[("run", "7")]));
    expect!["cannot report: `lens.replicate` names the axis `rum`, which no arm has; the axes are `placement`, `run`; did you mean `run`?"].assert_eq(&fails(&[("rum", "1")]));
}
