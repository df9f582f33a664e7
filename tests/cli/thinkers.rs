//! Teachers that think: whole answers are kept, budgets, votes, and whose labels are trained.

use std::fmt::Write as _;

use serde_json::json;

use crate::runner::{FILE, Project};
use crate::teacher_server::{Act, Teacher};

const QUESTIONS: usize = 6;

fn pipeline(url: &str) -> String {
    format!(
        "retort: 1
experiment: thinkers
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
          traffic: {{ concurrency: 1, retries: 1, first_wait: 0.001, longest_wait: 0.002, patience: 0.2, timeout: 30 }}
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
        project.write("ask.jinja", "{{ question }}");
        Self { project, teacher }
    }

    /// Runs the pipeline, which must end so, and returns how many requests it took and what was said.
    fn asks(&self, code: i32) -> (usize, String) {
        self.teacher.asked();
        let output = self.project.run(&["run", FILE]).code(code);
        (self.teacher.asked().len(), output.stderr)
    }

    fn rows(&self) -> Vec<serde_json::Value> {
        let shown = self.project.run(&["show", FILE, "rationales", "--json", "--limit", "1000"]).code(0).json();
        shown.as_array().unwrap().clone()
    }

    fn texts(&self) -> Vec<String> {
        self.rows().iter().map(|row| row["text"].as_str().unwrap().to_owned()).collect()
    }
}

