//! Confidence levels and the normal quantile.

use super::StatsError;

/// A confidence level strictly between 0 and 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Level(f64);

impl Level {
    /// 95 %, the usual one.
    pub const P95: Self = Self(0.95);

    /// Takes a level such as 0.95; fails unless it lies strictly between 0 and 1.
    pub fn new(level: f64) -> Result<Self, StatsError> {
        if level > 0.0 && level < 1.0 { Ok(Self(level)) } else { Err(StatsError::Level(level)) }
    }

    /// Returns the level as a fraction, such as 0.95.
    pub fn fraction(self) -> f64 {
        self.0
    }

    /// Returns the fraction that lies outside on each side, such as 0.025.
    pub(super) fn tail(self) -> f64 {
        (1.0 - self.0) / 2.0
    }

    /// Returns the level of the two-sided interval that belongs to a one-sided test at this one: 90 % for 95 %.
    pub(super) fn one_sided(self) -> Self {
        Self((2.0 * self.0 - 1.0).max(f64::MIN_POSITIVE))
    }

    /// Returns how many standard deviations a two-sided normal interval reaches, such as 1.96.
    pub(super) fn z(self) -> f64 {
        -quantile(self.tail())
    }
}

impl Default for Level {
    fn default() -> Self {
        Self::P95
    }
}

/// Returns the upper tail probability of the standard normal distribution at `z`.
pub(super) fn upper_tail(z: f64) -> f64 {
    libm::erfc(z * std::f64::consts::FRAC_1_SQRT_2) / 2.0
}

fn polynomial(coefficients: &[f64], at: f64) -> f64 {
    coefficients.iter().rev().fold(0.0, |sum, coefficient| sum * at + coefficient)
}

/// Returns the standard normal quantile of a probability in (0, 1), to about 1 part in 10¹⁶.
///
/// Algorithm AS 241, PPND16 (Wichura, 1988, Applied Statistics 37).
fn quantile(probability: f64) -> f64 {
    const A: [f64; 8] = [
        3.387_132_872_796_366_5,
        133.141_667_891_784_38,
        1_971.590_950_306_551_3,
        13_731.693_765_509_46,
        45_921.953_931_549_87,
        67_265.770_927_008_7,
        33_430.575_583_588_13,
        2_509.080_928_730_122_7,
    ];
    const B: [f64; 8] = [
        1.0,
        42.313_330_701_600_91,
        687.187_007_492_057_9,
        5_394.196_021_424_751,
        21_213.794_301_586_597,
        39_307.895_800_092_71,
        28_729.085_735_721_943,
        5_226.495_278_852_545,
    ];
    const C: [f64; 8] = [
        1.423_437_110_749_683_5,
        4.630_337_846_156_546,
        5.769_497_221_460_691,
        3.647_848_324_763_204_5,
        1.270_458_252_452_368_4,
        0.241_780_725_177_450_6,
        0.022_723_844_989_269_184,
        7.745_450_142_783_414e-4,
    ];
    const D: [f64; 8] = [
        1.0,
        2.053_191_626_637_759,
        1.676_384_830_183_803_8,
        0.689_767_334_985_1,
        0.148_103_976_427_480_08,
        0.015_198_666_563_616_457,
        5.475_938_084_995_345e-4,
        1.050_750_071_644_416_9e-9,
    ];
    const E: [f64; 8] = [
        6.657_904_643_501_103,
        5.463_784_911_164_114,
        1.784_826_539_917_291_3,
        0.296_560_571_828_504_87,
        0.026_532_189_526_576_124,
        0.001_242_660_947_388_078_4,
        2.711_555_568_743_487_6e-5,
        2.010_334_399_292_288_1e-7,
    ];
    const F: [f64; 8] = [
        1.0,
        0.599_832_206_555_888,
        0.136_929_880_922_735_8,
        0.014_875_361_290_850_615,
        7.868_691_311_456_133e-4,
        1.846_318_317_510_054_7e-5,
        1.421_511_758_316_446e-7,
        2.044_263_103_389_939_8e-15,
    ];
    let centred = probability - 0.5;
    if centred.abs() <= 0.425 {
        let r = 0.180_625 - centred * centred;
        return centred * polynomial(&A, r) / polynomial(&B, r);
    }
    let r = (-probability.min(1.0 - probability).ln()).sqrt();
    let far = if r <= 5.0 {
        polynomial(&C, r - 1.6) / polynomial(&D, r - 1.6)
    } else {
        polynomial(&E, r - 5.0) / polynomial(&F, r - 5.0)
    };
    far.copysign(centred)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_agree_with_scipy() {
        // [(p, scipy.stats.norm.ppf(p)) for p in (0.5, 0.9, 0.975, 0.995, 0.9999999, 1e-12, 0.3)]
        let cases = [
            (0.5, 0.0),
            (0.9, 1.281_551_565_544_600_4),
            (0.975, 1.959_963_984_540_054),
            (0.995, 2.575_829_303_548_900_4),
            (0.999_999_9, 5.199_337_582_290_661),
            (1e-12, -7.034_483_825_301_131),
            (0.3, -0.524_400_512_708_040_9),
        ];
        for (probability, expected) in cases {
            let found = quantile(probability);
            assert!((found - expected).abs() < 1e-13 * (1.0 + expected.abs()), "{probability}: {found} {expected}");
        }
        assert!((Level::P95.z() - 1.959_963_984_540_054).abs() < 1e-13);
    }

    #[test]
    fn tails_agree_with_scipy() {
        // [(z, scipy.stats.norm.sf(z)) for z in (0, 1.5, -2, 8)]
        let cases: [(f64, f64); 4] = [
            (0.0, 0.5),
            (1.5, 0.066_807_201_268_858_07),
            (-2.0, 0.977_249_868_051_820_8),
            (8.0, 6.220_960_574_271_74e-16),
        ];
        for (z, expected) in cases {
            assert!((upper_tail(z) / expected - 1.0).abs() < 1e-12, "{z}: {}", upper_tail(z));
        }
        assert!((Level::P95.one_sided().fraction() - 0.9).abs() < 1e-12);
        assert!(Level::new(0.4).unwrap().one_sided().z().abs() < 1e-12);
    }

    #[test]
    fn a_level_lies_strictly_between_0_and_1() {
        for level in [0.0, 1.0, -0.5, 95.0, f64::NAN, f64::INFINITY] {
            assert!(Level::new(level).is_err(), "{level}");
        }
        expect_test::expect!["`95` is no confidence level: expected a number above 0 and below 1, such as 0.95"]
            .assert_eq(&Level::new(95.0).unwrap_err().to_string());
    }
}
