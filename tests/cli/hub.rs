//! Students in Hugging Face's layout: from a directory, in one file or in shards, and from a hub.

use std::io::Read;
use std::process::Command;

use crate::hub_server::{COMMIT, ID, Server, Shelf, etag, files_asked};
use crate::pipelines::SLOW;
use crate::runner::{Events, FILE, Output, Project};
use crate::stopped::training;

/// A student from scratch, which is exported and then stands in for a model that someone published.
const PIPELINE: &str = "retort: 1
experiment: fetched
seed: 17

models:
  start: { new: { layers: 1, width: 16, heads: 2, tokenizer: tokens } }

stages:
  questions:
    dataset: { format: synthetic, train: 16, dev: 4, test: 4 }
  rationales:
    elicit: { questions: questions, split: train, teacher: gold }
  tokens:
    tokenizer: { questions: questions, rationales: rationales, vocabulary: 400 }
  tuned:
    train:
      student: start
      questions: questions
      rationales: rationales
      placement: before
      recipe: { lr: 2.0e-3, batch: 8, steps: 2 }
";
const NEW: &str = "{ new: { layers: 1, width: 16, heads: 2, tokenizer: tokens } }";
const FROM_HUB: &str = "{ hub: owner/name, revision: main }";

const CONFIG: &str =
    r#"{"model_type":"gpt2","vocab_size":500,"n_positions":256,"n_embd":16,"n_layer":1,"n_head":2,"eos_token_id":420}"#;
const TOKENIZER: &str = include_str!("../tokenizers/gpt2.json");

/// A shelf whose weights nobody reads.
fn unread() -> Shelf {
    let weights: &[u8] = b"weights";
    let (config, tokenizer) = (CONFIG.as_bytes(), TOKENIZER.as_bytes());
    Shelf::of(&[("config.json", config), ("tokenizer.json", tokenizer), ("model.safetensors", weights)])
}

/// A project whose student comes from a hub.
struct Lab {
    project: Project,
    server: Server,
}

impl Lab {
    fn new(shelf: Shelf) -> Self {
        Self { project: Project::new(&PIPELINE.replace(NEW, FROM_HUB)), server: Server::start(shelf) }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.project.command(arguments);
        command.env("HF_ENDPOINT", self.server.endpoint());
        command
    }

    fn run(&self, arguments: &[&str]) -> Output {
        Output::of(&mut self.command(arguments))
    }
}

#[test]
fn a_model_is_fetched_once_and_known_by_its_content() {
    let maker = Project::new(PIPELINE);
    maker.make();
    maker.run(&["export", FILE, "tuned", "made"]).code(0);
    let made = |name: &str| fs_err::read(maker.path("made").join(name)).unwrap();
    let names =
        ["config.json", "tokenizer.json", "generation_config.json", "tokenizer_config.json", "model.safetensors"];
    let files = names.map(|name| (name, made(name)));
    let lab = Lab::new(Shelf::of(&files.each_ref().map(|(name, bytes)| (*name, bytes.as_slice()))));

    // Only a run asks the hub.
    lab.run(&["plan", FILE]).code(0).shows("lacks   tuned       owner/name@main");
    lab.run(&["explain", FILE]).code(3).says("owner/name@main").says("`retort run` fetches it");
    lab.run(&["run", FILE, "questions"]).code(0);
    assert!(lab.server.asked().is_empty());

    let events = Events::read(&lab.run(&["run", FILE, "--progress", "json"]).code(0).stdout);
    assert!(files_asked(&lab.server.asked()).into_iter().eq({
        let mut names = names;
        names.sort_unstable();
        names
    }));
    let told = |event: &str| events.0.iter().filter(|told| told["event"] == event).cloned().collect::<Vec<_>>();
    assert_eq!(told("fetched").len(), 5);
    assert_eq!(told("fetched")[4]["file"], "owner/name@main model.safetensors");
    assert_eq!(told("fetched")[4]["bytes"], files[4].1.len());
    assert_eq!(told("resolved")[0]["commit"], COMMIT);
    assert!(told("warned")[0]["message"].as_str().unwrap().contains(&format!("`revision: {COMMIT}`")));
    lab.run(&["replay", "last", "--progress", "plain"]).code(0).says(&format!("owner/name@main is {COMMIT}"));
    let record = fs_err::read_to_string(lab.project.record_of("tuned")).unwrap();
    assert!(record.contains(&format!("{ID}@{COMMIT}")), "{record}");

    // Another run asks nothing, and neither does the same content by commit or by path.
    for student in [FROM_HUB, &format!("{{ hub: owner/name, revision: {COMMIT} }}"), "{ path: made }"] {
        lab.project.write(FILE, &PIPELINE.replace(NEW, student));
        for (name, bytes) in &files {
            fs_err::create_dir_all(lab.project.path("made")).unwrap();
            fs_err::write(lab.project.path("made").join(name), bytes).unwrap();
        }
        let output = lab.run(&["run", FILE, "--progress", "json"]).code(0);
        assert!(Events::read(&output.stdout).ran().is_empty(), "{student}: {output}");
        assert_eq!(output.stdout.contains("not pinned"), student == FROM_HUB, "{output}");
    }
    assert!(lab.server.asked().is_empty());
}

#[test]
fn offline_a_model_that_is_not_there_is_an_error() {
    let lab = Lab::new(unread());
    lab.run(&["run", FILE, "--offline"]).code(3).says("offline").says("owner/name@main");
    let output = Output::of(lab.command(&["run", FILE]).env("HF_HUB_OFFLINE", "1"));
    output.code(3).says("HF_HUB_OFFLINE");
    assert!(lab.server.asked().is_empty());
}

