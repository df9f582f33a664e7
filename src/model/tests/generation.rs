//! Generation beyond the reference cases.

use crate::{
    Architecture, Budget, Config, Continuation, Device, GenerateOptions, Model, Sampling, Size, StopReason, generate,
    log_probabilities,
};

fn model() -> Model {
    Model::init(
        Config::new(
            Architecture::Gpt2,
            Size { vocab_size: 50, context: 24, d_model: 32, layers: 2, heads: 2, kv_heads: None },
        ),
        5,
        &Device::cpu(),
    )
}

fn options(max_new: usize, stop_ids: &[u32], batch: usize) -> GenerateOptions {
    GenerateOptions { max_new, stop_ids: stop_ids.to_vec(), batch, budget: Budget::default(), sampling: None }
}

#[test]
fn rows_do_not_depend_on_their_batch() {
    let model = model();
    let prompts: Vec<Vec<u32>> = (0..9_u32).map(|row| (0..=row).map(|i| (row * 7 + i * 3) % 50).collect()).collect();
    let prompts: Vec<&[u32]> = prompts.iter().map(Vec::as_slice).collect();
    let stop = |row: usize, ids: &[u32]| ids.len() > row % 4 + 2;
    let together = generate(&model, &prompts, &options(6, &[], 9), &stop).expect("runs");
    for batch in [1, 2, 4] {
        assert_eq!(generate(&model, &prompts, &options(6, &[], batch), &stop).expect("runs"), together);
    }
    for (row, made) in together.iter().enumerate() {
        assert_eq!(made.ids.len(), row % 4 + 3);
    }
}

#[test]
fn prompts_that_begin_alike_come_to_what_each_comes_to_alone() {
    let stop = |_: usize, _: &[u32]| false;
    for device in [Device::cpu(), Device::dispatched_cpu()] {
        for architecture in [Architecture::Gpt2, Architecture::Phi, Architecture::Llama] {
            let size = Size { vocab_size: 50, context: 24, d_model: 32, layers: 2, heads: 2, kv_heads: None };
            let model = Model::init(Config::new(architecture, size), 5, &device);
            let prompts: [&[u32]; 6] = [&[1, 2, 3, 4], &[1, 2, 3], &[1, 2, 3, 9, 8, 7], &[5], &[1, 2, 3], &[5, 6]];
            let together = generate(&model, &prompts, &options(5, &[], 6), &stop).expect("runs");
            let logits = model.next_logits(&prompts).expect("runs");
            for ((prompt, together), logits) in prompts.iter().zip(&together).zip(&logits) {
                let alone = generate(&model, &[prompt], &options(5, &[], 1), &stop).expect("runs").remove(0);
                assert_eq!(alone, *together, "{architecture:?} on {device}");
                let whole = model.logits(&[prompt]).expect("runs").remove(0);
                let last = &whole[whole.len() - 50..];
                assert!(last.iter().zip(logits).all(|(a, b)| (a - b).abs() < 1e-5), "{architecture:?} on {device}");
            }
        }
    }
}

#[test]
fn probabilities_of_continuations_are_those_of_the_logits() {
    for device in [Device::cpu(), Device::dispatched_cpu()] {
        let size = Size { vocab_size: 50, context: 24, d_model: 32, layers: 2, heads: 2, kv_heads: None };
        let model = Model::init(Config::new(Architecture::Gpt2, size), 5, &device);
        let sequences: [(&[u32], usize); 4] =
            [(&[1, 2, 3, 4], 2), (&[1, 2, 7], 2), (&[9, 8], 1), (&[1, 2, 3, 4, 5], 4)];
        let of = |(ids, from): (&'static [u32], usize)| Continuation { ids, from };
        let groups =
            [sequences[..2].iter().copied().map(of).collect(), sequences[2..].iter().copied().map(of).collect()];
        let found = log_probabilities(&model, &groups, &Budget::default()).expect("runs");
        for ((ids, from), found) in sequences.iter().zip(found.iter().flatten()) {
            let logits = model.logits(&[ids]).expect("runs").remove(0);
            let rows: Vec<&[f32]> = logits.chunks_exact(50).collect();
            let expected = (*from..ids.len()).map(|at| {
                let sum: f64 = rows[at - 1].iter().map(|logit| f64::from(*logit).exp()).sum();
                f64::from(rows[at - 1][ids[at] as usize]) - sum.ln()
            });
            assert_eq!(found.len(), ids.len() - from);
            assert!(found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-5), "{ids:?} on {device}");
        }
        for (ids, from) in [(&[1, 2][..], 0), (&[1, 2], 2), (&[], 1), (&[50, 1], 1)] {
            assert!(log_probabilities(&model, &[vec![Continuation { ids, from }]], &Budget::default()).is_err());
        }
    }
}

