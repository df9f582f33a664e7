//! Text from users and models, made fit for a terminal.

use std::borrow::Cow;

use console::measure_text_width;

/// Escapes every character that could move the cursor, colour or reorder text; line ends stay, tabs become spaces.
///
/// Besides control characters these are the Unicode line separators and the marks that change the writing direction.
pub fn clean(text: &str) -> Cow<'_, str> {
    if !text.chars().any(|c| acts(c) && c != '\n') {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '\n' => out.push(c),
            '\t' => out.push_str("    "),
            '\r' => {}
            c if acts(c) => out.extend(c.escape_unicode()),
            c => out.push(c),
        }
    }
    Cow::Owned(out)
}

/// Escapes within JSON what would act on a terminal; what it says stays the same.
///
/// Below `0x7f` nothing of the kind stands in JSON but between values, and all that does above is of the basic plane.
pub fn json_escaped(text: &str) -> Cow<'_, str> {
    let acts = |c: char| c >= '\u{7f}' && acts(c);
    if !text.chars().any(acts) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if acts(c) { out += &format!("\\u{:04x}", u32::from(c)) } else { out.push(c) }
    }
    Cow::Owned(out)
}

fn acts(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{fff9}'..='\u{fffb}')
        || matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// Cleans text and joins its lines.
pub(super) fn one_line(text: &str) -> String {
    clean(text).split('\n').map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join(" ")
}

/// Returns how many columns cleaned text takes.
pub(in super::super) fn width(text: &str) -> usize {
    measure_text_width(text)
}

/// Shortens text in the middle to at most `columns`: `tuned[stu…,run=0]`. Both ends say what it is.
pub(super) fn shorten_middle(text: &str, columns: usize) -> String {
    if width(text) <= columns {
        return text.to_owned();
    }
    let room = columns.saturating_sub(1);
    let head = fitting(text.chars(), room.div_ceil(2));
    let tail = fitting(text.chars().rev(), room - width(&head));
    format!("{head}…{}", tail.chars().rev().collect::<String>())
}

/// Shortens an instance's name to at most `columns`: first the keys go, as in `tuned[gpt2,after,0]`, then the middle.
///
/// The values are what tells two instances of a stage apart, and the middle is often where they differ.
pub(super) fn shorten_name(name: &str, columns: usize) -> String {
    if width(name) <= columns {
        return name.to_owned();
    }
    let Some((stage, values)) = name.strip_suffix(']').and_then(|name| name.split_once('[')) else {
        return shorten_middle(name, columns);
    };
    let values: Vec<_> = values.split(',').map(|pair| pair.split_once('=').map_or(pair, |(_, value)| value)).collect();
    shorten_middle(&format!("{stage}[{}]", values.join(",")), columns)
}

/// Breaks text between words so that its lines take at most `columns`, the first one `taken` fewer.
///
/// Lines after the first are indented by `indent`; a word that is too long stands alone and is not broken.
pub(in super::super) fn wrapped(text: &str, columns: usize, taken: usize, indent: &str) -> String {
    let (mut out, mut used, mut fresh) = (String::with_capacity(text.len() + 16), taken, true);
    for word in text.split(' ') {
        if !fresh && used + 1 + width(word) > columns {
            out = format!("{}\n{indent}", out.trim_end());
            (used, fresh) = (width(indent), true);
        }
        if !fresh {
            out.push(' ');
            used += 1;
        }
        out.push_str(word);
        used += width(word);
        fresh = false;
    }
    out
}

/// Shortens text at its end to at most `columns`.
pub(super) fn shorten_end(text: &str, columns: usize) -> String {
    if width(text) <= columns {
        return text.to_owned();
    }
    format!("{}…", fitting(text.chars(), columns.saturating_sub(1)).trim_end())
}

fn fitting(chars: impl Iterator<Item = char>, columns: usize) -> String {
    let (mut out, mut used) = (String::new(), 0);
    for c in chars {
        used += width(c.encode_utf8(&mut [0; 4]));
        if used > columns {
            break;
        }
        out.push(c);
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn control_characters_are_shown_not_obeyed() {
        assert_eq!(clean("a\x1b[2Jb\tc\u{9b}d\r\ne"), "a\\u{1b}[2Jb    c\\u{9b}d\ne");
        assert_eq!(clean("left \u{202e}right"), "left \\u{202e}right");
        assert_eq!(clean("\u{61c}a\u{2067}b"), "\\u{61c}a\\u{2067}b");
        assert!(matches!(clean("größe, 大きさ"), Cow::Borrowed(_)));
    }

    #[test]
    fn names_keep_both_ends() {
        let name = "tuned[student=gpt2,placement=after,run=0]";
        assert_eq!(shorten_middle(name, 20), "tuned[stud…er,run=0]");
        assert_eq!(shorten_middle(name, 60), name);
        assert_eq!(shorten_middle("大きさ大きさ", 7), "大…きさ");
        assert_eq!(shorten_end("one two three", 9), "one two…");
    }

    #[test]
    fn names_lose_their_keys_first() {
        let name = "tuned[student=gpt2,placement=after,run=0]";
        assert_eq!(shorten_name(name, 41), name);
        assert_eq!(shorten_name(name, 40), "tuned[gpt2,after,0]");
        assert_eq!(shorten_name(name, 15), "tuned[g…fter,0]");
        assert_eq!(shorten_name("rationales-of-the-teacher", 10), "ratio…cher");
        assert_eq!(shorten_name("odd[one]", 7), "odd…ne]");
    }

    #[test]
    fn long_text_breaks_between_words() {
        assert_eq!(wrapped("one two three", 9, 2, "  "), "one two\n  three");
        assert_eq!(wrapped("one two", 9, 2, "  "), "one two");
        assert_eq!(wrapped("  a /very/long/path b", 8, 0, "    "), "  a\n    /very/long/path\n    b");
    }

    proptest! {
        #[test]
        fn escaped_json_says_the_same_and_obeys_nothing(text in any::<String>(), odd in "[\u{7f}-\u{9f}\u{200e}-\u{2069}]{0,9}") {
            let json = serde_json::to_string_pretty(&[&text, &odd]).unwrap();
            let escaped = json_escaped(&json);
            prop_assert!(!escaped.chars().any(|c| acts(c) && c != '\n'));
            prop_assert_eq!(serde_json::from_str::<[String; 2]>(&escaped).unwrap(), [text, odd]);
        }

        #[test]
        fn shortened_text_fits(text in ".{0,60}", columns in 1_usize..40) {
            let text = one_line(&text);
            prop_assert!(width(&shorten_middle(&text, columns)) <= columns);
            prop_assert!(width(&shorten_end(&text, columns)) <= columns);
            let name = format!("{text}[{text}={text}]");
            prop_assert!(width(&shorten_name(&name, columns)) <= columns);
        }

        #[test]
        fn cleaned_text_has_no_control_characters(text in any::<String>()) {
            prop_assert!(!clean(&text).chars().any(|c| c.is_control() && c != '\n'));
        }
    }
}
