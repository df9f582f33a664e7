//! What a report says, from small made-up arms.

#![expect(clippy::needless_raw_string_hashes, reason = "expect-test writes expectations so")]

mod calibration;
mod hostile;
mod hypotheses;
mod published;

use std::collections::BTreeMap;

use expect_test::{Expect, expect};

use super::*;
use retort_artifact::{
    AgreementSummary, Answer, Averaged, Evaluation, Label, Matching, Measure, Measured, Outcome, Poll, Question,
    ReportFiles, Right, Scores, TrainingLog, Votes,
};

fn coords(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(axis, value)| ((*axis).to_owned(), (*value).to_owned())).collect()
}

fn axes(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

/// Makes outcomes of two choices each: `+` right, `-` wrong, `?` unreadable; a space skips a question.
fn scores(marks: &str) -> Scores {
    let label = |index| Answer::at(index).unwrap();
    let outcome = |(index, mark): (usize, char)| Outcome {
        id: format!("q{index:02}"),
        answer: label(0),
        choices: 2,
        predicted: match mark {
            '+' => Some(label(0)),
            '-' => Some(label(1)),
            _ => None,
        },
        equal: false,
        output: format!("said \"{mark}\",\nthen stopped"),
        tokens: 4,
        likelihoods: Vec::new(),
        lenient: None,
        vote: None,
        samples: Vec::new(),
    };
    Scores { rows: marks.chars().enumerate().filter(|(_, mark)| *mark != ' ').map(outcome).collect() }
}

fn arm(stage: &str, at: &[(&str, &str)], marks: &str) -> Arm {
    Arm { coords: coords(at), stage: stage.to_owned(), outcomes: scores(marks), log: None, questions: None }
}

fn input(arms: Vec<Arm>, spec: ReportSpec) -> ReportInput {
    let provenance = vec![("pipeline".to_owned(), "pipelines/masking.yaml".to_owned())];
    ReportInput {
        title: "Masking".into(),
        experiment: "quarel-masking".into(),
        arms,
        spec,
        provenance,
        ..ReportInput::default()
    }
}

/// Makes an agreement of which a rationale in ten has no selected word.
fn agreement(stage: &str, at: &[(&str, &str)], only_selected: usize) -> Agreement {
    let measured = |(index, (averaged, measure)): (usize, (Averaged, Measure))| {
        let value = 0.9 - 0.1 * index as f64;
        let chance = (measure != Measure::Jaccard).then_some(value / 3.0);
        Measured { measure, averaged, value, low: value - 0.05, high: value + 0.04, chance, rationales: 1_080 }
    };
    let measures = [Averaged::Micro, Averaged::Macro].into_iter().flat_map(|averaged| {
        Measure::ALL
            .into_iter()
            .filter(move |measure| averaged == Averaged::Micro || *measure != Measure::Recall)
            .map(move |measure| (averaged, measure))
    });
    let summary = AgreementSummary {
        matching: if only_selected == 0 { Matching::Subword } else { Matching::Exact },
        rationales: 1_200,
        questions: 1_000,
        only_selected,
        only_reference: 0,
        level: 0.95,
        measures: measures.enumerate().map(measured).collect(),
    };
    Agreement { coords: coords(at), stage: stage.to_owned(), summary }
}

#[test]
fn agreements_have_a_table_and_a_file() {
    let mut input = input(placements(), ReportSpec::default());
    let without = report(&input).unwrap().files;
    assert!(!without.files.contains_key("agreement.csv"));
    input.agreements = vec![
        agreement("agree", &[("method", "saliency"), ("student", "gpt2")], 0),
        agreement("agree", &[("method", "random"), ("student", "gpt2")], 31),
    ];
    let report = report(&input).unwrap();
    expect![[r"
        # Agreement of selected words
        method | match | averaged over | precision % | by chance | recall % | by chance | F1 % | Jaccard % | n | left out
        saliency | subword | words | 90.0 [85.0, 94.0] | 30.0 | 80.0 [75.0, 84.0] | 26.7 | 70.0 [65.0, 74.0] | 60.0 [55.0, 64.0] | 1,200 | 0
        saliency | subword | rationales | 50.0 [45.0, 54.0] | 16.7 | – | – | 40.0 [35.0, 44.0] | 30.0 [25.0, 34.0] | 1,200 | 0
        random | exact | words | 90.0 [85.0, 94.0] | 30.0 | 80.0 [75.0, 84.0] | 26.7 | 70.0 [65.0, 74.0] | 60.0 [55.0, 64.0] | 1,200 | 31
        random | exact | rationales | 50.0 [45.0, 54.0] | 16.7 | – | – | 40.0 [35.0, 44.0] | 30.0 [25.0, 34.0] | 1,200 | 31
        * Precision is the fraction of the selected words that the reference has, recall the fraction of the reference's words that are selected; averaged over words, those of all rationales count as one pool (micro), and over rationales each one's own value counts once, if it has one (macro).
        * Matching by `subword`: a word counts as shared as soon as both have any piece of it.
        * Matching is `exact`: a word counts as shared only where both have the same pieces of it.
        * Brackets hold 95 % intervals: the percentile bootstrap over questions (4,000 resamples), or Wilson's where no resample varies.
        * `by chance` is what is expected where as many words, and as many stretches of punctuation, of each rationale are drawn at random.
        * `left out` are rationales that only one of the two selections has."]]
    .assert_eq(&shown(report.tables.last().unwrap()));
    let csv = text(&report.files, "agreement.csv");
    expect![[r"
        method,student,stage,match,averaged,measure,value,low,high,level,chance,rationales_said,rationales,questions,only_selected,only_reference
        saliency,gpt2,agree,subword,micro,precision,0.9,0.85,0.9400000000000001,0.95,0.3,1080,1200,1000,0,0
        saliency,gpt2,agree,subword,micro,recall,0.8,0.75,0.8400000000000001,0.95,0.26666666666666666,1080,1200,1000,0,0
        saliency,gpt2,agree,subword,micro,F1,0.7,0.6499999999999999,0.74,0.95,0.2333333333333333,1080,1200,1000,0,0
    "]]
    .assert_eq(&csv.lines().take(4).map(|line| format!("{line}\n")).collect::<String>());
    assert_eq!(csv.lines().count(), 1 + 2 * 7);
    assert!(text(&report.files, "report.html").contains("Agreement of selected words"));
    input.agreements = vec![agreement("agree", &[], 0)];
    let alone = super::report(&input).unwrap();
    expect!["agreement | averaged over | precision % | by chance | recall % | by chance | F1 % | Jaccard % | n"]
        .assert_eq(shown(alone.tables.last().unwrap()).lines().nth(1).unwrap());
}

#[test]
fn teachers_have_a_table() {
    let poll = |id: usize, agree: usize, right: Option<(usize, bool)>| Poll {
        id: format!("q{id:02}"),
        cast: 5,
        agree,
        tie: id == 0,
        right: right.map(|(answers, majority)| Right { answers, majority }),
    };
    let teacher = |stage: &str, known: bool| Teacher {
        coords: BTreeMap::new(),
        stage: stage.into(),
        votes: Votes { polls: (0..10).map(|id| poll(id, 2 + id % 4, known.then_some((id % 4, id > 1)))).collect() },
    };
    let mut input = ReportInput { title: "T".into(), ..ReportInput::default() };
    input.teachers = vec![teacher("asked", true), teacher("unknown", false)];
    expect![[r"
        # Teachers
        teacher | questions | votes | self-consistency % | majority right % | one answer right % | ties
        asked | 10 | 5 | 66.0 | 80.0 [49.0, 94.3] | 26.0 | 1
        unknown | 10 | 5 | 66.0 | – | – | 1
        * Self-consistency is the fraction of a question's answers that state the majority's label, averaged over questions; answers without a label agree with none.
        * Brackets hold the 95 % interval after Wilson, over the questions whose right answer is known. These are the questions the teacher was asked, which need not be those a student is tested on."]]
    .assert_eq(&shown(&super::report(&input).unwrap().tables[0]));
}

/// Makes outcomes of classes out of pairs such as `yn`, the right one first; `?` is none.
fn classified(stage: &str, run: &str, pairs: &[&str]) -> Arm {
    let class = |letter: char| match letter {
        'y' => Some(Answer::Class("yes".into())),
        'n' => Some(Answer::Class("no".into())),
        _ => None,
    };
    let outcome = |(index, pair): (usize, &&str)| {
        let mut letters = pair.chars().map(class);
        let (answer, predicted) = (letters.next().flatten().unwrap(), letters.next().flatten());
        Outcome { id: format!("q{index}"), answer, choices: 2, predicted, ..scores("+").rows[0].clone() }
    };
    let outcomes = Scores { rows: pairs.iter().enumerate().map(outcome).collect() };
    Arm { outcomes, ..arm(stage, &[("run", run)], "") }
}

#[test]
fn answers_that_are_classes_have_a_table_of_confusions() {
    let arms = vec![
        classified("after", "0", &["yy", "yn", "nn", "n?", "nn"]),
        classified("after", "1", &["yy", "yy", "ny", "nn", "nn"]),
        classified("none", "0", &["yy", "yy", "ny", "ny", "ny"]),
    ];
    let spec = ReportSpec { average: axes(&["run"]), ..ReportSpec::default() };
    let made = report(&input(arms, spec)).unwrap();
    let table = made.tables.iter().find(|table| table.title == "Confusion of classes").unwrap();
    expect![[r"
        # Confusion of classes
        arm | right answer | n | no % | yes % | none %
        after | no | 6 | 66.7 | 16.7 | 16.7
        after | yes | 4 | 25.0 | 75.0 | 0.0
        none | no | 3 | 0.0 | 100.0 | 0.0
        none | yes | 2 | 0.0 | 100.0 | 0.0
        * Each line says what was answered to the questions whose right answer it names; `none` is what could not be read as a class.
        * Replicates are counted together."]]
    .assert_eq(&shown(table));
    let lettered = report(&input(vec![arm("after", &[], "+-+")], ReportSpec::default())).unwrap();
    assert!(lettered.tables.iter().all(|table| table.title != "Confusion of classes"));
}

#[test]
fn what_holds_of_several_arms_is_said_once_and_of_all_their_questions() {
    let renamed = |mut arm: Arm, dataset: &str| {
        arm.outcomes.rows.iter_mut().for_each(|row| row.id = format!("{dataset}-{}", row.id));
        Arm { coords: coords(&[("dataset", dataset)]), ..arm }
    };
    let mut arms = vec![renamed(arm("scores", &[], "????"), "one"), renamed(arm("scores", &[], "??+?"), "two")];
    arms.push(renamed(classified("scores", "0", &["yy", "yn", "nn", "nn"]), "three"));
    let made = report(&input(arms, ReportSpec::default())).unwrap();
    let page = text(&made.files, "report.md");
    assert!(page.contains("3 arms on 4 questions each, 12 in all; 0 of them clearly above chance."), "{page}");
    let table = shown(&made.tables[0]);
    assert!(table.contains(
        "* `scores[dataset=one]`, `scores[dataset=two]` are not assessable: a label can be read from 0.0 to 25.0 % of their \
         outputs, and a verdict needs 50 % (`readable`). They carry no mark"
    ), "{table}");
    assert_eq!(table.matches("| not assessable").count(), 2, "{table}");
    assert!(table.contains(
        "Chance is the fraction of the commonest class, and one in the number of choices where there are some, on average 50.0 %"
    ), "{table}");
}

fn shown(table: &Table) -> String {
    let head: Vec<&str> = table.columns.iter().map(|column| column.name.as_str()).collect();
    let mut lines = vec![format!("# {}", table.title), head.join(" | ")];
    lines
        .extend(table.rows.iter().map(|row| row.iter().map(|cell| cell.text.as_str()).collect::<Vec<_>>().join(" | ")));
    lines.extend(table.notes.iter().map(|note| format!("* {note}")));
    lines.join("\n")
}

#[track_caller]
fn check(input: &ReportInput, expected: &Expect) {
    let report = report(input).unwrap();
    expected.assert_eq(&report.tables.iter().map(shown).collect::<Vec<_>>().join("\n\n"));
}

#[track_caller]
fn fails(input: &ReportInput, expected: &Expect) {
    expected.assert_eq(&report(input).unwrap_err().to_string());
}

fn text(files: &ReportFiles, name: &str) -> String {
    String::from_utf8(files.files[name].clone()).unwrap()
}

/// Five arms over two stages, as a pipeline without `x` gives.
fn placements() -> Vec<Arm> {
    vec![
        arm("scores", &[("placement", "none")], "++++++++--------????"),
        arm("scores", &[("placement", "before")], "++++++++++------????"),
        arm("scores", &[("placement", "after")], "++++++++++++++++++--"),
        arm("retrained", &[("placement", "before")], "+++++++++++---------"),
        arm("retrained", &[("placement", "after")], "+++++++++++++++++++-"),
    ]
}

#[test]
fn rows_and_columns_with_a_baseline() {
    let baseline = Some(coords(&[("placement", "none")]));
    let spec = ReportSpec { rows: axes(&["arm"]), columns: axes(&["placement"]), baseline, ..ReportSpec::default() };
    check(
        &input(placements(), spec),
        &expect![[r#"
            # Accuracy in percent, by arm and placement
            arm | placement none | placement before | placement after
            scores | 40.0 [21.9, 61.3] | 50.0 [29.9, 70.1] | 90.0 [69.9, 97.2]
            retrained | – | 55.0 [34.2, 74.2] | 95.0 [76.4, 99.1]
            * Brackets hold 95 % intervals (Wilson).
            * n counts questions; `parsed` is the fraction of outputs that a label could be read from.
            * ↑ and ↓ mark what lies above or below its baseline at 5 % after Holm's correction for all comparisons with a baseline in this report.
            * Nothing is bold (★): no arm is above each of the others that differ from it in arm alone, by the same paired test at 5 %, corrected after Holm for their number.

            # Accuracy of each arm
            arm | placement | accuracy % | n | parsed % | above chance | clearly above | vs baseline | p | p, Holm
            scores | none | 40.0 [21.9, 61.3] | 20 | 80.0 | −10.0 [−28.1, +11.3] | no | baseline | – | –
            scores | before | 50.0 [29.9, 70.1] | 20 | 80.0 | 0.0 [−20.1, +20.1] | no | +10.0 [0.0, +25.0] | 0.500 | 0.500
            scores | after | 90.0 [69.9, 97.2] | 20 | 100.0 | +40.0 [+19.9, +47.2] | yes | +50.0 [+30.0, +70.0] | 0.002 | 0.006
            retrained | before | 55.0 [34.2, 74.2] | 20 | 100.0 | +5.0 [−15.8, +24.2] | no | +15.0 [0.0, +30.0] | 0.250 | 0.500
            retrained | after | 95.0 [76.4, 99.1] | 20 | 100.0 | +45.0 [+26.4, +49.1] | yes | +55.0 [+35.0, +75.0] | <0.001 | 0.004
            * An output that no label can be read from counts as wrong; `parsed` is the fraction of the others.
            * Brackets hold 95 % intervals (Wilson).
            * Chance is one in the number of choices, on average 50.0 %; `above chance` is in percentage points, and clear when its whole interval lies above zero.
            * Each arm was trained once: the intervals do not include variation between seeds.
            * `vs baseline` is the difference in percentage points to the baseline `placement=none`, paired by question, with its interval; p is from McNemar's exact test.
            * `p, Holm` is corrected for the 4 comparisons.
            * ↑ and ↓ mark what lies above or below its baseline at 5 % after Holm's correction for all comparisons with a baseline in this report.
            * Nothing is bold (★): no arm is above each of the others that differ from it in arm alone, by the same paired test at 5 %, corrected after Holm for their number."#]],
    );
}

/// Two replicates of before and after at two fractions, and a label-only arm that has neither axis.
fn masking() -> Vec<Arm> {
    let at = |placement, fraction, run| [("placement", placement), ("fraction", fraction), ("run", run)];
    vec![
        arm("label-only", &[("run", "0")], "++++++----"),
        arm("label-only", &[("run", "1")], "+++++-----"),
        arm("scores", &at("before", "0.4", "0"), "+++++++---"),
        arm("scores", &at("before", "0.4", "1"), "++++++----"),
        arm("scores", &at("before", "0.1", "0"), "++++++++--"),
        arm("scores", &at("before", "0.1", "1"), "++++++++--"),
        arm("scores", &at("after", "0.1", "0"), "++++++++++"),
        arm("scores", &at("after", "0.1", "1"), "++++++++++"),
        arm("scores", &at("after", "0.4", "0"), "+++++++++-"),
        arm("scores", &at("after", "0.4", "1"), "++++++++- "),
    ]
}

fn figure_4() -> ReportSpec {
    ReportSpec {
        x: Some("fraction".into()),
        lines: axes(&["placement"]),
        average: axes(&["run"]),
        baseline: Some(coords(&[("arm", "label-only")])),
        ..ReportSpec::default()
    }
}

#[test]
fn an_arm_without_an_axis_shows_a_dash_and_replicates_are_averaged() {
    check(
        &input(masking(), figure_4()),
        &expect![[r#"
            # Accuracy of each arm
            placement | fraction | accuracy % | n | parsed % | above chance | clearly above | vs baseline | p | p, Holm
            – | – | 55.0 [10.4, 92.8] | 10 | 100.0 | +5.0 [−39.6, +42.8] | no | baseline | – | –
            before | 0.1 | 80.0 [42.7, 95.5] | 10 | 100.0 | +30.0 [−7.3, +45.5] | no | +25.0 [−7.0, +57.0] | 0.112 | 0.224
            before | 0.4 | 65.0 [13.5, 95.7] | 10 | 100.0 | +15.0 [−36.5, +45.7] | no | +10.0 [−13.7, +33.7] | 0.343 | 0.343
            after | 0.1 | 100.0 [72.2, 100.0] | 10 | 100.0 | +50.0 [+22.2, +50.0] | yes | +45.0 [+8.2, +81.8] | 0.021 | 0.085
            after | 0.4 | 94.4 [8.3, 100.0] | 9 | 100.0 | +44.4 [−41.7, +50.0] | no | +33.3 [−3.3, +70.0] | 0.070 | 0.210
            * An output that no label can be read from counts as wrong; `parsed` is the fraction of the others.
            * Brackets hold 95 % intervals: Wilson's for one training, or where trainings never differ; else Wilson's with the error over questions and trainings, by Student's t.
            * Chance is one in the number of choices, on average 50.0 %; `above chance` is in percentage points, and clear when its whole interval lies above zero.
            * Averaged over run, replicates: 2; n counts questions, not answers.
            * `vs baseline` is the difference in percentage points to the baseline `arm=label-only`, paired by question, with its interval; p is from the t test with the error over questions and trainings.
            * `p, Holm` is corrected for the 4 comparisons.
            * `scores[fraction=0.4,placement=after]` and its baseline `label-only` were scored on different questions: compared on the 9 they share, 1 left out.
            * ↑ and ↓ mark what lies above or below its baseline at 5 % after Holm's correction for all comparisons with a baseline in this report.
            * Nothing is bold (★): no arm is above each of the others that differ from it in placement alone, by the same paired test at 5 %, corrected after Holm for their number.
            * The replicates of `scores[fraction=0.4,placement=after]` were scored on different questions: averaged on the 9 they share, 1 left out."#]],
    );
}

#[test]
fn an_arm_without_the_x_axis_is_a_reference_line() {
    let report = report(&input(masking(), figure_4())).unwrap();
    let figure = text(&report.files, "figure-1.svg");
    assert!(figure.contains(">label-only (no fraction)</text>"), "{figure}");
    assert!(figure.contains("<title>label-only: 55.0 [10.4, 92.8] %"), "{figure}");
    assert_eq!(figure.matches("<polyline ").count(), 2, "{figure}");
    assert_eq!(figure.matches("<title>scores[").count(), 4, "{figure}");
    well_formed(&figure);
}

#[test]
fn questions_that_only_one_arm_answered_are_left_out_of_its_comparison() {
    let arms = vec![
        arm("scores", &[("placement", "none")], "++--++"),
        arm("scores", &[("placement", "after")], "  +++-+-"),
        arm("scores", &[("placement", "before")], "       ++"),
    ];
    let baseline = Some(coords(&[("placement", "none")]));
    check(
        &input(arms, ReportSpec { baseline, ..ReportSpec::default() }),
        &expect![[r#"
            # Accuracy of each arm
            placement | accuracy % | n | parsed % | above chance | clearly above | vs baseline | p | p, Holm
            none | 66.7 [30.0, 90.3] | 6 | 100.0 | +16.7 [−20.0, +40.3] | no | baseline | – | –
            after | 66.7 [30.0, 90.3] | 6 | 100.0 | +16.7 [−20.0, +40.3] | no | +25.0 [−50.0, +100.0] | 1.000 | 1.000
            before | 100.0 [34.2, 100.0] | 2 | 100.0 | +50.0 [−15.8, +50.0] | no | no shared questions | – | –
            * An output that no label can be read from counts as wrong; `parsed` is the fraction of the others.
            * Brackets hold 95 % intervals (Wilson).
            * Chance is one in the number of choices, on average 50.0 %; `above chance` is in percentage points, and clear when its whole interval lies above zero.
            * Each arm was trained once: the intervals do not include variation between seeds.
            * `vs baseline` is the difference in percentage points to the baseline `placement=none`, paired by question, with its interval; p is from McNemar's exact test.
            * `scores[placement=after]` and its baseline `scores[placement=none]` were scored on different questions: compared on the 4 they share, 4 left out.
            * `scores[placement=before]` and its baseline `scores[placement=none]` share no question, so that they are not compared.
            * ↑ and ↓ mark what lies above or below its baseline at 5 % after Holm's correction for all comparisons with a baseline in this report.
            * Nothing is bold (★): no arm is above each of the others that differ from it in placement alone, by the same paired test at 5 %, corrected after Holm for their number."#]],
    );
}

#[test]
fn an_empty_split_says_so_everywhere() {
    let arms = vec![arm("scores", &[("placement", "after")], ""), arm("scores", &[("placement", "none")], "")];
    let baseline = Some(coords(&[("placement", "none")]));
    let input = input(arms, ReportSpec { baseline, ..ReportSpec::default() });
    check(
        &input,
        &expect![[r#"
            # Accuracy of each arm
            placement | accuracy % | n | parsed % | above chance | clearly above | vs baseline | p | p, Holm
            after | no questions | 0 | – | – | – | no shared questions | – | –
            none | no questions | 0 | – | – | – | baseline | – | –
            * An output that no label can be read from counts as wrong; `parsed` is the fraction of the others.
            * Brackets hold 95 % intervals (Wilson).
            * `vs baseline` is the difference in percentage points to the baseline `placement=none`, paired by question, with its interval.
            * Nothing is bold (★): no arm is above each of the others that differ from it in placement alone, by the same paired test at 5 %, corrected after Holm for their number."#]],
    );
    let report = report(&input).unwrap();
    assert!(report.files.files.keys().all(|name| !name.starts_with("figure")));
    assert!(!text(&report.files, "report.html").contains("id=\"differences\""));
}

#[test]
fn one_arm_without_axes_is_a_report() {
    let report = report(&input(vec![arm("scores", &[], "+")], ReportSpec::default())).unwrap();
    assert_eq!(report.tables[0].rows[0][0].text, "scores");
    well_formed(&text(&report.files, "figure-1.svg"));
}

#[test]
fn a_baseline_must_be_one_arm() {
    let with = |baseline: &[(&str, &str)]| {
        let baseline = Some(coords(baseline));
        input(placements(), ReportSpec { baseline, ..ReportSpec::default() })
    };
    fails(
        &with(&[("placement", "nowhere")]),
        &expect![
            "cannot report: `baseline` asks for `placement=nowhere`, which no arm has; the values of `placement` are `none`, `before`, `after`"
        ],
    );
    fails(
        &with(&[("arm", "retrained"), ("placement", "none")]),
        &expect![
            "cannot report: `baseline` asks for `arm=retrained,placement=none`, which no arm is; there are `scores[placement=none]`, `scores[placement=before]`, `scores[placement=after]`, `retrained[placement=before]`, `retrained[placement=after]`"
        ],
    );
    let mut open = with(&[("arm", "scores")]);
    open.arms.push(arm("random", &[], "+"));
    fails(
        &open,
        &expect![
            "cannot report: `baseline` leaves open which arm `random` is compared with: `scores[placement=none]`, `scores[placement=before]`, `scores[placement=after]`; name a further axis in it"
        ],
    );
    fails(
        &with(&[("student", "gpt2")]),
        &expect![
            "cannot report: `baseline` names the axis `student`, which no arm has; the axes are `arm`, `placement`"
        ],
    );
}

#[test]
fn each_arm_has_the_baseline_that_is_most_like_it() {
    let mut arms = Vec::new();
    for student in ["gpt2", "phi"] {
        for placement in ["none", "after"] {
            arms.push(arm("scores", &[("student", student), ("placement", placement)], "+-"));
        }
    }
    let baseline = Some(coords(&[("placement", "none")]));
    let report = report(&input(arms, ReportSpec { baseline, ..ReportSpec::default() })).unwrap();
    let csv = text(&report.files, "report.csv");
    for student in ["gpt2", "phi"] {
        assert!(csv.contains(&format!("\"scores[placement=none,student={student}]\",2,0")), "{csv}");
    }
}

#[test]
fn answers_without_choices_or_given_twice_are_refused() {
    let mut twice = arm("scores", &[], "++");
    twice.outcomes.rows[1].id = "q00".into();
    fails(
        &input(vec![twice], ReportSpec::default()),
        &expect![
            "cannot report on the arm `scores`: cannot count question `q00`: it was answered twice by one replicate"
        ],
    );
    let mut none = arm("scores", &[], "++");
    none.outcomes.rows[1].choices = 0;
    fails(
        &input(vec![none], ReportSpec::default()),
        &expect!["cannot report: in the arm `scores`, question `q01` has no choices, so that chance is unknown"],
    );
    // Repeated by one replicate while the other lacks it: two answers, and still not one for each.
    let mut first = arm("scores", &[("run", "0")], "+ +");
    first.outcomes.rows[1].id = "q00".into();
    let arms = vec![first, arm("scores", &[("run", "1")], " +")];
    fails(
        &input(arms, ReportSpec { average: axes(&["run"]), ..ReportSpec::default() }),
        &expect![
            "cannot report on the arm `scores[run=0]`: cannot count question `q00`: it was answered twice by one replicate"
        ],
    );
}

#[test]
fn the_csv_file_is_tidy() {
    let arms =
        vec![arm("scores", &[("accuracy", "a,\"b\"")], "+-?"), arm("scores", &[("accuracy", "x"), ("p", "1")], "+++")];
    let report = report(&input(arms, ReportSpec::default())).unwrap();
    expect![[r#"
        axis:accuracy,axis:p,stage,replicates,questions,questions_left_out,level,accuracy,accuracy_low,accuracy_high,accuracy_method,parsed,tokens_mean,chance,above_chance,above_chance_low,above_chance_high,above_chance_method,clearly_above_chance,baseline,paired_questions,unpaired_questions,difference,difference_low,difference_high,difference_method,wins,losses,mcnemar_p,cohen_h,test,p,p_holm,best,bootstrap_seed
        "a,""b""",,scores,1,3,0,0.95,0.3333333333333333,0.06149194472039632,0.7923403991979523,wilson,0.6666666666666666,4,0.5,-0.16666666666666669,-0.4385080552796037,0.2923403991979523,wilson,false,,,,,,,,,,,,,,,false,0
        x,1,scores,1,3,0,0.95,1,0.4385029682449546,1,wilson,1,4,0.5,0.5,-0.061497031755045395,0.5,wilson,false,,,,,,,,,,,,,,,false,0
    "#]].assert_eq(&text(&report.files, "report.csv").replace('\r', ""));
    expect![[r#"
        accuracy,p,stage,question,choices,answer,predicted,correct,tokens,output
        "a,""b""",,scores,q00,2,A,A,true,4,"said ""+"",
        then stopped"
        "a,""b""",,scores,q01,2,A,B,false,4,"said ""-"",
        then stopped"
        "a,""b""",,scores,q02,2,A,,false,4,"said ""?"",
        then stopped"
        x,1,scores,q00,2,A,A,true,4,"said ""+"",
        then stopped"
        x,1,scores,q01,2,A,A,true,4,"said ""+"",
        then stopped"
        x,1,scores,q02,2,A,A,true,4,"said ""+"",
        then stopped"
    "#]]
    .assert_eq(&text(&report.files, "questions.csv").replace('\r', ""));
}

#[test]
fn equal_input_gives_equal_bytes() {
    let make = || report(&input(masking(), figure_4())).unwrap();
    assert_eq!(make(), make());
}

#[test]
fn the_tables_can_be_read_back() {
    let report = report(&input(placements(), ReportSpec::default())).unwrap();
    assert_eq!(Report::tables_in(&report.files).unwrap(), report.tables);
    let mut files = report.files;
    files
        .files
        .insert("report.json".into(), b"{\"version\":9,\"title\":\"\",\"experiment\":\"\",\"tables\":[]}".to_vec());
    expect!["cannot read the tables of a report from `report.json`: it is of version `9`, expected `2`"]
        .assert_eq(&Report::tables_in(&files).unwrap_err().to_string());
    expect!["cannot read the tables of a report from `report.json`: the file is missing"]
        .assert_eq(&Report::tables_in(&ReportFiles::default()).unwrap_err().to_string());
}

#[test]
fn trainings_are_tabled_and_drawn() {
    let log = TrainingLog {
        examples: 1714,
        without_rationale: 216,
        truncated: 3,
        losses: vec![2.5, f32::NAN, 1.25],
        evaluations: vec![Evaluation { step: 2, accuracy: 0.5 }, Evaluation { step: 3, accuracy: 0.625 }],
        best_step: 3,
        stopped_early: true,
        ..TrainingLog::default()
    };
    let mut arms = placements();
    arms[0].log = Some(log);
    let report = report(&input(arms, ReportSpec { figures: vec![Figure::Training], ..ReportSpec::default() })).unwrap();
    expect![[r"
        # Training
        arm | placement | examples | without rationale | cut | steps | first loss | last loss | best step | dev accuracy % | stopped early
        scores | none | 1,714 | 216 | 3 | 3 | 2.500 | 1.250 | 3 | 62.5 | yes
        * Losses are means over the target tokens of one step, each by its weight, in nats. `cut` counts examples cut to the maximum length; dev accuracy is that of the weights that were kept.
        * `scores[placement=none]`: 216 questions without a rationale were left out."]].assert_eq(&shown(&report.tables[1]));
    assert!(text(&report.files, "figure-1.svg").contains("loss, nats per target token"));
    assert!(text(&report.files, "figure-2.svg").contains("<title>step 3: 62.5 %, kept</title>"));
}

#[test]
fn the_page_holds_the_pairs_and_says_what_it_cuts() {
    let wrong = "-".repeat(450);
    let arms = vec![
        arm("scores", &[("placement", "none")], &"+".repeat(450)),
        arm("scores", &[("placement", "after")], &wrong),
    ];
    let page = text(&report(&input(arms, ReportSpec::default())).unwrap().files, "report.html");
    assert!(
        page.contains("got right: 450. The first alone: 450, the second alone: 0. The first 200 are shown."),
        "{page}"
    );
    assert_eq!(page.matches("<td class=\"free\">q").count(), 200);
    let data = page.split("id=\"answers\">").nth(1).and_then(|rest| rest.split("</script>").next()).unwrap();
    let data: serde_json::Value = serde_json::from_str(data).unwrap();
    assert_eq!(data["given"][1].as_str().unwrap().len(), 450);
}

/// Checks that tags nest and that no bare `&` or control character stands in a figure.
#[track_caller]
fn well_formed(svg: &str) {
    let mut open = Vec::new();
    for part in svg.split('<').skip(1) {
        let (tag, text) = part.split_once('>').expect("every tag ends");
        assert!(!text.contains('>') || open.last() == Some(&"style"), "{part}");
        let name = tag.trim_start_matches('/').split([' ', '/']).next().unwrap();
        if tag.starts_with('/') {
            assert_eq!(open.pop(), Some(name));
        } else if !tag.ends_with('/') {
            open.push(name);
        }
        for entity in part.split('&').skip(1) {
            assert!(["amp;", "lt;", "gt;", "quot;", "#39;"].iter().any(|known| entity.starts_with(known)), "{part}");
        }
    }
    assert!(open.is_empty());
    assert!(!svg.contains("NaN") && !svg.contains("inf ") && svg.chars().all(|c| c == '\n' || !c.is_control()));
}
