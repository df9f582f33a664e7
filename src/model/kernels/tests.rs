//! The fused operations of the CPU against the compositions that CUDA runs, both here on the CPU.

use burn::backend::Flex;
use burn_flex::FlexTensor;

use super::composed::{self, PaddedMemory};
use super::flex::{elements, tensor};
use super::{AdamWStep, AffineGrads, Heads, Kernels, Layout, Wanted};

const ALL: Wanted = Wanted { input: true, weights: true };

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
        let (weight, bias) = (noise(&[inner, outer], 3), noise(&[outer], 4));
        let residual = noise(&[tokens, outer], 5);
        for residual in [None, Some(&residual)] {
            let fused = Flex::affine(&x, &weight, &bias, residual);
            same("affine", &fused, &composed::affine::<Flex>(&x, &weight, &bias, residual), None);
        }
        let fused = Flex::affine_backward(&grad, &x, &weight, ALL);
        same_grads("affine gradients", &fused, &composed::affine_backward::<Flex>(&grad, &x, &weight, ALL));
        let (fused, slope) = Flex::affine_gelu(&x, &weight, &bias, true);
        let (plain, plain_slope) = composed::affine_gelu::<Flex>(&x, &weight, &bias, true);
        same("gelu", &fused, &plain, None);
        same("slope", &slope.expect("asked for"), &plain_slope.expect("asked for"), None);
        same("gelu alone", &Flex::affine_gelu(&x, &weight, &bias, false).0, &plain, None);
    }
}

#[test]
fn layer_norms_agree() {
    for [tokens, width] in [[1, 4], [65, 24], [200, 96]] {
        let (x, grad) = (noise(&[tokens, width], 1), noise(&[tokens, width], 2));
        let (gain, bias) = (noise(&[width], 3), noise(&[width], 4));
        let (fused, stats) = Flex::normalise(&x, &gain, &bias, 1e-5);
        let (plain, plain_stats) = composed::normalise::<Flex>(&x, &gain, &bias, 1e-5);
        same("layer norm", &fused, &plain, None);
        same("statistics", &stats, &plain_stats, None);
        let fused = Flex::normalise_backward(grad.clone(), &x, &stats, &gain, ALL);
        same_grads(
            "layer norm gradients",
            &fused,
            &composed::normalise_backward::<Flex>(&grad, &x, &plain_stats, &gain, ALL),
        );
    }
}

#[test]
fn attentions_agree() {
    for (count, width) in [(1, 4), (4, 24), (2, 32)] {
        let heads = Heads { count, width, scale: 0.3 };
        let d_model = heads.d_model();
        for layout in [Layout::padded_right(&[5, 40, 17]), Layout::padded_left(&[5, 40, 17]), Layout::packed(&[3])] {
            let (qkv, grad) = (noise(&[layout.tokens, 3 * d_model], 1), noise(&[layout.tokens, d_model], 2));
            // No gradient reaches a padded position.
            let mut grad = grad.clone();
            let live: Vec<usize> = layout.spans.iter().cloned().flatten().collect();
            for (row, grad) in grad.storage_mut::<f32>().chunks_exact_mut(d_model).enumerate() {
                if !live.contains(&row) {
                    grad.fill(0.0);
                }
            }
            let (fused, kept) = Flex::attend(&qkv, heads, &layout);
            let (plain, probabilities) = composed::attend::<Flex>(&qkv, heads, &layout);
            same("attention", &fused, &plain, Some(&layout));
            let fused = Flex::attend_backward(&grad, &qkv, &fused, &kept, heads, &layout);
            let plain = composed::attend_backward::<Flex>(&grad, &qkv, &probabilities, heads, &layout);
            same("attention gradient", &fused, &plain, Some(&layout));
        }
    }
}

#[test]
fn memories_agree() {
    let heads = Heads { count: 2, width: 6, scale: 0.4 };
    let layout = Layout::padded_left(&[4, 9, 1]);
    let mut fused = Flex::memory(3);
    let mut plain = PaddedMemory::<Flex>::new();
    let qkv = noise(&[layout.tokens, 36], 1);
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
        let qkv = noise(&[live, 36], step);
        let a = Flex::attend_cached(&qkv, heads, &layout, &mut fused);
        same("a later step", &a, &plain.attend(&qkv, heads, &layout), None);
    }
}

#[test]
fn rows_and_products_agree() {
    let table = noise(&[7, 5], 1);
    let indices = [3, 0, 6, 3, 3];
    same("picked rows", &Flex::pick_rows(&table, &indices), &composed::pick_rows::<Flex>(&table, &indices), None);
    let x = noise(&[5, 5], 2);
    same("added rows", &Flex::add_rows(&x, &indices, 9), &composed::add_rows::<Flex>(&x, &indices, 9), None);
    for (a_transposed, b_transposed) in [(false, false), (false, true), (true, false)] {
        let fused = Flex::product(&x, a_transposed, &x, b_transposed);
        same("product", &fused, &composed::product::<Flex>(&x, a_transposed, &x, b_transposed), None);
    }
}

#[test]
fn cross_entropies_agree() {
    let logits = noise(&[6, 37], 1);
    let targets = [0, 36, 5, 5, 17, 20];
    let (fused, slope) = Flex::cross_entropy(logits.clone(), &targets, 0.25);
    let (plain, plain_slope) = composed::cross_entropy::<Flex>(&logits, &targets, 0.25);
    same("cross-entropy", &fused, &plain, None);
    same("its gradient", &slope, &plain_slope, None);
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
