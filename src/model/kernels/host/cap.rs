//! The cap on attention scores (Gemma Team 2024).

/// Replaces scores by `cap · tanh(score / cap)`, and gives the slope of that at each.
pub(crate) fn capped(scores: &mut [f32], cap: f32) -> Vec<f32> {
    let one = |score: &mut f32| {
        let share = libm::tanhf(*score / cap);
        *score = cap * share;
        1.0 - share * share
    };
    scores.iter_mut().map(one).collect()
}
