//! Tables: what is read, from files and from a hub, and what is refused before anything is trained.

use crate::hub_server::{COMMIT, Server, Shelf, files_asked};
use crate::runner::{FILE, Output, Project};

const TABLE: &str = "retort: 1
experiment: table
seed: 17

stages:
  questions:
    dataset: { format: table, train: rows.jsonl, question: question, answer: answer, answers: number }
";

fn row(question: &str, answer: &str) -> String {
    serde_json::json!({ "question": question, "answer": answer }).to_string() + "\n"
}

/// Runs a pipeline that cannot be run, and says what it says.
#[track_caller]
fn refused(pipeline: &str, rows: &str, said: &str) {
    let project = Project::new(pipeline);
    project.write("rows.jsonl", rows);
    project.run(&["run", FILE, "--progress", "plain"]).fails().says(said);
}

#[test]
fn what_a_mapping_cannot_mean_is_told_at_its_place() {
    let change = |from: &str, to: &str| {
        assert!(TABLE.contains(from));
        TABLE.replace(from, to)
    };
    let check = |pipeline: &str, said: &str| {
        let project = Project::new(pipeline);
        project.write("rows.jsonl", &row("Two?", "2"));
        project.run(&["check", FILE]).fails().says(said);
    };
    check(&change("question: question,", "qestion: question,"), "did you mean `question`?");
    check(&change(", answers: number", ""), "a table without `choices` needs `answers`");
    check(&change("question: question, ", ""), "a table needs `question`");
    check(&change("train: rows.jsonl, ", ""), "a table needs a split");
    check(&change("answers: number", "answers: [yes]"), "`answers` needs two classes or more");
    check(&change("answers: number", "answers: numbers"), "`answers` cannot be");
    check(&change("question: question", "question: '{{ a b }}'"), "is no Jinja expression");
    check(&change("answer: answer", "answer: { field: answer, pattern: '(' }"), "is no regular expression");
    check(&change("format: table", "format: gsm9k"), "did you mean `gsm8k`?");
    check(&change("answers: number", "answers: number, subset: {}"), "needs a number of questions or a fraction");
}

#[test]
fn what_a_table_lacks_is_told_by_file_row_and_field() {
    let good = row("Two?", "2");
    refused(
        TABLE,
        &(good.clone() + "{\"qestion\":\"R?\",\"answer\":1}\n"),
        "row 2: the field `question` is not there, needed for `question`; did you mean `qestion`?",
    );
    refused(TABLE, &row("Two?", "two"), "rows.jsonl`: row 1: `answer`, from `answer`, is `two`, expected a number");
    let pattern = TABLE.replace("answer: answer", "answer: { field: answer, pattern: '#### (.*)' }");
    refused(&pattern, &good.repeat(3), "matches nothing in 3 of 3 rows, such as: row 1: 2 | row 2: 2 | row 3: 2");
    let named = TABLE.replace("question: question", "test: rows.jsonl, id: question, question: question");
    refused(&named, &good, "an identifier names one question over all splits");
    let zipped = Project::new(TABLE);
    fs_err::write(zipped.path("rows.jsonl"), b"\x1f\x8b\x08\0").unwrap();
    zipped.run(&["run", FILE, "--progress", "plain"]).fails().says("`gunzip` unpacks it");
}

#[test]
fn subsets_and_splits_without_overlap_are_counted() {
    let pipeline = TABLE.replace(
        "answers: number",
        "answers: number, test: test.jsonl, deduplicate: true, subset: { train: 3, by: random }",
    );
    let project = Project::new(&pipeline);
    let rows: String = (0..8).map(|index| row(&format!("Is it {index}?"), &index.to_string())).collect();
    project.write("rows.jsonl", &rows);
    project.write("test.jsonl", &(row("is it 3", "3") + &row("Is it the 5?", "5")));
    let said = project.run(&["run", FILE, "--progress", "plain"]).code(0);
    let said = said.says("2 of 8 questions of the train split are in the dev or the test split as well");
    drop(said);
    let shown = numbers(&project.run(&["show", FILE, "questions", "--json", "--limit", "99"]));
    // Three of the six that are left, and the two of the test split.
    assert_eq!(shown.len(), 5, "{shown:?}");
    assert_eq!(shown.iter().filter(|number| ["3", "5"].contains(&number.as_str())).count(), 2, "{shown:?}");
}

