//! Reports one can publish: hypotheses that are checked beforehand, agreements alone, values of others, and where it all comes
//! from.

use expect_test::expect;
use serde_json::Value as Json;

use crate::pipelines::TRAINED;
use crate::runner::{FILE, Project};

/// The line of the pipeline that declares its report.
const REPORT: &str = "    report: { scores: answers, training: [tuned, again], x: fraction, lines: student }\n";

/// A pipeline whose report has further fields, one a line.
fn reporting(fields: &str) -> Project {
    let project = Project::new(TRAINED);
    project.edit(REPORT, &format!("    report:\n      scores: answers\n{fields}"));
    project
}

#[test]
fn what_a_report_asks_of_arms_that_are_not_there_is_refused_before_anything_runs() {
    let project = reporting(
        "      rows: [studnt]
      hypotheses:
        - { more: { student: tuned }, than: { student: agin } }
        - { same: { student: tuned }, as: { studet: again }, within: 2 }
        - { more: { student: tuned } }
        - { says: nothing }
        - { same: { student: tuned }, as: { student: again }, within: 200 }
",
    );
    let said = project.run(&["check", FILE]).code(2).stderr;
    expect![[r#"
        error: missing field `than` in `hypotheses[2]`
          --> pipeline.yaml:48:11
           |
        48 |         - { more: { student: tuned } }
           |           ^^^^^^^^^^^^^^^^^^^^^^^^^^^^

        error: `hypotheses[3]` is no hypothesis
          --> pipeline.yaml:49:11
           |
        49 |         - { says: nothing }
           |           ^^^^^^^^^^^^^^^^^ expected either `more` or `same`
           |
           = help: write `{ more: { placement: after }, than: { placement: before } }` or `{ same: …, as: …, within: 2 }`

        error: `hypotheses[4].within` cannot be `200`
          --> pipeline.yaml:50:71
           |
        50 |         - { same: { student: tuned }, as: { student: again }, within: 200 }
           |                                                                       ^^^ expected percentage points, above 0 and below 100, such as `2`

        3 errors in `pipeline.yaml`
    "#]]
    .assert_eq(&said);
    project.edit("        - { more: { student: tuned } }\n        - { says: nothing }\n", "");
    project.edit("within: 200", "within: 2");
    let said = project.run(&["check", FILE]).code(2).stderr;
    expect![[r#"
        error: cannot report: `rows` names the axis `studnt`, which no arm has; the axes are `arm`, `fraction`, `student`; did you mean `student`?
          --> pipeline.yaml:44:13
           |
        44 |       rows: [studnt]
           |             ^^^^^^^^

        1 error in `pipeline.yaml`
    "#]]
    .assert_eq(&said);
    project.edit("      rows: [studnt]\n", "");
    let said = project.run(&["check", FILE]).code(2).stderr;
    expect![[r#"
        error: cannot report: `hypotheses[0].than` asks for `student=agin`, which no arm has; the values of `student` are `tuned`, `again`; did you mean `again`?
          --> pipeline.yaml:45:56
           |
        45 |         - { more: { student: tuned }, than: { student: agin } }
           |                                                        ^^^^

        error: cannot report: `hypotheses[1].as` names the axis `studet`, which no arm has; the axes are `arm`, `fraction`, `student`; did you mean `student`?
          --> pipeline.yaml:46:53
           |
        46 |         - { same: { student: tuned }, as: { studet: again }, within: 2 }
           |                                                     ^^^^^

        2 errors in `pipeline.yaml`
    "#]]
    .assert_eq(&said);
    project.edit("{ student: agin }", "{ student: again }");
    project.edit("{ studet: again }", "{ student: again }");
    project.run(&["check", FILE]).code(0);
    project.edit("      scores: answers\n", "");
    let said = project.run(&["check", FILE]).code(2).stderr;
    expect![[r#"
        error: the report has nothing to report on
          --> pipeline.yaml:43:7
           |
        43 |       hypotheses:
           |       ^^^^^^^^^^^
           |
           = help: name stages of kind `evaluate` under `scores`, of kind `agreement`, of kind `elicit` with `votes` under `teachers`, or of kind `lens` under `lens.readings`

        1 error in `pipeline.yaml`
    "#]]
    .assert_eq(&said);
}

#[test]
fn hypotheses_and_values_of_others_are_reported_with_questions_and_their_words() {
    let project = reporting(
        "      questions: questions
      baseline: { student: tuned }
      beside: { name: a paper, values: values.csv }
      hypotheses:
        - { says: one is as good as the other, same: { student: again }, as: { student: tuned }, within: 40 }
",
    );
    project.write("values.csv", "student,fraction,percent\ntuned,0.4,12.5\nagain,0.8,\n");
    project.make();
    let read = |name: &str| fs_err::read_to_string(project.path(&format!("out/trained/results/{name}"))).unwrap();
    assert_eq!(read("hypotheses.csv").lines().count(), 3, "{}", read("hypotheses.csv"));
    assert_eq!(read("beside.csv").lines().count(), 2, "{}", read("beside.csv"));
    assert!(read("report.md").contains("## Beside a paper") && read("report.tex").contains("\\toprule"));
    let page = read("report.html");
    let data = page.split("id=\"answers\">").nth(1).and_then(|rest| rest.split("</script>").next()).unwrap();
    let data: Json = serde_json::from_str(data).unwrap();
    assert!(data["asked"][0]["stem"].as_str().unwrap().len() > 10, "{data}");
    // Under the name that hypotheses had they are the same report, with a notice.
    project.edit("      hypotheses:\n", "      claims:\n");
    assert!(project.stale().is_empty());
    project.run(&["check", FILE]).code(0).says("`claims` is now called `hypotheses`");
    // Whoever changes the values has another report, and whoever writes their column wrong is told.
    project.write("values.csv", "student,fracton,percent\ntuned,0.4,12.5\n");
    project.run(&["run", FILE]).code(1).says("it has a column `fracton`, which is no axis");
}

#[test]
fn a_report_may_be_about_agreements_alone() {
    let project = Project::new(
        r"retort: 1
experiment: alone
seed: 17

stages:
  questions:
    dataset: { format: synthetic, train: 12, dev: 2, test: 2 }
  rationales:
    elicit: { questions: questions, split: train, teacher: gold }
  often:
    transform: { rationales: rationales, steps: [ { keep_top: { fraction: 0.3, by: frequency, level: word } } ] }
  drawn:
    transform: { rationales: rationales, steps: [ { keep_top: { fraction: 0.3, by: random, level: word } } ] }
  agree:
    agreement: { of: rationales, reference: often, selected: drawn, match: exact }
  results:
    report: { agreement: agree, title: Which words }
",
    );
    project.make();
    let page = fs_err::read_to_string(project.path("out/alone/results/report.md")).unwrap();
    assert!(page.contains("# Which words\n\n1 agreement of selected words; nothing was scored."), "{page}");
    assert!(page.contains("## Agreement of selected words"), "{page}");
    // Another pipeline of that name is not taken for this one.
    let other = fs_err::read_to_string(project.path(FILE)).unwrap().replace("Which words", "Other words");
    project.write("other.yaml", &other);
    let said = project.run(&["run", "other.yaml"]).code(0).stderr;
    assert!(said.contains("pipeline.yaml`, which is replaced"), "{said}");
    let again = project.run(&["run", "other.yaml"]).code(0).stderr;
    assert!(!again.contains("replaced"), "{again}");
    project.edit("agreement: agree,", "agreement: agree, x: fraction,");
    project.run(&["check", FILE]).code(2).says("`x` is about what students answered, and nothing was scored");
}

#[test]
fn the_files_say_where_they_come_from_and_the_cached_report_does_not() {
    let project = Project::new(TRAINED);
    project.make();
    let read = |name: &str| fs_err::read_to_string(project.path(&format!("out/trained/results/{name}"))).unwrap();
    let provenance: Json = serde_json::from_str(&read("provenance.json")).unwrap();
    assert_eq!(provenance["experiment"], "trained");
    assert_eq!(provenance["seeds"], serde_json::json!(["experiment: 17"]));
    assert_eq!(provenance["programs"], serde_json::json!([concat!("retort ", env!("CARGO_PKG_VERSION"))]));
    assert!(provenance["devices"][0].as_str().unwrap().ends_with("(cpu-f32)"), "{provenance}");
    let kinds: Vec<&str> =
        provenance["costs"].as_array().unwrap().iter().map(|cost| cost["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["attribute", "dataset", "elicit", "evaluate", "report", "tokenizer", "train", "transform"]);
    assert_eq!(provenance["digest"], project.digests()["results"]["report.json"].as_str());
    assert!(read("report.html").contains("<dt>devices</dt><dd>cpu"), "{}", read("report.html"));
    assert!(read("report.md").contains("## Setup"));
    let setup = provenance["setup"].to_string();
    for told in ["questions: train", "million parameters (f32 weights)", "recipe: "] {
        assert!(setup.contains(told), "{told}: {setup}");
    }
    let resolved: Json = serde_json::from_str(&read("pipeline.json")).unwrap();
    let stages = resolved["stages"].as_array().unwrap();
    let train = stages.iter().find(|stage| stage["kind"] == "train").unwrap();
    assert!(train["variants"][0]["parameters"]["recipe"]["lr"].is_number(), "{train}");
    // What is kept is the same on every machine.
    let kept = project.run(&["show", FILE, "results"]).code(0).stdout;
    assert!(!kept.contains("## Setup"), "{kept}");
}
