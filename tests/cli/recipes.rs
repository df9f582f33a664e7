//! What a recipe can ask for to save memory, and what of it enters a key.

use crate::runner::{FILE, Project};

const PIPELINE: &str = r#"retort: 1
experiment: recipes
seed: 3

models:
  small: { new: { architecture: llama, layers: 2, width: 32, heads: 2, context: 256, tokenizer: tokens } }

fragments:
  taught: { student: small, questions: questions, placement: none }

stages:
  questions:
    dataset: { format: synthetic, train: 16, dev: 2, test: 2 }
  tokens:
    tokenizer: { questions: questions, vocabulary: 320 }
  plain:
    train: { use: taught, recipe: { lr: 1.0e-3, batch: 4, steps: 6, dropout: 0.1 } }
  blocks:
    train: { use: taught, recipe: { lr: 1.0e-3, batch: 4, steps: 6, dropout: 0.1, checkpointing: blocks } }
  narrow:
    train:
      use: taught
      recipe:
        { lr: 1.0e-3, batch: 4, steps: 6, loss_chunk: 8, loss_type: dft, moments: 8bit, freeze: { embeddings: true, layers: [0-0] },
          schedule: warmup_stable_decay, warmup_steps: 1, decay_ratio: 0.5, decay_type: 1-sqrt, min_lr_ratio: 0.1 }
  adapted:
    train: { use: taught, recipe: { lr: 1.0e-3, batch: 4, steps: 6, lora: { rank: 2, targets: all-linear }, moments: bf16 } }
"#;

#[test]
fn recipes_that_save_memory_train_and_recomputation_changes_no_weight() {
    let project = Project::new(PIPELINE);
    assert_eq!(project.make().ran().len(), 6);
    let digests = project.digests();
    assert_eq!(digests["plain"]["weights"], digests["blocks"]["weights"]);
    let others = ["narrow", "adapted"].map(|stage| &digests[stage]["weights"]);
    assert!(others[0] != others[1] && others.iter().all(|other| **other != digests["plain"]["weights"]));
    // What is given enters the key; what stands for what is done anyway need not be there.
    project.edit("steps: 6, dropout: 0.1 }", "steps: 6, dropout: 0.1, moments: null, loss_chunk: null }");
    assert!(project.stale().is_empty());
    project.edit("checkpointing: blocks", "checkpointing: none");
    assert_eq!(project.stale().into_iter().collect::<Vec<_>>(), ["blocks"]);
}

#[test]
fn what_a_recipe_cannot_ask_for_is_named() {
    for (before, after, said) in [
        ("moments: 8bit", "moments: 4bit", "expected one of: f32, bf16, 8bit"),
        ("checkpointing: blocks", "checkpointing: block", "did you mean `blocks`"),
        ("loss_chunk: 8", "loss_chunk: 0", "a whole number, 1 or more"),
        ("loss_type: dft", "loss_type: mse", "expected one of: nll, dft"),
        ("layers: [0-0]", "layers: [1-0]", "a range of layers such as `0-11`"),
        ("layers: [0-0]", "layers: [first]", "a range of layers such as `0-11`"),
        ("layers: [0-0]", "layer: [0-0]", "did you mean `layers`"),
        ("min_lr_ratio: 0.1", "min_lr_ratio: 2", "a number from 0 to 1"),
        ("decay_type: 1-sqrt", "decay_type: sqrt", "expected one of: linear, cosine, 1-sqrt"),
    ] {
        let project = Project::new(PIPELINE);
        project.edit(before, after);
        project.run(&["check", FILE]).code(2).says(said);
    }
    // What goes together is known when the student is trained.
    for (before, after, code, said) in [
        ("decay_ratio: 0.5, ", "", 1, "with `decay_steps` or `decay_ratio`"),
        ("decay_ratio: 0.5", "decay_steps: 9", 1, "at most 5, as there are 6 steps and 1 of warm-up"),
        ("layers: [0-0]", "layers: [0-2]", 1, "a range within 0-1, the layers of the model"),
        ("targets: all-linear", "targets: [all-linear, q_proj]", 1, "`all-linear` alone"),
    ] {
        let project = Project::new(PIPELINE);
        project.edit(before, after);
        project.run(&["run", FILE]).code(code).says(said);
    }
}
