//! The documentation: its links lead somewhere, its YAML is accepted, and its commands do what they say.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use retort::stats::{Level, holm, sign_test, wilson};

use super::blocks::{blocks, commands, examples, pages, split};
use super::commands::json_of;
use super::runner::{Output, Project};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Returns the links of a page, outside blocks and code, each with its line.
fn links(page: &str) -> Vec<(usize, String)> {
    let (mut found, mut fenced) = (Vec::new(), false);
    for (index, line) in page.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        }
        let outside: String = line.split('`').step_by(2).collect::<Vec<_>>().join("`");
        let targets = outside.split("](").skip(1).filter_map(|rest| rest.split_once(')'));
        found.extend(targets.filter(|_| !fenced).map(|(target, _)| (index + 1, target.to_owned())));
    }
    found
}

/// Returns the anchors of a page's headings, as GitHub and mdBook name them.
fn anchors(page: &str) -> BTreeSet<String> {
    let (mut found, mut fenced) = (BTreeSet::new(), false);
    for line in page.lines() {
        if line.starts_with("```") {
            fenced = !fenced;
        }
        let Some(heading) = line.strip_prefix('#').filter(|_| !fenced) else { continue };
        let heading = heading.trim_start_matches('#').trim().to_lowercase();
        let kept = |c: &char| c.is_alphanumeric() || ['-', '_', ' '].contains(c);
        let anchor = heading.chars().filter(kept).collect::<String>().replace(' ', "-");
        let again = (1..1000).map(|n| format!("{anchor}-{n}")).find(|name| !found.contains(name)).unwrap();
        if !found.insert(anchor) {
            found.insert(again);
        }
    }
    found
}

#[test]
fn every_link_and_anchor_leads_somewhere() {
    let pages = pages(root());
    let mut checked = 0;
    let mut broken = Vec::new();
    for (page, text) in &pages {
        let folder = Path::new(page).parent().unwrap();
        for (line, target) in links(text) {
            if target.starts_with("https://") {
                continue;
            }
            checked += 1;
            let (file, anchor) = target.split_once('#').unwrap_or((&target, ""));
            let path = if file.is_empty() { PathBuf::from(page) } else { folder.join(file) };
            let there = root().join(&path).exists();
            // In the book, nothing is beside the pages.
            let inside = folder != Path::new("docs") || !file.contains('/');
            let known = pages.get(&path.display().to_string());
            let anchored = anchor.is_empty() || known.is_some_and(|text| anchors(text).contains(anchor));
            if !(there && inside && anchored) {
                broken.push(format!("{page}:{line}: {target}"));
            }
        }
    }
    assert!(broken.is_empty(), "links that lead nowhere, or out of the book:\n{}", broken.join("\n"));
    assert!(checked > 40, "only {checked} links were found");
}

#[test]
fn the_summary_lists_every_page_once() {
    let summary = fs_err::read_to_string(root().join("docs/SUMMARY.md")).unwrap();
    let mut listed: Vec<String> = links(&summary).into_iter().map(|(_, target)| format!("docs/{target}")).collect();
    listed.sort();
    let mut there: Vec<String> = pages(root()).into_keys().filter(|page| page.starts_with("docs/")).collect();
    there.retain(|page| page != "docs/SUMMARY.md");
    assert_eq!(listed, there);
    let book: toml::Table = fs_err::read_to_string(root().join("docs/book.toml")).unwrap().parse().unwrap();
    assert_eq!(book["book"]["src"].as_str(), Some("."));
}

#[test]
fn the_threat_model_names_tests_that_exist() {
    let page = fs_err::read_to_string(root().join("docs/sharing.md")).unwrap();
    let (_, model) = page.split_once("## Threat model").unwrap();
    let rows = model.lines().filter(|line| line.starts_with("| ") && !line.contains("tested by"));
    let cells = rows.filter_map(|line| line.trim_end_matches(" |").rsplit(" | ").next());
    let names: Vec<&str> = cells.flat_map(|cell| cell.split('`').skip(1).step_by(2)).collect();
    assert!(names.len() > 50, "{names:?}");
    let mut sources = String::new();
    for folder in ["src", "tests"] {
        for path in super::runner::files(&root().join(folder)) {
            if path.extension().is_some_and(|ext| ext == "rs") {
                sources += &fs_err::read_to_string(path).unwrap();
            }
        }
    }
    for name in names.into_iter().filter(|name| !name.contains(['/', '-'])) {
        let last = name.rsplit("::").next().unwrap();
        let there = [format!("fn {last}("), format!("mod {last};")].iter().any(|text| sources.contains(text));
        assert!(there, "docs/sharing.md names `{name}`, which does not exist");
    }
}

