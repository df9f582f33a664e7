//! Lenses against the model's own output, against each other, and by what tuning promises.

use std::io::Cursor;

use proptest::prelude::*;

use super::head::made;
use super::*;
use crate::archive::WeightsFile;
use crate::generate::Budget;
use crate::kernels::Kernels;
use crate::network::Network;
use crate::{Architecture, Config, Device, Model, Size};

const VOCAB: usize = 61;

fn limits(positions: usize, logits_max: usize) -> LensLimits {
    LensLimits { budget: Budget::of(positions), logits_max }
}

fn roomy() -> LensLimits {
    limits(4_096, 1 << 20)
}

/// A small model with weights large enough that layers say something.
fn model(architecture: Architecture, device: &Device) -> Model {
    let size = Size { vocab_size: VOCAB, context: 32, d_model: 32, layers: 3, heads: 4, kv_heads: None };
    let mut model = Model::init(Config::new(architecture, size), 5, device);
    crate::student::placed!(&mut model.placed, network => network.change_weights(|weight| {
        if weight.abs() < 0.9 {
            *weight *= 6.0;
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

fn request<'a>(ids: &'a [u32], from: usize, targets: &'a [u32]) -> LensRequest<'a> {
    LensRequest { ids, read: from..ids.len(), targets: &targets[..ids.len() - from] }
}

fn near(a: &Reading, b: &Reading) -> bool {
    let close = |a: f32, b: f32| (a - b).abs() < 1e-4 * (1.0 + b.abs());
    close(a.probability, b.probability) && close(a.entropy, b.entropy) && close(a.divergence, b.divergence)
}

#[test]
fn the_last_layer_says_what_the_model_says_to_the_bit() {
    let (sequences, targets) = ([ids(14, 1), ids(9, 2)], ids(14, 3));
    for (name, model) in everywhere() {
        let requests = [request(&sequences[0], 3, &targets), request(&sequences[1], 0, &targets)];
        let found = read_layers(&model, &requests, &[3], None, &roomy()).expect("reads");
        // Sequences run apart on the CPU and side by side elsewhere, and so they do here.
        let apart = model.device().deterministic();
        let both = [sequences[0].as_slice(), &sequences[1]];
        let logits = if apart {
            both.iter().map(|ids| model.logits(&[ids]).expect("runs").remove(0)).collect()
        } else {
            let mut logits = model.logits(&[both[1], both[0]]).expect("runs");
            logits.reverse();
            logits
        };
        for ((grid, logits), request) in found.iter().zip(&logits).zip(&requests) {
            let rows = &logits[request.read.start * VOCAB..];
            let own = said_of(&model, rows, request.targets);
            for ((reading, own), row) in grid[0].iter().zip(own).zip(rows.chunks(VOCAB)) {
                let best = (0..VOCAB).max_by(|&a, &b| row[a].total_cmp(&row[b])).expect("a vocabulary");
                assert_eq!(reading.top as usize, best, "{name}");
                assert_eq!(bits(reading), bits(&own), "{name}");
                assert_eq!(reading.divergence.to_bits(), 0, "{name}: it is no distance from itself");
            }
        }
    }
}

fn bits(reading: &Reading) -> [u32; 4] {
    [reading.top_probability, reading.probability, reading.entropy, reading.divergence].map(f32::to_bits)
}

/// What logits say that the model gave.
fn said_of(model: &Model, logits: &[f32], targets: &[u32]) -> Vec<Reading> {
    fn of<B: Kernels>(network: &Network<B>, logits: &[f32], targets: &[u32]) -> Vec<Reading> {
        let vocab = logits.len() / targets.len();
        let rows = network.upload(logits.to_vec(), &[targets.len(), vocab]);
        let said = network.read(B::survey(&rows, &rows, &B::pick_columns(&rows, targets))).expect("reads");
        let tally = |row: &[f32]| {
            let mut tally = tally::Tally::default();
            tally.take(row, vocab);
            tally.reading()
        };
        said.chunks_exact(said.len() / targets.len()).map(tally).collect()
    }
    crate::student::placed!(&model.placed, network => of(network, logits, targets))
}

/// A model with a vocabulary of several blocks.
fn wordy(architecture: Architecture, device: &Device) -> Model {
    let size = Size { vocab_size: 4_700, context: 40, d_model: 24, layers: 2, heads: 4, kv_heads: None };
    let mut model = Model::init(Config::new(architecture, size), 5, device);
    crate::student::placed!(&mut model.placed, network => network.change_weights(|weight| {
        if weight.abs() < 0.9 {
            *weight *= 6.0;
        }
    }));
    model
}

#[test]
fn any_part_of_the_vocabulary_at_a_time_gives_the_same_and_the_output_stays_the_models_own() {
    let ids: Vec<u32> = (0..37).map(|i| (i * 977 + 13) % 4_700).collect();
    let targets: Vec<u32> = (0..37).map(|i| (i * 1_571) % 4_700).collect();
    for architecture in [Architecture::Phi, Architecture::Gemma] {
        let model = wordy(architecture, &Device::cpu());
        let requests = [request(&ids, 3, &targets)];
        let read = |logits_max: usize| {
            read_layers(&model, &requests, &[0, 1, 2], None, &limits(4_096, logits_max)).expect("reads").remove(0)
        };
        let whole = read(1 << 20);
        let logits = model.logits(&[&ids]).expect("runs").remove(0);
        let own = said_of(&model, &logits[3 * 4_700..], requests[0].targets);
        assert_eq!(whole[2], own, "{architecture:?}");
        // From all of it down to one block; less than a block for each place is taken in turns.
        for columns in [4_700, 4_699, 3_072, 2_047, 1_024] {
            assert_eq!(read(2 * 37 * columns), whole, "{architecture:?}, {columns} at a time");
        }
        for logits_max in [1, 3_000, 18 * 1_024] {
            let parts = read(logits_max);
            for (part, whole) in parts.iter().flatten().zip(whole.iter().flatten()) {
                assert!(near(part, whole), "{architecture:?}: {part:?}, not {whole:?}");
            }
            assert!(parts[2].iter().all(|reading| reading.divergence.to_bits() == 0));
        }
    }
    // Whatever Burn dispatches to has parts of its own.
    let model = wordy(Architecture::Phi, &Device::dispatched_cpu());
    let requests = [request(&ids, 3, &targets)];
    let read = |logits_max: usize| {
        read_layers(&model, &requests, &[0, 1, 2], None, &limits(4_096, logits_max)).expect("reads").remove(0)
    };
    let whole = read(1 << 20);
    for logits_max in [74 * 2_048, 10_000] {
        for (part, whole) in read(logits_max).iter().flatten().zip(whole.iter().flatten()) {
            assert!(near(part, whole) && part.rank.abs_diff(whole.rank) <= 1, "{part:?}, not {whole:?}");
        }
    }
}

proptest! {
    #[test]
    fn no_more_logits_are_held_than_allowed_but_a_block_at_a_place(
        logits_max in 1..1_usize << 25, places in 1..3_000_usize, vocab in 1..300_000_usize,
    ) {
        let limits = limits(1, logits_max);
        for Split { places: at_once, columns } in [limits.split(places, vocab), limits.turns(places, vocab)] {
            prop_assert!(2 * at_once * columns <= logits_max.max(2 * BLOCK), "{} × {}", at_once, columns);
            prop_assert!((1..=places).contains(&at_once) && (1..=vocab).contains(&columns));
            prop_assert!(columns == vocab || columns.is_multiple_of(BLOCK));
        }
    }
}

#[test]
fn tuning_takes_parts_of_a_vocabulary_only_where_few_places_have_room_for_all_of_it() {
    let turns = |logits_max: usize, places, vocab| limits(1, logits_max).turns(places, vocab);
    assert_eq!(limits(1, 1 << 24).split(100, 49_152), Split { places: 100, columns: 49_152 });
    assert_eq!(turns(1 << 24, 2_048, 49_152), Split { places: 170, columns: 49_152 });
    assert_eq!(turns(1 << 24, 2_048, 256_000), Split { places: 32, columns: 256_000 });
    assert_eq!(turns(1 << 23, 2_048, 256_000), Split { places: 2_048, columns: 2_048 });
    assert_eq!(turns(1 << 23, 9, 256_000), Split { places: 9, columns: 256_000 });
    assert_eq!(turns(1, 9, 256_000), Split { places: 1, columns: BLOCK });
}

#[test]
fn little_memory_changes_no_reading_beyond_rounding() {
    let (sequences, targets) = ([ids(20, 1), ids(7, 2), ids(13, 4)], ids(20, 3));
    for (name, model) in everywhere() {
        let requests: Vec<LensRequest<'_>> = sequences.iter().map(|ids| request(ids, 2, &targets)).collect();
        let whole = read_layers(&model, &requests, &[0, 1, 2, 3], None, &roomy()).expect("reads");
        for tight in [limits(1, 1), limits(25, 10 * VOCAB), limits(4_096, 6 * VOCAB)] {
            let found = read_layers(&model, &requests, &[0, 1, 2, 3], None, &tight).expect("reads");
            for (a, b) in found.iter().flatten().flatten().zip(whole.iter().flatten().flatten()) {
                assert!(near(a, b), "{name}: {a:?}, not {b:?}");
            }
        }
        assert_eq!(whole.iter().map(|grid| grid[1].len()).collect::<Vec<_>>(), [18, 5, 11], "{name}");
        let some = read_layers(&model, &requests[..1], &[2, 0], None, &roomy()).expect("reads").remove(0);
        for (layer, at) in [(0, 2), (1, 0)] {
            assert!(some[layer].iter().zip(&whole[0][at]).all(|(a, b)| near(a, b)), "{name}: layers in any order");
        }
    }
}

#[test]
fn what_cannot_be_read_is_named() {
    let model = model(Architecture::Gpt2, &Device::cpu());
    let (long, targets) = (ids(40, 1), ids(40, 2));
    let fails = |request: LensRequest<'_>, layers: &[usize]| {
        read_layers(&model, &[request], layers, None, &roomy()).expect_err("cannot be read").to_string()
    };
    assert_eq!(
        fails(request(&long[..5], 0, &targets), &[0, 4]),
        "cannot read layer 4: the model has layers 0 (its embeddings) to 3 (its output)"
    );
    assert_eq!(
        fails(request(&long, 0, &targets), &[0]),
        "cannot read sequence 0: its 40 tokens are more than the model's 32 positions"
    );
    assert_eq!(
        fails(LensRequest { ids: &long[..5], read: 2..6, targets: &targets[..4] }, &[0]),
        "cannot read sequence 0: position 5 is not in it: it has 5 tokens"
    );
    assert_eq!(
        fails(LensRequest { ids: &long[..5], read: 2..3, targets: &[99] }, &[0]),
        "cannot read sequence 0: its token 99 is not below the vocabulary's size 61"
    );
}

fn recipe(steps: usize) -> TuneRecipe {
    TuneRecipe {
        steps,
        tokens: 40,
        lr: 1.0,
        momentum: 0.9,
        weight_decay: 1e-3,
        max_grad_norm: Some(1.0),
        bias_only: false,
        seed: 3,
    }
}

fn text() -> Vec<Passage> {
    (0..12).map(|seed| Passage { ids: ids(10 + seed % 5, seed), from: seed % 3 }).collect()
}

fn tuned(model: &Model, recipe: &TuneRecipe, limits: &LensLimits) -> (Translators, Vec<TuneStep>) {
    let mut steps = Vec::new();
    let translators = tune(model, &text(), recipe, limits, &mut |step: &TuneStep| {
        steps.push(*step);
        true
    });
    let tuned = translators.expect("tunes");
    assert_eq!(tuned.steps, steps);
    (tuned.translators, steps)
}

/// The divergence of each layer but the last, averaged over places of some text.
fn divergences(model: &Model, translators: Option<&Translators>) -> Vec<f64> {
    let (text, targets) = (text(), vec![0; 32]);
    let requests: Vec<LensRequest<'_>> = text.iter().map(|one| request(&one.ids, one.from, &targets)).collect();
    let grids = read_layers(model, &requests, &[0, 1, 2], translators, &roomy()).expect("reads");
    let of = |layer: usize| {
        let all: Vec<f64> = grids.iter().flat_map(|grid| &grid[layer]).map(|one| f64::from(one.divergence)).collect();
        all.iter().sum::<f64>() / all.len() as f64
    };
    (0..3).map(of).collect()
}

#[test]
fn translators_start_as_nothing_and_bring_every_layer_nearer() {
    for (name, model) in everywhere() {
        let plain = divergences(&model, None);
        for bias_only in [false, true] {
            let identity = Translators::identity(model.config(), bias_only);
            assert_eq!(divergences(&model, Some(&identity)), plain, "{name}: the identity is the logit lens");
            let (translators, steps) = tuned(&model, &TuneRecipe { bias_only, ..recipe(40) }, &roomy());
            let after = divergences(&model, Some(&translators));
            let nearer = after.iter().zip(&plain).all(|(after, before)| after < before);
            assert!(nearer, "{name}, bias only {bias_only}: {after:?} from {plain:?}");
            assert_eq!(steps.len(), 40);
            assert!((steps[0].lr - 0.1).abs() < 1e-12 && (steps[39].lr - 0.1 / 40.0).abs() < 1e-12, "{name}");
            assert!(translators.layers.iter().all(|one| one.weight.is_none() == bias_only));
            let mut bytes = Vec::new();
            translators.write(&mut bytes).expect("writing to memory");
            let file = WeightsFile::new("x", Cursor::new(bytes));
            assert_eq!(Translators::read(file, model.config()).expect("reads"), translators, "{name}");
        }
    }
}

#[test]
fn a_small_step_lowers_the_divergence_by_rate_times_squared_gradient() {
    for (name, model) in everywhere() {
        let one = vec![Passage { ids: ids(14, 1), from: 2 }];
        let recipe =
            TuneRecipe { lr: 2e-4, momentum: 0.0, weight_decay: 0.0, max_grad_norm: None, tokens: 1, ..recipe(2) };
        let mut steps = Vec::new();
        tune(&model, &one, &recipe, &roomy(), &mut |step: &TuneStep| {
            steps.push(*step);
            true
        })
        .expect("tunes");
        let fallen = 3.0 * (steps[0].divergence - steps[1].divergence);
        let promised = steps[0].lr * steps[0].grad_norm * steps[0].grad_norm;
        assert!((fallen - promised).abs() < 0.05 * promised, "{name}: {fallen}, not {promised}");
    }
}

#[test]
fn tuning_does_not_depend_on_how_much_runs_at_once_and_repeats_to_the_bit() {
    let model = model(Architecture::Llama, &Device::cpu());
    let (whole, _) = tuned(&model, &recipe(6), &roomy());
    assert_eq!(tuned(&model, &recipe(6), &roomy()).0, whole);
    let (parts, _) = tuned(&model, &recipe(6), &limits(20, 8 * VOCAB));
    for (a, b) in parts.layers.iter().zip(&whole.layers) {
        let all = |one: &translators::Translator| [one.weight.clone().expect("a matrix"), one.bias.clone()].concat();
        let most = all(b).iter().copied().fold(0.0, |most: f32, x| most.max(x.abs()));
        assert!(
            all(a).iter().zip(all(b)).all(|(a, b)| (a - b).abs() < 1e-4 * most),
            "off by more than {most} / 10,000"
        );
    }
    let other = tuned(&model, &TuneRecipe { seed: 4, ..recipe(6) }, &roomy()).0;
    assert_ne!(other, whole, "another order of the text");
}

/// One step from the identity, without momentum or decay: the divergence before it, and the gradient.
fn gradient(model: &Model, text: &[Passage], limits: &LensLimits) -> (f64, Vec<f32>) {
    let recipe = TuneRecipe {
        lr: 1.0,
        momentum: 0.0,
        weight_decay: 0.0,
        max_grad_norm: None,
        tokens: text.iter().map(Passage::places).sum(),
        ..recipe(1)
    };
    let tuned = tune(model, text, &recipe, limits, &mut |_: &TuneStep| true).expect("tunes");
    let all = tuned.translators.layers.iter();
    let grads = all.flat_map(|one| one.weight.iter().flatten().chain(&one.bias)).map(|moved| -moved).collect();
    (tuned.steps[0].divergence, grads)
}

/// Text for a model of many words.
fn wordy_text() -> Vec<Passage> {
    let ids = |seed: u32, len: u32| (0..len).map(|i| (i * 977 + seed * 131 + i * i * seed) % 4_700).collect();
    vec![
        Passage { ids: ids(1, 37), from: 3 },
        Passage { ids: ids(2, 21), from: 0 },
        Passage { ids: ids(3, 30), from: 9 },
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Gradients are sums over the vocabulary in single precision: of 4,700 terms they differ by some units of 2⁻²⁴ of the
    /// largest, in whatever order they are added. The divergence is summed in double precision, block by block.
    #[test]
    fn any_part_of_the_vocabulary_teaches_the_same_within_the_budget(
        logits_max in prop_oneof![1..4_096_usize, 4_096..60_000_usize, 60_000..900_000_usize],
        positions in 1..120_usize,
        kind in prop::sample::select(vec![Architecture::Phi, Architecture::Gemma, Architecture::Gpt2]),
        dispatched in any::<bool>(),
    ) {
        let device = if dispatched { Device::dispatched_cpu() } else { Device::cpu() };
        let model = wordy(kind, &device);
        let (divergence, grads) = gradient(&model, &wordy_text(), &limits(4_096, 1 << 21));
        made::most();
        let (part_divergence, part) = gradient(&model, &wordy_text(), &limits(positions, logits_max));
        let most = made::most();
        prop_assert!(2 * most <= logits_max.max(2 * BLOCK), "{} logits of {}", 2 * most, logits_max);
        prop_assert!((part_divergence - divergence).abs() < 1e-6 * divergence, "{part_divergence}, not {divergence}");
        let largest = grads.iter().fold(0.0_f32, |largest, grad| largest.max(grad.abs()));
        for (part, whole) in part.iter().zip(&grads) {
            prop_assert!((part - whole).abs() < 1e-5 * largest, "{part}, not {whole}, of {largest}");
        }
    }
}

#[test]
fn on_the_cpu_the_divergence_of_a_step_is_the_same_to_the_bit_for_any_part_of_the_vocabulary() {
    let model = wordy(Architecture::Phi, &Device::cpu());
    let text = &wordy_text()[..1];
    let (whole, _) = gradient(&model, text, &limits(4_096, 1 << 21));
    for columns in [4_096, 3_072, 2_048, 1_024] {
        // Room for all places beside so much of the vocabulary, but for too few beside all of it.
        let limits = limits(4_096, 2 * 34 * columns);
        assert_eq!(limits.turns(34, 4_700), Split { places: 34, columns });
        assert_eq!(gradient(&model, text, &limits).0.to_bits(), whole.to_bits(), "{columns} at a time");
    }
}

#[test]
fn translators_of_another_model_are_refused_with_both_shapes() {
    let config = |layers, d_model| {
        let size = Size { vocab_size: VOCAB, context: 32, d_model, layers, heads: 4, kv_heads: None };
        Config::new(Architecture::Gpt2, size)
    };
    let mut bytes = Vec::new();
    Translators::identity(&config(2, 8), false).write(&mut bytes).expect("writing to memory");
    let file = WeightsFile::new("lens.safetensors", Cursor::new(bytes));
    let error = Translators::read(file, &config(1, 12)).expect_err("does not fit");
    expect_test::expect!["cannot use the weights of `lens.safetensors`: tensor `0.bias` has shape [8], the configuration wants [12]; tensor `0.weight` has shape [8, 8], the configuration wants [12, 12]; tensor `1.bias` of shape [8] has no place in the model; tensor `1.weight` of shape [8, 8] has no place in the model"]
        .assert_eq(&error.to_string());
}

#[test]
fn tuning_names_what_it_cannot_learn_from_and_stops_when_asked() {
    let model = model(Architecture::Gpt2, &Device::cpu());
    let fails = |text: &[Passage], recipe: &TuneRecipe| {
        tune(&model, text, recipe, &roomy(), &mut |_: &TuneStep| true).expect_err("cannot be learned from").to_string()
    };
    assert_eq!(fails(&[], &recipe(1)), "cannot tune a lens: there is no text");
    assert_eq!(
        fails(&[Passage { ids: ids(5, 1), from: 5 }], &recipe(1)),
        "cannot tune a lens on passage 0: it has 5 tokens and is compared from token 5 on"
    );
    assert_eq!(
        fails(&[Passage { ids: ids(33, 1), from: 0 }], &recipe(1)),
        "cannot tune a lens on the text: cannot run sequence 0: its 33 tokens are more than the model's 32 positions"
    );
    let wild = TuneRecipe { lr: 1e30, max_grad_norm: None, ..recipe(9) };
    assert!(fails(&text(), &wild).starts_with("tuning the lens diverged: the divergence of step "));
    let stopped =
        tune(&model, &text(), &recipe(9), &roomy(), &mut |step: &TuneStep| step.step < 4).expect_err("stopped");
    assert_eq!(stopped.to_string(), "tuning the lens was stopped after step 4");
}

/// Saves after some steps, and stops there.
struct Stopper {
    after: usize,
    state: Vec<u8>,
}

impl TuneHooks for Stopper {
    fn seen(&mut self, step: &TuneStep) -> bool {
        step.step < self.after
    }

    fn save(&mut self, state: &TuneState<'_>) -> std::io::Result<()> {
        self.state.clear();
        state.write_to(&mut self.state)
    }
}

#[test]
fn what_was_stopped_goes_on_to_the_same_bits_and_a_state_of_something_else_is_refused() {
    for (name, model) in everywhere().into_iter().filter(|(name, _)| name.starts_with("Phi")) {
        for bias_only in [false, true] {
            let recipe = TuneRecipe { bias_only, ..recipe(9) };
            let whole = tune(&model, &text(), &recipe, &roomy(), &mut |_: &TuneStep| true).expect("tunes");
            let mut stopper = Stopper { after: 4, state: Vec::new() };
            let stopped = tune(&model, &text(), &recipe, &roomy(), &mut stopper).expect_err("stopped");
            assert_eq!(stopped.to_string(), "tuning the lens was stopped after step 4");
            let mut again = Stopper { after: 7, state: Vec::new() };
            resume_tuning(&model, &text(), &recipe, &roomy(), Cursor::new(&stopper.state), &mut again)
                .expect_err("stopped");
            let mut seen = Vec::new();
            let resumed =
                resume_tuning(&model, &text(), &recipe, &roomy(), Cursor::new(&again.state), &mut |step: &TuneStep| {
                    seen.push(step.step);
                    true
                });
            assert_eq!(seen, [8, 9], "{name}");
            assert_eq!(resumed.expect("tunes"), whole, "{name}");

            let fails = |recipe: &TuneRecipe, text: &[Passage], state: &[u8]| {
                resume_tuning(&model, text, recipe, &roomy(), Cursor::new(state), &mut |_: &TuneStep| true)
                    .expect_err("is of no use")
                    .to_string()
            };
            let other =
                "cannot resume training: the saved state is that of another configuration, recipe or set of examples";
            assert_eq!(fails(&TuneRecipe { seed: 8, ..recipe.clone() }, &text(), &again.state), other);
            assert_eq!(fails(&recipe, &text()[1..], &again.state), other);
            let damaged = "cannot resume training: the saved state is cut short or damaged";
            for at in [0, again.state.len() / 2, again.state.len() - 1] {
                let mut flipped = again.state.clone();
                flipped[at] ^= 1;
                assert_eq!(fails(&recipe, &text(), &flipped), damaged);
                assert_eq!(fails(&recipe, &text(), &again.state[..at]), damaged);
            }
        }
    }
}
