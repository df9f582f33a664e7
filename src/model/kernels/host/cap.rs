//! The cap on attention scores (Gemma Team 2024).

/// Replaces scores by `cap · tanh(score / cap)`, and gives the derivative of that at each.
pub(crate) fn capped(scores: &mut [f32], cap: f32) -> Vec<f32> {
    let one = |score: &mut f32| {
        let tanh = libm::tanhf(*score / cap);
        *score = cap * tanh;
        1.0 - tanh * tanh
    };
    scores.iter_mut().map(one).collect()
}
