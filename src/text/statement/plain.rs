//! A line of Markdown or LaTeX as plain text, as far as answers are written in it.

/// Commands whose braces hold text that stands as it is.
const TEXTUAL: &[&str] = &["text", "textbf", "textit", "mathbf", "mathrm", "mathit", "mbox", "operatorname", "boxed"];
const FRACTIONS: &[&str] = &["frac", "dfrac", "tfrac", "cfrac"];

/// Leaves out emphasis, code marks and the commands of LaTeX that only typeset: `**42**`, `\text{no}`, `\(x\)`; fractions
/// are written as `3/4`, and signs as themselves.
pub(super) fn plain(line: &str) -> String {
    let mut out = String::with_capacity(line.len());
    let mut rest = line;
    while let Some(c) = rest.chars().next() {
        let after = &rest[c.len_utf8()..];
        rest = match c {
            '\\' => command(after, &mut out),
            '`' => after,
            '*' | '_' if after.starts_with(c) => after.trim_start_matches(c),
            // One of a pair around a word: `*42*`, but not `4 * 5` and `4*5`.
            '*' => {
                let joins = |c: Option<char>| c.is_some_and(|c| !c.is_whitespace() && !c.is_ascii_punctuation());
                let (before, behind) = (joins(out.chars().next_back()), joins(after.chars().next()));
                if before == behind {
                    out.push(c);
                }
                after
            }
            '{' if after.starts_with(",}") => {
                out.push(',');
                &after[2..]
            }
            _ => {
                out.push(c);
                after
            }
        };
    }
    out
}

/// Writes what a command stands for, given what follows its backslash, and returns what is behind it.
fn command<'t>(after: &'t str, out: &mut String) -> &'t str {
    let length = after.bytes().take_while(u8::is_ascii_alphabetic).count();
    let (name, rest) = after.split_at(length);
    if name.is_empty() {
        let Some(c) = rest.chars().next() else { return rest };
        match c {
            '(' | ')' | '[' | ']' | '!' => {}
            ',' | ';' | ':' | ' ' => out.push(' '),
            _ => out.push(c),
        }
        return &rest[c.len_utf8()..];
    }
    if TEXTUAL.contains(&name)
        && let Some((inner, behind)) = argument(rest)
    {
        out.push_str(&plain(inner));
        return behind;
    }
    if FRACTIONS.contains(&name)
        && let Some((above, behind)) = argument(rest)
        && let Some((below, behind)) = argument(behind)
    {
        if out.ends_with(|c: char| c.is_ascii_digit()) {
            out.push(' ');
        }
        out.push_str(&plain(above));
        out.push('/');
        out.push_str(&plain(below));
        return behind;
    }
    match name {
        "times" | "cdot" => out.push('×'),
        "div" => out.push('÷'),
        "pm" => out.push('±'),
        "approx" => out.push('≈'),
        "left" | "right" | "displaystyle" => {}
        _ => {
            out.push('\\');
            out.push_str(name);
        }
    }
    rest
}

/// Returns what stands in the braces that a text begins with, or its first character, and what is behind.
fn argument(text: &str) -> Option<(&str, &str)> {
    let Some(inner) = text.strip_prefix('{') else {
        let c = text.chars().next().filter(char::is_ascii_alphanumeric)?;
        return Some(text.split_at(c.len_utf8()));
    };
    let inner = braced(inner)?;
    Some((inner, &text[inner.len() + 2..]))
}

/// The most bytes between braces.
const BRACED_BYTES_MAX: usize = 1000;

/// Returns what stands within braces that were opened, up to the one that closes them; `None` where that is far.
pub(super) fn braced(text: &str) -> Option<&str> {
    let text = &text[..text.floor_char_boundary(BRACED_BYTES_MAX)];
    let mut depth = 1;
    for (at, c) in text.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return Some(&text[..at]);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_plain() {
        for (line, expected) in [
            ("**42**", "42"),
            ("*42* and `42`", "42 and 42"),
            ("4 * 5, 4*5", "4 * 5, 4*5"),
            ("\\text{no}", "no"),
            ("$\\frac{3}{4}$", "$3/4$"),
            ("\\(2\\frac{1}{2}\\)", "2 1/2"),
            ("\\dfrac12", "1/2"),
            ("\\boxed{\\textbf{42}}", "42"),
            ("\\$1{,}000", "$1,000"),
            ("50\\%", "50%"),
            ("4 \\times 5", "4 × 5"),
            ("\\unknown{4}", "\\unknown{4}"),
            ("\\frac{3", "\\frac{3"),
            ("a_b __c__", "a_b c"),
            ("\\", ""),
        ] {
            assert_eq!(plain(line), expected, "{line}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in r"(\\frac|\\text|\\|\{|\}|\*|_|`|é|4|,| ){0,20}") {
            let _ = plain(&text);
        }
    }
}
