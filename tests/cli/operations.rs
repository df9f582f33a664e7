//! Every operation on rationales from a pipeline: what it makes of a few of them, what it says, and what its key takes.

use expect_test::expect;

use crate::runner::{Events, FILE, Project};

const PIPELINE: &str = r#"retort: 1
experiment: operations
seed: 17

stages:
  questions:
    dataset: { format: quarel, train: train.jsonl }
  samples:
    elicit: { questions: questions, split: train, teacher: { import: { path: samples.jsonl } } }
  right:
    transform:
      rationales: samples
      questions: questions
      steps: [ { trim: { to: paragraph } }, { filter: { label: agrees } }, { sample: { n: 1, pick: first } } ]
  masked:
    over: { words: [the, than] }
    transform: { rationales: right, steps: [ { mask: { words: ["${words}"] } }, { truncate: { keep: 4 } } ] }
  unknown:
    over: { count: [0, 3] }
    transform: { rationales: right, steps: [ { fill: { count: "${count}" } } ] }
  frequent:
    transform: { rationales: right, steps: [ { keep_top: { k: 2, by: frequency, level: word } }, { shuffle: } ] }
  marked:
    transform: { rationales: right, steps: [ { keep_words: { annotations: marked.jsonl, missing: drop } } ] }
  near:
    transform:
      rationales: right
      questions: questions
      steps: [ { neighbours: { vectors: vectors.txt, k: 2, missing: keep } } ]
  swapped:
    transform: { rationales: right, questions: questions, steps: [ { swap: { label: other } } ] }
  stripped:
    transform: { rationales: right, questions: questions, steps: [ { strip_label: } ] }
  wrong:
    transform: { rationales: right, questions: questions, steps: [ { wrong: { from: samples, missing: drop } } ] }
  moved:
    over: { fraction: [0, 0.5, 1] }
    transform: { rationales: right, steps: [ { shuffle: { fraction: "${fraction}" } } ] }
  reversed:
    over: { level: [word, sentence, step, paragraph] }
    transform: { rationales: right, steps: [ { reverse: { level: "${level}" } } ] }
  inserted:
    transform: { rationales: right, questions: questions, steps: [ { insert: { count: 1, label: other } } ] }
  joined:
    transform: { rationales: right, steps: [ { join: { with: frequent, separator: " / " } } ] }
  numbered:
    transform:
      rationales: joined
      steps: [ { replace: { pattern: "(?P<word>[a-z]+)er than", with: "$${word}er by 25 than" } }, { corrupt: } ]
  contradicted:
    transform: { rationales: right, steps: [ { corrupt: { keywords: { ice: snow, rougher: smoother } } } ] }
  both-ends:
    transform: { rationales: right, steps: [ { keep: { first: 1, last: 1 } } ] }
  scores:
    attribute: { rationales: right, import: { path: scores.jsonl } }
  compressed:
    over: { k: [1, 2] }
    transform: { rationales: right, steps: [ { keep_top: { k: "${k}", attributions: scores, level: word } } ] }
"#;

/// By place, by what the tokens are, and of nothing; the last line is of no rationale.
const SCORES: &str = r###"{"id":"a","sample":1,"text":"Ice is smoother than the mud. The answer is A.","tokens":[{"span":[0,3],"score":2},{"span":[7,11],"score":0.5},{"span":[11,15],"score":1}]}
{"id":"b","tokens":[{"token":"The","score":0},{"token":"Ġmud","score":3},{"token":"▁is","score":0},{"token":" rough","score":2},{"token":"##er","score":2}]}
{"id":"c","tokens":[]}
{"id":"z","tokens":[]}
"###;

fn project() -> Project {
    let project = Project::new(PIPELINE);
    let question = |id: &str, answer: usize| {
        format!("{{\"id\":\"{id}\",\"question\":\"Which? (A) the ice (B) the mud\",\"answer_index\":{answer}}}\n")
    };
    let sample = |id: &str, sample: usize, label: &str, text: &str| {
        format!("{{\"id\":\"{id}\",\"sample\":{sample},\"label\":\"{label}\",\"rationale\":\"{text}\"}}\n")
    };
    project.write("train.jsonl", &(question("a", 0) + &question("b", 1) + &question("c", 0)));
    let samples = sample("a", 0, "B", "Mud is softer.")
        + &sample("a", 1, "A", "Ice is smoother than the mud. The answer is A.\\n\\nQuestion:")
        + &sample("b", 0, "B", "The mud is rougher than the ice.")
        + &sample("b", 1, "B", "So it is.")
        + &sample("c", 0, "A", "Who knows?");
    project.write("samples.jsonl", &samples);
    let marked = "{\"id\":\"a\",\"annotator\":\"ada\",\"words\":[\"ice\",\"smoother\"]}\n\
                  {\"id\":\"b\",\"annotator\":\"ada\",\"spans\":[[4,7]]}\n";
    project.write("marked.jsonl", marked);
    project.write("vectors.txt", "ice 1 0\nfrost 0.9 0.1\nsnow 0.8 0.3\n");
    project.write("scores.jsonl", SCORES);
    project
}

