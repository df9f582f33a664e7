//! Tables one can publish: panels, marks, the best in bold, values of others, LaTeX, further sections.

use super::*;

/// Two students and three placements on 100 questions, of which `after` is clearly the best for the first student.
fn grid() -> Vec<Arm> {
    let mut arms = Vec::new();
    for (student, rights) in [("gpt2", [40, 50, 90]), ("phi", [60, 62, 64])] {
        for (placement, right) in ["none", "before", "after"].into_iter().zip(rights) {
            let marks = "+".repeat(right) + &"-".repeat(95 - right) + "?????";
            arms.push(arm("scores", &[("student", student), ("placement", placement)], &marks));
        }
    }
    arms
}

fn spec() -> ReportSpec {
    ReportSpec {
        rows: axes(&["placement"]),
        columns: axes(&["student"]),
        baseline: Some(coords(&[("placement", "none")])),
        best: axes(&["placement"]),
        ..ReportSpec::default()
    }
}

#[test]
fn what_is_clearly_best_is_bold_and_arrows_mark_what_clearly_differs() {
    let report = report(&input(grid(), spec())).unwrap();
    let best: Vec<&str> =
        report.tables[1].rows.iter().filter(|row| row[2].best).map(|row| row[0].text.as_str()).collect();
    assert_eq!(best, ["after"], "for one student alone");
    let table = Table { rows: report.tables[0].rows.clone(), ..report.tables[0].clone() };
    let lines: Vec<String> =
        table.rows.iter().map(|row| row.iter().map(Cell::plain).collect::<Vec<_>>().join(" | ")).collect();
    expect![[r#"
        none | 40.0 [30.9, 49.8] (n 100, parsed 95.0 %) | 60.0 [50.2, 69.1] (n 100, parsed 95.0 %)
        before | 50.0 [40.4, 59.6] ↑ (n 100, parsed 95.0 %) | 62.0 [52.2, 70.9] (n 100, parsed 95.0 %)
        after | 90.0 [82.6, 94.5] ↑ ★ (n 100, parsed 95.0 %) | 64.0 [54.2, 72.7] (n 100, parsed 95.0 %)"#]]
    .assert_eq(&lines.join("\n"));
    expect![[r#"
        Brackets hold 95 % intervals (Wilson).
        n counts questions; `parsed` is the fraction of outputs that an answer could be read from.
        ↑ and ↓ mark what lies above or below its baseline at 5 % after Holm's correction for all comparisons with a baseline in this report.
        Bold (★) is an arm that is above chance and above each of the others that differ from it in placement alone, by a paired test at 5 %, corrected after Holm for their number."#]]
    .assert_eq(&table.notes.join("\n"));
    let markdown = text(&report.files, "report.md");
    assert!(markdown.contains("| **90.0 [82.6, 94.5]** ↑<br>n 100, parsed 95.0 % |"), "{markdown}");
    let page = text(&report.files, "report.html");
    assert!(page.contains("<td class=\"right best\" data-sort=\"0.9\">90.0 [82.6,\u{a0}94.5] <span"), "{page}");
    let latex = text(&report.files, "report.tex");
    assert!(latex.contains(r"\textbf{90.0 {[}82.6, 94.5{]}}$^{\uparrow}$"), "{latex}");
}

#[test]
fn a_table_with_columns_is_made_for_each_panel() {
    let mut arms = grid();
    for (at, mut arm) in grid().into_iter().enumerate() {
        arm.coords.insert("dataset".into(), "obqa".into());
        arms[at].coords.insert("dataset".into(), "csqa".into());
        arms.push(arm);
    }
    let report = report(&input(arms, ReportSpec { panels: axes(&["dataset"]), ..spec() })).unwrap();
    let titles: Vec<&str> = report.tables.iter().map(|table| table.title.as_str()).collect();
    assert_eq!(
        titles,
        [
            "Accuracy in percent, by placement and student: csqa",
            "Accuracy in percent, by placement and student: obqa",
            "Accuracy of each arm"
        ]
    );
    assert!(report.tables[..2].iter().all(|table| table.rows.len() == 3 && table.columns.len() == 3));
}

#[test]
fn the_best_of_arms_that_differ_by_little_is_not_bold() {
    let mut arms = vec![arm("a", &[], &("+".repeat(52) + &"-".repeat(48)))];
    arms.push(arm("b", &[], &("+".repeat(50) + &"-".repeat(50))));
    let report = report(&input(arms, ReportSpec { best: axes(&["arm"]), ..ReportSpec::default() })).unwrap();
    assert!(report.tables[0].rows.iter().all(|row| !row[1].best));
    assert!(report.tables[0].notes.iter().any(|note| note.starts_with("Nothing is bold")), "{:?}", report.tables[0]);
}

#[test]
fn values_of_others_stand_beside_the_measured_ones() {
    let csv =
        "# From a paper.\nstudent,placement,percent\ngpt2,none,41.5\ngpt2,after, 63.25\nphi,none,\ngpt2,both,70\n";
    let mut input = input(grid(), ReportSpec::default());
    input.beside = Some(Beside::read("the paper", csv.as_bytes()).unwrap());
    let report = report(&input).unwrap();
    let table = report.tables.iter().find(|table| table.title == "Beside the paper").unwrap();
    expect![[r#"
        # Beside the paper
        placement | student | measured % | the paper % | difference | within the interval
        none | gpt2 | 40.0 [30.9, 49.8] | 41.50 | −1.5 | yes
        after | gpt2 | 90.0 [82.6, 94.5] | 63.25 | +26.8 | no
        * The values of the paper are taken as they stand; the difference is measured minus stated, in percentage points. A value outside the interval of the measured accuracy differs by more than the choice of questions explains, if it had no error of its own.
        * Values of the paper about arms that are not in this report: 1."#]]
    .assert_eq(&shown(table));
    expect![[r#"
        placement,student,measured,measured_low,measured_high,stated,difference
        none,gpt2,0.4,0.3094012864324589,0.4979974132089382,0.415,-0.014999999999999958
        after,gpt2,0.9,0.8256343384950865,0.9447708629393249,0.6325,0.26750000000000007
    "#]]
    .assert_eq(&text(&report.files, "beside.csv").replace('\r', ""));
}

#[test]
fn values_of_others_that_do_not_fit_are_refused() {
    let read = |csv: &str| Beside::read("the paper", csv.as_bytes());
    let refused = |csv: &str| read(csv).unwrap_err().to_string();
    expect!["cannot report beside `the paper`: its heading has no column `percent`, only `student`, `accuracy`"]
        .assert_eq(&refused("student,accuracy\ngpt2,41\n"));
    expect!["cannot report beside `the paper`: line 2: `4100` is no percentage from 0 to 100"]
        .assert_eq(&refused("student,percent\ngpt2,4100\n"));
    expect!["cannot report beside `the paper`: line 2: `NaN` is no percentage from 0 to 100"]
        .assert_eq(&refused("student,percent\ngpt2,NaN\n"));
    assert!(refused("student,percent\ngpt2,41,9\n").starts_with("cannot report beside `the paper`: CSV error"));
    let with = |csv: &str| {
        let mut input = input(grid(), ReportSpec::default());
        input.beside = Some(read(csv).unwrap());
        report(&input).unwrap_err().to_string()
    };
    expect!["cannot report beside `the paper`: it has a column `studnt`, which is no axis; the axes are `arm`, `placement`, `student`"].assert_eq(&with("studnt,percent\ngpt2,41\n"));
    expect!["cannot report beside `the paper`: it has two values for `scores[placement=none,student=gpt2]`"]
        .assert_eq(&with("student,placement,percent\ngpt2,none,41\ngpt2,none,42\n"));
}

#[test]
fn further_sections_are_in_every_form_and_their_figures_are_numbered_on() {
    let svg = "<svg xmlns=\"http://www.w3.org/2000/svg\"></svg>\n".to_owned();
    let further = [Section {
        title: "Lens & co".into(),
        figures: vec![SectionFigure::new("What a layer <thinks>.", svg)],
        tables: vec![Table {
            title: "Layers".into(),
            columns: vec![Column::words("layer")],
            rows: vec![vec![Cell::words("4_4")]],
            notes: vec!["See `layer`.".into()],
        }],
        files: BTreeMap::from([("lens.csv".to_owned(), b"layer\n".to_vec())]),
    }];
    let report = report_with(&input(placements(), ReportSpec::default()), &further).unwrap();
    assert!(report.files.files.contains_key("lens.csv"));
    assert!(report.files.files.contains_key("figure-2.svg"));
    let markdown = text(&report.files, "report.md");
    for expected in
        ["## Lens & co", "![What a layer &lt;thinks>.](figure-2.svg)", "### Layers", "| 4\\_4 |", "- See `layer`."]
    {
        assert!(markdown.replace("&amp;", "&").contains(expected), "{expected}: {markdown}");
    }
    let page = text(&report.files, "report.html");
    for expected in ["Lens &amp; co</h2>", "What a layer &lt;thinks&gt;.", "<h3>Layers</h3>", "See <code>layer</code>."]
    {
        assert!(page.contains(expected), "{expected}: {page}");
    }
    assert!(text(&report.files, "report.tex").contains(r"4\_4 \\"));
    assert_eq!(report.tables.last().unwrap().title, "Layers");
}

#[test]
fn bars_begin_at_zero() {
    let report = report(&input(grid(), ReportSpec { shape: Shape::Bars, ..spec() })).unwrap();
    let figure = text(&report.files, "figure-1.svg");
    assert_eq!(figure.matches("<rect class=\"rt-f").count(), 6, "{figure}");
    assert!(
        figure.contains(">0</text>") && figure.contains("<title>scores[placement=after,student=gpt2]: 90.0"),
        "{figure}"
    );
    well_formed(&figure);
}

#[test]
fn the_page_has_the_questions_and_what_was_written_as_far_as_there_is_room() {
    let label = |index| retort_artifact::Label::at(index).unwrap();
    let question = |index: usize| Question {
        id: format!("q{index:02}"),
        stem: format!("What is {index}? </script>"),
        choices: ["ice", "mud"]
            .into_iter()
            .enumerate()
            .map(|(at, text)| retort_artifact::Choice { label: label(at), text: text.into() })
            .collect(),
        answer: Some(label(0).into()),
        ..Question::default()
    };
    let mut input = input(placements(), ReportSpec::default());
    input.questions = vec![(0..20).map(question).collect()];
    input.arms.iter_mut().for_each(|arm| arm.questions = Some(0));
    let data = |input: &ReportInput| -> serde_json::Value {
        let page = text(&report(input).unwrap().files, "report.html");
        let data = page.split("id=\"answers\">").nth(1).and_then(|rest| rest.split("</script>").next()).unwrap();
        serde_json::from_str(data).unwrap()
    };
    let found = data(&input);
    assert_eq!(found["asked"][3]["stem"], "What is 3? </script>");
    assert_eq!(found["asked"][3]["choices"][1], "B: mud");
    assert_eq!(found["texts"].as_array().unwrap().len(), 3, "each output once");
    let place = found["outputs"][1][19].as_u64().unwrap() as usize;
    assert_eq!(found["texts"][place], "said \"?\",\nthen stopped");
    assert_eq!(found["untold"], 0);

    // Another dataset may have the same identifiers: its questions are others.
    let mut other = input.clone();
    other.arms[4].questions = None;
    assert_eq!(data(&other)["questions"].as_array().unwrap().len(), 40);

    // Long outputs are cut, and where the page is full the last questions are told without words.
    for (arm, of) in input.arms.iter_mut().enumerate() {
        for row in &mut of.outcomes.rows {
            row.output = format!("{arm} {} {}", row.id, "é".repeat(100_000));
        }
    }
    let found = data(&input);
    let longest = found["texts"].as_array().unwrap().iter().map(|text| text.as_str().unwrap().chars().count()).max();
    assert_eq!(longest, Some(3_004));
    assert_eq!(found["untold"], 0);
    for arm in &mut input.arms {
        let row = arm.outcomes.rows[0].clone();
        arm.outcomes.rows = (0..400)
            .map(|index| retort_artifact::Outcome {
                id: format!("r{index}"),
                output: format!("{index} {}", row.output),
                ..row.clone()
            })
            .collect();
    }
    let found = data(&input);
    let told = found["asked"].as_array().unwrap().len();
    assert!((100..300).contains(&told), "{told}");
    assert_eq!(found["untold"], 400 - told);
    assert_eq!(found["outputs"][0].as_array().unwrap().len(), told);
    assert_eq!(found["given"][0].as_str().unwrap().len(), 400);
}
