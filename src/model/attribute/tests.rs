//! The scorers against what they are said to be: other scorers, finite differences, and plain computations.

use super::*;
use crate::layout::Layout;
use crate::{Architecture, Config, Device, Size};

const VOCAB: usize = 61;

/// A small model with weights large enough that tokens matter, with shared keys and, where the architecture has one, a
/// window shorter than the sequences.
fn model(architecture: Architecture, device: &Device) -> Model {
    let kv_heads = (!matches!(architecture, Architecture::Gpt2 | Architecture::Gemma)).then_some(2);
    let size = Size { vocab_size: VOCAB, context: 32, d_model: 32, layers: 3, heads: 4, kv_heads };
    let config = Config::new(architecture, size);
    let mut json: serde_json::Value = serde_json::from_str(&config.to_json()).expect("JSON");
    if architecture == Architecture::Mistral {
        json["sliding_window"] = 5.into();
    }
    let config = Config::from_json(json.to_string().as_bytes(), "config.json").expect("a configuration");
    let mut model = Model::init(config, 11, device);
    placed!(&mut model.placed, network => network.change_weights(|weight| {
        if weight.abs() < 0.9 {
            *weight *= 8.0;
        }
    }));
    model
}

fn everywhere() -> Vec<(String, Model)> {
    let devices = [Device::cpu(), Device::dispatched_cpu()];
    let of = |device: &Device| Architecture::ALL.map(|kind| (format!("{kind:?} on {device}"), model(kind, device)));
    devices.iter().flat_map(of).collect()
}

fn ids(len: usize, seed: usize) -> Vec<u32> {
    (0..len).map(|i| ((i * 17 + seed * 29 + i * i * seed) % VOCAB) as u32).collect()
}

fn scores(model: &Model, ids: &[u32], scored: &[usize], scorer: &Scorer) -> Scores {
    let request = Request { ids, position: ids.len() - 1, target: 7, scored };
    attribute(model, &[request], scorer, &Budget::default()).expect("runs").remove(0)
}

#[track_caller]
fn assert_near(what: &str, got: &[f64], want: &[f64], fraction: f64) {
    assert_eq!(got.len(), want.len(), "{what}");
    let size = want.iter().map(|x| x.abs()).fold(0.0, f64::max);
    assert!(size > 0.0, "{what}: nothing to compare");
    for (at, (got, want)) in got.iter().zip(want).enumerate() {
        assert!((got - want).abs() <= fraction * size, "{what}, token {at}: {got}, not {want}");
    }
}

const FUNCTIONS: [Attributed; 3] = [Attributed::Logit, Attributed::LogProbability, Attributed::Probability];

#[test]
fn one_right_step_from_zero_is_gradient_times_input() {
    let (ids, all) = (ids(14, 1), (0..14).collect::<Vec<_>>());
    for (name, model) in everywhere() {
        for (function, reduction) in FUNCTIONS.into_iter().zip([Reduction::Sum, Reduction::L2, Reduction::Sum]) {
            let one = IntegratedGradients {
                function,
                reduction,
                quadrature: Quadrature::RiemannRight,
                steps: 1,
                ..IntegratedGradients::default()
            };
            let integrated = scores(&model, &ids, &all, &Scorer::IntegratedGradients(one));
            let product = scores(&model, &ids, &all, &Scorer::GradientInput { function, reduction });
            assert_near(&name, &product.per_token, &integrated.per_token, 1e-6);
        }
    }
}

#[test]
fn integrated_gradients_add_up_over_the_sequence_and_over_the_scored_tokens() {
    let (ids, some) = (ids(14, 2), [5, 6, 7, 9]);
    for (name, model) in everywhere() {
        let all: Vec<usize> = (0..ids.len()).collect();
        for (over, scored) in [(Over::Sequence, &all[..]), (Over::Scored, &some[..])] {
            let options = IntegratedGradients {
                over,
                baseline: Baseline::MeanEmbedding,
                steps: 200,
                ..IntegratedGradients::default()
            };
            let made = scores(&model, &ids, scored, &Scorer::IntegratedGradients(options));
            let ends = made.completeness.expect("integrated gradients");
            let change = ends.value - ends.value_baseline;
            assert!(change.abs() > 1e-3, "{name}: nothing changes");
            let sum: f64 = made.per_token.iter().sum();
            assert!((sum - change).abs() < 0.02 * change.abs(), "{name} {over:?}: {sum}, not {change}");
            assert!((sum - change - ends.delta).abs() < 1e-6 * (1.0 + change.abs()), "{name} {over:?}: {ends:?}");
        }
    }
}