/// Returns the texts of an instance, by question.
fn texts(project: &Project, instance: &str) -> String {
    let rows = project.run(&["show", FILE, instance, "--json"]).code(0).json();
    let line =
        |row: &serde_json::Value| format!("  {}: {}\n", row["id"].as_str().unwrap(), row["text"].as_str().unwrap());
    rows.as_array().unwrap().iter().map(line).collect()
}

fn warnings(events: &Events) -> String {
    let warning = |event: &&serde_json::Value| event["note"]["note"] == "warning";
    let told = events.0.iter().filter(warning);
    let mut lines: Vec<String> = told
        .map(|event| {
            format!("{}: {}\n", event["instance"].as_str().unwrap(), event["note"]["message"].as_str().unwrap())
        })
        .collect();
    lines.sort();
    lines.concat()
}

#[test]
fn every_operation_runs_from_a_pipeline() {
    let project = project();
    let events = project.make();
    let instances = [
        "right",
        "masked[words=the]",
        "masked[words=than]",
        "unknown[count=0]",
        "unknown[count=3]",
        "frequent",
        "marked",
        "near",
        "swapped",
        "stripped",
        "wrong",
        "moved[fraction=0]",
        "moved[fraction=0.5]",
        "moved[fraction=1]",
        "reversed[level=word]",
        "reversed[level=sentence]",
        "reversed[level=step]",
        "reversed[level=paragraph]",
        "inserted",
        "joined",
        "numbered",
        "contradicted",
        "both-ends",
        "compressed[k=1]",
        "compressed[k=2]",
    ];
    let made: String = instances.iter().map(|name| format!("{name}\n{}", texts(&project, name))).collect();
    expect![[r#"
        right
          a: Ice is smoother than the mud. The answer is A.
          b: The mud is rougher than the ice.
          c: Who knows?
        masked[words=the]
          a: Ice is smoother than
          b: [MASK] mud is rougher
          c: Who knows?
        masked[words=than]
          a: Ice is smoother [MASK]
          b: The mud is rougher
          c: Who knows?
        unknown[count=0]
          a: 
          b: 
          c: 
        unknown[count=3]
          a: <unk> <unk> <unk>
          b: <unk> <unk> <unk>
          c: <unk> <unk> <unk>
        frequent
          a: The the
          b: The the
          c: knows Who
        marked
          a: Ice smoother
          b: mud
        near
          a: frost snow
          b: 
          c: frost snow
        swapped
          a: The mud is rougher than the ice.
          b: Ice is smoother than the mud. The answer is A.
          c: The mud is rougher than the ice.
        stripped
          a: Ice is smoother than the mud.
          b: The mud is rougher than the ice.
          c: Who knows?
        wrong
          a: Mud is softer.
        moved[fraction=0]
          a: Ice is smoother than the mud. The answer is A.
          b: The mud is rougher than the ice.
          c: Who knows?
        moved[fraction=0.5]
          a: A is smoother than mud Ice. The answer the is.
          b: The the rougher mud than is ice.
          c: knows Who?
        moved[fraction=1]
          a: is A The is mud Ice. the than smoother answer.
          b: mud rougher The than the ice is.
          c: knows Who?
        reversed[level=word]
          a: A is answer The mud the. than smoother is Ice.
          b: ice the than rougher is mud The.
          c: knows Who?
        reversed[level=sentence]
          a: The answer is A. Ice is smoother than the mud.
          b: The mud is rougher than the ice.
          c: Who knows?
        reversed[level=step]
          a: Ice is smoother than the mud. The answer is A.
          b: The mud is rougher than the ice.
          c: Who knows?
        reversed[level=paragraph]
          a: Ice is smoother than the mud. The answer is A.
          b: The mud is rougher than the ice.
          c: Who knows?
        inserted
          a: Ice is smoother than the mud. The mud is rougher than the ice. The answer is A.
          b: The answer is A. The mud is rougher than the ice.
          c: Who knows? The mud is rougher than the ice.
        joined
          a: Ice is smoother than the mud. The answer is A. / The the
          b: The mud is rougher than the ice. / The the
          c: Who knows? / knows Who
        numbered
          a: Ice is smoother by 80 than the mud. The answer is A. / The the
          b: The mud is rougher by 73 than the ice. / The the
          c: Who knows? / knows Who
        contradicted
          a: Snow is smoother than the mud. The answer is A.
          b: The mud is smoother than the snow.
          c: Who knows?
        both-ends
          a: Ice A.
          b: The ice.
          c: Who knows?
        compressed[k=1]
          a: Ice
          b: rougher
          c: Who
        compressed[k=2]
          a: Ice smoother
          b: mud rougher
          c: Who knows
    "#]]
    .assert_eq(&made);
    expect![[r#"
        contradicted: `steps[0].corrupt`: 1 of 3 rationales have no keyword and stay as they are: `c`
        frequent: `steps[1].shuffle`: 1 of 3 rationales stay as they are, since the random order is the one they had: `b`
        marked: `steps[0].keep_words`: 1 of 3 rationales have no annotation and are left out: `c`
        near: `steps[0].neighbours`: 1 of 3 rationales have an answer whose longest word has no vector and are empty now: `b`
        numbered: `steps[0].replace`: 1 of 3 rationales have no match and stay as they are (2 matches are replaced elsewhere): `c`
        numbered: `steps[1].corrupt`: 1 of 3 rationales have no number and stay as they are: `c`
        reversed[level=paragraph]: `steps[0].reverse`: 3 of 3 rationales have one paragraph alone and stay as they are: `a`, `b`, `c`
        reversed[level=sentence]: `steps[0].reverse`: 2 of 3 rationales have one sentence alone and stay as they are: `b`, `c`
        reversed[level=step]: `steps[0].reverse`: 3 of 3 rationales have one step alone and stay as they are: `a`, `b`, `c`
        right: `steps[1].filter`: 1 of 5 rationales are left out, since the teacher's label is not the right answer: `a`
        scores: 1 of 4 lines of `scores.jsonl` score rationales that are not here, such as line 4, of `z`
        stripped: `steps[0].strip_label`: 1 sentence is left out or cut, in 1 of 3 rationales; the others stay as they are
        unknown[count=0]: `steps[0].fill`: 3 of 3 rationales are empty now: `a`, `b`, `c`
        wrong: `steps[0].wrong`: 2 of 3 rationales have no sample with another label than the right answer and are left out: `b`, `c`
    "#]].assert_eq(&warnings(&events));
}

#[test]
fn the_content_of_a_file_is_in_the_key_of_the_step_that_names_it() {
    let project = project();
    project.make();
    project.write("vectors.txt", "ice 1 0\nsnow 0.9 0.1\n");
    assert_eq!(project.stale().into_iter().collect::<Vec<_>>(), ["near"]);
    project.write("marked.jsonl", "{\"id\":\"a\",\"words\":[\"ice\"]}\n");
    assert_eq!(project.make().ran().into_iter().collect::<Vec<_>>(), ["marked", "near"]);
    project.write("scores.jsonl", &SCORES.replace("\"score\":3", "\"score\":-3"));
    let ran = project.make().ran();
    assert_eq!(ran.into_iter().collect::<Vec<_>>(), ["compressed[k=1]", "compressed[k=2]", "scores"]);
    assert!(texts(&project, "compressed[k=1]").contains("  b: rougher\n"), "{}", texts(&project, "compressed[k=1]"));
    assert_eq!(texts(&project, "near"), "  a: snow\n  b: \n  c: snow\n");
    // Another file of the same content is the same file.
    project.write("other.txt", "ice 1 0\nsnow 0.9 0.1\n");
    project.edit("vectors.txt", "other.txt");
    assert!(project.stale().is_empty());
}

#[test]
fn what_a_step_cannot_do_is_said_with_its_place_and_what_to_try() {
    for (before, after, said) in [
        ("annotations: marked.jsonl, missing: drop", "annotations: marked.jsonl", "`missing: drop` or `missing: keep`"),
        ("vectors: vectors.txt, k: 2, missing: keep", "vectors: train.jsonl", "cannot do `steps[0].neighbours`"),
        (
            "rationales: right, questions: questions, steps: [ { strip",
            "rationales: right, steps: [ { wrong: { from: samples } }, { strip",
            "name the stage that gives them as `questions`",
        ),
        ("swap: { label: other }", "swap: { label: same }", "no other question has the same right answer: `b`"),
        (
            "pattern: \"(?P<word>[a-z]+)er than\"",
            "pattern: \"(?P<word>hail)\"",
            "matches nothing in any of 3 rationales",
        ),
        (
            "pattern: \"(?P<word>[a-z]+)er than\"",
            "pattern: \"(\"",
            "refused: cannot read `(` as a pattern: unclosed group",
        ),
        (
            "{ corrupt: } ]",
            "{ mask: { words: [the] } } ]\n  nothing:\n    transform:\n      rationales: right\n      steps: [ { corrupt: } ]",
            "none of 3 rationales has a number to replace",
        ),
        ("keywords: { ice: snow,", "keywords: { ice: Ice,", "refused: `ice` would give way to itself"),
        (
            "join: { with: frequent,",
            "join: { with: wrong,",
            "2 of 3 rationales have none to join in the stage that `with` names: `b`, `c`; `missing: drop`",
        ),
        (
            "insert: { count: 1,",
            "insert: { count: 1, fraction: 0.5,",
            "refused: cannot have both `count` and `fraction`",
        ),
        ("insert: { count: 1,", "insert: {", "refused: needs `count` or `fraction`"),
        (
            "rationales: right, questions: questions, steps: [ { strip",
            "rationales: right, steps: [ { strip",
            "name the stage that gives them as `questions`",
        ),
        (
            "{ filter: { label: agrees } }, ",
            "{ sample: { n: 9 } }, { filter: { words_min: 99 } }, ",
            "none of 5 rationales is left",
        ),
        (
            "rationales: right, steps: [ { mask",
            "rationales: right, steps: [ { shuffle: { level: token } }, { mask",
            "name the stage that makes one as `tokenizer`",
        ),
    ] {
        let project = project();
        project.edit(before, after);
        // What the file itself shows is refused before anything runs.
        let code = if said.starts_with("name ") || said.starts_with("refused: ") { 2 } else { 1 };
        project.run(&["run", FILE]).code(code).says(said.trim_start_matches("refused: "));
    }
}

#[test]
fn imported_scores_that_do_not_fit_are_told_by_file_line_and_rationale() {
    let table = [
        (
            "\"span\":[0,3]",
            "\"span\":[0,99]",
            "scores.jsonl`: line 1 does not fit the rationale of `a`, sample 1: token 0 spans the characters 0 to 99 of a text that has 46: it has no such place",
        ),
        (
            "Ġmud",
            "Ġmuds",
            "scores.jsonl`: line 2 does not fit the rationale of `b`, sample 0: token 1 is `Ġmuds`, and the text goes on with `mud is rougher than `",
        ),
        (
            "Ice is smoother",
            "Mud is smoother",
            "line 1 does not fit the rationale of `a`, sample 1: another text was scored, `Mud is smoother than the mud. The answer is A.`",
        ),
        ("{\"id\":\"c\",", "{\"id\":\"d\",", "scores.jsonl` has no scores of 1 of 3 rationales, such as `c`, sample 0"),
        (
            "{\"id\":\"z\",",
            "{\"id\":\"c\",",
            "line 4 as scores of a rationale: the field `id` is `c` with the sample `0`, which line 3 has already",
        ),
        (
            "\"score\":3",
            "\"score\":null",
            "line 2 as scores of a rationale: the field `tokens[1].score` is `null`, expected a number",
        ),
    ];
    for (before, after, said) in table {
        let project = project();
        assert!(SCORES.contains(before), "{before}");
        project.write("scores.jsonl", &SCORES.replacen(before, after, 1));
        project.run(&["run", FILE, "scores"]).says(said);
    }
    // Unless `missing` says what becomes of them.
    let gone = SCORES.replacen("{\"id\":\"c\",", "{\"id\":\"d\",", 1);
    for (policy, left, said) in [("keep", 3, "they are kept without a score"), ("drop", 2, "they are left out")] {
        let project = project();
        project.write("scores.jsonl", &gone);
        let import = "import: { path: scores.jsonl }";
        project.edit(import, &format!("{import}, missing: {policy}"));
        project.run(&["run", FILE, "scores", "--progress", "plain"]).code(0).says(said);
        let rows = project.run(&["show", FILE, "scores", "--json", "--limit", "9"]).code(0).json();
        assert_eq!(rows.as_array().unwrap().len(), left, "{policy}: {rows}");
        project.write("scores.jsonl", "{\"id\":\"d\",\"tokens\":[]}\n");
        project.run(&["run", FILE, "scores"]).code(1).says("has no scores of 3 of 3 rationales");
    }
    let project = project();
    project.edit("attribute: { rationales: right, import", "attribute: { model: right, rationales: right, import");
    project.run(&["check", FILE]).code(2).says("unknown field `model`").says("known: rationales, import, missing");
}
