//! Names of the version before that are still read, each with one notice of what it is called now.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

/// Flags: the old name and the new one.
const FLAGS: [(&str, &str); 2] = [("--layer", "--remote"), ("--no-layers", "--no-remotes")];

/// Keys of `retort.toml`, at its top: the old name and the new one. Serde reads either, by an alias.
pub(super) const SETTINGS: [(&str, &str); 1] = [("layers", "remotes")];

/// Says what something is called now.
fn notice(old: &str, new: &str) -> String {
    format!("`{old}` is now called `{new}`; the next version no longer reads the old name")
}

/// Says that something is given under both its names.
fn both(old: &str, new: &str) -> String {
    format!("`{old}` is the old name of `{new}`, and both are given: keep `{new}` alone")
}

/// Puts the new names of flags in place of the old ones, and returns a notice for each that was found.
///
/// # Errors
/// What is wrong where a flag is given under both its names.
pub(super) fn flags(arguments: impl IntoIterator<Item = OsString>) -> Result<(Vec<OsString>, Vec<String>), String> {
    let mut arguments: Vec<OsString> = arguments.into_iter().collect();
    // Behind a lone `--` there are no flags.
    let end = arguments.iter().position(|argument| argument == "--").unwrap_or(arguments.len());
    let mut notices = Vec::new();
    for (old, new) in FLAGS {
        if !arguments[..end].iter().any(|argument| behind(argument, old).is_some()) {
            continue;
        }
        if arguments[..end].iter().any(|argument| behind(argument, new).is_some()) {
            return Err(both(old, new));
        }
        notices.push(notice(old, new));
        for argument in &mut arguments[..end] {
            if let Some(rest) = behind(argument, old) {
                *argument = OsString::from_vec([new.as_bytes(), rest].concat());
            }
        }
    }
    Ok((arguments, notices))
}

/// Returns what follows the name of a flag where an argument is that flag: nothing, or `=` and a value.
fn behind<'a>(argument: &'a OsStr, flag: &str) -> Option<&'a [u8]> {
    let rest = argument.as_bytes().strip_prefix(flag.as_bytes())?;
    (rest.is_empty() || rest.starts_with(b"=")).then_some(rest)
}

/// Returns a notice for each old key that a settings file has.
///
/// # Errors
/// What is wrong where a key is given under both its names.
pub(super) fn settings(text: &str) -> Result<Vec<String>, String> {
    // What is no TOML is told by whoever reads the settings.
    let Ok(file) = text.parse::<toml::Table>() else { return Ok(Vec::new()) };
    let was = SETTINGS.iter().filter(|(old, _)| file.contains_key(*old));
    was.map(|(old, new)| if file.contains_key(*new) { Err(both(old, new)) } else { Ok(notice(old, new)) }).collect()
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;
    use crate::cli::args::Args;

    /// Lists the long names of every flag of a command and of those below it.
    fn long_names(command: &clap::Command) -> Vec<String> {
        let own =
            command.get_arguments().flat_map(|argument| argument.get_long_and_visible_aliases().unwrap_or_default());
        let below = command.get_subcommands().flat_map(long_names);
        own.map(|name| format!("--{name}")).chain(below).collect()
    }

    #[test]
    fn every_new_flag_is_known_and_no_old_one_is() {
        let mut command = Args::command();
        command.build();
        let known = long_names(&command);
        for (old, new) in FLAGS {
            assert!(known.iter().any(|name| name == new) && !known.iter().any(|name| name == old), "{old}, {new}");
        }
    }

    #[test]
    fn both_names_of_a_flag_or_a_key_are_an_error_that_names_them() {
        for (old, new) in FLAGS {
            for typed in [[old, new], [new, old]] {
                assert_eq!(flags(typed.map(OsString::from)), Err(both(old, new)));
            }
            assert!(flags([old, "--", new].map(OsString::from)).is_ok());
        }
        for (old, new) in SETTINGS {
            let text = format!("[[{old}]]\npath = \"x\"\n[[{new}]]\npath = \"x\"\n");
            assert_eq!(settings(&text), Err(both(old, new)));
        }
    }

    #[test]
    fn old_flags_become_new_ones_with_one_notice_each() {
        let check = |typed: &[&str], expected: &[&str], notices: usize| {
            let (read, told) = flags(typed.iter().map(OsString::from)).unwrap();
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
        assert_eq!(flags([odd]).unwrap().0, [OsString::from_vec(b"--remote=/\xff".to_vec())]);
    }

    #[test]
    fn old_keys_of_the_settings_are_noticed() {
        for (old, new) in SETTINGS {
            assert_eq!(settings(&format!("[[{old}]]\npath = \"x\"\n")), Ok(vec![notice(old, new)]));
            assert_eq!(settings(&format!("[[{new}]]\npath = \"{old}\"\n")), Ok(Vec::new()));
        }
    }
}
