//! Amounts of money in words.

/// Writes an amount with two decimals, or, below one, with as many as show its first two digits: `12.50`, `0.015`, `0.00025`.
pub fn amount(cost: f64) -> String {
    if cost == 0.0 || cost.abs() >= 1.0 || !cost.is_finite() {
        return format!("{cost:.2}");
    }
    let zeros = (-cost.abs().log10()).ceil().clamp(1.0, 12.0) as usize;
    let written = format!("{cost:.*}", zeros + 1);
    let shortest = written.trim_end_matches('0').len().max("0.00".len());
    written[..shortest].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_amounts_are_not_rounded_away() {
        for (cost, expected) in [
            (0.0, "0.00"),
            (12.5, "12.50"),
            (1.004, "1.00"),
            (0.5, "0.50"),
            (0.996, "1.00"),
            (0.123_4, "0.12"),
            (0.015, "0.015"),
            (0.000_25, "0.00025"),
            (0.01, "0.01"),
            (0.001, "0.001"),
            (0.1, "0.10"),
            (4e-9, "0.000000004"),
        ] {
            assert_eq!(amount(cost), expected);
        }
    }
}