#[test]
fn what_is_read_out_of_an_answer_changes_without_asking_again() {
    let body = |message: serde_json::Value| -> &'static str {
        let choice = json!({ "message": message, "finish_reason": "stop" });
        Box::leak(json!({ "model": "taught", "choices": [choice] }).to_string().into_boxed_str())
    };
    let both =
        body(json!({ "content": "<think>Is it A?</think>The answer is B.", "reasoning_content": "Briefly: A?" }));
    let alone = body(json!({ "content": null, "reasoning": "Is it A?" }));
    let plain = body(json!({ "content": "The answer is B." }));
    let all = "Briefly: A?\n\nIs it A?\n\nThe answer is B.";
    let table: [(&str, [Result<&str, &str>; 4]); 3] = [
        (both, [Ok("The answer is B."), Ok("Briefly: A?"), Ok("Is it A?"), Ok(all)]),
        (
            alone,
            [
                Err("`rationale_from: reasoning` in `elicit` takes"),
                Ok("Is it A?"),
                Err("no thoughts between tags"),
                Ok("Is it A?"),
            ],
        ),
        (
            plain,
            [
                Ok("The answer is B."),
                Err("no reasoning apart"),
                Err("no thoughts between tags"),
                Ok("The answer is B."),
            ],
        ),
    ];
    let mut wrong = String::new();
    for (body, expected) in table {
        let lab = Lab::new(Teacher::always(Act::Page("application/json", body)));
        lab.project.edit(&format!("train: {QUESTIONS}"), "train: 1");
        lab.project.edit("label: from_text", "label: from_text\n      rationale_from: content");
        let mut before = "content";
        for (index, (from, expected)) in ["content", "reasoning", "think", "all"].into_iter().zip(expected).enumerate()
        {
            lab.project.edit(&format!("rationale_from: {before}"), &format!("rationale_from: {from}"));
            before = from;
            let (asked, said) = lab.asks(i32::from(expected.is_err()));
            // The answer came whole: reading it otherwise costs nothing, whatever is found in it.
            let should_ask = usize::from(index == 0);
            let sound = match expected {
                Ok(text) => lab.texts() == [text],
                Err(says) => said.contains(says),
            };
            if asked != should_ask || !sound {
                writeln!(wrong, "{from} of {body}: asked {asked}, {said}").unwrap();
            }
        }
        // And back again.
        lab.project.edit("rationale_from: all", "rationale_from: reasoning");
        if lab.asks(i32::from(expected[1].is_err())).0 != 0 {
            writeln!(wrong, "{body}: asked again").unwrap();
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn an_answer_that_another_reading_can_use_is_no_hit_for_this_one_and_is_not_lost() {
    let lab = Lab::new(Teacher::scripted(&[&[
        Act::Says("Cannot say.", "stop"),
        Act::Says("<think>Is it A?</think>The answer is B.", "stop"),
    ]]));
    lab.project.edit(&format!("train: {QUESTIONS}"), "train: 1");
    lab.project.edit("label: from_text", "label: from_text\n      refusals: [Never]");
    assert_eq!((lab.asks(0).0, lab.texts()), (1, vec!["Cannot say.".to_owned()]));
    lab.project.edit("refusals: [Never]", "refusals: [Cannot]");
    assert_eq!((lab.asks(0).0, lab.texts()), (1, vec!["The answer is B.".to_owned()]));
    // Both are there, for whoever reads them in one way or the other.
    lab.project.edit("refusals: [Cannot]", "refusals: [Never, Ever]");
    assert_eq!((lab.asks(0).0, lab.texts()), (0, vec!["Cannot say.".to_owned()]));
    lab.project.edit("refusals: [Never, Ever]", "refusals: [Cannot, Ever]");
    assert_eq!((lab.asks(0).0, lab.texts()), (0, vec!["The answer is B.".to_owned()]));
}

#[test]
fn a_budget_stops_the_asking_and_a_higher_one_goes_on() {
    // Each answer takes 27 tokens.
    let lab = Lab::new(Teacher::start());
    lab.project.edit("label: from_text", "label: from_text\n      max_tokens_total: 100");
    let (asked, said) = lab.asks(1);
    assert!(
        asked == 4 && said.contains("the budget `max_tokens_total: 100` is used up: 4 of 6 rows are there"),
        "{said}"
    );
    assert!(said.contains("asks only for the 2 rows that are left"), "{said}");
    // A plan says so beforehand.
    let plan = |lab: &Lab| lab.project.run(&["plan", FILE]).code(0);
    plan(&lab).shows("all answers come to about 158, more than `max_tokens_total: 100` allows");
    // It is for the stage, not for a run: nothing more is asked of the same one.
    assert_eq!(lab.asks(1).0, 0);
    lab.project.edit("max_tokens_total: 100", "max_cost: 0.13");
    lab.project.edit("model: taught\n", "model: taught\n          price: { input: 1000, output: 1000 }\n");
    let (asked, said) = lab.asks(1);
    assert!(asked == 1 && said.contains("which cost 0.135") && said.contains("raise `max_cost`"), "{asked} {said}");
    plan(&lab).shows("all answers cost about 0.16, more than `max_cost: 0.13` allows");
    lab.project.edit("max_cost: 0.13", "max_cost: 50");
    assert!(!plan(&lab).stdout.contains("allows"));
    assert_eq!(lab.asks(0).0, 1);
    assert_eq!(lab.rows().len(), QUESTIONS);
    // It is in no key, and what is there costs nothing more.
    lab.project.edit("max_cost: 50", "max_cost: 0.0001");
    assert!(lab.project.stale().is_empty());
    assert_eq!(lab.asks(0).0, 0);
}

#[test]
fn what_cannot_be_used_counts_towards_a_budget_in_later_runs_too() {
    let lab = Lab::new(Teacher::always(Act::Says("one two three four", "length")));
    lab.project.edit("label: from_text", "label: from_text\n      tolerance: 1\n      max_tokens_total: 60");
    // 24 tokens each: three exceed it.
    let (asked, said) = lab.asks(1);
    assert!(
        asked == 3 && said.contains("0 of 6 rows are there. The 3 answers so far took 60 tokens asked"),
        "{asked} {said}"
    );
    assert_eq!(lab.asks(1).0, 0);
    lab.project.edit("max_tokens_total: 60", "max_tokens_total: 80");
    let (asked, said) = lab.asks(1);
    assert!(asked == 1 && said.contains("The 4 answers so far"), "{asked} {said}");
}

#[test]
fn the_majority_of_votes_is_kept_and_told() {
    let says = |text| Act::Says(text, "stop");
    let (a, b) = (says("So the answer is A."), says("Then the answer is B."));
    let lab = Lab::new(Teacher::scripted(&[&[a, b, a], &[b, b, b], &[b, a, says("I do not know.")]]));
    lab.project.edit(&format!("train: {QUESTIONS}"), "train: 3");
    lab.project.edit("label: from_text", "label: from_text\n      votes: 3");
    lab.project.edit("model: taught\n", "model: taught\n          temperature: 0.7\n");
    let (asked, said) = lab.asks(0);
    assert!(asked == 9 && said.contains("in 1 of 3 questions the vote is tied"), "{asked} {said}");
    let rows = lab.rows();
    let kept: Vec<String> =
        rows.iter().map(|row| format!("{}{}", row["label"].as_str().unwrap(), row["sample"])).collect();
    assert_eq!(kept, ["A0", "A2", "B0", "B1", "B2", "B0"]);
    assert_eq!(rows[0]["extra"]["votes"], json!({ "for": 2, "of": 3 }), "{:?}", rows[0]);
    let record = fs_err::read_to_string(lab.project.record_of("rationales")).unwrap();
    assert!(record.contains("self-consistency 66.7 % over 3 questions, 3 votes each"), "{record}");
    // Fewer votes are fewer of the same answers.
    lab.project.edit("votes: 3", "votes: 2");
    assert_eq!(lab.asks(0).0, 0);
}

#[test]
fn a_report_of_teachers_without_votes_is_refused_before_anything_is_asked() {
    let lab = Lab::new(Teacher::start());
    let results = "  results:\n    report: { teachers: rationales }\n";
    lab.project.write(FILE, &(pipeline(&lab.teacher.url()) + results));
    let output = lab.project.run(&["run", FILE]).code(2).says("`rationales` has no `votes`");
    output.says("report: { teachers: rationales }").says("such as `votes: 5`");
    assert!(lab.teacher.asked().is_empty());
    lab.project.edit("prompt: ask.jinja", "prompt: ask.jinja\n      votes: 3");
    lab.project.edit("model: taught\n", "model: taught\n          temperature: 0.7\n");
    lab.project.run(&["check", FILE]).code(0);
}

#[test]
fn mistakes_about_budgets_and_votes_are_told_where_they_stand() {
    for (field, says) in [
        ("max_cost: 5", "`max_cost` needs the prices of the teacher"),
        ("max_cost: 0", "expected a number above 0"),
        ("max_tokens_total: 0", "expected a whole number, 1 or more"),
        ("votes: 1", "one answer is no vote"),
        ("votes: 5", "at `temperature: 0` every answer"),
        ("votes: 5\n      samples: 2", "`samples` and `votes` both say"),
        ("rationale_from: thinking", "did you mean `think`?"),
    ] {
        let project = Project::new(&pipeline("http://localhost:1/v1"));
        project.write("ask.jinja", "{{ question }}");
        project.edit("label: from_text\n", &format!("label: from_text\n      {field}\n"));
        project.run(&["check", FILE]).code(2).says(says);
    }
    for (teacher, field, says) in [
        ("gold", "votes: 3", "one rationale for each question"),
        ("gold", "max_tokens_total: 3", "has no effect with a teacher that is not asked"),
        (
            "{ openai: { base_url: \"http://a/v1\", model: m, temperature: 1 } }",
            "prompt: ask.jinja, votes: 3",
            "`votes` needs the labels",
        ),
        (
            "{ openai: { base_url: \"http://a/v1\", model: m, price: { input: -1, output: 1 } } }",
            "prompt: ask.jinja",
            "`price` is below 0",
        ),
        ("{ local: { model: { path: m } } }", "prompt: ask.jinja, max_cost: 3", "`max_tokens_total` limits the tokens"),
    ] {
        let project = Project::new(&format!(
            "retort: 1
experiment: wrong
seed: 17

stages:
  questions:
    dataset: {{ format: synthetic, train: 2, dev: 1, test: 1 }}
  rationales:
    elicit: {{ questions: questions, {field}, teacher: {teacher} }}
"
        ));
        project.write("ask.jinja", "{{ question }}");
        project.run(&["check", FILE]).code(2).says(says);
    }
}

#[test]
fn protocols_beside_chat_are_spoken() {
    let responses = r#"{"object":"response","status":"completed","error":null,"model":"taught","output":[{"type":"reasoning","summary":[{"type":"summary_text","text":"Is it B?"}]},{"type":"message","role":"assistant","content":[{"type":"output_text","text":"The answer is A."}]}],"usage":{"input_tokens":20,"output_tokens":9}}"#;
    let ollama = r#"{"model":"taught","message":{"role":"assistant","content":"The answer is A.","thinking":"Is it B?"},"done":true,"done_reason":"stop","prompt_eval_count":20,"eval_count":9}"#;
    for (api, body, path, limit) in [
        ("responses", responses, "/v1/responses", "/max_output_tokens"),
        ("ollama", ollama, "/v1/chat", "/options/num_predict"),
    ] {
        let lab = Lab::new(Teacher::always(Act::Page("application/json", body)));
        lab.project.edit("model: taught\n", &format!("model: taught\n          api: {api}\n"));
        lab.project.edit("label: from_text", "label: from_text\n      rationale_from: all");
        lab.project.run(&["run", FILE]).code(0);
        let asked = lab.teacher.asked();
        assert_eq!(asked[0].path, path);
        assert_eq!(asked[0].body.pointer(limit), Some(&json!(256)), "{api}: {}", asked[0].body);
        assert_eq!(lab.texts()[0], "Is it B?\n\nThe answer is A.", "{api}");
        // Kept bodies are read in the protocol they came in.
        lab.project.edit("rationale_from: all", "rationale_from: content");
        assert_eq!((lab.asks(0).0, lab.texts()[0].as_str()), (0, "The answer is A."), "{api}");
    }
}

const TRAINED: &str = r#"retort: 1
experiment: labels
seed: 17

axes:
  labels: [gold, teacher, shuffled]

models:
  tiny: { new: { architecture: gpt2, layers: 1, width: 8, heads: 1, context: 256, tokenizer: tokens } }

stages:
  questions:
    dataset: { format: synthetic, train: 24, dev: 2, test: 2 }
  rationales:
    elicit: { questions: questions, split: train, teacher: gold }
  tokens:
    tokenizer: { questions: questions, rationales: rationales, vocabulary: 400 }
  tuned:
    train:
      student: tiny
      questions: questions
      rationales: rationales
      placement: none
      labels: "${labels}"
      recipe: { steps: 2, batch: 4 }
"#;

#[test]
fn whose_labels_are_trained() {
    let project = Project::new(TRAINED);
    project.make();
    let digests = project.digests();
    let weights = |labels: &str| digests[&format!("tuned[labels={labels}]")]["weights"].clone();
    // This teacher's labels are the dataset's.
    assert_eq!(weights("gold"), weights("teacher"));
    assert_ne!(weights("gold"), weights("shuffled"));
    for (before, after, says) in [
        ("      rationales: rationales\n", "", "`labels: teacher` needs `rationales`"),
        ("placement: none", "placement: none\n      missing: keep", "has no label to keep it for"),
        ("labels: \"${labels}\"", "labels: golden", "did you mean `gold`?"),
    ] {
        let wrong = Project::new(TRAINED);
        wrong.edit(before, after);
        wrong.run(&["check", FILE]).code(2).says(says);
    }
    let unlabelled = Project::new(TRAINED);
    unlabelled.edit("teacher: gold }", "teacher: { import: { path: rationales.jsonl } } }");
    let questions = project.run(&["show", FILE, "questions", "--json", "--limit", "1000"]).code(0).json();
    let ids = questions.as_array().unwrap().iter().map(|question| question["id"].as_str().unwrap());
    let lines = ids.map(|id| json!({ "id": id, "rationale": "So." }).to_string() + "\n");
    unlabelled.write("rationales.jsonl", &lines.collect::<String>());
    unlabelled
        .run(&["run", FILE])
        .code(1)
        .says("rationales have no label of the teacher's own, which `labels: teacher` trains");
    // Labels are read from imported rationales as from those that were asked for.
    unlabelled.edit("path: rationales.jsonl } }", "path: rationales.jsonl } }, label: from_text");
    let lines = |says: &str| {
        let ids = questions.as_array().unwrap().iter().map(|question| question["id"].as_str().unwrap());
        ids.map(|id| json!({ "id": id, "rationale": says }).to_string() + "\n").collect::<String>()
    };
    unlabelled.write("rationales.jsonl", &lines("So. The answer is B."));
    unlabelled.run(&["run", FILE, "rationales"]).code(0);
    let read = unlabelled.run(&["show", FILE, "rationales", "--json"]).code(0).json();
    assert!(read.as_array().unwrap().iter().all(|row| row["label"] == "B"), "{read}");
    unlabelled.write("rationales.jsonl", &lines("So."));
    unlabelled.run(&["run", FILE, "rationales"]).code(0).says("no label can be read from");
}

#[test]
fn teachers_stand_beside_students_in_a_report() {
    let lab = Lab::new(Teacher::start());
    lab.project.edit("label: from_text", "label: from_text\n      votes: 2");
    lab.project.edit("model: taught\n", "model: taught\n          temperature: 0.7\n");
    let text = fs_err::read_to_string(lab.project.path(FILE)).unwrap();
    lab.project.write(FILE, &(text + "  results:\n    report: { teachers: rationales }\n"));
    lab.project.run(&["run", FILE]).code(0);
    let report = fs_err::read_to_string(lab.project.path("out/thinkers/results/report.md")).unwrap();
    assert!(report.contains("self-consistency %") && report.contains("| rationales |"), "{report}");
    assert!(
        report.contains("teacher taught") && report.contains("; self-consistency 100.0 % over 6 questions"),
        "{report}"
    );
    // Without a vote there is nothing to tell.
    lab.project.edit("votes: 2", "samples: 2");
    lab.project.run(&["run", FILE]).code(2).says("`rationales` has no `votes`");
}
