//! The pipelines that several tests share.

/// Questions, rationales and what is done to them: nothing is trained, and everything is over at once.
pub(crate) const PLAIN: &str = r#"# A comment.
retort: 1
experiment: plain
seed: 17

axes:
  level: [word, sentence]

stages:
  questions:
    dataset: { format: synthetic, train: 24, dev: 4, test: 4 }
  rationales:
    elicit: { questions: questions, split: train, teacher: gold }
  masked:
    over: { fraction: [0.4, 0.8] }
    transform:
      rationales: rationales
      steps: [ { mask: { fraction: "${fraction}", level: "${level}" } } ]
  shortened:
    transform:
      rationales: masked
      steps: [ { truncate: { keep: 500 } } ]
  shuffled:
    transform:
      rationales: shortened
      steps: [ { shuffle: { level: word } } ]
"#;

/// One of everything: a student that reasons first, attribution, a student of the top tokens, evaluation and a report.
pub(crate) const TRAINED: &str = r#"retort: 1
experiment: trained
seed: 17

axes:
  fraction: [0.4, 0.8]

models:
  tiny:
    new: { architecture: gpt2, layers: 1, width: 16, heads: 2, context: 256, tokenizer: tokens }

stages:
  questions:
    dataset: { format: synthetic, train: 64, dev: 8, test: 16 }
  rationales:
    elicit: { questions: questions, split: train, teacher: gold }
  tokens:
    tokenizer: { questions: questions, rationales: rationales, vocabulary: 400 }
  masked:
    transform:
      rationales: rationales
      steps: [ { mask: { fraction: "${fraction}", level: word } } ]
  tuned:
    train:
      student: tiny
      questions: questions
      rationales: masked
      placement: before
      recipe: { lr: 2.0e-3, batch: 8, steps: 12, eval_every: 6, eval_questions: 4 }
  weighed:
    attribute: { model: tuned, questions: questions, rationales: masked, steps: 4 }
  top:
    transform:
      rationales: masked
      steps: [ { keep_top: { k: 6, attributions: weighed } } ]
  again:
    retrain: { like: tuned, rationales: top }
  answers:
    over: { student: [tuned, again] }
    evaluate: { model: "${student}", questions: questions, split: test, max_new: 16 }
  results:
    report: { scores: answers, training: [tuned, again], x: fraction, lines: student }
"#;

/// One training that takes a few seconds and saves its state often.
pub(crate) const SLOW: &str = r#"retort: 1
experiment: slow
seed: 5

models:
  small:
    new: { architecture: gpt2, layers: 2, width: 64, heads: 2, context: 256, tokenizer: tokens }

stages:
  questions:
    dataset: { format: synthetic, train: 64, dev: 8, test: 16 }
  rationales:
    elicit: { questions: questions, split: train, teacher: gold }
  tokens:
    tokenizer: { questions: questions, rationales: rationales, vocabulary: 400 }
  masked:
    over: { fraction: [0.3, 0.6] }
    transform:
      rationales: rationales
      steps: [ { mask: { fraction: "${fraction}", level: word } } ]
  tuned:
    train:
      student: small
      questions: questions
      rationales: rationales
      placement: after
      recipe: { lr: 2.0e-3, batch: 8, steps: 240, eval_every: 20, eval_questions: 2 }
  answers:
    evaluate: { model: tuned, questions: questions, split: test, batch: 2 }
  results:
    report: { scores: answers, training: tuned }
"#;
