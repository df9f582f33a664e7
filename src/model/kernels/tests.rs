//! The fused operations of the CPU against the compositions that CUDA runs, both here on the CPU.

use burn_flex::Flex;
use burn_flex::FlexTensor;
use burn_tensor::ops::FloatTensorOps;

use super::composed;
use super::distributions;
use super::flex::{elements, tensor};
use super::long;
use super::narrow_moments;
use super::padded::PaddedMemory;
use super::{
    Activation, AdamWStep, AffineGrads, Dropout, Form, Heads, Kernels, Layout, Major, Narrow, Normal, Precision,
    RequiresGrad, Rotation, SURVEY, Targets,
};

const ALL: RequiresGrad = RequiresGrad { input: true, weight: true, bias: true };

/// Numbers that look random, between -1 and 1.
fn noise(shape: &[usize], seed: u32) -> FlexTensor {
    let mut state = seed.wrapping_mul(2_654_435_769).wrapping_add(12345);
    let data = (0..shape.iter().product()).map(|_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / (1 << 23) as f32 - 1.0
    });
    tensor(data.collect(), shape)
}

/// Compares two tensors on the rows of `layout`, or on all rows.
fn same(what: &str, a: &FlexTensor, b: &FlexTensor, layout: Option<&Layout>) {
    let (a, b) = (elements(a), elements(b));
    assert_eq!(a.len(), b.len(), "{what}");
    let width = layout.map_or(a.len(), |layout| a.len() / layout.tokens);
    let rows = layout.map_or_else(|| std::iter::once(0..1).collect(), |layout| layout.spans.clone());
    for row in rows.into_iter().flatten() {
        for (a, b) in a[row * width..(row + 1) * width].iter().zip(&b[row * width..(row + 1) * width]) {
            assert!((a - b).abs() < 2e-5 + 2e-5 * b.abs(), "{what}: {a} and {b} in row {row}");
        }
    }
}

fn same_grads(what: &str, a: &AffineGrads<Flex>, b: &AffineGrads<Flex>) {
    for (a, b) in [(&a.input, &b.input), (&a.weight, &b.weight), (&a.bias, &b.bias)] {
        same(what, a.as_ref().expect("asked for"), b.as_ref().expect("asked for"), None);
    }
}

#[test]
fn affine_operations_agree() {
    for [tokens, inner, outer] in [[1, 3, 5], [70, 24, 16], [130, 33, 96]] {
        let (x, grad) = (noise(&[tokens, inner], 1), noise(&[tokens, outer], 2));
        let (bias, residual) = (noise(&[outer], 4), noise(&[tokens, outer], 5));
        for (major, shape) in [(Major::Input, [inner, outer]), (Major::Output, [outer, inner])] {
            let weight = noise(&shape, 3);
            let form = Form { major, precision: Precision::F32, generating: false };
            for bias in [None, Some(&bias)] {
                for residual in [None, Some(&residual)] {
                    let fused = Flex::affine(&x, &weight, form, bias, residual);
                    let plain = composed::affine::<Flex>(&x, &weight, form, bias, residual);
                    same("affine", &fused, &plain, None);
                }
            }
            let fused = Flex::affine_backward(&grad, &x, &weight, form, ALL);
            let plain = composed::affine_backward::<Flex>(&grad, &x, &weight, form, ALL);
            same_grads("affine gradients", &fused, &plain);
            for activation in [Activation::GeluTanh, Activation::Gelu, Activation::Silu, Activation::Relu] {
                let (fused, gradient) = Flex::affine_activated(&x, &weight, form, &bias, activation, true);
                let (plain, plain_gradient) =
                    composed::affine_activated::<Flex>(&x, &weight, form, &bias, activation, true);
                same("activated", &fused, &plain, None);
                same("gradient", &gradient.expect("asked for"), &plain_gradient.expect("asked for"), None);
                let alone = Flex::affine_activated(&x, &weight, form, &bias, activation, false).0;
                same("activated alone", &alone, &plain, None);
            }
        }
    }
}

