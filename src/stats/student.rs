//! Student's t distribution.

use super::Level;
use super::beta::{inverse, tails};

/// Returns the two-sided tail probability beyond ±`t`, with `freedom` degrees of freedom above zero.
pub(super) fn two_sided(t: f64, freedom: f64) -> f64 {
    tails(freedom / (freedom + t * t), freedom / 2.0, 0.5).0
}

/// Returns the upper tail probability at `t`.
pub(super) fn upper(t: f64, freedom: f64) -> f64 {
    let half = two_sided(t, freedom) / 2.0;
    if t >= 0.0 { half } else { 1.0 - half }
}

/// Returns how many standard errors a two-sided interval reaches.
pub(super) fn reach(level: Level, freedom: f64) -> f64 {
    reach_of(level.tail(), freedom)
}

/// Returns how many standard errors a two-sided interval reaches that leaves out a fraction `tail` on each side.
pub(super) fn reach_of(tail: f64, freedom: f64) -> f64 {
    let x = inverse(2.0 * tail, freedom / 2.0, 0.5);
    (freedom * (1.0 - x) / x).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tails_and_quantiles_agree_with_scipy() {
        // [(t, n, 2 * scipy.stats.t.sf(abs(t), n), scipy.stats.t.ppf(0.975, n))
        //  for t, n in ((0, 3), (2, 1), (2.5, 4), (-1.1, 7.3), (3.3, 551), (9, 12), (1.96, 1e6))]
        let cases: [(f64, f64, f64, f64); 7] = [
            (0.0, 3.0, 1.0, 3.182_446_305_283_707_8),
            (2.0, 1.0, 0.295_167_235_300_866_5, 12.706_204_736_174_694),
            (2.5, 4.0, 0.066_766_544_811_988_14, 2.776_445_105_197_793_4),
            (-1.1, 7.3, 0.306_278_525_086_978_17, 2.345_066_736_547_703),
            (3.3, 551.0, 0.001_029_348_865_109_283_7, 1.964_278_689_005_177),
            (9.0, 12.0, 1.104_090_140_587_179e-6, 2.178_812_829_667_228_4),
            (1.96, 1_000_000.0, 0.049_996_067_585_269_85, 1.959_966_356_814_107),
        ];
        for (t, freedom, p, quantile) in cases {
            assert!((two_sided(t, freedom) - p).abs() <= 1e-9 * p, "{t} {freedom}: {} {p}", two_sided(t, freedom));
            let found = reach(Level::P95, freedom);
            assert!((found - quantile).abs() <= 1e-9 * quantile, "{freedom}: {found} {quantile}");
            assert!((upper(t, freedom) + upper(-t, freedom) - 1.0).abs() < 1e-12);
        }
    }
}
