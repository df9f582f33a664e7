//! What a design can see: the power of McNemar's exact test, and the smallest difference that has enough of it.

use super::beta::tails;
use super::student::reach;
use super::{Crossed, Level, Pairs, StatsError, sign_test};

/// How often a test is to find a difference that is there, strictly between 0 and 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Power(f64);

impl Power {
    /// 80 %, the usual one.
    pub const P80: Self = Self(0.8);

    /// Takes a power such as 0.8; fails unless it lies strictly between 0 and 1.
    pub fn new(power: f64) -> Result<Self, StatsError> {
        if power > 0.0 && power < 1.0 { Ok(Self(power)) } else { Err(StatsError::Power(power)) }
    }

    /// Returns the power as a proportion, such as 0.8.
    pub fn fraction(self) -> f64 {
        self.0
    }
}

/// A comparison that is planned: two arms with one replicate each.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Design {
    /// Questions that both arms are to answer.
    pub questions: usize,
    /// The proportion of questions, from 0 to 1, on which exactly one of the two is expected to be right.
    pub discordant: f64,
}

impl Design {
    /// Returns how likely McNemar's exact test, at one minus the level, finds a true `difference` of proportions.
    ///
    /// Exact: over all numbers of discordant questions, each as likely as the binomial says, and the test's own rejections
    /// among them. A difference larger than the proportion of discordant questions makes all of it, and no more, discordant.
    pub fn power(self, difference: f64, level: Level) -> f64 {
        let difference = difference.abs().min(1.0);
        let discordant = self.discordant.clamp(0.0, 1.0).max(difference);
        if discordant <= 0.0 {
            return 0.0;
        }
        let (n, fraction) = (self.questions as f64, f64::midpoint(1.0, difference / discordant));
        let spread = (n * discordant * (1.0 - discordant)).sqrt();
        // Beyond nine deviations lies less than the rounding of the sum.
        let from = (n * discordant - 9.0 * spread - 9.0).floor().max(0.0) as usize;
        let to = ((n * discordant + 9.0 * spread + 9.0).ceil() as usize).min(self.questions);
        let mut critical = None;
        let mut sum = 0.0;
        for count in from..=to {
            critical = next_critical(critical, count, level);
            let Some(few) = critical else { continue };
            let (m, few) = (count as f64, few as f64);
            // The binomial's lower tails: few enough wins, and few enough losses.
            let rejected = tails(fraction, few + 1.0, m - few).1 + tails(1.0 - fraction, few + 1.0, m - few).1;
            sum += pmf(count, self.questions, discordant) * rejected;
        }
        sum.min(1.0)
    }

    /// Returns the smallest true difference that is found with the power; `None` where not even a difference of 1 is.
    pub fn detectable(self, level: Level, power: Power) -> Option<f64> {
        let reaches = |difference: f64| self.power(difference, level) >= power.fraction();
        if !reaches(1.0) {
            return None;
        }
        let (mut low, mut high) = (0.0, 1.0);
        while high - low > 1e-6 {
            let middle = 0.5 * (low + high);
            if reaches(middle) {
                high = middle;
            } else {
                low = middle;
            }
        }
        Some(high)
    }
}

/// Returns the smallest difference that a repetition of this comparison would find with the power.
///
/// With one replicate each it is [`Design::detectable`] with the observed proportion of discordant questions, of which two more
/// are assumed than were seen (as by Bonett & Price, 2012), so that arms which agree throughout promise nothing. With
/// several it is the error over questions and trainings times the sum of the quantiles of level and power. `None` where
/// not even a difference of 1 would be found.
pub fn detectable(pairs: &Pairs<'_>, level: Level, power: Power) -> Option<f64> {
    let crossed = (!pairs.once()).then(|| Crossed::of(pairs)).flatten();
    let found = if let Some(Crossed { error, freedom, .. }) = crossed {
        // The one-sided quantile of a power of 80 % is the two-sided one of 60 %.
        let fraction = power.fraction();
        let quantile = Level::new((2.0 * fraction - 1.0).abs()).map_or(0.0, |level| reach(level, freedom));
        Some((reach(level, freedom) + quantile.copysign(fraction - 0.5)) * error)
    } else {
        let (wins, losses) = pairs.wins_and_losses();
        let questions = pairs.questions();
        let discordant = (wins + losses + 2) as f64 / (questions + 2) as f64;
        Design { questions, discordant }.detectable(level, power)
    };
    found.filter(|difference| *difference <= 1.0)
}

