//! Rationales from a model on this machine's device, in its own chat format.

use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde_json::json;

use crate::hub_server::{Server, Shelf, files_asked};
use crate::pipelines::SLOW;
use crate::runner::{Events, FILE, Output, Project};

const LOCAL: &str = "retort: 1
experiment: taught-here
seed: 17

models:
  teacher: { path: MODEL }

stages:
  questions:
    dataset: { format: synthetic, train: 4, dev: 1, test: 1 }
  rationales:
    elicit:
      questions: questions
      prompt: ask.jinja
      tolerance: 1
      teacher: { local: { model: teacher, max_tokens: 96 } }
";

/// Puts a question as a student was taught to read it.
const TEMPLATE: &str =
    "{% for m in messages %}{{ m.content }}{% endfor %}{% if add_generation_prompt %}{{ '\\n' }}{% endif %}";

#[test]
fn a_student_becomes_a_teacher() {
    let maker = Project::new(SLOW);
    maker.make();
    maker.run(&["export", FILE, "tuned", "made"]).code(0);
    let made = maker.path("made");
    let project = Project::new(&LOCAL.replace("MODEL", &made.display().to_string()));
    project.write("ask.jinja", "Question: {{ question }} Choices: {% for c in choices %}{{ c.label }}: {{ c.text }}{% if not loop.last %}; {% endif %}{% endfor %}");
    // What Retort trains and exports has no chat template until somebody writes one.
    project.run(&["run", FILE]).code(1).says("it has no chat template");
    // What is asked is shown as the model gets it.
    project.run(&["run", FILE, "questions"]).code(0);
    let questions = project.run(&["show", FILE, "questions", "--json", "--limit", "9"]).code(0).json();
    let taught = questions.as_array().unwrap().last().unwrap()["id"].as_str().unwrap().to_owned();
    fs_err::write(
        made.join("chat_template.jinja"),
        "{% for m in messages %}<{{ m.role }}>{{ m.content }}</{{ m.role }}>{% endfor %}",
    )
    .unwrap();
    let shown = project.run(&["show", FILE, "rationales", "--prompt", &taught]).code(0).stdout;
    assert!(shown.starts_with("<user>Question: ") && shown.trim_end().ends_with("</user>"), "{shown}");
    fs_err::write(made.join("chat_template.jinja"), TEMPLATE).unwrap();
    project.run(&["run", FILE]).code(0);
    let rows = |project: &Project| project.run(&["show", FILE, "rationales", "--json"]).code(0).json();
    let first = rows(&project);
    assert!(first[0]["text"].as_str().unwrap().contains("[FIN_LABEL]"), "{first}");
    assert_eq!(first[0]["finish"], "stop");
    // The rows are there for another stage of the same teacher; another number of samples asks for the rest only.
    project.edit("tolerance: 1\n", "tolerance: 1\n      label: from_text\n");
    assert!(project.stale().contains("rationales"));
    let plan = project.run(&["plan", FILE]).code(0);
    // An answer that was cut off is no result, and is asked for again; which ones are depends on the machine's vectors.
    let answered = format!("({} answered already)", first.as_array().unwrap().len());
    assert!(plan.stdout.contains(&answered), "{plan}");
    project.run(&["run", FILE]).code(0);
    assert_eq!(rows(&project), first);
    // The same model from the hub is the same teacher, chat template and all.
    let read = |name: &str| fs_err::read(made.join(name)).unwrap();
    let names = [
        "config.json",
        "tokenizer.json",
        "generation_config.json",
        "tokenizer_config.json",
        "model.safetensors",
        "chat_template.jinja",
    ];
    let files = names.map(|name| (name, read(name)));
    let shelf = Shelf::of(&files.each_ref().map(|(name, bytes)| (*name, bytes.as_slice())));
    let server = Server::start(shelf);
    let path = format!("{{ path: {} }}", made.display());
    project.edit(&path, "{ hub: owner/name, revision: main }");
    let run = || {
        let mut command = project.command(&["run", FILE, "--progress", "json"]);
        Output::of(command.env("HF_ENDPOINT", server.endpoint())).code(0)
    };
    assert!(Events::read(&run().stdout).ran().is_empty());
    assert!(files_asked(&server.asked()).contains("chat_template.jinja"));
    run();
    assert!(server.asked().is_empty());
    // Several samples fill their batches, and are drawn as they are alone.
    project.edit("max_tokens: 96", "max_tokens: 96, temperature: 0.7, batch: 4");
    project.edit("tolerance: 1\n", "tolerance: 1\n      samples: 3\n");
    run();
    let together = rows(&project);
    project.edit("batch: 4", "batch: 1");
    fs_err::remove_dir_all(project.cache()).unwrap();
    run();
    assert_eq!(rows(&project), together);
}

#[test]
fn a_real_model_says_what_it_says_in_transformers() {
    const SKIPPED: &str =
        "skipped: RETORT_SMOLLM2 names no directory of SmolLM2, or `RETORT_PYTHON` no Python with transformers";
    let python = std::env::var_os("RETORT_PYTHON").map_or_else(|| "python3".into(), PathBuf::from);
    let Some(model) = std::env::var_os("RETORT_SMOLLM2") else {
        println!("{SKIPPED}");
        return;
    };
    let found = Command::new(&python).args(["-c", "import torch, transformers"]).stderr(Stdio::null()).status();
    if !found.is_ok_and(|status| status.success()) {
        println!("{SKIPPED}");
        return;
    }
    let model = PathBuf::from(model);
    let project = Project::new(
        &LOCAL.replace("MODEL", &model.display().to_string()).replace("max_tokens: 96", "max_tokens: 120"),
    );
    project.write("ask.jinja", "Explain in one sentence why {{ answer_text }} answers this: {{ question }}");
    project.run(&["run", FILE]).code(0);
    let rows = project.run(&["show", FILE, "rationales", "--json"]).code(0).json();
    let rows = rows.as_array().unwrap();
    assert!(!rows.is_empty(), "every answer was cut off");
    let prompt = |row: &serde_json::Value| {
        let shown = project.run(&["show", FILE, "rationales", "--prompt", row["id"].as_str().unwrap()]).code(0).stdout;
        // The template is applied on the other side once more.
        let (_, from_user) = shown.rsplit_once("<|im_start|>user\n").unwrap_or_else(|| panic!("no chat: {shown}"));
        from_user.split_once("<|im_end|>").unwrap().0.to_owned()
    };
    let prompts: Vec<String> = rows.iter().map(prompt).collect();
    let job = json!({ "directory": model, "prompts": prompts, "max_new": 120 });
    let mut child = Command::new(&python)
        .args(["-c", include_str!("elicit_local.py")])
        .env("HF_HUB_OFFLINE", "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(job.to_string().as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    let texts: Vec<String> = serde_json::from_slice(&output.stdout).unwrap();
    for (row, text) in rows.iter().zip(&texts) {
        assert_eq!(row["text"], *text);
    }
}