#[test]
fn gates_agree() {
    for activation in [Activation::GeluTanh, Activation::Gelu, Activation::Silu, Activation::Relu] {
        let (x, grad) = (noise(&[70, 48], 1), noise(&[70, 24], 2));
        let plain = composed::gated::<Flex>(&x, activation);
        same("gate", &Flex::gated(&x, activation), &plain, None);
        let plain = composed::gated_backward::<Flex>(&grad, &x, activation);
        same("its gradient", &Flex::gated_backward(&grad, &x, activation), &plain, None);
    }
}

#[test]
fn norms_agree() {
    for [tokens, width] in [[1, 4], [65, 24], [200, 96]] {
        let (x, grad) = (noise(&[tokens, width], 1), noise(&[tokens, width], 2));
        let (gain, bias) = (noise(&[width], 3), noise(&[width], 4));
        for (centred, offset, bias) in [(true, 0.0, Some(&bias)), (false, 0.0, None), (false, 1.0, None)] {
            let normal = Normal { epsilon: 1e-5, centred, offset };
            let (fused, stats) = Flex::normalise(&x, &gain, bias, normal);
            let (plain, plain_stats) = composed::normalise::<Flex>(&x, &gain, bias, normal);
            same("norm", &fused, &plain, None);
            same("statistics", &stats, &plain_stats, None);
            let fused = Flex::normalise_backward(grad.clone(), &x, &stats, &gain, normal, ALL);
            let plain = composed::normalise_backward::<Flex>(&grad, &x, &plain_stats, &gain, normal, ALL);
            same_grads("norm gradients", &fused, &plain);
        }
    }
}

#[test]
fn rotations_agree_and_undo_each_other() {
    let heads = Heads { count: 4, kv_count: 2, width: 10, scale: 1.0, window: None, cap: None };
    for pairs in [2, 5] {
        let angles: Vec<f32> = (0..30 * pairs).map(|i| i as f32 * 0.37).collect();
        let table = |f: fn(f32) -> f32| tensor(angles.iter().map(|&angle| f(angle)).collect(), &[30, pairs]);
        let rotation = Rotation::<Flex> { cosines: table(f32::cos), sines: table(f32::sin), pairs };
        let qkv = noise(&[30, heads.qkv_width()], 1);
        let rotated = Flex::rotate(qkv.clone(), heads, &rotation, false);
        same("rotation", &rotated, &composed::rotate::<Flex>(&qkv, heads, &rotation, false), None);
        let plain = composed::rotate::<Flex>(&rotated, heads, &rotation, true);
        same("its gradient", &Flex::rotate(rotated, heads, &rotation, true), &plain, None);
        same("there and back", &plain, &qkv, None);
    }
}

#[test]
fn dropouts_agree() {
    let dropout = Dropout { rate: 0.3, seed: 7 };
    let x = noise(&[40, 24], 1);
    same("dropout", &Flex::dropped(x.clone(), dropout), &composed::dropped::<Flex>(&x, dropout), None);
}

#[test]
fn attentions_agree() {
    for (count, kv_count, width, window, cap) in [
        (1, 1, 4, None, None),
        (4, 4, 24, None, None),
        (4, 2, 16, None, Some(0.4)),
        (4, 1, 32, Some(3), None),
        (2, 2, 8, Some(16), Some(1.5)),
    ] {
        let heads = Heads { count, kv_count, width, scale: 0.3, window, cap };
        for layout in [Layout::padded_right(&[5, 40, 17]), Layout::padded_left(&[5, 40, 17]), Layout::packed(&[3])] {
            for dropout in [None, Some(Dropout { rate: 0.25, seed: 3 })] {
                let qkv = noise(&[layout.tokens, heads.qkv_width()], 1);
                let mut grad = noise(&[layout.tokens, heads.query_width()], 2);
                // No gradient reaches a padded position.
                let live: Vec<usize> = layout.spans.iter().cloned().flatten().collect();
                for (row, grad) in grad.storage_mut::<f32>().chunks_exact_mut(heads.query_width()).enumerate() {
                    if !live.contains(&row) {
                        grad.fill(0.0);
                    }
                }
                let (fused, kept) = Flex::attend(&qkv, heads, &layout, dropout);
                let (plain, probabilities) = composed::attend::<Flex>(&qkv, heads, &layout, dropout);
                same("attention", &fused, &plain, Some(&layout));
                let fused = Flex::attend_backward(&grad, &qkv, &fused, &kept, heads, &layout, dropout);
                let plain = composed::attend_backward::<Flex>(&grad, &qkv, &probabilities, heads, &layout, dropout);
                same("attention gradient", &fused, &plain, Some(&layout));
            }
        }
    }
}

