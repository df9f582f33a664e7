//! Curves in a terminal.

/// Columns of a plot, besides its labels.
const COLUMNS: usize = 60;
/// Lines of a plot, besides its labels.
const LINES: usize = 10;
/// A character of Braille has 2 by 4 dots; these are their bits, line by line.
const DOTS: [[u8; 2]; 4] = [[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]];

/// Draws values at equal distances from `from` to `to`, as dots of Braille characters above a labelled axis. Several
/// values that fall on one dot are averaged; those that are not finite are left out. Nothing is drawn of less than two.
pub(super) fn plot(heading: &str, values: &[f32], from: u64, to: u64) -> String {
    let means = if values.len() < 2 { Vec::new() } else { sampled(values, COLUMNS * 2) };
    let finite = || means.iter().copied().filter(|mean| mean.is_finite());
    if finite().next().is_none() {
        return String::new();
    }
    let (low, high) = finite().fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (l.min(v), h.max(v)));
    let height = LINES * 4 - 1;
    let level = |value: f64| {
        let fraction = if high > low { (value - low) / (high - low) } else { 0.5 };
        height - (fraction * height as f64).round() as usize
    };
    let mut cells = vec![[0_u8; COLUMNS]; LINES];
    let mut before = None;
    for (x, mean) in means.iter().enumerate() {
        if !mean.is_finite() {
            before = None;
            continue;
        }
        let y = level(*mean);
        // From half-way, so that the line has no gaps however steep it is.
        let start =
            before.map_or(y, |before: usize| if before < y { before + 1 } else { before.saturating_sub(1).max(y) });
        for y in start.min(y)..=start.max(y) {
            cells[y / 4][x / 2] |= DOTS[y % 4][x % 2];
        }
        before = Some(y);
    }
    let labels = [number(high), number(low)];
    let margin = labels.iter().map(String::len).max().unwrap_or(0);
    let mut out = format!("{heading}\n");
    for (line, cells) in cells.iter().enumerate() {
        let (label, tick) = match line {
            0 => (labels[0].as_str(), '┤'),
            line if line + 1 == LINES => (labels[1].as_str(), '┤'),
            _ => ("", '│'),
        };
        let dots: String = cells.iter().map(|&bits| char::from_u32(0x2800 + u32::from(bits)).unwrap_or(' ')).collect();
        out += &format!("  {label:>margin$} {tick}{}\n", dots.trim_end_matches('\u{2800}'));
    }
    let (from, to) = (from.to_string(), to.to_string());
    out += &format!("  {:margin$} └{}\n", "", "─".repeat(COLUMNS));
    out += &format!("  {:margin$}  {from}{to:>width$}\n", "", width = COLUMNS - from.len());
    out
}

/// Draws a curve in one line of eighths, averaged to at most 60 columns; nothing of no values.
pub(super) fn sparkline(name: &str, values: &[f32]) -> String {
    const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let (Some(first), Some(last)) = (values.first(), values.last()) else { return String::new() };
    let means = sampled(values, values.len().min(COLUMNS));
    let (low, high) = means.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (l.min(*v), h.max(*v)));
    let bar =
        |value: &f64| BARS[(((value - low) / (high - low).max(f64::EPSILON)) * 7.0).round().clamp(0.0, 7.0) as usize];
    let bars: String = means.iter().map(bar).collect();
    format!("{name:<14}{bars}  {} → {}\n", number(f64::from(*first)), number(f64::from(*last)))
}

/// So many values at equal distances: means of those that fall together, or the way between two where they are fewer.
fn sampled(values: &[f32], count: usize) -> Vec<f64> {
    let at = |column: usize| {
        if count < values.len() {
            let part = &values[column * values.len() / count..(column + 1) * values.len() / count];
            let finite: Vec<f64> = part.iter().copied().filter(|x| x.is_finite()).map(f64::from).collect();
            return finite.iter().sum::<f64>() / finite.len() as f64;
        }
        let place = column as f64 * (values.len() - 1) as f64 / (count - 1).max(1) as f64;
        let (before, after) = (place.floor() as usize, place.ceil() as usize);
        let (a, b) = (f64::from(values[before]), f64::from(values[after]));
        a + (b - a) * place.fract()
    };
    (0..count).map(at).collect()
}

