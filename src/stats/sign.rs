//! The exact sign test, which for right and wrong answers is McNemar's exact test.

/// Returns the two-sided p value of `wins` against `losses` when either is equally likely; 1 without any of them.
///
/// p = min(1, 2 · P(X ≤ min(wins, losses))) with X ~ Binomial(wins + losses, ½). On the discordant pairs of two arms
/// with one replicate each this is the exact McNemar test (McNemar, 1947).
pub fn sign_test(wins: usize, losses: usize) -> f64 {
    let (few, all) = (wins.min(losses), wins + losses);
    if wins == losses {
        return 1.0;
    }
    // The largest term of the tail in logarithms, and the tail relative to it: neither under- nor overflows.
    let mut log_largest = -(all as f64) * std::f64::consts::LN_2;
    for k in 1..=few {
        log_largest += ((all - k + 1) as f64 / k as f64).ln();
    }
    let (mut term, mut tail) = (1.0, 1.0);
    for k in (1..=few).rev() {
        term *= k as f64 / (all - k + 1) as f64;
        tail += term;
    }
    (2.0 * log_largest.exp() * tail).min(1.0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn p_values_agree_with_statsmodels() {
        // statsmodels.stats.contingency_tables.mcnemar([[0, b], [c, 0]], exact=True).pvalue
        // (and scipy.stats.binomtest(min(b, c), b + c, 0.5).pvalue, which is the same)
        let cases = [
            (1, 0, 1.0),
            (5, 5, 1.0),
            (0, 9, 0.003_906_25),
            (10, 2, 0.038_574_218_75),
            (59, 37, 0.031_548_120_253_733_51),
            (121, 59, 4.434_449_263_755_164_5e-6),
            (2000, 1500, 2.942_363_832_253_349e-17),
            (700, 0, 3.802_183_132_590_32e-211),
        ];
        for (wins, losses, expected) in cases {
            let found = sign_test(wins, losses);
            assert!((found / expected - 1.0).abs() < 1e-9, "{wins} {losses}: {found} {expected}");
        }
        assert!((sign_test(0, 0) - 1.0).abs() < 1e-15);
    }

    proptest! {
        #[test]
        fn p_is_a_probability_and_knows_no_side(wins in 0usize..3000, losses in 0usize..3000) {
            let p = sign_test(wins, losses);
            prop_assert!((0.0..=1.0).contains(&p));
            prop_assert_eq!(p.to_bits(), sign_test(losses, wins).to_bits());
        }
    }
}