#[test]
fn memories_agree() {
    for (count, kv_count, window, cap) in [(2, 2, None, None), (4, 2, Some(3), None), (4, 2, None, Some(0.3))] {
        let heads = Heads { count, kv_count, width: 6, scale: 0.4, window, cap };
        let layout = Layout::padded_left(&[4, 9, 1]);
        let mut fused = Flex::memory(3);
        let mut plain = PaddedMemory::<Flex>::new();
        let qkv = noise(&[layout.tokens, heads.qkv_width()], 1);
        let a = Flex::attend_cached(&qkv, heads, &layout, &mut fused);
        same("first pass", &a, &plain.attend(&qkv, heads, &layout), Some(&layout));
        let mut live = 3;
        for step in 2..7 {
            if step == 4 {
                Flex::retain(&mut fused, &[0, 2]);
                plain.retain(&[0, 2]);
                live = 2;
            }
            let layout = Layout::packed(&vec![1; live]);
            let qkv = noise(&[live, heads.qkv_width()], step);
            let a = Flex::attend_cached(&qkv, heads, &layout, &mut fused);
            same("a later step", &a, &plain.attend(&qkv, heads, &layout), None);
        }
    }
}

#[test]
fn rows_agree() {
    let table = noise(&[7, 5], 1);
    let indices = [3, 0, 6, 3, 3];
    same("picked rows", &Flex::pick_rows(&table, &indices), &composed::pick_rows::<Flex>(&table, &indices), None);
    let x = noise(&[5, 5], 2);
    let plain = composed::add_rows::<Flex>(&table, &x, &indices);
    same("added rows", &Flex::add_rows(table, &x, &indices), &plain, None);
}

/// Each row's cross-entropy times its weight, summed and scaled, in double precision.
fn naive_cross_entropy(logits: &[f64], targets: &[u32], weights: &[f32], scale: f64) -> f64 {
    let rows = logits.chunks(logits.len() / targets.len()).zip(targets).zip(weights);
    let row = |((row, &target), &weight): ((&[f64], &u32), &f32)| {
        f64::from(weight) * (row.iter().map(|x| x.exp()).sum::<f64>().ln() - row[target as usize])
    };
    rows.map(row).sum::<f64>() * scale
}

#[test]
fn cross_entropies_agree_with_each_other_and_with_finite_differences() {
    let logits = noise(&[6, 37], 1);
    let targets = [0, 36, 5, 5, 17, 20];
    let exact: Vec<f64> = elements(&logits).iter().map(|&x| f64::from(x)).collect();
    for weights in [None, Some([1.0, 0.5, 2.0, 0.25, 0.0, 3.0])] {
        let given = weights.as_ref().map(<[f32; 6]>::as_slice);
        let (fused, gradient) = Flex::cross_entropy(logits.clone(), &targets, given, 0.25);
        let (plain, plain_gradient) = composed::cross_entropy::<Flex>(&logits, &targets, given, 0.25);
        same("cross-entropy", &fused, &plain, None);
        same("its gradient", &gradient, &plain_gradient, None);
        let weights = weights.unwrap_or([1.0; 6]);
        let naive = |logits: &[f64]| naive_cross_entropy(logits, &targets, &weights, 0.25);
        assert!((f64::from(elements(&fused)[0]) - naive(&exact)).abs() < 1e-5 * naive(&exact));
        for (i, &gradient) in elements(&gradient).iter().enumerate() {
            let at = |step: f64| {
                let mut moved = exact.clone();
                moved[i] += step;
                naive(&moved)
            };
            let found = (at(1e-4) - at(-1e-4)) / 2e-4;
            assert!((found - f64::from(gradient)).abs() < 1e-6, "element {i}: {gradient}, by differences {found}");
        }
    }
}