/// The YAML blocks that are no part of a pipeline, by what is in them.
const OTHER_YAML: [&str; 5] = ["# Azure\nopenai:", "# OpenAI's Responses API", "recipe:\n", "freeze:", "lora:"];

/// Makes a pipeline of a block: it is one, or some of its stages.
fn pipeline_of(text: &str) -> String {
    if text.contains("retort: 1") {
        return text.to_owned();
    }
    let deeper = text.starts_with("  ");
    let stages = text.lines().map(|line| format!("{}{line}\n", if deeper { "" } else { "  " })).collect::<String>();
    if text.starts_with("fragments:") {
        return format!("retort: 1\nexperiment: x\n{text}");
    }
    if text.starts_with("dataset:") {
        return format!("retort: 1\nexperiment: x\nstages:\n  questions:\n  {}", stages.replace("\n  ", "\n    "));
    }
    format!("retort: 1\nexperiment: x\nstages:\n{stages}")
}

#[test]
fn the_schema_accepts_every_block_of_yaml() {
    let schema = retort::spec::schema(retort::session::language());
    let validator = jsonschema::validator_for(&schema).unwrap();
    let mut checked = 0;
    for (page, text) in pages(root()) {
        for block in blocks(&text).into_iter().filter(|block| block.language == "yaml") {
            if OTHER_YAML.iter().any(|other| block.text.starts_with(other)) {
                continue;
            }
            checked += 1;
            let pipeline = json_of(&pipeline_of(&block.text));
            let errors: Vec<String> = validator.iter_errors(&pipeline).map(|error| error.to_string()).collect();
            assert!(errors.is_empty(), "{page}:{}: {errors:?}\n{}", block.line, block.text);
        }
    }
    assert!(checked > 25, "only {checked} blocks were found");
}

/// The programs besides `retort` that the documentation calls; the test runs none of them.
const OTHER_PROGRAMS: [&str; 10] =
    ["cargo", "cd", "chgrp", "export", "mdbook", "mkdir", "git", "tensorboard", ".ci/run", "UPDATE_EXPECT=1"];

/// Commands of `retort` that are not run here though their pipeline is there: they need what a test does not have. That they
/// can be parsed is tested in `src/cli/documented`.
const ONLY_PARSED: [(&str, &str); 8] = [
    ("retort cache share", "makes a directory outside the project, or a bucket"),
    ("retort cache push", "needs a remote"),
    ("retort cache pull", "needs a remote"),
    ("retort cache key", "changes whom a person trusts"),
    ("retort cache undelete gc-", "needs a collection of that name"),
    ("--cache", "names a directory outside the project"),
    ("--remote", "needs a remote"),
    ("--step", "needs the weights of that step"),
];

/// Returns a pipeline with fewer questions and steps: the same stages and axes.
fn smaller(pipeline: &str, sizes: &[(&str, &str)]) -> String {
    let common = [
        ("layers: 2, width: 96, heads: 4", "layers: 1, width: 16, heads: 2"),
        ("vocabulary: 1024", "vocabulary: 400"),
        ("max_new: 64", "max_new: 8"),
    ];
    sizes.iter().chain(&common).fold(pipeline.to_owned(), |text, (size, smaller)| {
        assert!(text.contains(size), "the pipeline has no `{size}`");
        text.replace(size, smaller)
    })
}

fn tutorial() -> String {
    let page = fs_err::read_to_string(root().join("docs/tutorial.md")).unwrap();
    blocks(&page).into_iter().find(|block| block.text.starts_with("retort: 1")).unwrap().text
}

/// Says whether what a command reads is in the project, so that it can be run.
fn can_run(words: &[String], folder: &Path) -> bool {
    let line = words.join(" ");
    let refused = ONLY_PARSED.iter().any(|(begin, _)| line.starts_with(begin) || line.contains(&format!(" {begin} ")));
    let data = words.iter().any(|word| word.contains("data="));
    let file = |word: &&String| [".yaml", ".jsonl"].iter().any(|ending| word.ends_with(ending));
    !refused && !data && words.iter().filter(file).all(|word| folder.join(word).exists())
}

