//! Hypotheses: which arms they are about, what becomes of them, and what is wrong with them.

use super::*;
use retort_stats::Margin;

/// A hypothesis that the first side is more accurate.
fn more(first: &[(&str, &str)], second: &[(&str, &str)]) -> Hypothesis {
    Hypothesis {
        says: String::new(),
        relation: Relation::More { by: None },
        first: coords(first),
        second: coords(second),
        only: BTreeMap::new(),
    }
}

/// A hypothesis that the two differ by less than so many points.
fn same(first: &[(&str, &str)], second: &[(&str, &str)], within: f64) -> Hypothesis {
    Hypothesis { relation: Relation::Same { within: Margin::new(within / 100.0).unwrap() }, ..more(first, second) }
}

/// Makes marks of `right` right answers and then wrong ones.
fn marks(right: usize, of: usize) -> String {
    "+".repeat(right) + &"-".repeat(of - right)
}

/// Two students, each without a rationale, with one before and with one after the label, scored on 200 questions.
fn arms() -> Vec<Arm> {
    let mut arms = Vec::new();
    for (student, right) in [("gpt2", [100, 140, 150]), ("phi", [120, 121, 190])] {
        for (placement, right) in ["none", "before", "after"].into_iter().zip(right) {
            arms.push(arm("scores", &[("student", student), ("placement", placement)], &marks(right, 200)));
        }
    }
    arms
}

fn testing(hypotheses: Vec<Hypothesis>) -> ReportInput {
    input(arms(), ReportSpec { hypotheses, ..ReportSpec::default() })
}

/// Writes the two tables of hypotheses without their notes.
fn told(input: &ReportInput) -> String {
    let report = report(input).unwrap();
    let tables = report.tables.iter().filter(|table| table.title.starts_with("Hypotheses"));
    tables.map(|table| shown(&Table { notes: Vec::new(), ..table.clone() })).collect::<Vec<_>>().join("\n\n")
}

