//! The paper's tables and figures: each of its pipelines is planned as a whole, and the same in miniature is run at a tiny
//! limit.

use expect_test::{Expect, expect};
use serde_json::Value as Json;

use crate::runner::Project;
use crate::teacher_server::{Act, Teacher};
use crate::tiny_models;
use retort::model::Architecture;

pub(crate) fn pipeline(name: &str) -> String {
    format!("{}/pipelines/{name}.yaml", env!("CARGO_MANIFEST_DIR"))
}

/// A directory of data with one question of each dataset, two annotated words and two vectors.
fn data() -> Project {
    let project = Project::new("");
    let choices = r#""choices":[{"label":"A","text":"ice"},{"label":"B","text":"mud"}]"#;
    let line = |id: &str| {
        format!(
            "{{\"id\":\"{id}\",\"question\":{{\"stem\":\"Which?\",\"question_concept\":\"it\",{choices}}},\"answerKey\":\"A\"}}\n"
        )
    };
    project.write("data/csqa/train_rand_split.jsonl", &(line("c1") + &line("c2")));
    project.write("data/csqa/dev_rand_split.jsonl", &line("c3"));
    project.write("data/csqa/inhouse_split_qids.txt", "c1\n");
    for split in ["train", "dev", "test"] {
        let quarel = format!("{{\"id\":\"{split}\",\"question\":\"Which? (A) ice (B) mud\",\"answer_index\":0}}\n");
        project.write(&format!("data/quarel/{split}.jsonl"), &quarel);
        project.write(&format!("data/obqa/{split}.jsonl"), &line(split));
    }
    project.write("data/annotations/quarel.jsonl", "{\"id\":\"train\",\"annotator\":\"ada\",\"words\":[\"ice\"]}\n");
    let mut vectors = b"3 2\n".to_vec();
    for (word, vector) in [("ice", [1.0_f32, 0.0]), ("mud", [0.0, 1.0]), ("snow", [0.9, 0.1])] {
        vectors.extend(word.bytes().chain(*b" "));
        vectors.extend(vector.iter().flat_map(|number| number.to_le_bytes()));
        vectors.push(b'\n');
    }
    fs_err::write(project.path("data/GoogleNews-vectors-negative300.bin"), vectors).unwrap();
    project
}

/// Checks how many instances each stage of a pipeline of the paper has.
fn planned(name: &str, expected: &Expect) {
    let project = data();
    let root = format!("data={}", project.path("data").display());
    let plan = project.run(&["plan", &pipeline(&format!("paper/{name}")), "--root", &root, "--json"]).code(0).json();
    let instances = plan["instances"].as_array().unwrap();
    let mut stages: Vec<(String, usize)> = Vec::new();
    for instance in instances {
        let name = instance["instance"].as_str().unwrap();
        let stage = name.split('[').next().unwrap();
        match stages.iter_mut().find(|(known, _)| known == stage) {
            Some((_, count)) => *count += 1,
            None => stages.push((stage.to_owned(), 1)),
        }
    }
    // Models are fetched by a run alone; until then whatever learns from them lacks them.
    assert!(instances.iter().any(|instance| instance["lacks"][0] == "openai-community/gpt2-xl@main"), "{plan}");
    let told: String = stages.iter().map(|(stage, count)| format!("{count} {stage}, ")).collect();
    expected.assert_eq(told.trim_end_matches(", "));
}

#[test]
fn the_papers_grids_are_planned_without_their_models() {
    planned("table-1", &expect!["1 csqa, 1 obqa, 1 quarel, 3 rationales, 27 tuned, 27 answers, 1 table-1"]);
    planned("table-2", &expect!["1 csqa, 1 obqa, 1 quarel, 3 rationales, 3 shuffled, 36 tuned, 36 answers, 1 table-2"]);
    planned(
        "table-3",
        &expect![
            "1 csqa, 1 obqa, 1 quarel, 3 rationales, 1 human, 3 similar, 3 reasons-first, 3 weighed, 3 top, 3 top-shuffled, 9 baseline, 9 whole, 30 words, 48 answers, 1 table-3"
        ],
    );
    planned(
        "figure-2",
        &expect!["1 csqa, 1 obqa, 1 quarel, 3 rationales, 9 tuned, 9 answers, 9 translators, 9 seen, 1 figure-2"],
    );
    planned(
        "figure-3",
        &expect![
            "1 csqa, 1 obqa, 1 quarel, 3 rationales, 27 computing, 27 filled, 3 whole, 3 baseline, 33 answers, 1 figure-3"
        ],
    );
    planned(
        "figure-4",
        &expect![
            "1 csqa, 1 obqa, 1 quarel, 3 rationales, 21 masked, 126 tuned, 18 whole, 9 baseline, 153 answers, 1 figure-4"
        ],
    );
    planned(
        "figure-5",
        &expect![
            "1 csqa, 1 obqa, 1 quarel, 1 rationales, 1 human, 1 reasons-first, 1 weighed, 5 weighed-otherwise, 6 top, 6 overlap, 1 whole, 7 words, 8 answers, 1 figure-5"
        ],
    );
}