/// The right answers of questions as `show --json` has them.
fn numbers(shown: &Output) -> Vec<String> {
    let rows = shown.json();
    rows.as_array().unwrap().iter().map(|row| row["answer"]["number"].as_str().unwrap().to_owned()).collect()
}

/// A preset is its mapping: both have one key.
#[test]
fn a_preset_is_nothing_but_a_mapping() {
    let preset = "retort: 1
experiment: table
seed: 17

stages:
  questions:
    dataset: { format: piqa, train: rows.jsonl }
";
    let spelled = preset.replace(
        "format: piqa, train: rows.jsonl",
        "format: table, train: rows.jsonl, question: goal, choices: [sol1, sol2], answer: label",
    );
    let project = Project::new(preset);
    project.write("rows.jsonl", "{\"goal\":\"Open a jar.\",\"sol1\":\"Twist.\",\"sol2\":\"Shout.\",\"label\":0}\n");
    project.make();
    project.write(FILE, &spelled);
    assert!(project.stale().is_empty());
}

#[test]
fn a_pipeline_is_written_for_a_table_and_reads_it() {
    let project = Project::new("");
    let inference = "premise,hypothesis,label\n".to_owned() + &"A man sings.,He sleeps.,2\nSo.,He sings.,0\n".repeat(3);
    let moods = "text\tmood\tlabel\nA \"good\" day.\tx\tpositive\nBad.\ty\tnegative\n".to_owned()
        + &"Ok.\tz\tpositive\n".repeat(5);
    for (name, text, answers) in [
        ("My rows.jsonl", row("Two and two?", "So 4.\n#### 4") + &row("Ten?", "So 1,000.\n#### 1,000"), "number 4, 1,000"),
        ("list.json", "[{\"question\":\"Q?\",\"options\":[\"A)1\",\"B)2\"],\"correct\":\"B\"}]".into(), "choice B"),
        (
            "labelled.jsonl",
            "{\"id\":\"a\",\"question\":\"Q?\",\"choices\":{\"text\":[\"ice\",\"mud\"],\"label\":[\"1\",\"2\"]},\"answerKey\":\"2\"}".into(),
            "choice B",
        ),
        (
            "nested.jsonl",
            "{\"id\":\"a\",\"question\":{\"stem\":\"Q?\",\"choices\":[{\"label\":\"A\",\"text\":\"ice\"},{\"label\":\"B\",\"text\":\"mud\"}]},\"answerKey\":\"A\"}".into(),
            "choice A",
        ),
        ("columns.csv", "Question,A,B,C,Answer\n\"Q, then?\",ice,mud,fog,C\nR?,ice,mud,,A\n".into(), "choice C, A"),
        ("ways.tsv", "goal\tsol1\tsol2\tlabel\nOpen \"it\".\tTwist.\tShout.\t1\n".into(), "choice B"),
        ("truths.jsonl", "{\"question\":\"Q?\",\"answer\":true,\"facts\":[\"So.\"]}\n{\"question\":\"R?\",\"answer\":false,\"facts\":[]}".into(), "class yes, no"),
        ("yes.csv", "passage,question,answer\nIce.,Is it?,No\n".into(), "class no"),
        ("inference.csv", inference, "class 2, 0, 2, 0, 2, 0"),
        ("moods.tsv", moods, "class positive, negative, positive, positive, positive, positive, positive"),
        ("numbers.json", "[{\"ID\":1,\"Body\":\"B.\",\"Question\":\"Q?\",\"Answer\":51.0},{\"ID\":2,\"Body\":\"C.\",\"Question\":\"R?\",\"Answer\":0.5}]".into(), "number 51, 0.5"),
        ("texts.jsonl", row("Who?", "Ada Lovelace") + &row("Who else?", "Alan Turing"), "text Ada Lovelace, Alan Turing"),
        (
            "squad.jsonl",
            "{\"id\":\"1\",\"context\":\"Ada wrote.\",\"question\":\"Who?\",\"answers\":{\"text\":[\"Ada\",\"A.\"],\"answer_start\":[0,0]}}".into(),
            "text Ada",
        ),
    ] {
        project.write(name, &text);
        let said = project.run(&["init", "--data", name]).code(0);
        let file = said.stdout.lines().next().unwrap().strip_prefix("wrote ./").unwrap().to_owned();
        let written = fs_err::read_to_string(project.path(&file)).unwrap();
        assert!(written.contains(&format!("../{name}")), "{written}");
        assert!(!written.contains("``") && written.lines().all(|line| !line.trim_end().ends_with('#')), "{written}");
        // First as it will be asked, before anything is run; then for good.
        project.run(&["show", &file, "questions"]).code(0).shows("  asked     Question: ");
        project.run(&["run", &file, "--progress", "plain"]).code(0);
        let rows = project.run(&["show", &file, "questions", "--json", "--limit", "99"]).code(0).json();
        let (kind, expected) = answers.split_once(' ').unwrap();
        let answer = |row: &serde_json::Value| {
            let answer = if kind == "choice" { &row["answer"] } else { &row["answer"][kind] };
            answer.as_str().unwrap_or_else(|| panic!("{name}: {row}\n{written}")).to_owned()
        };
        // Some of the rows are in the test split.
        let mut found: Vec<String> = rows.as_array().unwrap().iter().map(answer).collect();
        let mut expected: Vec<&str> = expected.split(", ").collect();
        found.sort_unstable();
        expected.sort_unstable();
        assert_eq!(found, expected, "{name}: {written}");
    }
    project.run(&["init", "--data", "My rows.jsonl"]).code(0).says("was left alone");
    project.write("none.csv", "x\n1\n");
    project.run(&["init", "--data", "none.csv"]).fails().says("cannot guess what");
}

