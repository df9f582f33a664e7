//! Files, models, teachers and folders that are against us: a key stays a secret, one stage fails alone, and what a person has
//! is not overwritten.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use crate::pipelines::{PLAIN, SLOW, TRAINED};
use crate::runner::{FILE, Output, Project, files};

const TAUGHT: &str = "retort: 1
experiment: taught
seed: 1
stages:
  questions: { dataset: { format: synthetic, train: 4, dev: 1, test: 1 } }
  rationales:
    elicit:
      questions: questions
      prompt: ask.jinja
      teacher: { openai: { base_url: \"http://127.0.0.1:9/v1\", model: m, traffic: { retries: 0, patience: 0.1 } } }
";

/// Looks for a secret in what was said and in every file but the pipeline.
#[track_caller]
fn assert_unknown(project: &Project, output: &Output, secret: &str) {
    assert!(!output.to_string().contains(secret), "{output}");
    for file in files(&project.path("")).iter().filter(|file| !file.ends_with(FILE)) {
        let bytes = fs_err::read(file).unwrap();
        let found = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
        assert!(!found, "it stands in {}", file.display());
    }
}

#[test]
fn a_key_in_a_pipeline_is_refused_and_shown_nowhere() {
    const URL: &str = "\"http://127.0.0.1:9/v1\"";
    let secret = "sk-SECRETabcdef0123456789";
    for (before, after, said) in [
        (URL, format!("\"http://me:{secret}@127.0.0.1:9/v1\""), "it has a name or a key in it"),
        (URL, format!("http://{secret}@127.0.0.1:9/v1"), "it has a name or a key in it"),
        (URL, format!("\"http://127.0.0.1:9/v1?api_key={secret}\""), "it has a key in it"),
        (URL, format!("\"http://127.0.0.1:9/v1#{secret}\""), "it has a `#` in it"),
        (URL, format!("\"http://127.0.0.1:9/{secret}/v1\""), "it has a key in it"),
        (URL, format!("\"{secret}\""), "it begins with neither"),
        (URL, format!("[{secret}]"), "is not text"),
        ("model: m", format!("model: m, extra: {secret}"), "is not a mapping"),
        ("model: m", format!("model: m, key_env: {secret}"), "is not the name of an environment variable"),
        ("model: m", format!("model: m, extra: {{ api_key: {secret} }}"), "`api_key` in"),
        ("model: m", format!("model: m, extra: {{ x: [ {{ Authorization: x{secret} }} ] }}"), "looks like a key"),
        ("model: m", format!("model: m, extra: {{ headers: {{ y: \"{secret}\" }} }}"), "`headers` in"),
        ("model: m", format!("model: m, extra: {{ proxy: \"http://a:{secret}@h\" }}"), "`proxy` in"),
        ("model: m", format!("model: m, extra: {{ user: \"Bearer {secret}\" }}"), "`user` in"),
        ("model: m", format!("model: m, api_key: {secret}"), "unknown field `api_key`"),
        ("model: m", format!("model: m, apikey: x{secret}"), "unknown field `apikey`"),
        ("model: m", format!("model: m, login: {secret}"), "unknown field `login`"),
        // Another error on the line does not show it.
        (URL, format!("\"http://me:{secret}@127.0.0.1:9/v1\", modle: x"), "unknown field `modle`"),
    ] {
        let project = Project::new(TAUGHT);
        project.write("ask.jinja", "{{ question }}");
        project.edit(before, &after);
        for command in ["run", "plan", "check", "explain", "graph"] {
            let output = project.run(&[command, FILE]).code(2).says(said);
            assert_unknown(&project, &output, secret);
        }
        assert!(!project.cache().join("runs").exists(), "nothing was run or logged");
    }
    // Through an axis and through `--set`.
    let project = Project::new(
        &TAUGHT.replace(URL, "\"${url}\"").replace("stages:", "axes: { url: [\"http://a/v1\"] }\nstages:"),
    );
    project.write("ask.jinja", "{{ question }}");
    project.run(&["plan", FILE]).code(0);
    project.edit("http://a/v1", &format!("http://me:{secret}@a/v1"));
    let output = project.run(&["plan", FILE]).code(2);
    assert_unknown(&project, &output, secret);
}

#[test]
fn the_password_of_a_proxy_is_shown_nowhere() {
    let project = Project::new(&TAUGHT.replace("127.0.0.1:9", "teacher.invalid"));
    project.write("ask.jinja", "{{ question }}");
    let mut command = project.command(&["run", FILE, "--progress", "plain"]);
    for name in ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY"] {
        command.env(name, "http://me:PW7PROXY7@127.0.0.1:9");
    }
    let output = Output::of(command.env("NO_PROXY", "")).code(1);
    assert_unknown(&project, &output, "PW7PROXY7");
    let mut command = project.command(&["run", FILE, "--progress", "plain"]);
    command.env("HF_ENDPOINT", "http://me:PW7HUB7@127.0.0.1:9");
    assert_unknown(&project, &Output::of(&mut command), "PW7HUB7");
}

const IMPORTED: &str = "retort: 1
experiment: imported
stages:
  questions: { dataset: { format: quarel, train: q.jsonl } }
  written: { elicit: { questions: questions, teacher: { import: { path: r.jsonl } } } }
";

#[test]
fn what_a_teacher_says_cannot_act_on_a_terminal() {
    let project = Project::new(IMPORTED);
    let question = |id: &str| {
        format!(
            "{{\"id\":\"{id}\",\"question\":\"Ice\\u001b[2J or \\u202esnow? (A) ice (B) snow\",\"answer_index\":0}}\n"
        )
    };
    project.write("q.jsonl", &[question("a"), question("b")].concat());
    let hostile = "Smooth\\u001b[2J\\u001b]0;owned\\u0007\\u009b31m \\u202eice\\u2066.\\u007f";
    let row = |id: &str| format!("{{\"id\":\"{id}\",\"rationale\":\"{hostile}\"}}\n");
    project.write("r.jsonl", &[row("a"), row("b")].concat());
    project.make();
    let acts = |text: &str| {
        let odd = |c: char| c.is_control() && c != '\n' || "\u{202e}\u{2066}".contains(c);
        text.chars().find(|c| odd(*c))
    };
    for stage in ["written", "questions"] {
        let shown = project.run(&["show", FILE, stage]).code(0).shows("\\u{1b}[2J").shows("\\u{202e}");
        assert_eq!(acts(&shown.to_string()), None, "{shown}");
        let json = project.run(&["show", FILE, stage, "--json"]).code(0);
        assert_eq!(acts(&json.to_string()), None, "{json}");
        assert!(json.json().to_string().contains('\u{202e}'), "JSON says the same");
    }
    // Errors repeat what is wrong.
    project.write("r.jsonl", "{\"id\":\"a\",\"rationale\":\"x\",\"label\":\"\\u001b[2J\\u202e\"}\n");
    for progress in ["plain", "json"] {
        let output = project.run(&["run", FILE, "--progress", progress]).code(1);
        assert_eq!(acts(&output.to_string()), None, "{output}");
    }
}

#[test]
fn a_stdout_that_takes_nothing_is_a_failure() {
    if !Path::new("/dev/full").exists() {
        println!("skipped: there is no `/dev/full`");
        return;
    }
    let project = Project::new(PLAIN);
    project.make();
    let full = |arguments: &[&str]| {
        let out = fs_err::OpenOptions::new().write(true).open("/dev/full").unwrap().into_parts().0;
        Output::of(project.command(arguments).stdout(Stdio::from(out)))
    };
    for arguments in [
        &["show", FILE, "rationales"][..],
        &["show", FILE, "rationales", "--json"],
        &["plan", FILE],
        &["plan", FILE, "--json"],
        &["run", FILE, "--progress", "json"],
        &["graph", FILE],
        &["schema"],
    ] {
        full(arguments).code(3).says("cannot write to stdout");
    }
    let help = Command::new(env!("CARGO_BIN_EXE_retort"))
        .arg("--help")
        .stdout(Stdio::from(fs_err::OpenOptions::new().write(true).open("/dev/full").unwrap().into_parts().0))
        .output()
        .unwrap();
    assert_eq!(help.status.code(), Some(3));
}

#[test]
fn an_export_and_a_report_overwrite_nothing_of_a_person_s() {
    let project = Project::new(TRAINED);
    project.make();
    let target = "tuned[fraction=0.4]";
    let names = |folder: &str| -> Vec<String> {
        let names = files(&project.path(folder)).into_iter();
        names.map(|file| file.file_name().unwrap().to_string_lossy().into_owned()).collect()
    };
    project.write("mine/config.json", "MINE");
    project.write("mine/notes.txt", "MINE");
    project
        .run(&["export", FILE, target, "mine"])
        .code(3)
        .says("mine/config.json` is there already and is not overwritten");
    assert_eq!(names("mine"), ["config.json", "notes.txt"], "nothing was written");
    project.write("shards/model-00001-of-00002.safetensors", "MINE");
    project.run(&["export", FILE, target, "shards"]).code(3).says("weights of another student");
    // What was exported is replaced by the next export, and what that lacks goes.
    project.run(&["export", FILE, target, "new"]).code(0);
    let first = names("new");
    project.run(&["export", FILE, "again[fraction=0.4]", "new"]).code(0);
    assert_eq!(names("new"), first);
    project.run(&["export", FILE, "masked[fraction=0.4]", "new"]).code(0);
    assert_eq!(names("new"), [".retort-wrote.json", "rows.jsonl"]);
    // The same of a report: a figure that it has no more goes, a file of a person stays, and an edited one is kept.
    let out = "out/trained/results";
    project.write(&format!("{out}/mine.txt"), "MINE");
    let before = names(out);
    assert!(before.iter().any(|name| name.contains(".svg")));
    project.edit("training: [tuned, again], x: fraction, lines: student", "x: fraction, lines: student");
    project.make();
    let after = names(out);
    assert!(after.len() < before.len() && after.contains(&"mine.txt".to_owned()), "{before:?} {after:?}");
    let fresh = Project::new(&fs_err::read_to_string(project.path(FILE)).unwrap()).with_cache(project.cache());
    fresh.make();
    let fresh: Vec<_> = files(&fresh.path(out)).iter().map(|file| file.file_name().unwrap().to_owned()).collect();
    assert_eq!(fresh.len() + 1, after.len(), "{fresh:?} {after:?}");
    project.write(&format!("{out}/report.md"), "edited");
    project.run(&["report", FILE]).code(3).says("report.md` is there already and is not overwritten");
    assert_eq!(fs_err::read_to_string(project.path(&format!("{out}/report.md"))).unwrap(), "edited");
    // A table, in the place of one and of something else.
    project.run(&["export", FILE, "--outcomes", "t.csv"]).code(0);
    project.run(&["export", FILE, "--outcomes", "t.csv"]).code(0);
    project.run(&["export", FILE, "--outcomes", "mine/notes.txt"]).code(3).says("is not overwritten");
    project.run(&["export", FILE, "--outcomes", "/dev/full"]).code(3);
}

#[test]
fn a_model_that_cannot_be_fails_alone() {
    let maker = Project::new(TRAINED);
    maker.make();
    maker.run(&["export", FILE, "tuned[fraction=0.4]", "made"]).code(0);
    let project = Project::new(
        "retort: 1
experiment: absurd
stages:
  questions: { dataset: { format: synthetic, train: 8, dev: 2, test: 2 } }
  sound: { elicit: { questions: questions, split: train, teacher: gold } }
  huge:
    train: { student: { path: model }, questions: questions, rationales: sound, placement: before, end: null, recipe: { lr: 1.0e-3, batch: 2, steps: 1 } }
  tokens: { tokenizer: { questions: questions, rationales: sound, vocabulary: 400 } }
  endless:
    train:
      student: { new: { layers: 4000000000, width: 64, heads: 2, tokenizer: tokens } }
      questions: questions
      rationales: sound
      placement: before
      recipe: { lr: 1.0e-3, batch: 2, steps: 1 }
",
    );
    let config = fs_err::read_to_string(maker.path("made/config.json")).unwrap();
    project.write("model/config.json", &config.replace("\"n_layer\": 1", "\"n_layer\": 1000000000"));
    for name in ["tokenizer.json", "model.safetensors"] {
        fs_err::copy(maker.path("made").join(name), project.path("model").join(name)).unwrap();
    }
    let output = project.run(&["run", FILE]).code(1);
    let output =
        output.says("the configuration has 1000000000 blocks").says("of memory, which this machine does not have");
    assert!(!output.stderr.contains("panicked"), "{output}");
    project.run(&["show", FILE, "tokens"]).code(0);
}

/// Prepares a command under a shell's words, which it takes the place of.
fn under(shell: &str, project: &Project, arguments: &[&str]) -> Command {
    let plain = project.command(arguments);
    let mut command = Command::new("sh");
    command.arg("-c").arg(format!("{shell} \"$@\"")).arg("sh").arg(plain.get_program()).args(plain.get_args());
    command.current_dir(project.path("")).stdin(Stdio::null());
    for (name, value) in plain.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    command
}

#[test]
fn a_terminal_that_goes_away_stops_a_run_unless_it_was_protected() {
    for (shell, code) in [("trap '' HUP; exec", 0), ("exec env --default-signal=HUP", 130)] {
        let project = Project::new(SLOW);
        let mut command = under(shell, &project, &["run", FILE, "--progress", "plain"]);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap());
        let mut said = String::new();
        while !said.contains("started tuned") {
            assert_ne!(lines.read_line(&mut said).unwrap(), 0, "{said}");
        }
        kill_process(Pid::from_child(&child), Signal::HUP).unwrap();
        lines.read_to_string(&mut said).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(code), "{shell}: {said}");
    }
}

#[test]
fn a_limit_on_the_size_of_files_is_said() {
    let project = Project::new(TRAINED);
    let mut command = under("ulimit -f 40; exec", &project, &["run", FILE]);
    let output = Output::of(&mut command);
    assert!(matches!(output.code, Some(1 | 3)), "{output}");
    output.says("ulimit -f");
    project.run(&["run", FILE]).code(0);
}

#[test]
fn as_many_threads_are_started_as_memory_is_for() {
    let values: Vec<String> = (0..400).map(|value| (f64::from(value) / 1000.0).to_string()).collect();
    let project = Project::new(&PLAIN.replace("[0.4, 0.8]", &format!("[{}]", values.join(", "))));
    let mut command = under("ulimit -v 2500000; exec", &project, &["run", FILE, "--jobs", "3000"]);
    Output::of(&mut command).code(0).says("has room for");
}