/// A number in four digits or so.
fn number(value: f64) -> String {
    let size = value.abs();
    if value == 0.0 {
        "0".into()
    } else if !(1e-3..1e5).contains(&size) {
        format!("{value:.2e}")
    } else if size < 10.0 {
        format!("{value:.3}")
    } else {
        format!("{value:.1}")
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_falling_loss_is_drawn() {
        let losses: Vec<f32> =
            (0..200).map(|step| 3.0 / (1.0 + step as f32 / 20.0) + (step % 5) as f32 / 30.0).collect();
        expect![[r"
            loss
              3.000 ┤⠱⡀
                    │⠀⢣
                    │⠀⠘⢄
                    │⠀⠀⠀⢇
                    │⠀⠀⠀⠀⠱⣀
                    │⠀⠀⠀⠀⠀⠀⠧⢄
                    │⠀⠀⠀⠀⠀⠀⠀⠈⠉⠦⢢⣀
                    │⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠋⠱⠒⡤⢄⡠⡀⡀
                    │⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠈⠀⠉⠘⠉⠒⠱⠒⠤⢢⠔⣄⢄⡠⣀⢄⣀⠀⡀⢀⠀⡀
              0.279 ┤⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠈⠀⠁⠈⠀⠉⠘⠁⠋⠘⠉⠒⠑⠊⠖⠱⠊⠖⠱⠒⠤⠢⠔⠤⢢⠔⡤⢢⠔⡤⢢⠔
                    └────────────────────────────────────────────────────────────
                     1                                                        200
        "]]
        .assert_eq(&plot("loss", &losses, 1, 200));
    }

    #[test]
    fn few_values_are_joined_by_lines() {
        expect![[r"
            dev accuracy
              1.000 ┤⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⣀⠔⠊
                    │⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⣀⠔⠊
                    │⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⡠⠔⠊
                    │⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⡠⠔⠉
                    │⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⡠⠔⠉
                    │⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⣀⠔⠊
                    │⠀⠀⠀⠀⠀⠀⠀⠀⠀⣀⠔⠊
                    │⠀⠀⠀⠀⠀⠀⡠⠔⠊
                    │⠀⠀⠀⡠⠔⠉
                  0 ┤⡠⠔⠉
                    └────────────────────────────────────────────────────────────
                     20                                                       100
        "]]
        .assert_eq(&plot("dev accuracy", &[0.0, 0.5, f32::NAN, 0.5, 1.0], 20, 100));
        expect![[r"
            flat
              2.000 ┤
                    │
                    │
                    │
                    │⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀
                    │
                    │
                    │
                    │
              2.000 ┤
                    └────────────────────────────────────────────────────────────
                     1                                                          2
        "]]
        .assert_eq(&plot("flat", &[2.0, 2.0], 1, 2));
        assert_eq!(plot("one", &[2.0], 1, 1), "");
        assert_eq!(plot("none", &[f32::NAN, f32::NAN], 1, 2), "");
    }

    #[test]
    fn a_line_of_bars_says_where_it_begins_and_ends() {
        expect![[r"
            learning rate ▁▅█▆▅▃  0 → 5.00e-5
        "]]
        .assert_eq(&sparkline("learning rate", &[0.0, 1e-4, 2e-4, 1.5e-4, 1e-4, 5e-5]));
        assert_eq!(sparkline("none", &[]), "");
    }

    proptest! {
        #[test]
        fn any_values_are_drawn_within_the_frame(values in prop::collection::vec(any::<f32>(), 0..300)) {
            let drawn = plot("x", &values, 1, values.len() as u64);
            prop_assert!(drawn.is_empty() || drawn.lines().count() == LINES + 3);
            prop_assert!(drawn.lines().all(|line| line.chars().count() <= COLUMNS + 16));
            sparkline("x", &values);
        }
    }
}
