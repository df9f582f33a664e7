//! Rationales from a teacher behind a server: every answer is paid for once, whatever the network does.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::Stdio;

use expect_test::expect;
use proptest::prelude::*;

use crate::runner::{Events, FILE, Output, Project, files};
use crate::stopped::interrupt;
use crate::teacher_server::{Act, Teacher, says};

const QUESTIONS: usize = 12;

fn pipeline(url: &str) -> String {
    format!(
        "retort: 1
experiment: taught
seed: 17

stages:
  questions:
    dataset: {{ format: synthetic, train: {QUESTIONS}, dev: 1, test: 1 }}
  rationales:
    elicit:
      questions: questions
      prompt: ask.jinja
      label: from_text
      teacher:
        openai:
          base_url: {url}
          model: taught
          traffic: {{ concurrency: 4, timeout: 30, first_wait: 0.001, longest_wait: 0.004, patience: 60 }}
"
    )
}

/// A project that asks a teacher.
struct Lab {
    project: Project,
    teacher: Teacher,
}

impl Lab {
    fn new(teacher: Teacher) -> Self {
        let project = Project::new(&pipeline(&teacher.url()));
        project.write("ask.jinja", "{{ question }} {{ label }}");
        Self { project, teacher }
    }

    fn run(&self) -> Output {
        self.project.run(&["run", FILE])
    }

    /// Runs the pipeline, which must succeed, and returns how many requests it took.
    fn asks(&self) -> usize {
        self.teacher.asked();
        self.run().code(0);
        self.teacher.asked().len()
    }

    /// Returns the rows that came of it.
    fn rows(&self) -> Vec<serde_json::Value> {
        let shown = self.project.run(&["show", FILE, "rationales", "--json", "--limit", "1000"]).code(0).json();
        shown.as_array().unwrap().clone()
    }

    fn estimate(&self) -> serde_json::Value {
        let plan = self.project.run(&["plan", FILE, "--json"]).code(0).json();
        let lines = plan["instances"].as_array().unwrap();
        lines.iter().find(|line| line["instance"] == "rationales").unwrap()["asks"].clone()
    }
}

