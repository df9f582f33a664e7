//! Every command, with and without `--json`.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use expect_test::expect;
use retort::source::{Node, Sources, Value, read_yaml};
use serde_json::Value as Json;

use crate::pipelines::{PLAIN, TRAINED};
use crate::runner::{Events, FILE, Output, Project, files};

fn done(pipeline: &str) -> Project {
    let project = Project::new(pipeline);
    project.make();
    project
}

#[test]
fn a_graph_is_drawn_in_three_languages_and_coloured_by_state() {
    let project = done(PLAIN);
    project.edit("keep: 500", "keep: 2");
    let graph = |format: &str| project.run(&["graph", FILE, "--format", format]).code(0).stdout;
    assert!(graph("dot").starts_with("digraph"), "{}", graph("dot"));
    assert!(graph("svg").starts_with("<svg") && graph("svg").trim_end().ends_with("</svg>"));
    expect![[r#"
        flowchart LR
          n0["questions<br/>dataset, cached"]
          style n0 fill:#d9f0e3,stroke:#555,color:#111
          n1["rationales<br/>elicit, cached"]
          style n1 fill:#d9f0e3,stroke:#555,color:#111
          n2["masked<br/>transform × 4, cached"]
          style n2 fill:#d9f0e3,stroke:#555,color:#111
          n3["shortened<br/>transform × 4, runs"]
          style n3 fill:#fbd9c6,stroke:#555,color:#111
          n4["shuffled<br/>transform × 4, waits"]
          style n4 fill:#fff3c4,stroke:#555,color:#111
          n0 --> n1
          n1 --> n2
          n2 --> n3
          n3 --> n4
    "#]]
    .assert_eq(&graph("mermaid"));
    let json = project.run(&["graph", FILE, "--json"]).code(0).json();
    let states: Vec<(&str, &str)> = json["stages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|stage| (stage["name"].as_str().unwrap(), stage["state"].as_str().unwrap()))
        .collect();
    expect![[r#"
        [
            (
                "questions",
                "cached",
            ),
            (
                "rationales",
                "cached",
            ),
            (
                "masked",
                "cached",
            ),
            (
                "shortened",
                "runs",
            ),
            (
                "shuffled",
                "waits",
            ),
        ]
    "#]]
    .assert_debug_eq(&states);
}

#[test]
fn every_kind_of_artifact_can_be_shown() {
    let project = done(TRAINED);
    let show = |target: &str| project.run(&["show", FILE, target, "--limit", "1"]).code(0);
    show("questions").shows("train: 64 questions").shows("choices").shows("  asked     ").shows("  target    ");
    show("rationales").shows("rows: 64 rows").shows("text");
    show("tokens").shows("[FIN_LABEL]");
    show("tuned[fraction=0.4]").shows("64 examples").shows("12 steps").shows("loss").shows("dev accuracy");
    project.run(&["show", FILE, "tuned[fraction=0.4]", "--svg", "curves"]).code(0).says("wrote");
    for figure in ["loss.svg", "dev-accuracy.svg"] {
        assert!(fs_err::read_to_string(project.path("curves").join(figure)).unwrap().contains("</svg>"));
    }
    project.run(&["show", FILE, "questions", "--svg", "curves"]).code(2).says("is no checkpoint");
    show("weighed[fraction=0.4]").shows("tokens");
    show("answers[fraction=0.4,student=tuned]").shows("rows: 16 rows");
    show("results").shows("| ");
    // One made it oneself, which is not worth a line.
    assert!(!show("rationales").stderr.contains("made by"));
    for target in ["questions", "rationales", "tokens", "tuned[fraction=0.4]", "weighed[fraction=0.4]", "results"] {
        project.run(&["show", FILE, target, "--json"]).code(0).json();
    }
    let rows = project.run(&["show", FILE, "rationales", "--json", "--limit", "3"]).code(0).json();
    assert_eq!(rows.as_array().unwrap().len(), 3);
    let id = rows[2]["id"].as_str().unwrap();
    project.run(&["show", FILE, "rationales", "--row", id]).code(0).shows(id);
    project.run(&["show", FILE, "rationales", "--row", "nobody"]).code(2).says("nobody");
    project.run(&["show", FILE, "tuned"]).code(2).says("means 2 instances").says("tuned[fraction=0.8]");
    project.edit("vocabulary: 400", "vocabulary: 390");
    project.run(&["show", FILE, "tokens"]).code(3).says("retort explain");
}

#[test]
fn an_explanation_names_the_field_its_place_and_the_nearest_earlier_result() {
    let project = done(PLAIN);
    project.run(&["explain", FILE]).code(0).shows("nothing is stale");
    project.edit("0.8]", "0.7]");
    let output = project.run(&["explain", FILE, "shuffled[level=word,fraction=0.7]"]).code(0);
    expect![[r#"
        shuffled[level=word,fraction=0.7] waits for what comes before it
          because of:
            masked[level=word,fraction=0.7] is stale
              stages.masked.steps[0].mask.fraction: 0.8 → 0.7, at pipeline.yaml:15
              compared with the nearest earlier instance, masked[level=word,fraction=0.8]
              it last took <n> s
    "#]]
    .assert_eq(&project.redact(&output.stdout));
    let json = project.run(&["explain", FILE, "masked[level=word,fraction=0.7]", "--json"]).code(0).json();
    let change = &json[0]["changes"][0];
    assert_eq!((change["before"].as_str(), change["after"].as_str()), (Some("0.8"), Some("0.7")));
    let place = change["at"].as_str().unwrap();
    assert!(place.starts_with("pipeline.yaml:"), "{place}");
    let line: usize = place.split(':').nth(1).unwrap().parse().unwrap();
    let text = fs_err::read_to_string(project.path(FILE)).unwrap();
    assert!(text.lines().nth(line - 1).unwrap().contains("fraction"), "{place}");
    project.run(&["explain", FILE, "questions"]).code(0).shows("questions is cached\n");
}

#[test]
fn a_plan_says_what_would_run_and_does_nothing() {
    let project = Project::new(PLAIN);
    let first = project.run(&["plan", FILE]).code(0);
    assert!(!project.cache().exists());
    expect![[r#"
                 instance                                why
         run     questions                               new
         awaits  rationales                              after questions
         awaits  masked[level=word,fraction=0.4]         after rationales
         awaits  masked[level=word,fraction=0.8]         after rationales
         awaits  masked[level=sentence,fraction=0.4]     after rationales
         awaits  masked[level=sentence,fraction=0.8]     after rationales
         awaits  shortened[level=word,fraction=0.4]      after masked[level=word,fraction=0.4]
         awaits  shortened[level=word,fraction=0.8]      after masked[level=word,fraction=0.8]
         awaits  shortened[level=sentence,fraction=0.4]  after masked[level=sentence,fraction=0.4]
         awaits  shortened[level=sentence,fraction=0.8]  after masked[level=sentence,fraction=0.8]
         awaits  shuffled[level=word,fraction=0.4]       after shortened[level=word,fraction=0.4]
         awaits  shuffled[level=word,fraction=0.8]       after shortened[level=word,fraction=0.8]
         awaits  shuffled[level=sentence,fraction=0.4]   after shortened[level=sentence,fraction=0.4]
         awaits  shuffled[level=sentence,fraction=0.8]   after shortened[level=sentence,fraction=0.8]

        plain: 14 instances: 0 cached, 1 to run, 13 pending (their inputs are not known yet)
    "#]]
    .assert_eq(&project.redact(&first.stdout));
    project.make();
    project.run(&["plan", FILE]).code(0).shows("nothing to do");
    project.edit("keep: 500", "keep: 2");
    expect![[r#"
                 instance                                why
         run     shortened[level=word,fraction=0.4]      steps[0].truncate.keep: 500 → 2
         run     shortened[level=word,fraction=0.8]      steps[0].truncate.keep: 500 → 2
         run     shortened[level=sentence,fraction=0.4]  steps[0].truncate.keep: 500 → 2
         run     shortened[level=sentence,fraction=0.8]  steps[0].truncate.keep: 500 → 2
         awaits  shuffled[level=word,fraction=0.4]       after shortened[level=word,fraction=0.4]
         awaits  shuffled[level=word,fraction=0.8]       after shortened[level=word,fraction=0.8]
         awaits  shuffled[level=sentence,fraction=0.4]   after shortened[level=sentence,fraction=0.4]
         awaits  shuffled[level=sentence,fraction=0.8]   after shortened[level=sentence,fraction=0.8]

        plain: 14 instances: 6 cached, 4 to run, 4 pending (their inputs are not known yet)
    "#]]
    .assert_eq(&without_cost(&project.run(&["plan", FILE]).code(0).stdout));
    let counts = &project.run(&["plan", FILE, "--json"]).code(0).json()["counts"];
    assert_eq!(
        (counts["hits"].as_u64(), counts["runs"].as_u64(), counts["awaits"].as_u64()),
        (Some(6), Some(4), Some(4))
    );
}

/// Leaves out what the hits took to make, which is not said where that was no time at all.
fn without_cost(plan: &str) -> String {
    let lines = plan.lines().filter(|line| !line.starts_with("the cached part took"));
    lines.map(|line| line.to_owned() + "\n").collect()
}

#[test]
fn two_runs_are_compared() {
    let project = done(TRAINED);
    project.edit("steps: 12", "steps: 13");
    project.make();
    let output = project.run(&["diff", "last~1", "last"]).code(0);
    assert!(output.stdout.contains("recipe.steps: 12 → 13"), "{output}");
    let json = project.run(&["diff", "last~1", "--json"]).code(0).json();
    let lines = json["instances"].as_array().unwrap();
    let of = |name: &str| lines.iter().find(|line| line["instance"] == name);
    let accuracy = &of("answers[fraction=0.4,student=tuned]").unwrap()["accuracy"];
    assert!(accuracy["before"]["value"].is_number() && accuracy["compared"]["p"].is_number(), "{json}");
    output.shows("last loss").shows("accuracy %, 95 % intervals");
    assert!(of("questions").is_none(), "{json}");
    project.run(&["diff", "last", "last"]).code(0).shows("the same keys");
    project.run(&["diff", "last~7"]).code(2).says("no run matches `last~7`");
    let runs = project.run(&["runs", "--json"]).code(0).json();
    assert_eq!(runs.as_array().unwrap().len(), 2);
    assert_eq!(runs[0]["by"].as_str().unwrap().split('@').next(), Some("tester"));
    let run = runs[0]["run"].as_str().unwrap();
    project.run(&["replay", run]).code(0).says(run);
    project.run(&["runs"]).code(0).shows(run);
}

#[test]
fn a_replay_tells_what_the_run_told() {
    let project = Project::new(TRAINED);
    let live = project.run(&["run", FILE, "--progress", "plain"]).code(0).stderr;
    let replayed = project.run(&["replay", "--progress", "plain"]).code(0).stderr;
    let told =
        |text: &str| -> Vec<String> { text.lines().filter(|line| line.starts_with('[')).map(str::to_owned).collect() };
    assert_eq!(told(&replayed), told(&live));
    let events = Events::read(&project.run(&["replay", "--progress", "json"]).code(0).stdout);
    assert_eq!(events.ran().len(), 18);
}

#[test]
fn a_first_pipeline_can_be_written_and_planned() {
    let project = Project::new("");
    project.run(&["init"]).code(0).shows("pipelines/quickstart.yaml");
    project.run(&["plan", "pipelines/quickstart.yaml"]).code(0).shows("to run");
    project.write("retort.toml", "# mine\n");
    project.run(&["init"]).code(0).says("was left alone");
    assert_eq!(fs_err::read_to_string(project.path("retort.toml")).unwrap(), "# mine\n");
    project.run(&["init", "below/here"]).code(0);
    project.run(&["check", "below/here/pipelines/quickstart.yaml"]).code(0).shows("no errors");
}

#[test]
fn the_schema_accepts_the_pipelines_of_this_repository_and_no_others() {
    let project = Project::new("");
    let schema = project.run(&["schema"]).code(0).json();
    let validator = jsonschema::validator_for(&schema).unwrap();
    for name in ["quickstart", "quarel"] {
        let text = match name {
            "quickstart" => include_str!("../../pipelines/quickstart.yaml"),
            _ => include_str!("../../pipelines/quarel.yaml"),
        };
        let pipeline = json_of(text);
        let errors: Vec<String> = validator.iter_errors(&pipeline).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{name}: {errors:?}");
        let mut wrong = pipeline.clone();
        wrong["stages"]["questions"]["dataset"]["formt"] = "quarel".into();
        assert!(!validator.is_valid(&wrong), "{name}");
    }
    for text in [PLAIN, TRAINED] {
        let errors: Vec<String> = validator.iter_errors(&json_of(text)).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{errors:?}");
    }
}

pub(crate) fn json_of(text: &str) -> Json {
    let read = read_yaml(&mut Sources::default(), "x.yaml", text.as_bytes());
    json_of_node(&read.unwrap_or_else(|_| panic!("it is YAML: {text}")))
}

pub(crate) fn json_of_node(node: &Node) -> Json {
    match &node.value {
        Value::Null => Json::Null,
        Value::Bool(value) => (*value).into(),
        Value::Int(value) => serde_json::to_value(value).unwrap(),
        Value::Float(value) => (*value).into(),
        Value::Text(text) => text.as_str().into(),
        Value::List(items) => items.iter().map(json_of_node).collect(),
        Value::Map(entries) => entries.iter().map(|(key, node)| (key.text.clone(), json_of_node(node))).collect(),
    }
}

#[test]
fn completions_name_the_commands() {
    let project = Project::new("");
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        project.run(&["completions", shell]).code(0).shows("from-scratch");
    }
    project.run(&["completions", "cmd"]).code(2);
}

#[test]
fn the_cache_tells_its_size_and_what_can_go() {
    let project = done(PLAIN);
    let size = || project.run(&["cache", "size", "--json"]).code(0).json();
    let before = size();
    assert!(before["objects"]["files"].as_u64().unwrap() >= 8, "{before}");
    project.run(&["cache", "size"]).code(0).shows("objects").shows("KiB");

    project.edit("0.8]", "0.7]");
    project.make();
    let options = ["cache", "gc", "--keep-runs", "1", "--grace", "0"];
    let dry = project.run(&[&options[..], &["--dry-run", "--json"]].concat()).code(0).json();
    // One fraction at two levels, and two more stages of one of them: sentences were hidden alike by both fractions.
    assert_eq!((dry["dry_run"].as_bool(), dry["removed_records"].as_u64()), (Some(true), Some(4)), "{dry}");
    assert_eq!(project.run(&["cache", "gc", "--dry-run"]).code(0).stdout.lines().count(), 1);
    project.edit("0.7]", "0.8]");
    assert!(project.stale().is_empty(), "a dry run removes nothing");
    project.edit("0.8]", "0.7]");

    project.run(&options).code(0).shows("moved 4 results");
    project.assert_clean();
    assert!(project.stale().is_empty());
    project.edit("0.7]", "0.8]");
    assert_eq!(project.stale().len(), 6);
    project.run(&["cache", "rebuild"]).code(0).shows("the index knows");
    let rebuilt = project.run(&["cache", "rebuild", "--json"]).code(0).json();
    assert_eq!(rebuilt["actions"].as_u64(), Some(14));
    assert_eq!(project.run(&["cache", "verify", "--json"]).code(0).json()["clean"], Json::Bool(true));
}

#[test]
fn a_checkpoint_is_exported_as_other_tools_expect_it() {
    let project = done(TRAINED);
    project.run(&["export", FILE, "tuned[fraction=0.4]", "student"]).code(0);
    let names: Vec<String> = files(&project.path("student"))
        .iter()
        .map(|path| path.file_name().unwrap().to_string_lossy().into_owned())
        .collect();
    let expected = ".retort-wrote.json config.json generation_config.json model.safetensors tokenizer.json tokenizer_config.json \
                    training_log.json usage.json";
    assert_eq!(names.join(" "), expected);
    let json = |name: &str| -> Json {
        serde_json::from_slice(&fs_err::read(project.path("student").join(name)).unwrap()).unwrap()
    };
    assert_eq!(json("tokenizer_config.json")["eos_token"].as_str(), Some("<|endoftext|>"));
    assert!(json("generation_config.json")["eos_token_id"].is_u64());
    let config: Json = serde_json::from_slice(&fs_err::read(project.path("student/config.json")).unwrap()).unwrap();
    assert_eq!((config["model_type"].as_str(), config["n_layer"].as_u64()), (Some("gpt2"), Some(1)));
    project.run(&["export", FILE, "tuned[fraction=0.4]", "student"]).code(0).shows("0 of them new");

    // What was exported can be trained further.
    project.edit(
        "    new: { architecture: gpt2, layers: 1, width: 16, heads: 2, context: 256, tokenizer: tokens }",
        "    path: student",
    );
    project.make_with(&["tuned"]);
}

#[test]
fn a_report_is_printed_and_written_from_the_cache() {
    let project = Project::new(TRAINED);
    project.run(&["report", FILE]).code(3).says("retort run");
    project.run(&["run", FILE, "--quiet"]).code(0);
    project.run(&["report", FILE, "--out", "results"]).code(0).shows("accuracy");
    assert!(project.path("results/trained/results/report.html").exists());
    assert!(project.run(&["report", FILE, "--json"]).code(0).json()[0]["tables"].is_array());
}

#[test]
fn a_quiet_run_says_nothing_and_writes_its_reports() {
    let project = Project::new(TRAINED);
    let output = project.run(&["run", FILE, "--quiet"]).code(0);
    assert_eq!((output.stdout.as_str(), output.stderr.as_str()), ("", ""));
    assert!(project.path("out/trained/results/report.html").exists());
}

#[test]
fn progress_as_json_is_all_there_is_on_stdout() {
    let project = Project::new(TRAINED);
    let events = project.make();
    assert_eq!(events.0.first().unwrap()["event"], "run-started");
    assert_eq!(events.0.last().unwrap()["event"], "run-finished");
    assert_eq!(events.0.last().unwrap()["tally"]["ran"], 18);
    assert_eq!(events.progress("tuned[fraction=0.4]"), (1..=12).collect::<Vec<_>>());
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let project = Project::new(TRAINED);
    for arguments in [&["run", FILE, "--progress", "json"][..], &["run", FILE], &["show", FILE, "tokens"], &["schema"]]
    {
        let mut child = project.command(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let output = Output::from(child.wait_with_output().unwrap()).code(0);
        assert!(!output.stderr.contains("panicked"), "{output}");
    }
}

#[test]
fn nothing_is_coloured_away_from_a_terminal() {
    let project = done(PLAIN);
    for arguments in
        [&["plan", FILE, "-v"][..], &["run", FILE, "-v"], &["plan", "none.yaml"], &["runs"], &["cache", "size"]]
    {
        let mut command = project.command(arguments);
        let output = Output::of(command.env_remove("NO_COLOR").env("TERM", "xterm-256color"));
        assert!(!output.stdout.contains('\x1b') && !output.stderr.contains('\x1b'), "{output}");
    }
}

#[test]
fn man_pages_are_written_for_every_command() {
    let project = Project::new("");
    project.run(&["man", "man1"]).code(0);
    let pages: Vec<String> = super::runner::files(&project.path("man1"))
        .iter()
        .map(|path| path.file_name().unwrap().to_string_lossy().into_owned())
        .collect();
    for page in ["retort.1", "retort-run.1", "retort-cache-push.1", "retort-cache-key-trust.1"] {
        assert!(pages.iter().any(|name| name == page), "there is no {page}: {pages:?}");
    }
    let page = fs_err::read_to_string(project.path("man1/retort-run.1")).unwrap();
    assert!(page.contains("offline") && page.contains(".TH"), "{page}");
}