#[test]
fn integrated_gradients_over_the_scored_tokens_begin_where_all_of_them_are_gone() {
    let (ids, some) = (ids(12, 3), [4, 5, 8]);
    let model = model(Architecture::Llama, &Device::cpu());
    let baseline = Baseline::Token(9);
    let options = IntegratedGradients { over: Over::Scored, baseline, steps: 4, ..IntegratedGradients::default() };
    let ends = scores(&model, &ids, &some, &Scorer::IntegratedGradients(options)).completeness.expect("ends");
    let mut gone = ids.clone();
    some.iter().for_each(|&at| gone[at] = 9);
    let logit = |ids: &[u32]| f64::from(model.next_logits(&[ids]).expect("runs")[0][7]);
    assert_near("ends", &[ends.value, ends.value_baseline], &[logit(&ids), logit(&gone)], 1e-5);
}

#[test]
fn saliency_is_the_norm_of_the_gradient_by_finite_differences() {
    let ids = ids(9, 4);
    for architecture in Architecture::ALL {
        for device in [Device::cpu(), Device::dispatched_cpu()] {
            let model = model(architecture, &device);
            let at = 3;
            let found = scores(&model, &ids, &[at], &Scorer::Saliency { function: Attributed::Logit }).per_token[0];
            let norm = placed!(&model.placed, network => {
                let requests = [Request { ids: &ids, position: 8, target: 7, scored: &[] }];
                let budget = Budget::default();
                let call = Call { network, requests: &requests, budget: &budget, apart: true };
                let (input, width) = (call.inputs().expect("reads").remove(0), network.config().d_model());
                // Both sides of each element of one token's embedding, all in one call.
                let step = 2e-2_f32;
                let moved = |probe: usize| {
                    let mut input = input.clone();
                    input[at * width + probe / 2] += if probe.is_multiple_of(2) { step } else { -step };
                    input
                };
                let mut values = vec![0.0; 2 * width];
                call.probe(Attributed::Logit, false, &vec![0; 2 * width], moved, |probe, answer| {
                    values[probe] = answer.value;
                })
                .expect("runs");
                let gradients = values.chunks(2).map(|pair| (pair[0] - pair[1]) / (2.0 * f64::from(step)));
                gradients.map(|gradient| gradient * gradient).sum::<f64>().sqrt()
            });
            assert!((found - norm).abs() < 0.03 * norm, "{architecture:?} on {device}: {found}, not {norm}");
        }
    }
}

#[test]
fn leaving_one_out_is_what_running_without_it_says() {
    let (ids, some) = (ids(13, 5), [2, 6, 11]);
    for (name, model) in everywhere() {
        let scorer = Scorer::LeaveOneOut { function: Attributed::LogProbability, baseline: Baseline::Token(4) };
        let found = scores(&model, &ids, &some, &scorer);
        let log_probability = |ids: &[u32]| {
            let logits = model.next_logits(&[ids]).expect("runs").remove(0);
            let sum: f64 = logits.iter().map(|&logit| f64::from(logit).exp()).sum();
            f64::from(logits[7]) - sum.ln()
        };
        let without = |&at: &usize| {
            let mut ids = ids.clone();
            ids[at] = 4;
            log_probability(&ids)
        };
        let want: Vec<f64> = some.iter().map(|at| log_probability(&ids) - without(at)).collect();
        assert_near(&name, &found.per_token, &want, 1e-3);
        assert_eq!(found.completeness, None);
    }
}

