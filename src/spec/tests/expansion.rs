//! How stages multiply, join and gather.

use std::collections::BTreeSet;

use expect_test::expect;

use super::{check_instances, experiment, names, show};
use retort_source::Sources;

const DESIGN: &str = "axes:
  student: [smollm2, gpt2]
  placement: [before, after]
  run: { replicates: 2 }
models:
  smollm2: { path: models/smollm2 }
  gpt2: { path: models/gpt2 }
stages:
  questions: { dataset: { train: data/train.jsonl } }
  rationales: { elicit: { questions: questions } }
  masked:
    over: { fraction: [0.1, 0.4] }
    transform:
      rationales: rationales
      steps: [ { mask: { fraction: \"${fraction}\" } } ]
  tuned:
    train:
      student: \"${student}\"
      questions: questions
      rationales: masked
      placement: \"${placement}\"
      recipe: { lr: 3.0e-5 }
      seed: \"${run}\"
  scores: { evaluate: { model: tuned, questions: questions } }
  figure: { report: { scores: scores } }
";

#[test]
fn the_example_of_the_language_expands() {
    let experiment = experiment(DESIGN, &[]);
    let count = |stage: &str| names(&experiment, stage).len();
    let stages = ["questions", "rationales", "masked", "tuned", "scores", "figure"];
    assert_eq!(stages.map(count), [1, 1, 2, 16, 16, 1]);
    assert_eq!(names(&experiment, "tuned")[3], "tuned[student=smollm2,placement=before,run=1,fraction=0.4]");
    let figure = experiment.find("figure").expect("a report has no coordinates");
    assert_eq!(experiment.instance(figure).inputs[0].1.len(), 16);
    for id in experiment.ids() {
        let inputs = experiment.instance(id).inputs.iter().flat_map(|(_, inputs)| inputs);
        assert!(inputs.into_iter().all(|input| *input < id), "inputs come first");
    }
    let ids: Vec<_> = experiment.instances_of("tuned").collect();
    let shared = |a: usize, b: usize| {
        std::sync::Arc::ptr_eq(&experiment.instance(ids[a]).bound, &experiment.instance(ids[b]).bound)
    };
    assert!(shared(0, 1) && !shared(1, 2), "instances that differ upstream alone share their parameters");
}

#[test]
fn the_order_of_stages_does_not_change_instances() {
    let (head, stages) = DESIGN.split_once("stages:\n").expect("there are stages");
    let mut blocks: Vec<String> = Vec::new();
    for line in stages.lines() {
        if line.starts_with("  ") && !line.starts_with("   ") {
            blocks.push(String::new());
        }
        let block = blocks.last_mut().expect("a block began");
        block.push_str(line);
        block.push('\n');
    }
    blocks.reverse();
    let swapped = format!("{head}stages:\n{}", blocks.concat());
    let lines = |text: &str| show(&experiment(text, &[])).lines().map(str::to_owned).collect::<BTreeSet<_>>();
    assert_eq!(lines(DESIGN), lines(&swapped));
}

#[test]
fn treatments_are_stages_chosen_by_an_axis_and_lack_what_they_do_not_inherit() {
    check_instances(
        "axes: { treatment: [plain, masked] }
stages:
  q: { dataset: {} }
  plain: { elicit: { questions: q } }
  masked:
    over: { fraction: [0.1, 0.4] }
    transform: { rationales: plain, steps: [{ mask: { fraction: \"${fraction}\" } }] }
  tuned: { train: { student: { path: p }, questions: q, rationales: \"${treatment}\", recipe: {} } }
  scores: { evaluate: { model: tuned, questions: q } }
  top: { attribute: { model: tuned, rationales: masked } }
  table: { report: { scores: scores } }
  tables: { report: { scores: scores, title: \"for ${treatment}\" } }
",
        &expect![[r#"
            q:
            plain: questions <- q
            masked[fraction=0.1]: rationales <- plain
            masked[fraction=0.4]: rationales <- plain
            tuned[treatment=plain]: questions <- q; rationales <- plain
            tuned[treatment=masked,fraction=0.1]: questions <- q; rationales <- masked[fraction=0.1]
            tuned[treatment=masked,fraction=0.4]: questions <- q; rationales <- masked[fraction=0.4]
            scores[treatment=plain]: model <- tuned[treatment=plain]; questions <- q
            scores[treatment=masked,fraction=0.1]: model <- tuned[treatment=masked,fraction=0.1]; questions <- q
            scores[treatment=masked,fraction=0.4]: model <- tuned[treatment=masked,fraction=0.4]; questions <- q
            top[treatment=plain,fraction=0.1]: model <- tuned[treatment=plain]; rationales <- masked[fraction=0.1]
            top[treatment=plain,fraction=0.4]: model <- tuned[treatment=plain]; rationales <- masked[fraction=0.4]
            top[treatment=masked,fraction=0.1]: model <- tuned[treatment=masked,fraction=0.1]; rationales <- masked[fraction=0.1]
            top[treatment=masked,fraction=0.4]: model <- tuned[treatment=masked,fraction=0.4]; rationales <- masked[fraction=0.4]
            table: scores <- scores[treatment=plain] + scores[treatment=masked,fraction=0.1] + scores[treatment=masked,fraction=0.4]
            tables[treatment=plain]: scores <- scores[treatment=plain]
            tables[treatment=masked]: scores <- scores[treatment=masked,fraction=0.1] + scores[treatment=masked,fraction=0.4]"#]],
    );
}

#[test]
fn a_report_gathers_from_several_stages_and_filters_what_it_gathers() {
    check_instances(
        "axes: { run: { replicates: 2 }, lr: [1, 2] }
stages:
  q: { dataset: {} }
  one: { train: { student: { path: p }, questions: q, recipe: {}, seed: \"${run}\" } }
  two: { train: { student: { path: p }, questions: q, recipe: { lr: \"${lr}\" }, seed: \"${run}\" } }
  s1: { evaluate: { model: one, questions: q } }
  s2: { evaluate: { model: two, questions: q } }
  all: { report: { scores: [s1, s2, s1] } }
  some: { where: { run: 0, lr: [null, 2] }, report: { scores: [s1, s2] } }
  each: { over: { run2: [0] }, where: { run: 1 }, report: { scores: s1, title: \"${lr}${run2}\" } }
",
        &expect![[r#"
            q:
            one[run=0]: questions <- q
            one[run=1]: questions <- q
            two[run=0,lr=1]: questions <- q
            two[run=0,lr=2]: questions <- q
            two[run=1,lr=1]: questions <- q
            two[run=1,lr=2]: questions <- q
            s1[run=0]: model <- one[run=0]; questions <- q
            s1[run=1]: model <- one[run=1]; questions <- q
            s2[run=0,lr=1]: model <- two[run=0,lr=1]; questions <- q
            s2[run=0,lr=2]: model <- two[run=0,lr=2]; questions <- q
            s2[run=1,lr=1]: model <- two[run=1,lr=1]; questions <- q
            s2[run=1,lr=2]: model <- two[run=1,lr=2]; questions <- q
            all: scores <- s1[run=0] + s1[run=1] + s2[run=0,lr=1] + s2[run=0,lr=2] + s2[run=1,lr=1] + s2[run=1,lr=2]
            some: scores <- s1[run=0] + s2[run=0,lr=2]
            each[lr=1,run2=0]: scores <- s1[run=1]
            each[lr=2,run2=0]: scores <- s1[run=1]"#]],
    );
}

#[test]
fn a_recipe_is_repeated_with_other_rationales() {
    let text = "axes: { run: { replicates: 2 } }
stages:
  q: { dataset: {} }
  r: { elicit: { questions: q } }
  tuned:
    over: { batch: [4, 8] }
    train: { student: { path: p }, questions: q, rationales: r, recipe: { batch: \"${batch}\" }, seed: \"${run}\" }
  why: { attribute: { model: tuned, rationales: r } }
  top: { transform: { rationales: r, steps: [{ keep_top: { attributions: why } }] } }
  again: { retrain: { like: tuned, rationales: top } }
  third: { where: { run: 0, batch: 8 }, retrain: { like: again, rationales: r } }
";
    check_instances(
        text,
        &expect![[r#"
        q:
        r: questions <- q
        tuned[run=0,batch=4]: questions <- q; rationales <- r
        tuned[run=0,batch=8]: questions <- q; rationales <- r
        tuned[run=1,batch=4]: questions <- q; rationales <- r
        tuned[run=1,batch=8]: questions <- q; rationales <- r
        why[run=0,batch=4]: model <- tuned[run=0,batch=4]; rationales <- r
        why[run=0,batch=8]: model <- tuned[run=0,batch=8]; rationales <- r
        why[run=1,batch=4]: model <- tuned[run=1,batch=4]; rationales <- r
        why[run=1,batch=8]: model <- tuned[run=1,batch=8]; rationales <- r
        top[run=0,batch=4]: rationales <- r; steps[0].keep_top.attributions <- why[run=0,batch=4]
        top[run=0,batch=8]: rationales <- r; steps[0].keep_top.attributions <- why[run=0,batch=8]
        top[run=1,batch=4]: rationales <- r; steps[0].keep_top.attributions <- why[run=1,batch=4]
        top[run=1,batch=8]: rationales <- r; steps[0].keep_top.attributions <- why[run=1,batch=8]
        again[run=0,batch=4]: questions <- q; rationales <- top[run=0,batch=4]
        again[run=0,batch=8]: questions <- q; rationales <- top[run=0,batch=8]
        again[run=1,batch=4]: questions <- q; rationales <- top[run=1,batch=4]
        again[run=1,batch=8]: questions <- q; rationales <- top[run=1,batch=8]
        third[run=0,batch=8]: questions <- q; rationales <- r"#]],
    );
    let experiment = experiment(text, &[]);
    let term = |name: &str| experiment.instance(experiment.find(name).expect("it exists")).bound.params();
    assert_eq!(term("tuned[run=0,batch=4]"), term("again[run=0,batch=4]"));
    let stage = &experiment.stages[5];
    assert_eq!((stage.kind.name, stage.word), ("train", "retrain"));
}

#[test]
fn names_quote_what_would_not_read_well() {
    let text = "axes: { a: [plain-1.5, 'x,y', '', 'say \"hi\"', \"two\\nlines\", hub/model, 'a b', 日本] }
stages: { q: { dataset: {} }, r: { elicit: { questions: q, prompt: \"${a}\" } } }
";
    expect![[r#"
        r[a=plain-1.5]
        r[a="x,y"]
        r[a=""]
        r[a="say \"hi\""]
        r[a="two\nlines"]
        r[a=hub/model]
        r[a="a b"]
        r[a=日本]"#]]
    .assert_eq(&names(&experiment(text, &[]), "r").join("\n"));
}

#[test]
fn placeholders_keep_types_interpolate_and_escape() {
    let text = "axes: { n: [7], w: ['7'] }
stages:
  q: { dataset: { size: \"${n}\" } }
  r: { elicit: { questions: q, prompt: \"$${n} is ${ n }, $w, ${w}$${\" } }
";
    let experiment = experiment(text, &[]);
    let params = |name: &str| experiment.instance(experiment.find(name).expect("it exists")).bound.params().to_string();
    expect!["{size: 7, train: none}"].assert_eq(&params("q[n=7]"));
    expect!["{prompt: ${n} is 7, $w, 7${, questions: none}"].assert_eq(&params("r[n=7,w=7]"));
}

#[test]
fn parameters_have_places() {
    let text = super::document(DESIGN)
        .replace("lr: 3.0e-5", "use: slow")
        .replace("models:", "fragments: { slow: { lr: 3.0e-5 } }\nmodels:");
    let (sources, result) = super::read_files(&[("dir/x.yaml", &text)], &["run=3,4"]);
    let experiment = result.expect("it is sound");
    let shown = |sources: &Sources, name: &str, path: &str| {
        let span = experiment.span_of(experiment.find(name).expect("it exists"), path).expect("it is written");
        format!(
            "{path}: {} `{}`",
            sources.location(span),
            sources.text(span.file)[span.start..span.end].lines().next().unwrap_or_default()
        )
    };
    let tuned = "tuned[student=gpt2,placement=after,run=4,fraction=0.4]";
    let mut lines = vec![shown(&sources, "masked[fraction=0.4]", "params.steps[0].mask.fraction")];
    lines.push(shown(&sources, "masked[fraction=0.4]", "params.steps[7]"));
    for path in
        ["params.seed", "params.student", "student.path", "params.recipe.lr", "params.recipe.batch", "params.placement"]
    {
        lines.push(shown(&sources, tuned, path));
    }
    expect![[r#"
        params.steps[0].mask.fraction: dir/x.yaml:16 `0.4`
        params.steps[7]: dir/x.yaml:19 `[ { mask: { fraction: "${fraction}" } } ]`
        params.seed: --set run `4`
        params.student: dir/x.yaml:5 `gpt2`
        student.path: dir/x.yaml:11 `models/gpt2`
        params.recipe.lr: dir/x.yaml:8 `3.0e-5`
        params.recipe.batch: dir/x.yaml:26 `{ use: slow }`
        params.placement: dir/x.yaml:6 `after`"#]]
    .assert_eq(&lines.join("\n"));
    let span = experiment.span_of(experiment.find(tuned).expect("it exists"), "student.path").expect("it is written");
    assert_eq!(experiment.folder(span).to_str(), Some("dir"));
}

#[test]
fn ten_thousand_instances_expand() {
    let text = DESIGN.replace("replicates: 2", "replicates: 1250");
    let experiment = experiment(&text, &[]);
    assert_eq!(experiment.instances.len(), 1 + 1 + 2 + 2 * 10_000 + 1);
    let distinct: BTreeSet<_> = experiment.instances.iter().map(|instance| instance.name.clone()).collect();
    assert_eq!(distinct.len(), experiment.instances.len());
}
