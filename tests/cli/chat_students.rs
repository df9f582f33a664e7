//! Students that are talked to: trained, asked, scored and looked into through a chat template.

use serde_json::{Value as Json, json};

use crate::paper::pipeline;
use crate::runner::{FILE, Project};
use crate::tiny_models;
use retort::model::Architecture;

/// A tiny student with a template of its own; lettered questions.
const PIPELINE: &str = r#"retort: 1
experiment: talked
seed: 3

models:
  tiny: { new: { architecture: llama, layers: 1, width: 16, heads: 2, context: 320, tokenizer: tokens, chat_template: chat.jinja } }

stages:
  questions:
    dataset: { format: synthetic, train: 16, dev: 2, test: 4 }
  rationales:
    elicit: { questions: questions, split: train, teacher: gold }
  shuffled:
    transform: { rationales: rationales, steps: [ { shuffle: { level: word } } ] }
  tokens:
    tokenizer: { questions: questions, rationales: rationales, vocabulary: 400 }
  tuned:
    over: { placement: [none, before, after] }
    train:
      student: tiny
      questions: questions
      rationales: rationales
      placement: "${placement}"
      prompt: chat
      system: Answer briefly.
      think: { open: "<think>", close: "</think>" }
      answer_form: The answer is {answer}.
      add_tokens: ["<|im_start|>", "<|im_end|>"]
      recipe: { lr: 2.0e-3, batch: 8, steps: 2, eval_every: 2, eval_max_new: 8 }
  again:
    where: { placement: before }
    retrain: { like: tuned, rationales: shuffled }
  answers:
    evaluate: { model: tuned, questions: questions, max_new: 12 }
  scored:
    except: { placement: before }
    evaluate: { model: tuned, questions: questions, score: likelihood }
  words:
    evaluate: { model: tuned, questions: questions, score: { likelihood: { of: text } } }
  weighed:
    where: { placement: before }
    attribute: { model: tuned, questions: questions, rationales: rationales, steps: 2 }
  seen:
    lens: { model: tuned, questions: questions, split: train, text: forced, rationales: rationales }
"#;

const CHATML: &str = include_str!("../../pipelines/prompts/chat/chatml.jinja");

fn talked() -> Project {
    let project = Project::new(PIPELINE);
    project.write("chat.jinja", CHATML);
    project
}

#[test]
fn a_student_is_asked_scored_and_looked_into_as_it_was_talked_to() {
    let project = talked();
    assert_eq!(project.make().ran().len(), 4 + 3 + 1 + 3 + 2 + 3 + 1 + 3);
    assert!(project.stale().is_empty());
    // Attribution scores the tokens of the rationale alone.
    let rows = project.run(&["show", FILE, "weighed", "--json", "--limit", "1"]).code(0).json();
    let shown = rows.to_string();
    assert!(!shown.contains("think") && !shown.contains("im_start"), "{shown}");

    // Everything that says how it is talked to decides what it becomes.
    let trained = ["tuned[placement=none]", "tuned[placement=before]", "tuned[placement=after]"];
    for (before, after) in [
        ("system: Answer briefly.", "system: Answer at once."),
        ("answer_form: The answer is {answer}.", "answer_form: So it is {answer}."),
        ("close: \"</think>\"", "close: \"</thought>\""),
        ("prompt: chat", "prompt: { chat: ask.jinja }"),
    ] {
        let project = talked();
        project.write("ask.jinja", "{{ question }}");
        project.make_with(&["tuned"]);
        project.edit(before, after);
        let stale = project.stale();
        assert!(trained.iter().all(|name| stale.contains(*name)), "{after}: {stale:?}");
    }
    project.write("chat.jinja", &CHATML.replace("im_start", "im_begin"));
    assert!(trained.iter().all(|name| project.stale().contains(*name)));
}

