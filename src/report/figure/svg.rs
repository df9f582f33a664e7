//! A small SVG writer that escapes whatever it is given.

use std::fmt::Write;

/// The colour of text and axes.
pub(super) const INK: &str = "#1f2328";
/// The colour of labels and notes.
pub(super) const MUTED: &str = "#57606a";
/// The colour of grid lines.
pub(super) const GRID: &str = "#dfe3e8";
/// The colour of the ground.
pub(super) const GROUND: &str = "#ffffff";

/// Where a text stands relative to its position.
#[derive(Debug, Clone, Copy)]
pub(super) enum Anchor {
    /// Begins there.
    Start,
    /// Centred there.
    Middle,
    /// Ends there.
    End,
}

/// An attribute of an element; the value is escaped when it is written.
pub(super) type Attribute<'a> = (&'a str, String);

/// A figure being written.
pub(super) struct Svg {
    body: String,
}

impl Svg {
    /// Begins a figure of a given size, with the name that a screen reader says and further style rules.
    pub(super) fn new(width: f64, height: f64, title: &str, style: &str) -> Self {
        let mut svg = Self { body: String::with_capacity(16 * 1024) };
        let (w, h) = (number(width), number(height));
        let _ = write!(
            svg.body,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{w}\" height=\"{h}\" viewBox=\"0 0 {w} {h}\" role=\"img\" \
             aria-label=\"{}\" font-family=\"system-ui, 'Segoe UI', 'Helvetica Neue', Arial, sans-serif\">\n<style>{style}</style>\n",
            escape(title)
        );
        svg.element("rect", &[("class", "rt-ground".into()), ("width", w), ("height", h), ("fill", GROUND.into())]);
        svg
    }