#[test]
fn questions_are_shown_as_they_will_be_asked_before_anything_is_run() {
    let trained = TABLE.to_owned()
        + "  rationales:
    elicit: { questions: questions, split: train, teacher: gold }
  tuned:
    train:
      student: { new: { layers: 1, width: 32, heads: 2, tokenizer: tokens } }
      questions: questions
      rationales: rationales
      placement: before
      prompt: ask.jinja
      recipe: { lr: 1.0e-3, batch: 1, epochs: 1 }
  tokens:
    tokenizer: { questions: questions }
";
    let project = Project::new(&trained);
    project.write("rows.jsonl", &(row("Two and two?", "4") + &row("Ten?", "1,000")));
    project.write("ask.jinja", "Solve: {{ question }}");
    let shown = project.run(&["show", FILE, "questions", "--limit", "1"]).code(0);
    let shown = shown.says("read from their files").shows("train: 2 questions, answers are numbers, no rationales");
    let shown = shown.shows("as `tuned` asks them").shows("train 1 of 2").shows("  asked     Solve: Two and two?");
    let shown = shown.shows("  answer    4\n").shows("  target    <rationale> [FIN_LABEL] 4 [FIN_LABEL]\n");
    assert!(!shown.stdout.contains("Ten?"), "{}", shown.stdout);
    // A template that does not fit, and a row that is not there.
    project.write("ask.jinja", "Solve: {{ fields.unit }}");
    project.run(&["show", FILE, "questions"]).fails().says("`tuned`: cannot render the template");
    project.write("ask.jinja", "Solve: {{ question }}");
    project.run(&["show", FILE, "questions", "--row", "nobody"]).code(2).says("no question has the id `nobody`");
    project.write("rows.jsonl", "{\"qestion\":\"R?\",\"answer\":1}\n");
    project
        .run(&["show", FILE, "questions"])
        .fails()
        .says("row 1: the field `question` is not there")
        .says("rows.jsonl");
}

/// A project whose questions come from a hub.
struct Lab {
    project: Project,
    server: Server,
}

impl Lab {
    fn new(shelf: Shelf, dataset: &str) -> Self {
        let pipeline =
            format!("retort: 1\nexperiment: hub\nseed: 17\n\nstages:\n  questions:\n    dataset: {dataset}\n");
        Self { project: Project::new(&pipeline), server: Server::start(shelf) }
    }

    fn run(&self, arguments: &[&str]) -> Output {
        let mut command = self.project.command(arguments);
        command.env("HF_ENDPOINT", self.server.endpoint());
        Output::of(&mut command)
    }
}

const GSM8K: &str = "{ format: gsm8k, hub: owner/name, config: main, train: train, test: test }";