#[test]
fn an_exported_student_brings_its_chat_template_along() {
    let project = talked();
    project.make_with(&["tuned[placement=after]"]);
    project.run(&["export", FILE, "tuned[placement=after]", "made"]).code(0);
    let read = |name: &str| fs_err::read_to_string(project.path("made").join(name)).unwrap();
    let json = |name: &str| -> Json { serde_json::from_str(&read(name)).unwrap() };
    assert_eq!(read("chat_template.jinja"), CHATML);
    assert_eq!(json("tokenizer_config.json")["eos_token"], "<|endoftext|>");
    let ends = json("generation_config.json")["eos_token_id"].as_array().map(Vec::len);
    assert_eq!(ends, Some(2), "the end of the turn, and that of the tokenizer");

    // A student of the student, with the template that it brings.
    let next = PIPELINE.replace("tiny: { new: { architecture: llama, layers: 1, width: 16, heads: 2, context: 320, tokenizer: tokens, chat_template: chat.jinja } }", "tiny: { path: made }");
    let target = "tuned[placement=after]";
    project.write("next.yaml", &next);
    project.run(&["run", "next.yaml", target, "--progress", "plain"]).code(0);
    project.run(&["export", "next.yaml", target, "next"]).code(0);
    assert_eq!(fs_err::read_to_string(project.path("next/chat_template.jinja")).unwrap(), CHATML);
    // A template beside a model counts for those who talk to it, and for nobody else.
    let plain = next.replace("      prompt: chat\n      system: Answer briefly.\n", "");
    project.write("plain.yaml", &plain);
    project.run(&["run", "plain.yaml", target, "--progress", "plain"]).code(0);
    fs_err::write(project.path("made/chat_template.jinja"), CHATML.replace("im_start", "im_begin")).unwrap();
    let stale = |file: &str| {
        let plan = project.run(&["plan", file, target, "--json"]).code(0).json();
        plan["counts"]["hits"] != plan["instances"].as_array().unwrap().len()
    };
    assert!(stale("next.yaml"));
    assert!(!stale("plain.yaml"));
}

#[test]
fn what_cannot_be_talked_to_is_told_before_anything_is_trained() {
    let heading = CHATML.split("{% if add").next().unwrap();
    let thoughtless = "{% for m in messages %}{{ '<' + m.role + '>' + m.content.split('</think>')[-1] + '<|im_end|>' }}{% endfor %}{% if add_generation_prompt %}{{ '<assistant><think>' }}{% endif %}";
    let system = "{% for m in messages %}{% if m.role == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}{{ m.content }}{% endfor %}";
    for (template, said) in [
        (heading, "the chat template has no generation part"),
        (thoughtless, "the chat template writes a question otherwise once an answer follows it"),
        (system, "the chat template refuses the system message (System role not supported): leave out `system`"),
        ("{% for m in messages %}", "cannot read the chat template"),
        ("{{ messages[0].nothing.at_all }}", "cannot render the chat template, line 1"),
    ] {
        let project = talked();
        project.write("chat.jinja", template);
        project.run(&["check", FILE]).fails().says(said);
        let run = project.run(&["run", FILE, "--progress", "plain"]).fails().says(said);
        assert!(!run.stderr.contains("finished tuned"), "{run}");
    }
    for (before, after, said) in [
        (", chat_template: chat.jinja", "", "a new student has none: name its file as `chat_template`"),
        ("prompt: chat\n      ", "", "only `prompt: chat` writes one"),
        ("system: Answer briefly.", "system: \" \"", "the system message is blank"),
        ("system: Answer briefly.", "end: \"</s>\"", "`end` has no meaning with `prompt: chat`"),
        ("The answer is {answer}.", "The answer is B.", "cannot use `The answer is B.` as the answer form"),
        ("answer_form:", "marker: \"#\"\n      answer_form:", "`marker` has no meaning with `answer_form`"),
        ("close: \"</think>\"", "close: \" \"", "`think` needs two different brackets"),
        ("prompt: chat", "prompt: { chats: x }", "did you mean `chat`?"),
        ("prompt: chat", "prompt: { chat: nowhere.jinja }", "nowhere.jinja"),
    ] {
        let project = talked();
        project.edit(before, after);
        project.run(&["check", FILE]).fails().says(said);
    }
    // A model that was not taught to answer.
    let project = Project::new(&PIPELINE.replace("tiny: {", "tiny: { path: base }\n  other: {"));
    tiny_models::write(&project, "base", Architecture::Llama, "llama", ["<s>", "</s>"]);
    project.run(&["check", FILE]).fails().says("it has no chat template");
    let setup = project.path("base/tokenizer_config.json");
    let mut config: Json = serde_json::from_slice(&fs_err::read(&setup).unwrap()).unwrap();
    config["chat_template"] = json!(CHATML);
    fs_err::write(setup, config.to_string()).unwrap();
    project.run(&["check", FILE]).code(0);
}