/// The queries, keys and values of each layer of one sequence, and what comes out at the end.
fn attended<B: Kernels>(network: &Network<B>, ids: &[u32]) -> (Vec<Vec<f32>>, Vec<f32>) {
    let layout = Layout::packed(&[ids.len()]);
    let weights = network.parameters(&network.values);
    let pass = network.pass(&layout, &[0]);
    let stream = pass.stream::<B>(&weights, B::pick_rows(&weights.token_embedding, ids));
    let mut layers = Vec::new();
    let out = pass.attended(&weights, stream, |qkv, _| layers.push(network.read(qkv.clone()).expect("reads")));
    (layers, network.read(out).expect("reads"))
}

/// Attention probabilities from the layers' own queries and keys, one head at a time, as the definition has it; then the
/// product of whole matrices.
fn naive_rollout(model: &Model, ids: &[u32]) -> Vec<f64> {
    placed!(&model.placed, network => {
        let decoder = network.config().decoder();
        let n = ids.len();
        let mut product: Vec<Vec<f64>> = (0..n).map(|i| (0..n).map(|j| f64::from(u8::from(i == j))).collect()).collect();
        for (layer, qkv) in attended(network, ids).0.into_iter().enumerate() {
            let heads = decoder.attention(layer);
            let at = |row: usize, column: usize| f64::from(qkv[row * heads.qkv_width() + column]);
            let mut mixed = vec![vec![0.0; n]; n];
            for head in 0..heads.count {
                let key_head = head / (heads.count / heads.kv_count);
                for (i, mixed) in mixed.iter_mut().enumerate() {
                    let seen = |j: usize| j <= i && heads.window.is_none_or(|window| i - j < window);
                    let score = |j: usize| {
                        let score = (0..heads.width).map(|c| {
                            at(i, head * heads.width + c) * at(j, (heads.count + key_head) * heads.width + c)
                        }).sum::<f64>() / (heads.width as f64).sqrt();
                        decoder.score_cap.map_or(score, |cap| cap * (score / cap).tanh())
                    };
                    let exps: Vec<f64> = (0..n).map(|j| if seen(j) { score(j).exp() } else { 0.0 }).collect();
                    let sum: f64 = exps.iter().sum();
                    mixed.iter_mut().zip(&exps).for_each(|(mixed, exp)| *mixed += exp / sum / heads.count as f64);
                }
            }
            let layer = |i: usize, j: usize| 0.5 * mixed[i][j] + 0.5 * f64::from(u8::from(i == j));
            product = (0..n).map(|i| {
                (0..n).map(|j| (0..n).map(|k| layer(i, k) * product[k][j]).sum()).collect()
            }).collect();
        }
        product.pop().expect("a sequence")
    })
}

#[test]
fn roll_out_is_the_product_of_averaged_attentions_and_sums_to_one() {
    let (ids, all) = (ids(15, 6), (0..15).collect::<Vec<_>>());
    let mut by_device: std::collections::BTreeMap<String, Vec<f64>> = std::collections::BTreeMap::new();
    for (name, model) in everywhere() {
        let found = scores(&model, &ids, &all, &Scorer::AttentionRollout);
        let sum: f64 = found.per_token.iter().sum();
        assert!((sum - 1.0).abs() < 1e-5, "{name}: {sum}");
        assert_near(&name, &found.per_token, &naive_rollout(&model, &ids), 1e-5);
        let uniform = found.per_token.iter().all(|fraction| (fraction - 1.0 / 15.0).abs() < 0.02);
        assert!(!uniform, "{name}: attention is even, which proves little");
        let kind = name.split(' ').next().expect("a name").to_owned();
        let other = by_device.insert(kind, found.per_token.clone());
        if let Some(other) = other {
            assert_near(&name, &found.per_token, &other, 1e-4);
        }
    }
    // Three layers with a window of five reach back at most twelve positions.
    let reached = scores(&model(Architecture::Mistral, &Device::cpu()), &ids, &all, &Scorer::AttentionRollout);
    assert!(
        reached.per_token[..2].iter().all(|fraction| *fraction == 0.0) && reached.per_token[2] > 0.0,
        "{reached:?}"
    );
}