#[test]
fn each_question_is_asked_once() {
    let lab = Lab::new(Teacher::start());
    lab.run().code(0);
    let asked = lab.teacher.asked();
    assert_eq!(asked.len(), QUESTIONS);
    assert!(asked.iter().all(|request| request.path == "/v1/chat/completions" && request.authorization.is_none()));
    expect![[r#""user""#]].assert_eq(&asked[0].body["messages"][0]["role"].to_string());
    let rows = lab.rows();
    assert_eq!(rows.len(), QUESTIONS);
    let texts: BTreeSet<String> = rows.iter().map(|row| row["text"].as_str().unwrap().to_owned()).collect();
    assert_eq!(texts, asked.iter().map(|request| says(&request.prompt())).collect());
    assert!(rows.iter().all(|row| row["label"] == "A" && row["finish"] == "stop"), "{rows:?}");
    assert_eq!(lab.asks(), 0);
}

#[test]
fn only_what_a_change_concerns_is_asked_again() {
    let lab = Lab::new(Teacher::start());
    assert_eq!(lab.asks(), QUESTIONS);
    // Another name for the stage, a longer limit, and another way to the same model.
    lab.project.edit("  rationales:\n", "  explanations:\n");
    assert_eq!(lab.asks(), 0);
    lab.project.edit("model: taught", "model: taught\n          max_tokens: 2000");
    assert_eq!(lab.asks(), 0);
    let other = Teacher::start();
    lab.project.edit(&lab.teacher.url(), &other.url());
    lab.project.edit("model: taught\n", "model: taught\n          price: { input: 1, output: 2 }\n");
    assert_eq!(lab.asks(), 0);
    lab.project.edit("concurrency: 4", "concurrency: 3");
    lab.project.edit(&format!("train: {QUESTIONS}"), &format!("train: {}", QUESTIONS + 5));
    lab.run().code(0);
    assert_eq!(other.asked().len(), 5);
    lab.project.edit("label: from_text", "label: from_text\n      samples: 3");
    lab.run().code(0);
    assert_eq!(other.asked().len(), 2 * (QUESTIONS + 5));
    // A prompt that changes for some questions only.
    lab.project.write("ask.jinja", "{{ question }} {{ label }}{% if label == 'A' %}!{% endif %}");
    lab.run().code(0);
    let asked = other.asked();
    assert!(!asked.is_empty() && asked.len() < 3 * (QUESTIONS + 5), "{}", asked.len());
    assert!(asked.iter().all(|request| request.prompt().ends_with("A!")));
    // Another model, or another way to draw, is another answer.
    lab.project.edit("model: taught\n", "model: taught\n          temperature: 0.5\n");
    lab.run().code(0);
    assert_eq!(other.asked().len(), 3 * (QUESTIONS + 5));
}

#[test]
fn answers_that_were_disowned_or_that_nobody_trusted_signed_are_asked_for_again() {
    let lab = Lab::new(Teacher::start());
    let project = &lab.project;
    assert_eq!(lab.asks(), QUESTIONS);
    project.write("retort.toml", "[trust]\nsalt = \"2026-12\"\n");
    assert_eq!(lab.asks(), QUESTIONS);
    assert_eq!(lab.asks(), 0);
    project.write("retort.toml", "");
    assert_eq!(lab.asks(), 0, "nothing was lost");
    let run_as = |person: &str, arguments: &[&str]| {
        Output::of(project.command(arguments).env("RETORT_KEYS", project.path(person)).env("USER", person)).code(0)
    };
    // Only the single answers are there then.
    let asks_as = |person: &str| {
        fs_err::remove_dir_all(project.cache().join("actions")).unwrap();
        lab.teacher.asked();
        run_as(person, &["run", FILE]);
        lab.teacher.asked().len()
    };
    project.write("retort.toml", "[trust]\nrequire = true\n");
    let key = run_as("ada", &["cache", "key", "new"]).stdout.trim().to_owned();
    run_as("bob", &["cache", "key", "new"]);
    assert_eq!(asks_as("ada"), QUESTIONS, "those of before nobody signed");
    assert_eq!(asks_as("ada"), 0);
    assert_eq!(asks_as("bob"), QUESTIONS, "Ada is not trusted");
    run_as("carol", &["cache", "key", "new"]);
    run_as("carol", &["cache", "key", "trust", &key, "ada"]);
    assert_eq!(asks_as("carol"), 0);
}

/// Everything a server or the way to it can do to a request that will be answered in the end.
const FAULTS: [Act; 16] = [
    Act::Busy(None),
    Act::Busy(Some("0")),
    Act::Busy(Some("0.01")),
    Act::Status(500, "oh"),
    Act::Status(503, r#"{"message":"loading"}"#),
    Act::Status(408, ""),
    Act::Page("text/html", "<html>sign in</html>"),
    Act::Page("application/json", "{\"choices\":[{\"message\":{\"conte"),
    Act::Page("application/json", "[]"),
    Act::Truncated,
    Act::Close,
    Act::Reset,
    Act::Twice,
    Act::Late,
    Act::WrongType,
    Act::Drip,
];

#[test]
fn every_fault_is_survived() {
    let undisturbed = Lab::new(Teacher::start());
    undisturbed.run().code(0);
    for faults in FAULTS.chunks(8) {
        let scripts: Vec<Vec<Act>> = faults.iter().map(|fault| vec![*fault]).collect();
        let scripts: Vec<&[Act]> = scripts.iter().map(Vec::as_slice).collect();
        let lab = Lab::new(Teacher::scripted(&scripts));
        // Long enough for an answer, and short enough to wait for one that never ends.
        lab.project.edit("timeout: 30", "timeout: 1");
        lab.run().code(0);
        assert_eq!(lab.rows(), undisturbed.rows());
    }
    let lab = Lab::new(Teacher::scripted(&[&[Act::Huge]]));
    lab.project.edit("model: taught", "model: taught\n          max_tokens: 2000000");
    lab.run().code(0);
    let longest = lab.rows().iter().map(|row| row["text"].as_str().unwrap().len()).max();
    assert_eq!(longest, Some("because ".len() * 650_000));
}

#[test]
fn a_wrong_address_is_told_at_once() {
    let pages = [
        ("text/html", "<!doctype html><title>Welcome</title>", "it is a web page and no answer"),
        ("application/json", r#"{"version":"1.2"}"#, "it has no `choices`"),
        ("application/json", r#"{"choices":[]}"#, "it has no choices"),
    ];
    for (kind, page, says) in pages {
        let lab = Lab::new(Teacher::always(Act::Page(kind, page)));
        lab.run().code(1).says(says).says("are `base_url` and `api` right? Most addresses end in `/v1`");
        assert!(lab.teacher.asked().len() < 12, "it will never answer");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever happens on the way, what comes of it is what comes of an undisturbed run.
    #[test]
    fn the_rows_are_those_of_an_undisturbed_run(
        // A request that hangs until it times out takes its time, so there are few of those.
        scripts in prop::collection::vec(prop::collection::vec(prop::sample::select(&FAULTS[..15]), 0..4), QUESTIONS),
    ) {
        let undisturbed = Lab::new(Teacher::start());
        undisturbed.run().code(0);
        let scripts: Vec<&[Act]> = scripts.iter().map(Vec::as_slice).collect();
        let lab = Lab::new(Teacher::scripted(&scripts));
        lab.run().code(0);
        prop_assert_eq!(lab.rows(), undisturbed.rows());
    }
}

/// Starts a run against a teacher that holds what comes after its first answers, and waits until all that may be on its
/// way is held: what was answered is then kept, for nothing more is sent before.
fn held(lab: &Lab) -> std::process::Child {
    let mut command = lab.project.command(&["run", FILE, "--progress", "plain"]);
    let child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    lab.teacher.wait_for_held(4);
    child
}

#[test]
fn a_run_that_is_killed_has_paid_for_what_it_got() {
    let lab = Lab::new(Teacher::holding_after(5));
    let mut child = held(&lab);
    child.kill().unwrap();
    child.wait().unwrap();
    lab.teacher.let_go();
    assert_eq!(lab.estimate()["answered"], 5);
    assert_eq!(lab.asks(), QUESTIONS - 5);
    lab.project.assert_clean();
    let undisturbed = Lab::new(Teacher::start());
    undisturbed.run().code(0);
    assert_eq!(lab.rows(), undisturbed.rows());
}

#[test]
fn a_run_that_is_stopped_keeps_what_was_on_its_way() {
    let lab = Lab::new(Teacher::holding_after(5));
    let mut child = held(&lab);
    interrupt(&child);
    let mut said = BufReader::new(child.stderr.take().unwrap()).lines();
    assert!(said.any(|line| line.unwrap().contains("stopping at the next safe point")));
    lab.teacher.let_go();
    // Whoever writes must be able to.
    said.for_each(drop);
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert_eq!(lab.teacher.asked().len(), 9);
    assert_eq!(lab.asks(), QUESTIONS - 9);
}

#[test]
fn what_cannot_be_used_is_counted_and_asked_again() {
    let acts: [&[Act]; 5] = [
        &[Act::Says("", "stop")],
        &[Act::Says("Ice is", "length")],
        &[Act::Says("I'm sorry, but I cannot.", "stop")],
        &[Act::Status(400, r#"{"error":{"message":"the prompt is too long"}}"#)],
        &[Act::Says("", "content_filter")],
    ];
    let lab = Lab::new(Teacher::scripted(&acts));
    lab.project.edit("label: from_text", "label: from_text\n      tolerance: 0.5");
    let said = lab.run().code(0).says("5 of 12 answers cannot be used (1 failed, 1 empty, 2 refused, 1 cut off)");
    assert!(said.stderr.contains("5 of 12 questions have no rationale"), "{said}");
    assert_eq!(lab.rows().len(), QUESTIONS - 5);
    // The result stands. Where there is none, only what cannot be used is asked again.
    assert_eq!(lab.asks(), 0);
    // One of these is no refusal any more, and it was kept.
    lab.project.edit("label: from_text", "refusals: [Never]");
    assert_eq!(lab.asks(), 4);
}

#[test]
fn more_than_is_tolerated_stops_the_asking() {
    let lab = Lab::new(Teacher::always(Act::Says("Ice is", "length")));
    lab.run().code(1).says("cut off at 256 tokens").says("more than the tolerance of 0.01");
    let asked = lab.teacher.asked().len();
    assert!(asked < QUESTIONS, "{asked} were asked, when one was too many");
    // Nothing of it was kept as a result.
    assert_eq!(lab.estimate()["answered"], 0);
}

#[test]
fn a_key_is_sent_and_never_told() {
    const KEY: &str = "sk-0123456789abcdef";
    for act in [
        Act::Status(401, r#"{"error":{"message":"the key KEY is wrong"}}"#),
        Act::Status(400, "the key KEY is odd"),
        Act::Page("text/html", "KEY"),
        Act::Page("application/json", r#"{"choices":[{"message":{"content":"Because."}}],"request":"KEY"}"#),
        Act::Answer,
    ] {
        let lab = Lab::new(Teacher::always(act));
        lab.project.edit("model: taught", "model: taught\n          key_env: TEACHER_KEY");
        lab.project.edit("patience: 60", "patience: 0.1");
        lab.run().code(1).says("the environment has no key in `TEACHER_KEY`");
        assert_eq!(lab.teacher.asked().len(), 0);
        let mut command = lab.project.command(&["run", FILE, "--verbose"]);
        let output = Output::of(command.env("TEACHER_KEY", KEY));
        let answers = matches!(act, Act::Answer | Act::Page("application/json", _));
        assert_eq!(output.code, Some(i32::from(!answers)), "{output}");
        let asked = lab.teacher.asked();
        assert_eq!(asked[0].authorization.as_deref(), Some("Bearer sk-0123456789abcdef"));
        assert!(!output.to_string().contains(KEY), "{output}");
        for file in files(&lab.project.path("")) {
            let bytes = fs_err::read(&file).unwrap();
            // Answers are kept packed, behind a mark.
            let kept = bytes.windows(4).enumerate().filter(|(_, mark)| mark == b"RTA\x02");
            let kept = kept.filter_map(|(at, _)| retort::teacher::unpacked(&bytes[at + 4..], 1 << 20));
            for bytes in kept.chain([bytes.clone()]) {
                let found = bytes.windows(KEY.len()).any(|window| window == KEY.as_bytes());
                assert!(!found, "the key stands in {}", file.display());
            }
        }
    }
}

#[test]
fn a_server_that_will_never_answer_is_not_asked_for_every_question() {
    for (status, hint) in
        [(401, "`key_env` names the variable"), (404, "Most addresses end in `/v1`"), (302, "is `base_url` right?")]
    {
        let lab = Lab::new(Teacher::always(Act::Status(status, "")));
        lab.run().code(1).says(&format!("HTTP {status}")).says(hint);
        assert!(lab.teacher.asked().len() <= 4);
    }
}

#[test]
fn a_server_that_is_not_there_is_waited_for_and_then_named() {
    let url = Teacher::start().url();
    let project = Project::new(&pipeline(&url).replace("patience: 60", "patience: 0.1"));
    project.write("ask.jinja", "{{ question }}");
    let said = project.run(&["run", FILE]).code(1).says(&url).says("Connection refused");
    assert!(said.stderr.contains("retrying for up to 0.1 s"), "{said}");
    // It speaks no TLS.
    let teacher = Teacher::start();
    let secure = teacher.url().replace("http:", "https:");
    let project = Project::new(&pipeline(&secure).replace("patience: 60", "patience: 0.1"));
    project.write("ask.jinja", "{{ question }}");
    project.run(&["run", FILE]).code(1).says(&secure);
    assert_eq!(teacher.asked().len(), 0);
}

#[test]
fn a_prompt_is_shown_and_its_cost_estimated_before_anything_is_asked() {
    let lab = Lab::new(Teacher::start());
    lab.project.write("ask.jinja", "{{ system() }}Explain.{{ user() }}{{ question }} {{ label }}");
    lab.project.edit("model: taught", "model: taught\n          price: { input: 1.0, output: 1000000.0 }");
    let id = "nobody";
    // What comes first is told with the whole command.
    lab.project
        .run(&["plan", FILE])
        .code(0)
        .shows("rationales asks a teacher: run `retort run pipeline.yaml 'questions' --cache ");
    lab.project
        .run(&["show", FILE, "rationales", "--prompt", id])
        .code(3)
        .says("retort run pipeline.yaml 'questions' --cache");
    lab.project.run(&["run", FILE, "questions"]).code(0);
    lab.project.run(&["show", FILE, "rationales", "--prompt", id]).code(2).says("asks no question `nobody`");
    lab.project
        .run(&["show", FILE, "questions", "--prompt", id])
        .code(2)
        .says("`--prompt` works for `elicit` stages that ask a teacher");
    let questions = lab.project.run(&["show", FILE, "questions", "--json", "--limit", "1000"]).code(0).json();
    let train = questions.as_array().unwrap().last().unwrap();
    let id = train["id"].as_str().unwrap();
    let shown = lab.project.run(&["show", FILE, "rationales", "--prompt", id]).code(0);
    let expected = format!(
        "[system]\nExplain.\n[user]\n{} {}\n",
        train["stem"].as_str().unwrap(),
        train["answer"].as_str().unwrap()
    );
    assert_eq!(shown.stdout, expected);
    let guess = lab.estimate();
    assert_eq!(
        (&guess["calls"], &guess["answer_tokens"], &guess["basis"]),
        (&12.into(), &(12 * 256).into(), &"guess".into())
    );
    lab.project.run(&["plan", FILE]).code(0).shows("12 calls, about").shows("at most 3072 answered");
    assert_eq!(lab.teacher.asked().len(), 0);
    lab.run().code(0);
    // What it took is what another dozen is expected to take.
    lab.project.write("ask.jinja", "{{ system() }}Explain!{{ user() }}{{ question }} {{ label }}");
    let known = lab.estimate();
    assert_eq!(
        (&known["calls"], &known["prompt_tokens"], &known["basis"]),
        (&12.into(), &240.into(), &"history".into())
    );
    assert!(known["took_ms"].is_number() && known["cost"].as_f64().unwrap() > 50.0, "{known}");
    lab.project.run(&["plan", FILE]).code(0).shows("going by what the model took before");
}

#[test]
fn mistakes_in_a_teacher_are_told_where_they_stand() {
    let project = Project::new(&pipeline("http://localhost:1/v1"));
    project.edit("      prompt: ask.jinja\n", "");
    project.run(&["check", FILE]).code(2).says("a teacher that is asked needs a `prompt`");
    let project = Project::new(&pipeline("http://localhost:1/v1"));
    project.edit("          model: taught\n", "          model: taught\n          extra: { temperature: 1 }\n");
    project.run(&["check", FILE]).code(2).says("`temperature` cannot be set in `teacher.openai.extra`");
    let project = Project::new(&pipeline("http://me:secret@localhost:1/v1"));
    project.write("ask.jinja", "{{ question }}");
    project.run(&["check", FILE]).code(2).says("it has a name or a key in it");
    let project = Project::new(
        &pipeline("http://localhost:1/v1").replace("model: taught", "model: taught\n          api: completions"),
    );
    project.write("ask.jinja", "{{ system() }}Explain.{{ user() }}{{ question }}");
    project.run(&["run", FILE]).code(1).says("use `api: chat`");
}

#[test]
fn what_a_person_sees_of_it() {
    let lab = Lab::new(Teacher::start());
    lab.project.edit("model: taught", "model: taught\n          price: { input: 1.0, output: 2.0 }");
    let events = Events::read(&lab.project.run(&["run", FILE, "--progress", "json"]).code(0).stdout);
    assert_eq!(events.progress("rationales").last(), Some(&(QUESTIONS as u64)));
    let measured =
        |name: &str| events.0.iter().any(|told| told["note"]["note"] == "measure" && told["note"]["name"] == name);
    assert!(measured("cost"), "{events:?}");
}

#[test]
fn a_check_from_scratch_buys_nothing() {
    let lab = Lab::new(Teacher::start());
    assert_eq!(lab.asks(), QUESTIONS);
    lab.project.run(&["check", FILE, "--from-scratch"]).code(0).shows("byte for byte");
    assert_eq!(lab.teacher.asked().len(), 0);
}

#[test]
fn the_prompts_that_come_along_can_be_asked() {
    let lab = Lab::new(Teacher::start());
    lab.project.run(&["run", FILE, "questions"]).code(0);
    let questions = lab.project.run(&["show", FILE, "questions", "--json", "--limit", "1000"]).code(0).json();
    let question = questions.as_array().unwrap().last().unwrap();
    let (stem, label) = (question["stem"].as_str().unwrap(), question["answer"].as_str().unwrap());
    let shipped = files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("pipelines/prompts/teacher"));
    assert_eq!(shipped.len(), 7, "{shipped:?}");
    for file in shipped {
        lab.project.write("ask.jinja", &fs_err::read_to_string(&file).unwrap());
        let id = question["id"].as_str().unwrap();
        let shown = lab.project.run(&["show", FILE, "rationales", "--prompt", id]).code(0).stdout;
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        if name == "gsm8k.jinja" {
            assert!(shown.starts_with("Solve the problem") && shown.contains(&format!("\nProblem: {stem}")), "{shown}");
            continue;
        }
        let (begin, marks) = if name.ends_with("-printed.jinja") { ("<s>[INST]Given", true) } else { ("Given", false) };
        assert!(shown.starts_with(begin) && shown.ends_with("Rationale:\n"), "{name}: {shown}");
        assert_eq!(shown.contains("INST") || shown.contains("</s>"), marks, "{name}: {shown}");
        assert!(shown.contains(&format!("\nQuestion: {stem}")), "{name}: {shown}");
        assert!(shown.contains(&format!("\nAnswer: {label} (")), "{name}: {shown}");
        assert_eq!(shown.matches("\nRationale:").count(), 3, "{name}: {shown}");
    }
    assert_eq!(lab.teacher.asked().len(), 0);
}