#[test]
fn optimisers_agree() {
    let step = AdamWStep {
        lr: 0.01,
        decay: 0.1,
        beta1: 0.9,
        beta2: 0.99,
        epsilon: 1e-8,
        correction1: 0.1,
        correction2: 0.01,
        grad_scale: 0.5,
    };
    let (weight, grad) = (noise(&[9, 7], 1), noise(&[9, 7], 2));
    let (first, second) = (noise(&[9, 7], 3), Flex::multiply(noise(&[9, 7], 4), &noise(&[9, 7], 4)));
    let fused = Flex::adamw(weight.clone(), &grad, first.clone(), second.clone(), &step);
    let plain = composed::adamw::<Flex>(weight.clone(), &grad, first, second, &step);
    same("weight", &fused.0, &plain.0, None);
    same("first moment", &fused.1, &plain.1, None);
    same("second moment", &fused.2, &plain.2, None);
    let (a, b) = (Flex::sum_squares(&[weight.clone(), grad.clone()]), composed::sum_squares::<Flex>(&[weight, grad]));
    assert!((a - b).abs() < 1e-4 * b);
}

/// Of each row of a survey of one block: the largest logit and `factor` over the sum, its own and then the final one's.
fn distributions_of(survey: &FlexTensor, factor: f32) -> Vec<f32> {
    let rows = elements(survey);
    rows.chunks_exact(SURVEY).flat_map(|row| [row[1], factor / row[2], row[4], factor / row[5]]).collect()
}

#[test]
fn surveys_and_gradients_of_divergences_agree() {
    for [rows, vocab] in [[1, 5], [3, 33], [70, 120]] {
        let scaled = |seed| {
            let mut logits = noise(&[rows, vocab], seed);
            logits.storage_mut::<f32>().iter_mut().for_each(|logit| *logit *= 6.0);
            logits
        };
        let (logits, finals) = (scaled(1), scaled(2));
        let targets: Vec<u32> = (0..rows).map(|row| (row * 7 % vocab) as u32).collect();
        let chosen = Flex::pick_columns(&logits, &targets);
        same("columns", &chosen, &distributions::pick_columns::<Flex>(&logits, &targets), None);
        let fused = Flex::survey(&logits, &finals, &chosen);
        same("survey", &fused, &distributions::survey::<Flex>(&logits, &finals, &chosen), None);
        for (row, found) in elements(&fused).chunks_exact(SURVEY).enumerate() {
            // Written out in double precision.
            let of = |tensor: &FlexTensor| -> Vec<f64> {
                elements(tensor)[row * vocab..(row + 1) * vocab].iter().map(|&z| f64::from(z)).collect()
            };
            let (own, last, target) = (of(&logits), of(&finals), targets[row] as usize);
            let top = (0..vocab).max_by(|&a, &b| own[a].total_cmp(&own[b])).expect("a vocabulary");
            let (most, last_most) = (own[top], last.iter().copied().fold(f64::NEG_INFINITY, f64::max));
            let pairs = || own.iter().zip(&last).map(|(z, f)| (z - most, f - last_most));
            let required = [
                top as f64,
                most,
                pairs().map(|(z, _)| z.exp()).sum(),
                pairs().map(|(z, _)| z.exp() * z).sum(),
                last_most,
                pairs().map(|(_, f)| f.exp()).sum(),
                pairs().map(|(z, f)| f.exp() * (f - z)).sum(),
                own.iter().filter(|z| **z > own[target]).count() as f64,
                own[target],
            ];
            for (found, required) in found.iter().zip(required) {
                assert!(
                    (f64::from(*found) - required).abs() < 1e-5 * (1.0 + required.abs()),
                    "{found}, not {required}"
                );
            }
        }
        let itself = Flex::survey(&logits, &logits, &chosen);
        assert!(
            elements(&itself).chunks_exact(SURVEY).all(|row| row[6].abs().to_bits() == 0),
            "no distance from itself"
        );

        // The sums of both rows, as the surveys above have them: of all columns at once.
        let sums: Vec<f32> = distributions_of(&distributions::survey::<Flex>(&logits, &finals, &chosen), 0.3);
        let sums = tensor(sums, &[rows, 4]);
        let gradient = Flex::divergence_backward(logits.clone(), &finals, &sums);
        same("gradient", &gradient, &distributions::divergence_backward::<Flex>(&logits, &finals, &sums), None);
        // Of a part of the columns it is a part of the whole.
        let part = |x: &FlexTensor| {
            <Flex as FloatTensorOps<Flex>>::float_slice(x.clone(), &[(0..rows).into(), (2..5_usize).into()])
        };
        same("part", &Flex::divergence_backward(part(&logits), &part(&finals), &sums), &part(&gradient), None);
        // By finite differences, in double precision.
        let (row, column, step) = (rows - 1, vocab / 2, 1e-4);
        let moved = |by: f64| {
            let of = |tensor: &FlexTensor| -> Vec<f64> {
                elements(tensor)[row * vocab..].iter().map(|&z| f64::from(z)).collect()
            };
            let (mut own, last) = (of(&logits), of(&finals));
            own[column] += by;
            let log = |row: &[f64]| row.iter().map(|z| z.exp()).sum::<f64>().ln();
            let (own_log, last_log) = (log(&own), log(&last));
            own.iter().zip(&last).map(|(z, f)| (f - last_log).exp() * (f - last_log - z + own_log)).sum::<f64>()
        };
        let by_difference = 0.3 * (moved(step) - moved(-step)) / (2.0 * step);
        let found = f64::from(elements(&gradient)[row * vocab + column]);
        assert!((by_difference - found).abs() < 2e-6, "{found}, not {by_difference}");
    }
}