#[test]
fn the_shipped_pipeline_of_students_that_are_talked_to_runs_in_miniature() {
    let project = Project::new("");
    let file = pipeline("small/chat");
    let small = ["--set", "rows=8", "--set", "asked=3", "--set", "epochs=1"];
    project.run(&[&["run", file.as_str(), "--progress", "plain"], &small[..]].concat()).code(0);
    let page = fs_err::read_to_string(project.path("out/small-chat/results/report.md")).unwrap();
    assert!(page.contains("thinking") && page.contains("explaining"), "{page}");
}

/// A model as it comes is asked through its own template, and read by what it was told to write.
#[test]
fn a_student_is_talked_to_without_training() {
    let head = PIPELINE.split("  rationales:").next().unwrap();
    let stages = r#"  tokens:
    tokenizer: { questions: questions, vocabulary: 400, special: ["<|im_end|>"] }
  untrained:
    over: { placement: [none, before] }
    pretrained:
      student: tiny
      placement: "${placement}"
      prompt: chat
      system: End with your answer.
      think: { open: "<think>", close: "</think>" }
      answer_form: The answer is {answer}.
  answers:
    evaluate: { model: untrained, questions: questions, max_new: 6 }
  readings:
    evaluate: { model: untrained, questions: questions, max_new: 6, extract: { strict: ["\\b([AB])\\b"], unmatched: wrong } }
"#;
    let text = format!("{head}{stages}").replace(", special: [\"<|im_end|>\"]", "");
    let project = Project::new(&text);
    project.write("chat.jinja", CHATML);
    project.make();
    for (placement, thinks) in [("none", false), ("before", true)] {
        let name = format!("untrained[placement={placement}]");
        project.run(&["export", FILE, &name, placement]).code(0);
        let usage = fs_err::read_to_string(project.path(placement).join("usage.json")).unwrap();
        let usage: Json = serde_json::from_str(&usage).unwrap();
        assert_eq!(usage["chat"]["system"], "End with your answer.", "{usage}");
        assert_eq!(usage["format"]["answer_form"], "The answer is {answer}.", "{usage}");
        assert_eq!(usage["format"]["think"].is_object(), thinks, "{usage}");
    }
    assert!(project.stale().is_empty());
    project.edit("system: End with your answer.", "system: Be brief.");
    assert!(project.stale().contains("answers[placement=none]"));
    for (before, after, said) in [
        ("\"${placement}\"", "after", "`think` has no effect with `placement: after`"),
        ("prompt: chat\n", "prompt: null\n", "only `prompt: chat` writes one"),
        ("system: Be brief.", "end: \"</s>\"", "`end` has no meaning with `prompt: chat`"),
        ("The answer is {answer}.", "So.", "as the answer form"),
        (", chat_template: chat.jinja", "", "a new student has none"),
    ] {
        let project =
            Project::new(&text.replace("system: End with your answer.", "system: Be brief.").replace(before, after));
        project.write("chat.jinja", CHATML);
        project.run(&["check", FILE]).fails().says(said);
    }
}