#[test]
fn sampled_rows_do_not_depend_on_their_batch_nor_on_the_budget() {
    let model = model();
    let prompts: Vec<Vec<u32>> = (0..7_u32).map(|row| (0..=row).map(|i| (row * 5 + i) % 50).collect()).collect();
    let prompts: Vec<&[u32]> = prompts.iter().map(Vec::as_slice).collect();
    let sampled = |batch, positions, seed| {
        let sampling = Some(Sampling { temperature: 0.9, top_k: Some(20), top_p: Some(0.95), seed });
        let options = GenerateOptions { sampling, budget: Budget::of(positions), ..options(8, &[], batch) };
        generate(&model, &prompts, &options, &|_, _| false).expect("runs")
    };
    let together = sampled(7, 10_000, 1);
    for (batch, positions) in [(1, 10_000), (3, 10_000), (7, 30), (7, 0)] {
        assert_eq!(sampled(batch, positions, 1), together);
    }
    assert_ne!(sampled(7, 10_000, 2), together);
    assert_ne!(generate(&model, &prompts, &options(8, &[], 7), &|_, _| false).expect("runs"), together);
}

#[test]
fn each_reason_to_stop_is_reported() {
    let model = model();
    let prompt: &[u32] = &[1, 2, 3];
    let never = |_: usize, _: &[u32]| false;
    let made = generate(&model, &[prompt], &options(4, &[], 1), &never).expect("runs").remove(0);
    assert_eq!((made.ids.len(), made.reason), (4, StopReason::MaxNew));
    let stopped = generate(&model, &[prompt], &options(4, &[made.ids[0]], 1), &never).expect("runs").remove(0);
    assert_eq!((stopped.ids.len(), stopped.reason), (0, StopReason::StopId));
    let full = generate(&model, &[prompt], &options(100, &[], 1), &never).expect("runs").remove(0);
    assert_eq!((full.ids.len(), full.reason), (22, StopReason::Context));
    let enough = generate(&model, &[prompt], &options(4, &[], 1), &|_, ids| ids.len() == 2).expect("runs").remove(0);
    assert_eq!((enough.ids.len(), enough.reason), (2, StopReason::Predicate));
    assert_eq!(generate(&model, &[], &options(4, &[], 1), &never).expect("runs"), vec![]);
}

#[test]
fn prompts_that_do_not_fit_are_named() {
    let model = model();
    let never = |_: usize, _: &[u32]| false;
    let error =
        |prompts: &[&[u32]]| generate(&model, prompts, &options(1, &[], 1), &never).expect_err("no").to_string();
    assert_eq!(error(&[&[1], &[]]), "cannot run sequence 1: it is empty");
    assert_eq!(error(&[&[50]]), "cannot run sequence 0: token 50 is not below the vocabulary's size 50");
    assert_eq!(error(&[&[0; 25]]), "cannot run sequence 0: its 25 tokens are more than the model's 24 positions");
}

#[test]
fn rows_that_join_those_under_way_come_to_what_each_comes_to_alone() {
    for device in [Device::cpu(), Device::dispatched_cpu()] {
        for architecture in [Architecture::Gpt2, Architecture::Mistral] {
            let size = Size { vocab_size: 50, context: 24, d_model: 32, layers: 2, heads: 2, kv_heads: None };
            let model = Model::init(Config::new(architecture, size), 5, &device);
            let prompts: Vec<Vec<u32>> =
                (0..14_u32).map(|row| (0..=row * 5 % 11).map(|i| (row * 7 + i * 3) % 50).collect()).collect();
            let prompts: Vec<&[u32]> = prompts.iter().map(Vec::as_slice).collect();
            // Some rows end with their first token, others go on for long, so that places are free again and again.
            let enough = |row: usize, ids: &[u32]| ids.len() > row * row % 7;
            let together = generate(&model, &prompts, &options(9, &[], 4), &enough).expect("runs");
            for (row, (prompt, together)) in prompts.iter().zip(&together).enumerate() {
                let alone = generate(&model, &[prompt], &options(9, &[], 1), &|_, ids| enough(row, ids));
                assert_eq!(&alone.expect("runs")[0], together, "{architecture:?} on {device}");
                assert_eq!(together.ids.len(), row * row % 7 + 1);
            }
        }
    }
}