    /// Writes an element without content.
    pub(super) fn element(&mut self, name: &str, attributes: &[Attribute<'_>]) {
        self.open(name, attributes);
        self.body.push_str("/>\n");
    }

    /// Writes an element that a pointer over it explains.
    pub(super) fn explained(&mut self, name: &str, attributes: &[Attribute<'_>], tip: &str) {
        self.open(name, attributes);
        let _ = writeln!(self.body, "><title>{}</title></{name}>", escape(tip));
    }

    /// Writes a straight line in a colour class such as `rt-grid`.
    pub(super) fn line(&mut self, (x1, y1): (f64, f64), (x2, y2): (f64, f64), class: &str, colour: &str, width: f64) {
        self.element(
            "line",
            &[
                ("class", class.into()),
                ("x1", number(x1)),
                ("y1", number(y1)),
                ("x2", number(x2)),
                ("y2", number(y2)),
                ("stroke", colour.into()),
                ("stroke-width", number(width)),
            ],
        );
    }

    /// Writes text.
    pub(super) fn text(&mut self, (x, y): (f64, f64), anchor: Anchor, style: Text, content: &str) {
        let anchor = match anchor {
            Anchor::Start => "start",
            Anchor::Middle => "middle",
            Anchor::End => "end",
        };
        let (class, colour) = if style.muted { ("rt-muted", MUTED) } else { ("rt-ink", INK) };
        let mut attributes = vec![
            ("class", class.into()),
            ("x", number(x)),
            ("y", number(y)),
            ("font-size", number(style.size)),
            ("text-anchor", anchor.to_owned()),
            ("fill", colour.into()),
        ];
        if style.bold {
            attributes.push(("font-weight", "600".into()));
        }
        if style.turned {
            attributes.push(("transform", format!("rotate(-90 {} {})", number(x), number(y))));
        }
        self.open("text", &attributes);
        let _ = writeln!(self.body, ">{}</text>", escape(content));
    }

    /// Writes a small centred word in a given colour, which a pointer over it explains.
    pub(super) fn inked(&mut self, (x, y): (f64, f64), ink: &str, bold: bool, content: &str, tip: &str) {
        let mut attributes = vec![
            ("x", number(x)),
            ("y", number(y)),
            ("font-size", number(Text::SMALL.size)),
            ("text-anchor", "middle".to_owned()),
            ("fill", ink.to_owned()),
        ];
        if bold {
            attributes.push(("font-weight", "700".into()));
        }
        self.open("text", &attributes);
        let _ = writeln!(self.body, ">{}<title>{}</title></text>", escape(content), escape(tip));
    }

    /// Ends the figure.
    pub(super) fn finish(mut self) -> String {
        self.body.push_str("</svg>\n");
        self.body
    }

    fn open(&mut self, name: &str, attributes: &[Attribute<'_>]) {
        let _ = write!(self.body, "<{name}");
        for (name, value) in attributes {
            let _ = write!(self.body, " {name}=\"{}\"", escape(value));
        }
    }
}

/// How a text looks.
#[derive(Debug, Clone, Copy)]
pub(super) struct Text {
    size: f64,
    bold: bool,
    muted: bool,
    turned: bool,
}

impl Text {
    /// Plain text of the usual size.
    pub(super) const PLAIN: Self = Self { size: 12.0, bold: false, muted: false, turned: false };
    /// A heading.
    pub(super) const HEADING: Self = Self { size: 13.0, bold: true, ..Self::PLAIN };
    /// Ticks and axis names.
    pub(super) const TICK: Self = Self { muted: true, ..Self::PLAIN };
    /// Words in cells and beside them.
    pub(super) const SMALL: Self = Self { size: 10.5, ..Self::TICK };
    /// The name of an upright axis.
    pub(super) const TURNED: Self = Self { turned: true, ..Self::TICK };

    /// Estimates how wide a text is, erring on the wide side.
    pub(super) fn width(self, text: &str) -> f64 {
        let ems: f64 = text.chars().map(char_width).sum();
        ems * self.size * if self.bold { 1.06 } else { 1.0 }
    }

    /// Cuts a text to a width, with an ellipsis when something had to go.
    pub(super) fn fit(self, text: &str, width: f64) -> String {
        if self.width(text) <= width {
            return text.to_owned();
        }
        let mut cut = String::new();
        let mut used = self.width("…");
        for c in text.chars() {
            used += char_width(c) * self.size;
            if used > width {
                break;
            }
            cut.push(c);
        }
        cut.truncate(cut.trim_end().len());
        cut + "…"
    }

    /// Breaks a text into lines of at most a width, between words where that can be; no line where there is nothing.
    pub(super) fn lines(self, text: &str, width: f64) -> Vec<String> {
        let mut lines: Vec<String> = Vec::new();
        for word in text.split_whitespace() {
            if let Some(last) = lines.last_mut() {
                let longer = format!("{last} {word}");
                if self.width(&longer) <= width {
                    *last = longer;
                    continue;
                }
            }
            let mut line = String::new();
            for c in word.chars() {
                line.push(c);
                if self.width(&line) > width && line.chars().count() > 1 {
                    line.pop();
                    lines.push(std::mem::replace(&mut line, c.to_string()));
                }
            }
            lines.push(line);
        }
        lines
    }

    /// Cuts a text to a width as [`fit`](Self::fit) does, but in its middle: names of arms differ at their ends.
    pub(super) fn fit_ends(self, text: &str, width: f64) -> String {
        if self.width(text) <= width {
            return text.to_owned();
        }
        let letters: Vec<char> = text.chars().collect();
        let joined = |kept: usize| {
            // Of an odd number the end gets one more.
            let (head, tail) = (kept / 2, kept - kept / 2);
            let head: String = letters[..head].iter().collect();
            let tail: String = letters[letters.len() - tail..].iter().collect();
            format!("{}…{}", head.trim_end(), tail.trim_start())
        };
        (0..letters.len()).rev().map(joined).find(|cut| self.width(cut) <= width).unwrap_or_default()
    }
}

/// Estimates the width of a character in ems, after DejaVu Sans: the widest font that is likely to be used.
fn char_width(c: char) -> f64 {
    match c {
        'i' | 'j' | 'l' | 'I' | '.' | ',' | ':' | ';' | '|' | '\'' | ' ' => 0.33,
        'f' | 't' | 'r' | '(' | ')' | '[' | ']' | '/' | '-' | '!' | '·' => 0.41,
        'm' | 'M' | 'W' | '%' | '@' | '…' => 1.0,
        'w' | 'A'..='Z' | '+' | '=' | '<' | '>' | '&' | '#' => 0.82,
        c if c.is_ascii() => 0.64,
        c if (c as u32) < 0x1100 || ('\u{2000}'..='\u{2e7f}').contains(&c) => 0.82,
        _ => 1.05,
    }
}

/// Writes a coordinate with at most two decimals; one that is not finite becomes zero, so that the file stays valid.
pub(super) fn number(value: f64) -> String {
    let rounded = if value.is_finite() { (value * 100.0).round() / 100.0 + 0.0 } else { 0.0 };
    format!("{rounded}")
}

/// Escapes text for XML; what XML 1.0 cannot hold becomes a replacement character.
pub(crate) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\n' | '\r' | '\t' => out.push(' '),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_from_outside_becomes_markup() {
        let mut svg = Svg::new(10.0, 10.0, "\"><script>", "");
        svg.text((0.0, f64::NAN), Anchor::Start, Text::PLAIN, "a<b & \u{1}'c'\n");
        svg.explained("circle", &[("class", "\"x".into())], "]]></title><b>");
        let text = svg.finish();
        assert!(!text.contains("<script") && !text.contains("<b>") && !text.contains("<b ") && !text.contains("NaN"));
        assert!(text.contains("a&lt;b &amp; \u{fffd}&#39;c&#39; <"), "{text}");
    }

    #[test]
    fn a_long_text_is_cut_to_its_width() {
        let cut = Text::PLAIN.fit("a rather long label that does not fit", 80.0);
        assert!(cut.ends_with('…') && Text::PLAIN.width(&cut) <= 80.0, "{cut}");
        assert_eq!(Text::PLAIN.fit("short", 80.0), "short");
        let cut = Text::PLAIN.fit_ends("before · tuned-masked · fraction 0.4", 120.0);
        assert!(cut.starts_with("before") && cut.ends_with("0.4") && Text::PLAIN.width(&cut) <= 120.0, "{cut}");
        assert_eq!(Text::PLAIN.fit_ends("short", 80.0), "short");
        assert_eq!(Text::PLAIN.fit_ends("nothing fits", 1.0), "");
    }

    #[test]
    fn a_long_text_is_broken_and_whole() {
        let text = "before · tuned-masked · fraction 0.4 · unbreakablyunbreakablyunbreakably";
        for width in [1.0, 40.0, 120.0, 900.0] {
            let lines = Text::HEADING.lines(text, width);
            let letters = |text: &str| text.chars().filter(|c| *c != ' ').collect::<String>();
            assert_eq!(letters(&lines.concat()), letters(text));
            let fits = |line: &String| Text::HEADING.width(line) <= width || line.chars().count() == 1;
            assert!(lines.iter().all(fits), "{lines:?}");
        }
        assert_eq!(Text::PLAIN.lines(text, 900.0), [text]);
        assert!(Text::PLAIN.lines(" ", 10.0).is_empty());
    }
}