#[test]
fn each_pair_of_arms_is_a_case_and_the_cases_decide_the_hypothesis() {
    let (after, before, none) = ([("placement", "after")], [("placement", "before")], [("placement", "none")]);
    let hypotheses = vec![
        Hypothesis { says: "after beats none".into(), ..more(&after, &none) },
        more(&before, &none),
        more(&none, &after),
        same(&before, &none, 5.0),
        Hypothesis { relation: Relation::More { by: Margin::new(0.1).ok() }, ..more(&after, &none) },
    ];
    expect![[r#"
        # Hypotheses
        no. | hypothesis | verdict | cases | supported | contradicted | undecided | difference
        1 | after beats none | supported | 2 | 2 | 0 | 0 | +25.0 to +35.0
        2 | placement=before > placement=none | undecided | 2 | 1 | 0 | 1 | +0.5 to +20.0
        3 | placement=none > placement=after | contradicted | 2 | 0 | 2 | 0 | −35.0 to −25.0
        4 | placement=before ≈ placement=none within 5 points | contradicted | 2 | 1 | 1 | 0 | +0.5 to +20.0
        5 | placement=after > placement=none by 10 points | supported | 2 | 2 | 0 | 0 | +25.0 to +35.0

        # Hypotheses, case by case
        hypothesis | case | first % | second % | difference | n | test | p | p, Holm | verdict | detectable
        1 | gpt2 | 75.0 | 50.0 | +25.0 [+19.0, +31.0] | 200 | McNemar's exact test | <0.001 | <0.001 | supported | 10.3
        1 | phi | 95.0 | 60.0 | +35.0 [+28.5, +42.0] | 200 | McNemar's exact test | <0.001 | <0.001 | supported | 12.1
        2 | gpt2 | 70.0 | 50.0 | +20.0 [+14.5, +25.5] | 200 | McNemar's exact test | <0.001 | <0.001 | supported | 9.3
        2 | phi | 60.5 | 60.0 | +0.5 [0.0, +1.5] | 200 | McNemar's exact test | 1.000 | 1.000 | undecided | 3.9
        3 | gpt2 | 50.0 | 75.0 | −25.0 [−31.0, −19.0] | 200 | McNemar's exact test | <0.001 | <0.001 | contradicted | 10.3
        3 | phi | 60.0 | 95.0 | −35.0 [−42.0, −28.5] | 200 | McNemar's exact test | <0.001 | <0.001 | contradicted | 12.1
        4 | gpt2 | 70.0 | 50.0 | +20.0 [+15.8, +25.0] | 200 | equivalence: Tango's score tests | <0.001 | <0.001 | contradicted | 9.3
        4 | phi | 60.5 | 60.0 | +0.5 [−0.8, +2.2] | 200 | equivalence: Tango's score tests | 0.002 | 0.004 | supported | 3.9
        5 | gpt2 | 75.0 | 50.0 | +25.0 [+19.0, +31.0] | 200 | margin: Tango's score tests | <0.001 | <0.001 | supported | 10.3
        5 | phi | 95.0 | 60.0 | +35.0 [+28.5, +42.0] | 200 | margin: Tango's score tests | <0.001 | <0.001 | supported | 12.1"#]]
    .assert_eq(&told(&testing(hypotheses.clone())));
    let report = report(&testing(hypotheses)).unwrap();
    let page = text(&report.files, "report.md");
    assert!(page.contains("5 hypotheses: 2 supported, 2 contradicted, 1 undecided."), "{page}");
    expect![[r#"
        hypothesis,says,formula,case,first,second,first_accuracy,second_accuracy,difference,difference_low,difference_high,questions,unpaired_questions,test,p,p_holm,verdict,detectable,hypothesis_verdict
        1,after beats none,placement=after > placement=none,gpt2,"scores[placement=after,student=gpt2]","scores[placement=none,student=gpt2]",0.75,0.5,0.25,0.19,0.31,200,0,McNemar's exact test,0.0000000000000017763568394002489,0.000000000000014210854715201991,supported,0.10301494598388672,supported
        1,after beats none,placement=after > placement=none,phi,"scores[placement=after,student=phi]","scores[placement=none,student=phi]",0.95,0.6,0.35,0.285,0.42,200,0,McNemar's exact test,0.0000000000000000000016940658945086082,0.000000000000000000016940658945086082,supported,0.12125682830810547,supported
    "#]]
    .assert_eq(&text(&report.files, "hypotheses.csv").lines().take(3).map(|line| format!("{line}\n")).collect::<String>());
}

#[test]
fn a_hypothesis_can_be_restricted_and_axes_that_one_side_lacks_make_cases() {
    let mut arms = vec![arm("baseline", &[], &marks(100, 200))];
    for fraction in ["0.1", "0.5", "0.9"] {
        arms.push(arm("tuned", &[("fraction", fraction)], &marks(150, 200)));
    }
    let restricted = Hypothesis {
        only: BTreeMap::from([("fraction".to_owned(), vec!["0.10".to_owned(), "0.9".to_owned()])]),
        ..more(&[("arm", "tuned")], &[("arm", "baseline")])
    };
    let input = input(arms, ReportSpec { hypotheses: vec![restricted], ..ReportSpec::default() });
    expect![[r#"
        # Hypotheses
        no. | hypothesis | verdict | cases | supported | contradicted | undecided | difference
        1 | arm=tuned > arm=baseline, where fraction=0.10|0.9 | supported | 2 | 2 | 0 | 0 | +25.0

        # Hypotheses, case by case
        hypothesis | case | first % | second % | difference | n | test | p | p, Holm | verdict | detectable
        1 | fraction 0.1 | 75.0 | 50.0 | +25.0 [+19.0, +31.0] | 200 | McNemar's exact test | <0.001 | <0.001 | supported | 10.3
        1 | fraction 0.9 | 75.0 | 50.0 | +25.0 [+19.0, +31.0] | 200 | McNemar's exact test | <0.001 | <0.001 | supported | 10.3"#]]
    .assert_eq(&told(&input));
}

#[test]
fn trainings_count_where_there_are_several() {
    let mut arms = Vec::new();
    for (placement, rights) in [("none", [100, 104, 99]), ("after", [150, 147, 160])] {
        for (run, right) in ["0", "1", "2"].into_iter().zip(rights) {
            arms.push(arm("scores", &[("placement", placement), ("run", run)], &marks(right, 200)));
        }
    }
    let hypotheses = vec![
        more(&[("placement", "after")], &[("placement", "none")]),
        same(&[("placement", "after")], &[("placement", "none")], 2.0),
    ];
    let input = input(arms, ReportSpec { hypotheses, average: axes(&["run"]), ..ReportSpec::default() });
    expect![[r#"
        # Hypotheses
        no. | hypothesis | verdict | cases | supported | contradicted | undecided | difference
        1 | placement=after > placement=none | supported | 1 | 1 | 0 | 0 | +25.7
        2 | placement=after ≈ placement=none within 2 points | contradicted | 1 | 0 | 1 | 0 | +25.7

        # Hypotheses, case by case
        hypothesis | first % | second % | difference | n | test | p | p, Holm | verdict | detectable
        1 | 76.2 | 50.5 | +25.7 [+18.2, +33.2] | 200 | t test over questions and trainings | <0.001 | <0.001 | supported | 10.6
        2 | 76.2 | 50.5 | +25.7 [+19.5, +31.9] | 200 | equivalence: t tests over questions and trainings | <0.001 | <0.001 | contradicted | 10.6"#]]
    .assert_eq(&told(&input));
}

#[test]
fn arms_without_a_shared_question_are_not_compared() {
    let arms = vec![
        arm("scores", &[("placement", "after")], "++    "),
        arm("scores", &[("placement", "none")], "   +--"),
        arm("scores", &[("placement", "before")], " ++---"),
    ];
    let hypotheses = vec![
        more(&[("placement", "after")], &[("placement", "none")]),
        more(&[("placement", "after")], &[("placement", "before")]),
    ];
    let input = input(arms, ReportSpec { hypotheses, ..ReportSpec::default() });
    let tables = report(&input).unwrap().tables;
    let cases = tables.iter().find(|table| table.title == "Hypotheses, case by case").unwrap();
    expect![[r#"
        # Hypotheses, case by case
        hypothesis | first % | second % | difference | n | test | p | p, Holm | verdict
        1 | – | – | – | – | the arms share no question | – | – | not comparable
        2 | 100.0 | 100.0 | 0.0 [−92.4, +92.4] | 1 | McNemar's exact test | 1.000 | 1.000 | undecided
        * Arms are paired by question; brackets hold 95 % intervals of the difference. p is that of the finding the difference points to, two-sided for `>`. `detectable` is the smallest difference, in points, that a comparison like this one finds four times out of five.
        * Where each arm was trained once, a verdict is about these very trainings: another seed may differ by more than the questions do.
        * The arms were scored on different questions, and 5 that only one of them has are left out: `hypothesis 2`."#]]
    .assert_eq(&shown(cases));
}

#[test]
fn a_hypothesis_about_arms_that_are_not_there_is_refused() {
    let check = |hypothesis: Hypothesis, expected: Expect| {
        let input = testing(vec![more(&[("placement", "after")], &[("placement", "none")]), hypothesis]);
        let error = report(&input).unwrap_err();
        let arms: Vec<_> = input.arms.iter().map(|arm| (arm.stage.clone(), arm.coords.clone())).collect();
        assert_eq!(foresee(&input.spec, &arms), std::slice::from_ref(&error), "what is told beforehand");
        expected.assert_eq(&format!("{}: {error}", error.field()));
    };
    let after = [("placement", "after")];
    check(
        more(&[("placement", "afer")], &after),
        expect![
            "hypotheses[1].more.placement: cannot report: `hypotheses[1].more` asks for `placement=afer`, which no arm has; the values of `placement` are `none`, `before`, `after`; did you mean `after`?"
        ],
    );
    check(
        more(&after, &[("placment", "none")]),
        expect![
            "hypotheses[1].than.placment: cannot report: `hypotheses[1].than` names the axis `placment`, which no arm has; the axes are `arm`, `placement`, `student`; did you mean `placement`?"
        ],
    );
    check(
        same(&after, &after, 2.0),
        expect![
            "hypotheses[1]: cannot report: `hypotheses[1]` holds `scores[placement=after,student=gpt2]` against itself; both sides of the hypothesis mean it"
        ],
    );
    check(
        more(&[("student", "gpt2")], &after),
        expect![
            "hypotheses[1]: cannot report: `hypotheses[1]` holds `scores[placement=after,student=gpt2]` against itself; both sides of the hypothesis mean it"
        ],
    );
    check(
        Hypothesis {
            only: BTreeMap::from([("student".to_owned(), vec!["ph".to_owned()])]),
            ..more(&after, &[("placement", "none")])
        },
        expect![
            "hypotheses[1].where.student: cannot report: `hypotheses[1].where` asks for `student=ph`, which no arm has; the values of `student` are `gpt2`, `phi`; did you mean `phi`?"
        ],
    );
    check(
        more(&[("student", "gpt2"), ("placement", "none")], &[("student", "phi"), ("placement", "none"), ("arm", "x")]),
        expect![
            "hypotheses[1].than.arm: cannot report: `hypotheses[1].than` asks for `arm=x`, which no arm has; the values of `arm` are `scores`"
        ],
    );
}

#[test]
fn nothing_about_arms_is_asked_where_nothing_is_scored() {
    let spec = ReportSpec { hypotheses: vec![more(&[("a", "1")], &[("a", "2")])], ..ReportSpec::default() };
    let mut input = input(Vec::new(), spec);
    fails(&input, &expect!["cannot report: no arm was scored"]);
    input.agreements = vec![agreement("agree", &[], 0)];
    fails(
        &input,
        &expect![
            "cannot report: `hypotheses` is about what students answered, and nothing was scored; add `scores` or leave it out"
        ],
    );
    input.spec = ReportSpec::default();
    let report = report(&input).unwrap();
    assert_eq!(report.tables.len(), 1);
    assert!(text(&report.files, "report.html").contains("1 agreement of selected words; nothing was scored."));
    assert!(!report.files.files.contains_key("report.csv"));
}