/// The most wins or losses, of `count` discordant questions, that the test rejects with: given that of one question less.
fn next_critical(previous: Option<usize>, count: usize, level: Level) -> Option<usize> {
    let alpha = 1.0 - level.fraction();
    let rejects = |few: usize| 2 * few < count && sign_test(few, count - few) <= alpha;
    match previous {
        // One question more moves the border by one at most, and never back.
        Some(few) => Some(if rejects(few + 1) { few + 1 } else { few }),
        None => (0..count).take_while(|few| rejects(*few)).last(),
    }
}

/// The probability of `k` of `n`, each with `proportion`.
fn pmf(k: usize, n: usize, fraction: f64) -> f64 {
    let (k, n) = (k as f64, n as f64);
    let term = |count: f64, fraction: f64| if count == 0.0 { 0.0 } else { count * fraction.ln() };
    let choose = libm::lgamma(n + 1.0) - libm::lgamma(k + 1.0) - libm::lgamma(n - k + 1.0);
    (choose + term(k, fraction) + term(n - k, 1.0 - fraction)).exp()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Response, Responses};

    #[test]
    fn power_agrees_with_scipy() {
        // def power(n, psi, d, alpha):
        //     psi = max(psi, d); q = (1 + d / psi) / 2
        //     return sum(binom.pmf(m, n, psi) * sum(binom.pmf(k, m, q) for k in range(m + 1)
        //                if binomtest(k, m, 0.5).pvalue <= alpha) for m in range(1, n + 1))
        let cases: [(usize, f64, f64, f64, f64); 6] = [
            (552, 0.3, 0.06, 0.95, 0.708_089_730_082_341_7),
            (100, 0.1, 0.1, 0.95, 0.942_423_113_512_965_6),
            (100, 0.05, 0.2, 0.95, 0.999_981_319_933_699_3),
            (1221, 0.4, 0.05, 0.99, 0.558_378_513_942_881_7),
            (20, 0.9, 0.5, 0.95, 0.621_949_143_064_446_7),
            (552, 0.3, 0.0, 0.95, 0.041_585_951_004_955_574),
        ];
        for (questions, discordant, difference, level, expected) in cases {
            let found = Design { questions, discordant }.power(difference, Level::new(level).unwrap());
            assert!((found - expected).abs() < 1e-9, "{questions} {discordant} {difference}: {found} {expected}");
        }
    }

    #[test]
    fn the_smallest_difference_has_just_the_power() {
        for (questions, discordant) in [(552, 0.3), (100, 0.05), (1221, 0.4), (20, 0.9)] {
            let design = Design { questions, discordant };
            let found = design.detectable(Level::P95, Power::P80).unwrap();
            assert!(design.power(found, Level::P95) >= 0.8);
            assert!(design.power(found - 1e-5, Level::P95) < 0.8, "{design:?} {found}");
        }
        // Five questions cannot reject anything at 5 %.
        assert_eq!(Design { questions: 5, discordant: 1.0 }.detectable(Level::P95, Power::P80), None);
        assert_eq!(Design { questions: 0, discordant: 0.0 }.detectable(Level::P95, Power::P80), None);
    }

    #[test]
    fn a_comparison_tells_what_it_could_have_seen() {
        let arm = |right: &dyn Fn(usize) -> Vec<bool>| {
            let row = |q| Response { question: format!("{q:04}"), chance: Some(0.5), right: right(q) };
            Responses::new((0..552).map(row).collect()).unwrap()
        };
        let (a, b) = (arm(&|q| vec![q % 3 == 0]), arm(&|q| vec![q % 4 == 0]));
        let found = detectable(&Pairs::of(&a, &b).unwrap(), Level::P95, Power::P80).unwrap();
        let discordant = (0..552).filter(|q| (q % 3 == 0) != (q % 4 == 0)).count();
        let design = Design { questions: 552, discordant: (discordant + 2) as f64 / 554.0 };
        assert!((found - design.detectable(Level::P95, Power::P80).unwrap()).abs() < 1e-12);
        // Two trainings that lie far apart hide all but the largest differences.
        let (a, b) = (arm(&|q| vec![q % 3 == 0, q % 2 == 0]), arm(&|q| vec![q % 4 == 0, q % 2 == 0]));
        let few = detectable(&Pairs::of(&a, &b).unwrap(), Level::P95, Power::P80).unwrap();
        assert!(few > 3.0 * found, "{few} {found}");
    }

    #[test]
    fn a_power_lies_strictly_between_0_and_1() {
        for power in [0.0, 1.0, -0.5, 80.0, f64::NAN] {
            assert!(Power::new(power).is_err(), "{power}");
        }
    }
}