#[test]
fn documented_commands_succeed() {
    let project = Project::new("");
    let sizes = [
        ("train: 2000, dev: 100, test: 400", "train: 48, dev: 8, test: 8"),
        ("epochs: 6, warmup_steps: 40", "steps: 2, eval_every: 1"),
        ("steps: 10 }", "steps: 2 }"),
    ];
    project.write("pipelines/quickstart.yaml", &smaller(include_str!("../../pipelines/quickstart.yaml"), &sizes));
    let sizes = [
        ("train: 2000, dev: 50, test: 200", "train: 48, dev: 8, test: 8"),
        ("epochs: 6, warmup_steps: 40", "steps: 2"),
    ];
    project.write("pipelines/order.yaml", &smaller(&tutorial(), &sizes));
    project.write("data/train.jsonl", include_str!("../../pipelines/small/own-train.jsonl"));
    let quickstart = "pipelines/quickstart.yaml";
    project.run(&["run", quickstart, "--progress", "plain", "--set", "fraction=0.4"]).code(0);
    project.run(&["run", quickstart, "--progress", "plain"]).code(0);

    let mut lines: Vec<(String, String)> = Vec::new();
    for (page, text) in pages(root()) {
        lines.extend(commands(&text).into_iter().map(|(line, command)| (format!("{page}:{line}"), command)));
    }
    for command in [
        "",
        "run",
        "plan",
        "explain",
        "graph",
        "show",
        "diff",
        "runs",
        "replay",
        "report",
        "export",
        "check",
        "audit",
        "init",
        "schema",
        "completions",
        "man",
        "cache size",
        "cache verify",
        "cache gc",
        "cache undelete",
        "cache rebuild",
    ] {
        let arguments: Vec<&str> = command.split_whitespace().chain(["--help"]).collect();
        let help = project.run(&arguments).code(0).stdout;
        lines.extend(examples(&help).into_iter().map(|example| (format!("retort {command} --help"), example)));
    }

    let path = std::env::join_paths([Path::new(env!("CARGO_BIN_EXE_retort")).parent().unwrap()]).unwrap();
    let system = std::env::var_os("PATH").unwrap_or_default();
    let path = std::env::join_paths(std::env::split_paths(&path).chain(std::env::split_paths(&system))).unwrap();
    let (mut ran, mut failed) = (BTreeMap::new(), Vec::new());
    // What removes results comes last, and then there is something to undelete.
    lines.push(("here".into(), "retort cache gc --keep-runs 1 --grace 0".into()));
    lines.sort_by_key(|(_, line)| (line.contains("undelete"), line.contains("cache gc")));
    for (place, line) in lines {
        for words in split(&line) {
            let program = words[0].as_str();
            if program != "retort" {
                assert!(OTHER_PROGRAMS.contains(&program), "{place}: `{program}` is no program that the test knows");
                continue;
            }
            if !can_run(&words, &project.path("")) || ran.contains_key(&words) {
                continue;
            }
            let arguments: Vec<&str> = words[1..].iter().map(String::as_str).collect();
            let mut command: Command = project.command(&arguments);
            let output = Output::of(command.env("PATH", &path));
            if output.code != Some(0) {
                failed.push(format!("{place}: `{line}`:\n{output}"));
            }
            ran.insert(words, place.clone());
        }
    }
    assert!(failed.is_empty(), "documented commands fail:\n{}", failed.join("\n"));
    assert!(ran.len() >= 25, "only {} commands were run: {ran:#?}", ran.len());
}

#[test]
fn the_tutorial_s_pipeline_is_sound() {
    let project = Project::new(&tutorial());
    project.run(&["check", "pipeline.yaml"]).code(0).shows("no errors");
}

/// The numbers of the worked example of `docs/statistics.md`, by the code that makes those of reports.
#[test]
fn the_worked_example_of_the_statistics_is_what_the_code_computes() {
    let page = fs_err::read_to_string(root().join("docs/statistics.md")).unwrap();
    let page = page.split_whitespace().collect::<Vec<_>>().join(" ");
    let says = |text: String| assert!(page.contains(&text), "docs/statistics.md does not say `{text}`");
    for right in [337, 359] {
        let found = wilson(right, 552, Level::P95).unwrap();
        let [value, low, high] = [found.value, found.interval.low, found.interval.high].map(|share| 100.0 * share);
        says(format!("{value:.1} %"));
        says(format!("[{low:.1}, {high:.1}] %"));
    }
    let p = sign_test(59, 37);
    says(format!("p = {p:.3}"));
    says(format!("= {:.1} percentage points", 100.0 * (59.0 - 37.0) / 552.0));
    let corrected = holm(&[0.004, p, 0.2]).unwrap();
    for (name, p, holm) in
        [("shuffled", 0.004, corrected[0]), ("after", p, corrected[1]), ("truncated", 0.2, corrected[2])]
    {
        says(format!("| {name}, against the baseline | {p:.3} | {holm:.3} |"));
    }
}