#[test]
fn attention_over_several_blocks_of_queries_agrees_and_goes_on_as_in_one() {
    for (count, kv_count, window, cap) in [(2, 1, None, None), (2, 2, Some(300), Some(0.7)), (1, 1, Some(5), None)] {
        let heads = Heads { count, kv_count, width: 8, scale: 0.3, window, cap };
        let layout = Layout::padded_right(&[600, 513]);
        let qkv = noise(&[layout.tokens, heads.qkv_width()], 1);
        let mut grad = noise(&[layout.tokens, heads.query_width()], 2);
        grad.storage_mut::<f32>()[1113 * heads.query_width()..].fill(0.0);
        for dropout in [None, Some(Dropout { rate: 0.25, seed: 3 })] {
            let (fused, kept) = Flex::attend(&qkv, heads, &layout, dropout);
            let (plain, probabilities) = composed::attend::<Flex>(&qkv, heads, &layout, dropout);
            same("attention", &fused, &plain, Some(&layout));
            let made = Flex::attend_backward(&grad, &qkv, &fused, &kept, heads, &layout, dropout);
            let plain = composed::attend_backward::<Flex>(&grad, &qkv, &probabilities, heads, &layout, dropout);
            same("attention gradient", &made, &plain, Some(&layout));
            // What the first queries give is the same when none follow.
            let short = Layout { spans: std::iter::once(0..200).collect(), tokens: 200, width: Some(200) };
            let first = tensor(elements(&qkv)[..200 * heads.qkv_width()].to_vec(), &[200, heads.qkv_width()]);
            let (alone, _) = Flex::attend(&first, heads, &short, dropout);
            assert_eq!(elements(&alone)[..], elements(&fused)[..200 * heads.query_width()]);
        }
    }
}