#[test]
fn what_attention_reads_is_what_the_model_computes_with() {
    // The qkv that roll-out is shown are those of the forward pass: its hidden states are the same bits.
    let ids = ids(11, 7);
    let model = model(Architecture::Phi, &Device::cpu());
    let hidden = model.hidden_states(&[&ids]).expect("runs").pop().expect("layers").remove(0);
    assert_eq!(placed!(&model.placed, network => attended(network, &ids).1), hidden);
}

fn scorers() -> [Scorer; 6] {
    let function = Attributed::LogProbability;
    let integrated = IntegratedGradients { function, steps: 5, ..IntegratedGradients::default() };
    [
        Scorer::IntegratedGradients(integrated),
        Scorer::IntegratedGradients(IntegratedGradients { over: Over::Scored, ..integrated }),
        Scorer::GradientInput { function, reduction: Reduction::Sum },
        Scorer::Saliency { function },
        Scorer::AttentionRollout,
        Scorer::LeaveOneOut { function, baseline: Baseline::Zero },
    ]
}

#[test]
fn a_request_depends_on_no_other_and_hardly_on_the_budget() {
    let rows: Vec<Vec<u32>> = (0..5).map(|row| ids(6 + 5 * row, row)).collect();
    let scored: Vec<Vec<usize>> = rows.iter().map(|ids| (2..ids.len() - 1).collect()).collect();
    let requests: Vec<Request<'_>> = (rows.iter().zip(&scored))
        .map(|(ids, scored)| Request { ids, position: ids.len() - 1, target: 7, scored })
        .collect();
    for (name, model) in everywhere() {
        for scorer in scorers() {
            let run = |requests: &[Request<'_>], positions| {
                attribute(&model, requests, &scorer, &Budget::of(positions)).expect("runs")
            };
            for positions in [100_000, 60, 0] {
                let together = run(&requests, positions);
                let alone: Vec<Scores> = requests.iter().flat_map(|request| run(&[*request], positions)).collect();
                if model.device().deterministic() {
                    assert_eq!(together, alone, "{name}, {scorer:?}");
                }
                for (one, other) in together.iter().zip(&alone).chain(together.iter().zip(&run(&requests, 1_000))) {
                    assert_near(&name, &one.per_token, &other.per_token, 1e-4);
                }
            }
        }
    }
}

#[test]
fn what_cannot_be_attributed_is_named() {
    let model = model(Architecture::Gpt2, &Device::cpu());
    let rows = [ids(4, 1), ids(33, 1), vec![]];
    let error = |requests: &[Request<'_>], scorer: &Scorer| {
        attribute(&model, requests, scorer, &Budget::default()).expect_err("no").to_string()
    };
    let good = Request { ids: &rows[0], position: 3, target: 7, scored: &[1] };
    let long = Request { ids: &rows[1], position: 3, target: 7, scored: &[1] };
    let [.., rollout, leave] = scorers();
    assert_eq!(
        error(&[good, long], &rollout),
        "cannot attribute sequence 1: its 33 tokens are more than the model's 32 positions"
    );
    let outside = "cannot attribute sequence 0: position 4 is not in it: it has 4 tokens";
    assert_eq!(error(&[Request { scored: &[1, 4], ..good }], &leave), outside);
    assert_eq!(error(&[Request { position: 4, ..good }], &leave), outside);
    assert_eq!(
        error(&[Request { target: 61, ..good }], &leave),
        "cannot attribute sequence 0: its token 61 is not below the vocabulary's size 61"
    );
    let baseline = Scorer::LeaveOneOut { function: Attributed::Logit, baseline: Baseline::Token(61) };
    assert_eq!(
        error(&[good], &baseline),
        "cannot attribute against the baseline of token 61: it is not below the vocabulary's size 61"
    );
    let none = Scorer::IntegratedGradients(IntegratedGradients { steps: 0, ..IntegratedGradients::default() });
    assert_eq!(error(&[good], &none), "cannot attribute in 0 steps: at least 1 is needed");
    assert_eq!(attribute(&model, &[], &leave, &Budget::default()).expect("nothing to do"), vec![]);
    for scorer in scorers() {
        let none = attribute(&model, &[Request { scored: &[], ..good }], &scorer, &Budget::default()).expect("runs");
        assert!(none[0].per_token.is_empty(), "{scorer:?}");
    }
}
