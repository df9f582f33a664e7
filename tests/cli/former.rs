//! Names of the version before: each is still read, with one notice of the new one, and enters the same key.

use crate::pipelines::PLAIN;
use crate::runner::{FILE, Project};

/// Expects one notice that names the old name and the new one.
#[track_caller]
fn noticed(stderr: &str, old: &str, new: &str) {
    let notice = format!("`{old}`");
    let said: Vec<&str> = stderr.lines().filter(|line| line.contains("is now called")).collect();
    assert_eq!(said.len(), 1, "{stderr}");
    assert!(said[0].contains(&notice) && said[0].contains(&format!("is now called `{new}`")), "{stderr}");
}

#[test]
fn old_flags_do_what_the_new_ones_do_and_say_so() {
    let project = Project::new(PLAIN);
    for (old, new) in [("--layer=team=never", "--remote=team=never"), ("--no-layers", "--no-remotes")] {
        let name = |flag: &str| flag.split('=').next().unwrap().to_owned();
        let now = project.run(&["plan", FILE, "--json", new]).code(0);
        let before = project.run(&["plan", FILE, "--json", old]).code(0);
        assert_eq!(now.stdout, before.stdout);
        noticed(&before.stderr, &name(old), &name(new));
        assert!(!now.stderr.contains("is now called"), "{now}");
    }
    let help = project.run(&["run", "--help"]).code(0);
    assert!(help.stdout.contains("--remote") && !help.stdout.contains("--layer"), "{help}");
}

#[test]
fn old_keys_of_the_settings_are_read() {
    let (ada, bob) = (Project::new(PLAIN), Project::new(PLAIN));
    let settings = |key: &str| format!("[[{key}]]\npath = {:?}\nwrite = \"on-success\"\n", ada.path("team"));
    ada.run(&["cache", "share", "team"]).code(0);
    ada.write("retort.toml", &settings("remotes"));
    assert!(!ada.make().ran().is_empty());
    bob.write("retort.toml", &settings("layers"));
    let run = bob.run(&["run", FILE, "--progress", "plain"]).code(0);
    assert!(run.stderr.contains("retort.toml: `layers`"), "{run}");
    noticed(&run.stderr, "layers", "remotes");
    assert!(bob.stale().is_empty());
    // Both at once would leave one of them out.
    bob.write("retort.toml", &format!("{}{}", settings("layers"), settings("remotes")));
    bob.run(&["plan", FILE]).code(2).says("`layers` is the old name of `remotes`, and both are given");
    let typed = ["plan", FILE, "--layer=team=never", "--remote=team=never"];
    Project::new(PLAIN).run(&typed).code(2).says("`--layer` is the old name of `--remote`, and both are given");
}
