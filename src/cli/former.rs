//! Names of the version before that are still read, each with one notice of what it is called now.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

/// Flags: the old name and the new one.
const FLAGS: [(&str, &str); 2] = [("--layer", "--remote"), ("--no-layers", "--no-remotes")];

/// Keys of `retort.toml`, at its top: the old name and the new one. Serde reads either, by an alias.
const SETTINGS: [(&str, &str); 1] = [("layers", "remotes")];

/// Says what something is called now.
fn notice(old: &str, new: &str) -> String {
    format!("`{old}` is now called `{new}`; the next version no longer reads the old name")
}

/// Puts the new names of flags in place of the old ones, and returns a notice for each that was found.
pub(super) fn flags(arguments: impl IntoIterator<Item = OsString>) -> (Vec<OsString>, Vec<String>) {
    let mut notices = Vec::new();
    let mut ended = false;
    let arguments = arguments.into_iter().map(|argument| {
        // Behind a lone `--` there are no flags.
        ended |= argument == "--";
        let Some((old, new, rest)) = found(&argument).filter(|_| !ended) else { return argument };
        let told = notice(old, new);
        if !notices.contains(&told) {
            notices.push(told);
        }
        OsString::from_vec([new.as_bytes(), rest].concat())
    });
    (arguments.collect(), notices)
}

/// Finds the old flag that an argument is, its new name, and what follows the name.
fn found(argument: &OsStr) -> Option<(&'static str, &'static str, &[u8])> {
    FLAGS.iter().find_map(|(old, new)| {
        let rest = argument.as_bytes().strip_prefix(old.as_bytes())?;
        (rest.is_empty() || rest.starts_with(b"=")).then_some((*old, *new, rest))
    })
}

/// Returns a notice for each old key that a settings file has.
pub(super) fn settings(text: &str) -> Vec<String> {
    let Ok(file) = text.parse::<toml::Table>() else { return Vec::new() };
    SETTINGS.iter().filter(|(old, _)| file.contains_key(*old)).map(|(old, new)| notice(old, new)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_flags_become_new_ones_with_one_notice_each() {
        let check = |typed: &[&str], expected: &[&str], notices: usize| {
            let (read, told) = flags(typed.iter().map(OsString::from));
            assert_eq!(read, expected.iter().map(OsString::from).collect::<Vec<_>>());
            assert_eq!(told.len(), notices, "{told:?}");
        };
        for (old, new) in FLAGS {
            check(&["retort", "plan", old, "x.yaml"], &["retort", "plan", new, "x.yaml"], 1);
            check(&[&format!("{old}=a=b"), old], &[&format!("{new}=a=b"), new], 1);
            check(&[new, &format!("{old}s"), "layer"], &[new, &format!("{old}s"), "layer"], 0);
            check(&["--", old], &["--", old], 0);
        }
        let odd = OsString::from_vec(b"--layer=/\xff".to_vec());
        assert_eq!(flags([odd]).0, [OsString::from_vec(b"--remote=/\xff".to_vec())]);
    }

    #[test]
    fn old_keys_of_the_settings_are_noticed() {
        for (old, new) in SETTINGS {
            assert_eq!(settings(&format!("[[{old}]]\npath = \"x\"\n")), [notice(old, new)]);
            assert!(settings(&format!("[[{new}]]\npath = \"{old}\"\n")).is_empty());
        }
    }
}