#[test]
fn a_hub_that_refuses_is_quoted_with_what_to_try() {
    for (refuses, says, hint) in [
        ((401, "GatedRepo"), "gated", "HF_TOKEN"),
        ((403, "GatedRepo"), "gated", "accept the licence"),
        ((404, "RepoNotFound"), "no such repository", "/owner/name"),
        ((404, "RevisionNotFound"), "no such revision", "/owner/name"),
    ] {
        let lab = Lab::new(Shelf { refuses: Some(refuses), ..unread() });
        lab.run(&["run", FILE]).code(3).says("owner/name@main").says(says).says(hint);
    }
}

#[test]
fn what_a_hub_did_not_announce_is_not_kept() {
    let lab = Lab::new(Shelf { swapped: Some(b"WEIGHTS".to_vec()), ..unread() });
    lab.run(&["run", FILE]).code(3).says("`model.safetensors` of `owner/name@main`").says("SHA-256");
    assert!(!lab.project.path("hf/hub/models--owner--name/blobs").join(etag(b"weights", true)).exists());
    lab.run(&["plan", FILE]).code(0).shows("1 without their files");
    let lab = Lab::new(Shelf { cut: Some(3), ..unread() });
    lab.run(&["run", FILE]).code(3).says("cut short: 3 of 7 bytes").says("run again");
    lab.server.change(|shelf| shelf.cut = None);
    lab.run(&["run", FILE]);
    assert!(lab.server.asked().contains(&"GET /cdn/model.safetensors from 3".to_owned()));
    let plan = lab.run(&["plan", FILE]).code(0);
    assert!(!plan.stdout.contains("pending"), "{}", plan.stdout);
}

#[test]
fn a_model_is_written_in_one_of_three_ways() {
    let project = Project::new(PIPELINE);
    for (student, says) in [
        ("{ hub: owner/name/more }", "the name of a repository"),
        ("{ hub: owner/name, revision: ../main }", "a branch, tag or commit"),
        ("{ hub: owner/name, revision: 7 }", "in quotes"),
        ("{ hub: owner/name, revison: main }", "did you mean `revision`?"),
        ("{ path: made, revision: main }", "one of: new, path, hub"),
        ("{ hugging: owner/name }", "one of: new, path, hub"),
    ] {
        project.write(FILE, &PIPELINE.replace(NEW, student));
        project.run(&["check", FILE]).code(2).says(says);
    }
    for student in ["{ hub: gpt2 }", "{ hub: owner/name, revision: refs/pr/1 }"] {
        project.write(FILE, &PIPELINE.replace(NEW, student));
        project.run(&["check", FILE]).code(0);
    }
    project.write(FILE, &PIPELINE.replace(NEW, "{ path: made }"));
    project.run(&["check", FILE]).code(3).says("cannot use `made`").says("there is no such directory");
}

#[test]
fn a_model_that_changes_while_it_is_used_gives_no_result() {
    let maker = Project::new(PIPELINE);
    maker.make();
    let project = Project::new(&SLOW.replace(
        "new: { architecture: gpt2, layers: 2, width: 64, heads: 2, context: 256, tokenizer: tokens }",
        "path: made",
    ));
    let made = project.path("made");
    maker.run(&["export", FILE, "tuned", made.to_str().unwrap()]).code(0);
    let (mut child, mut lines, mut said) = training(&project, 10);
    project.write("made/model.safetensors", "other weights");
    lines.read_to_string(&mut said).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(1));
    assert_eq!(Events::read(&said).instances("failed"), ["tuned"]);
    assert!(said.contains("model.safetensors` changed while the experiment was running"), "{said}");
}

/// The fingerprint of the student in a project where everything before it is there.
fn fingerprint(project: &Project) -> String {
    let plan = project.plan();
    plan.into_iter().find(|(name, ..)| name == "tuned").and_then(|(.., fingerprint)| fingerprint).unwrap()
}

#[test]
fn a_directory_in_shards_is_the_shards_that_its_index_names() {
    let project = Project::new(&PIPELINE.replace(NEW, "{ path: made }"));
    project.run(&["run", FILE, "rationales"]).code(0);
    let index = |shard: &str| {
        let text = format!(r#"{{"weight_map":{{"a":"model-1.safetensors","b":"{shard}"}}}}"#);
        project.write("made/model.safetensors.index.json", &text);
    };
    project.write("made/config.json", CONFIG);
    project.run(&["plan", FILE]).code(3).says("`tokenizer.json`").says("made");
    project.write("made/tokenizer.json", TOKENIZER);
    project.write("made/pytorch_model.bin", "a pickle");
    project.run(&["plan", FILE]).code(3).says("only `pytorch_model.bin`").says("safe_serialization=True");
    index("model-2.safetensors");
    project.write("made/model-1.safetensors", "one");
    project.run(&["plan", FILE]).code(3).says("no `model-2.safetensors`");
    project.write("made/model-2.safetensors", "two");
    let first = fingerprint(&project);

    project.write("made/model-3.safetensors", "a shard of something else");
    project.write("made/README.md", "# A model");
    assert_eq!(fingerprint(&project), first);
    // What says how sequences end is part of the model.
    project.write("made/generation_config.json", "{}");
    let first = [first, fingerprint(&project)];
    assert_ne!(first[0], first[1]);
    let first = first[1].clone();
    project.write("made/model-2.safetensors", "TWO");
    let second = fingerprint(&project);
    assert_ne!(second, first);
    index("model-3.safetensors");
    assert!(![first, second].contains(&fingerprint(&project)));
    for shard in ["../model.safetensors", "/model.safetensors", "model.bin"] {
        index(shard);
        project.run(&["plan", FILE]).code(3).says(shard).says("plain name");
    }
    // One file of weights wins over an index, whatever that names.
    project.write("made/model.safetensors", "whole");
    fingerprint(&project);
}
