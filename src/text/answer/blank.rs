//! Texts that show nothing: white space, and characters without a width of their own.

/// Says whether a text shows nothing at all.
pub fn is_blank(text: &str) -> bool {
    text.chars().all(|c| c.is_whitespace() || c.is_control() || is_invisible(c))
}

/// The characters that Unicode lets a font leave out (`Default_Ignorable_Code_Point`), those beyond its first plane aside.
fn is_invisible(c: char) -> bool {
    matches!(
        c,
        '\u{ad}'
            | '\u{34f}'
            | '\u{61c}'
            | '\u{115f}'..='\u{1160}'
            | '\u{17b4}'..='\u{17b5}'
            | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{3164}'
            | '\u{fe00}'..='\u{fe0f}'
            | '\u{feff}'
            | '\u{ffa0}'
            | '\u{fff0}'..='\u{fff8}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_shows_nothing_is_blank() {
        for blank in ["", " \n\u{a0}", "\u{200b}", "\u{feff}\u{200d} ", "\u{ad}", "\u{2060}\u{200e}", "\0", "\u{3164}"]
        {
            assert!(is_blank(blank), "{blank:?}");
        }
        for text in ["0", "\u{200b}a", "é", "\u{301}", "❤\u{fe0f}", "।", "."] {
            assert!(!is_blank(text), "{text:?}");
        }
    }
}