/// Runs a small pipeline at a tiny limit, and returns the accuracies of its report.
fn made(project: &Project, name: &str) -> Json {
    let file = pipeline(&format!("small/{name}"));
    let mut few = vec!["--set", "rows=16", "--set", "asked=4", "--set", "epochs=1"];
    if name == "figure-2" {
        few.extend(["--set", "steps=2", "--set", "tokens=64"]);
    }
    project.run(&[&["run", file.as_str(), "--progress", "plain"], &few[..]].concat()).code(0);
    let again = project.run(&[&["plan", file.as_str(), "--json"], &few[..]].concat()).code(0).json();
    assert_eq!(again["counts"]["hits"].as_u64().unwrap() as usize, again["instances"].as_array().unwrap().len());
    let page = project.path(&format!("out/small-{name}/{name}/report.md"));
    assert!(fs_err::read_to_string(page).unwrap().contains("chance"), "the report of {name}");
    again
}

#[test]
fn the_small_pipelines_run() {
    // One cache for all: what they have in common is made once.
    let project = Project::new("");
    let names = ["table-1", "table-2", "table-3", "figure-2", "figure-3", "figure-4", "figure-5"];
    let counts: String = names.map(|name| format!("{name}: {}\n", made(&project, name)["counts"]["hits"])).concat();
    expect![[r#"
        table-1: 10
        table-2: 13
        table-3: 22
        figure-2: 16
        figure-3: 35
        figure-4: 45
        figure-5: 40
    "#]]
    .assert_eq(&counts);
}

/// Puts a tiny model of an architecture into the hub's cache under the name of a published one.
fn publish(project: &Project, name: &str, architecture: Architecture, tokenizer: &str, ends: [&str; 2]) {
    const COMMIT: &str = "607a30d783dfa663caf39e06633721c8d4cfcd7e";
    let folder = format!("hf/hub/models--{}", name.replace('/', "--"));
    tiny_models::write(project, &format!("{folder}/snapshots/{COMMIT}"), architecture, tokenizer, ends);
    project.write(&format!("{folder}/refs/main"), COMMIT);
}

/// Copies the pipelines beside the data, with another address for the teacher.
fn copied(project: &Project, url: &str) {
    let root = std::path::PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("pipelines");
    for path in crate::runner::files(&root) {
        let name = path.strip_prefix(&root).unwrap().display().to_string();
        let text = fs_err::read_to_string(&path).unwrap();
        project.write(&format!("pipelines/{name}"), &text.replace("http://localhost:8000/v1", url));
    }
}

#[test]
fn the_papers_pipelines_run_whole_with_tiny_models_in_place_of_the_hubs() {
    let teacher = Teacher::always(Act::Says("The answer is A because ice is smoother than mud.", "stop"));
    let project = data();
    copied(&project, &teacher.url());
    let root = format!("data={}", project.path("data").display());
    let run = |name: &str, more: &[&str]| {
        let file = format!("pipelines/paper/{name}.yaml");
        let command = ["run", &file, "--root", &root, "--offline", "--progress", "plain"];
        project.run(&[&command[..], more].concat()).code(0);
        let plan =
            project.run(&["plan", &file, "--root", &root, "--json"].iter().chain(more).copied().collect::<Vec<_>>());
        let plan = plan.code(0).json();
        let all = plan["instances"].as_array().unwrap().len();
        assert_eq!(plan["counts"]["hits"].as_u64().unwrap() as usize, all, "{name}: {}", plan["counts"]);
        let page = fs_err::read_to_string(project.path(&format!("out/{name}/{name}/report.md"))).unwrap();
        assert!(page.contains("chance"), "the report of {name}: {page}");
    };
    // The families of the paper's students, in every pipeline.
    publish(&project, "openai-community/gpt2-xl", Architecture::Gpt2, "gpt2", ["<|endoftext|>"; 2]);
    publish(&project, "microsoft/phi-1_5", Architecture::Phi, "phi", ["<|endoftext|>"; 2]);
    publish(&project, "google/gemma-2b", Architecture::Gemma, "gemma", ["<bos>", "<eos>"]);
    for name in ["table-1", "table-2", "table-3", "figure-3", "figure-4", "figure-5"] {
        run(name, &[]);
    }
    run("figure-2", &["--set", "tokens=64"]);
    // The other families, in their place.
    publish(&project, "openai-community/gpt2-xl", Architecture::Llama, "llama", ["<s>", "</s>"]);
    publish(&project, "microsoft/phi-1_5", Architecture::Mistral, "mistral", ["<s>", "</s>"]);
    publish(&project, "google/gemma-2b", Architecture::Llama, "llama-3", ["<|begin_of_text|>", "<|end_of_text|>"]);
    for name in ["table-1", "table-3"] {
        run(name, &[]);
    }
}