#[test]
fn the_files_of_a_split_are_fetched_once_and_no_others() {
    let rows = |answer: &str| row("Two and two?", &format!("So {answer}.\n#### {answer}")).into_bytes();
    let (train, test, other) = (rows("4"), rows("5"), rows("6"));
    let shelf = Shelf::of(&[
        ("data.py", b"import datasets"),
        ("main/train.jsonl", &train),
        ("main/test.jsonl", &test),
        ("socratic/train.jsonl", &other),
    ]);
    let lab = Lab::new(shelf, GSM8K);
    lab.run(&["plan", FILE]).code(0);
    assert!(lab.server.asked().is_empty(), "only `run` fetches");
    lab.run(&["run", FILE, "--progress", "plain"]).code(0).says(&format!("revision: {COMMIT}"));
    let asked = lab.server.asked();
    assert_eq!(files_asked(&asked).into_iter().collect::<Vec<_>>(), ["main/test.jsonl", "main/train.jsonl"]);
    assert_eq!(numbers(&lab.run(&["show", FILE, "questions", "--json"]).code(0)), ["5", "4"]);
    lab.run(&["run", FILE, "--offline", "--progress", "plain"]).code(0);
    assert!(lab.server.asked().is_empty(), "what is there is not asked for again");
    // The same rows in a file of this machine make the same questions.
    let questions = lab.project.digests()["questions"].clone();
    lab.project.write("train.jsonl", &String::from_utf8(train).unwrap());
    lab.project.write("test.jsonl", &String::from_utf8(test).unwrap());
    lab.project.edit("hub: owner/name, config: main, train: train, test: test", "train: train.jsonl, test: test.jsonl");
    lab.project.make();
    assert_eq!(lab.project.digests()["questions"], questions);
}

/// The head of a `README.md` that calls files otherwise than their names do.
const HEAD: &str = "---
license: mit
configs:
- config_name: main
  data_files:
  - {split: train, path: 'rows/a-*'}
  - {split: test, path: rows/held-out.csv}
- config_name: none
  data_files:
  - {split: train, path: 'gone-*'}
---
# Data
";

#[test]
fn the_head_of_a_repository_decides_which_files_are_a_split() {
    let rows = |numbers: std::ops::Range<u32>| {
        let row = |number: u32| row(&format!("Is it {number}?"), &format!("It is {number}.\n#### {number}"));
        numbers.map(row).collect::<String>().into_bytes()
    };
    let held_out = b"question,answer\nIs it 9?,\"It is 9.\n#### 9\"\n";
    let shelf = Shelf::of(&[
        ("README.md", HEAD.as_bytes()),
        ("rows/a-0.jsonl", &rows(0..2)),
        ("rows/a-1.jsonl", &rows(2..3)),
        ("rows/held-out.csv", held_out),
        ("main/train.jsonl", &rows(7..8)),
        ("test.jsonl", &rows(8..9)),
    ]);
    let lab = Lab::new(shelf, GSM8K);
    lab.run(&["run", FILE, "--progress", "plain"]).code(0);
    let asked = lab.server.asked();
    let files: Vec<&str> = files_asked(&asked).into_iter().collect();
    assert_eq!(files, ["README.md", "rows/a-0.jsonl", "rows/a-1.jsonl", "rows/held-out.csv"]);
    assert_eq!(numbers(&lab.run(&["show", FILE, "questions", "--json"]).code(0)), ["9", "0", "1", "2"]);
    lab.project.edit("config: main, train: train, test: test", "config: none, train: train");
    lab.run(&["run", FILE, "--progress", "plain"]).fails().says("no file of it fits `gone-*`");
    lab.project.edit("config: none", "config: mian");
    lab.run(&["run", FILE, "--progress", "plain"])
        .fails()
        .says("it has no configuration `mian`; there are: main, none");
}

#[test]
fn what_a_hub_has_instead_is_told() {
    let gated = Shelf { token: Some("hf_other"), ..Shelf::of(&[("main/train.jsonl", b"{}")]) };
    let script = Shelf::of(&[("README.md", b"# Data"), ("name.py", b"import datasets")]);
    let other = Shelf::of(&[("main/train.jsonl", b"{}"), ("main/validation.jsonl", b"{}")]);
    for (shelf, dataset, said) in [
        (gated, GSM8K, "the repository is gated"),
        (script, GSM8K, "only the loading script `name.py`, which is not run"),
        (other.clone(), GSM8K, "it has no split `test`; there are: train, validation"),
        (
            other,
            "{ format: gsm8k, hub: owner/name, config: mian, train: train }",
            "it has no configuration `mian`; there are: main",
        ),
    ] {
        Lab::new(shelf, dataset).run(&["run", FILE, "--progress", "plain"]).fails().says(said);
    }
    Lab::new(Shelf::default(), "{ format: gsm8k, hub: owner/name, train: ../x }")
        .run(&["check", FILE])
        .fails()
        .says("is no name of a split");
}