#[test]
fn attention_over_long_sequences_agrees() {
    for (count, kv_count, window, cap) in [(2, 1, None, None), (2, 2, Some(300), Some(0.7))] {
        let heads = Heads { count, kv_count, width: 8, scale: 0.3, window, cap };
        for layout in [Layout::padded_right(&[1100, 700]), Layout::padded_left(&[1100, 700])] {
            let qkv = noise(&[layout.tokens, heads.qkv_width()], 1);
            let mut grad = noise(&[layout.tokens, heads.query_width()], 2);
            let live: Vec<usize> = layout.spans.iter().cloned().flatten().collect();
            for (row, grad) in grad.storage_mut::<f32>().chunks_exact_mut(heads.query_width()).enumerate() {
                if !live.contains(&row) {
                    grad.fill(0.0);
                }
            }
            for dropout in [None, Some(Dropout { rate: 0.25, seed: 3 })] {
                let (fused, kept) = Flex::attend(&qkv, heads, &layout, dropout);
                let (plain, _) = long::attend::<Flex>(&qkv, heads, &layout, dropout);
                same("attention", &fused, &plain, Some(&layout));
                let made = Flex::attend_backward(&grad, &qkv, &fused, &kept, heads, &layout, dropout);
                let plain = long::attend_backward::<Flex>(&grad, &qkv, heads, &layout, dropout);
                same("attention gradient", &made, &plain, Some(&layout));
            }
        }
    }
}

/// Five steps with moments kept as `narrow` makes them, fused and composed.
fn five_steps(narrow: Option<fn(usize, bool) -> Narrow>) -> [Vec<f32>; 2] {
    const COUNT: usize = 5120;
    let mut weights = [noise(&[COUNT], 1), noise(&[COUNT], 1)];
    let zeros = || tensor(vec![0.0; COUNT], &[COUNT]);
    let mut whole = [[zeros(), zeros()], [zeros(), zeros()]];
    let mut moments = narrow.map(|make| [true, false].map(|_| [make(COUNT, true), make(COUNT, false)]));
    for t in 1..=5 {
        let rise = |i: usize| 10.0_f64.powf(-3.0 + 3.0 * i as f64 / (COUNT - 1) as f64) as f32;
        let grad = elements(&noise(&[COUNT], 10 + t)).iter().enumerate().map(|(i, x)| x * rise(i)).collect();
        let grad = tensor(grad, &[COUNT]);
        let power = i32::try_from(t).expect("few");
        let step = AdamWStep {
            lr: 1e-2,
            decay: 0.1,
            beta1: 0.9,
            beta2: 0.99,
            epsilon: 1e-8,
            correction1: (1.0 - 0.9_f64.powi(power)) as f32,
            correction2: (1.0 - 0.99_f64.powi(power)) as f32,
            grad_scale: 1.0,
        };
        for (fused, weight) in [true, false].into_iter().zip(&mut weights) {
            let at = usize::from(!fused);
            let old = weight.clone();
            *weight = if let Some(moments) = &mut moments {
                let [first, second] = &mut moments[at];
                if fused {
                    Flex::adamw_narrow(old, &grad, first, second, &step)
                } else {
                    narrow_moments::adamw::<Flex>(old, first, second, |old, first, second| {
                        Flex::adamw(old, &grad, first, second, &step)
                    })
                }
            } else {
                let [first, second] = whole[at].clone();
                let made = if fused {
                    Flex::adamw(old, &grad, first, second, &step)
                } else {
                    composed::adamw::<Flex>(old, &grad, first, second, &step)
                };
                whole[at] = [made.1, made.2];
                made.0
            };
        }
    }
    weights.map(|weight| elements(&weight).to_vec())
}

#[test]
fn steps_of_adamw_are_those_of_a_reference() {
    // The same five steps in PyTorch 2.15: `torch.optim.AdamW`; with moments rounded to bf16 after each step; and with moments
    // quantised by the map of bitsandbytes' `create_dynamic_map` in blocks of 256. Elements, and the sum of all changes.
    type Make = fn(usize, bool) -> Narrow;
    let cases: [(Option<Make>, [f32; 5], f64); 3] = [
        (None, [-0.855_953_2, 0.266_438_25, 0.784_931_5, -0.781_504_75, 0.238_722_8], 114.582_924),
        (
            Some(|count, _| Narrow::brain(count)),
            [-0.855_967, 0.266_402_5, 0.784_924_27, -0.781_488_2, 0.238_677_58],
            114.582_917,
        ),
        (Some(Narrow::bytes), [-0.855_540_6, 0.266_408_15, 0.785_135_2, -0.781_795_3, 0.238_667_52], 114.551_872),
    ];
    let start = noise(&[5120], 1);
    for (make, expected, changed) in cases {
        for found in five_steps(make) {
            for (i, expected) in [0, 1, 777, 2560, 5119].into_iter().zip(expected) {
                assert!((found[i] - expected).abs() < 2e-6, "element {i}: {}, not {expected}", found[i]);
            }
            let sum: f64 = found.iter().zip(elements(&start).iter()).map(|(a, b)| f64::from((a - b).abs())).sum();
            assert!((sum - changed).abs() < 2e-3, "{sum}, not {changed}");
        }
    }
}

#[test]
fn narrow_moments_are_saved_and_come_back_the_same() {
    for signed in [true, false] {
        let wide: Vec<f32> =
            elements(&noise(&[1000], 4)).iter().map(|x| if signed { x.powi(5) } else { x.abs() * 1e-9 }).collect();
        for mut narrow in [Narrow::brain(1000), Narrow::bytes(1000, signed)] {
            narrow.set(&wide);
            for (wide, kept) in wide.iter().zip(narrow.wide()) {
                // The widest gap between values is that below the largest but one, of a block's largest magnitude.
                let most = wide.abs().max(if signed { 0.015 } else { 0.008e-9 });
                assert!((wide - kept).abs() <= 0.12 * most, "{wide} became {kept}");
            }
            let mut again = match &narrow {
                Narrow::Brain(_) => Narrow::brain(1000),
                Narrow::Bytes { .. } => Narrow::bytes(1000, signed),
            };
            assert_ne!(again, narrow);
            again.restore(&narrow.saved());
            again.restore_scales(narrow.scales());
            assert_eq!(again, narrow);
        }
    }
    // Zeros stay zeros, whatever their block's scale.
    let mut zeros = Narrow::bytes(300, true);
    zeros.set(&[0.0; 300]);
    assert_eq!(zeros.wide(), [0.0; 300]);
}

#[test]
fn a_loss_weighted_by_confidence_is_that_of_torch() {
    // -(weights * p.detach() * log p).sum() * 0.4 in PyTorch 2.15
    let logits = [0.3, -1.2, 0.8, 2.0, -0.5, 1.5, 0.2, -0.7, 0.1, 0.9, -2.0, 0.4, 1.1, 0.3, -0.1];
    let gradients = [
        0.008_525_56,
        0.001_902_31,
        -0.060_927_115,
        0.046_668_466,
        0.003_830_781,
        -0.049_663_473,
        0.011_482_462,
        0.004_668_42,
        0.010_389_763,
        0.023_122_838,
        0.002_066_021,
        0.022_774_115,
        0.045_861_434,
        0.020_606_872,
        -0.091_308_43,
    ];
    let logits = tensor(logits.to_vec(), &[3, 5]);
    let (ids, own) = ([2, 0, 4], [1.0, 0.5, 2.0]);
    let plain = super::confidence::target_probabilities::<Flex>(&logits, &ids);
    for (fused, plain) in Flex::target_probabilities(&logits, &ids).iter().zip(&plain) {
        assert!((fused - plain).abs() < 1e-6);
    }
    let targets = Targets { ids: &ids, by_confidence: true, weights: Some(&own), scale: 0.4, taught: None };
    let weights = super::tracked::confident::<Flex>(&logits, targets);
    let (loss, gradient) = Flex::cross_entropy(logits, &ids, Some(&weights), 0.4);
    assert!((elements(&loss)[0] - 0.410_366_74).abs() < 1e-6);
    for (found, expected) in elements(&gradient).iter().zip(gradients) {
        assert!((found - expected).abs() < 1e-6, "{found}, not {expected}");
    }
}
