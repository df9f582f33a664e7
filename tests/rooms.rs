//! Keeps the architecture that `src/lib.rs` describes: rooms depend one way, and each keeps to what is its own.

#![expect(clippy::unwrap_used, reason = "a test panics where it cannot go on")]

#[path = "rooms/circles.rs"]
mod circles;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// The rooms; each may use only those before it. First the ground, then the workflow, which can therefore name no science;
/// then the science, and where the two meet.
const ROOMS: [&str; 19] = [
    "fingerprint",
    "source",
    "artifact",
    "event",
    "store",
    "hub",
    "stage",
    "spec",
    "graph",
    "plan",
    "engine",
    "text",
    "teacher",
    "model",
    "stats",
    "report",
    "kinds",
    "session",
    "cli",
];

/// The rooms that know nothing of pipelines and caches, and what they may not use.
const SCIENCE: [&str; 5] = ["text", "teacher", "model", "stats", "report"];
const WORKFLOW: [&str; 7] = ["source", "store", "stage", "spec", "graph", "plan", "engine"];

/// The most lines of a file that is not a test.
const LINES_MAX: usize = 450;

struct File {
    /// Below `src`, such as `store/record.rs`.
    name: String,
    /// Without its unit tests.
    text: String,
    whole: String,
}

impl File {
    fn room(&self) -> Option<usize> {
        let first = self.name.split(['/', '.']).next()?;
        ROOMS.iter().position(|room| *room == first)
    }

    fn is_test(&self) -> bool {
        self.name.split('/').any(|part| part == "tests" || part == "tests.rs")
    }
}

/// Reads every source file.
fn sources() -> Vec<File> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut paths = Vec::new();
    gather(&root, &mut paths);
    let file = |path: &PathBuf| {
        let whole = fs_err::read_to_string(path).unwrap();
        let name = path.strip_prefix(&root).unwrap().to_string_lossy().into_owned();
        File { name, text: without_comments(without_tests(&whole)), whole }
    };
    assert!(paths.len() > 50, "{paths:?}");
    paths.iter().map(file).collect()
}

fn gather(folder: &Path, into: &mut Vec<PathBuf>) {
    for path in fs_err::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if path.is_dir() {
            gather(&path, into);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            into.push(path);
        }
    }
    into.sort();
}

/// Returns a file up to the tests at its end.
fn without_tests(text: &str) -> &str {
    text.split_once("\n#[cfg(test)]\nmod tests {").map_or(text, |(before, _)| before)
}

/// Leaves out lines that are comments.
fn without_comments(text: &str) -> String {
    text.lines().filter(|line| !line.trim_start().starts_with("//")).map(|line| format!("{line}\n")).collect()
}

impl File {
    /// Returns the rooms that it names. In a crate of its own, `crate::` means the modules of the room itself.
    fn rooms_named(&self) -> BTreeSet<&str> {
        if self.name.starts_with("cli/") { rooms_named(&self.text) } else { crates_named(&self.text) }
    }
}

/// Returns the rooms that are named as crates: `retort_room`.
fn crates_named(text: &str) -> BTreeSet<&str> {
    text.match_indices("retort_").filter_map(|(at, found)| word(&text[at + found.len()..])).collect()
}

/// Returns the rooms that a file of the command line names: as `retort_room`, or as `crate::room`.
fn rooms_named(text: &str) -> BTreeSet<&str> {
    let mut named = crates_named(text);
    for (at, found) in text.match_indices("crate::") {
        let rest = &text[at + found.len()..];
        if let Some(list) = rest.strip_prefix('{') {
            named.extend(top_level(list));
        } else {
            named.extend(word(rest));
        }
    }
    named
}

/// Returns the first word of each item of a `use` list, whose opening brace is gone.
fn top_level(list: &str) -> Vec<&str> {
    let (mut depth, mut begins, mut found) = (0, true, Vec::new());
    for (at, letter) in list.char_indices() {
        match letter {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => begins = true,
            letter if depth == 0 && begins && letter.is_alphanumeric() => {
                found.extend(word(&list[at..]));
                begins = false;
            }
            _ => {}
        }
    }
    found
}

fn word(text: &str) -> Option<&str> {
    let end = text.find(|letter: char| !letter.is_alphanumeric() && letter != '_').unwrap_or(text.len());
    (end > 0).then(|| &text[..end])
}

/// Fails with every offence at once.
fn assert_none(offences: &[String]) {
    assert!(offences.is_empty(), "\n{}", offences.join("\n"));
}

/// Finds the lines of files that hold one of some pieces of text.
fn lines_with(pieces: &[&str], applies: impl Fn(&File) -> bool) -> Vec<String> {
    let mut found = Vec::new();
    for file in sources().iter().filter(|file| applies(file)) {
        for line in file.text.lines() {
            if let Some(piece) = pieces.iter().find(|piece| line.contains(**piece)) {
                found.push(format!("src/{} has `{piece}`: {}", file.name, line.trim()));
            }
        }
    }
    found
}

#[test]
fn a_room_uses_only_the_rooms_above_it() {
    let mut offences = Vec::new();
    for file in sources() {
        let Some(own) = file.room() else { continue };
        for named in file.rooms_named() {
            if ROOMS.iter().position(|room| *room == named).is_some_and(|other| other > own) {
                offences.push(format!("src/{}: `{}` uses `{named}`, which is below it", file.name, ROOMS[own]));
            }
        }
    }
    assert_none(&offences);
}

#[test]
fn the_science_knows_nothing_of_pipelines_and_caches() {
    let mut offences = Vec::new();
    for file in sources().iter().filter(|file| file.room().is_some_and(|room| SCIENCE.contains(&ROOMS[room]))) {
        let named = file.rooms_named();
        offences.extend(
            WORKFLOW
                .iter()
                .filter(|room| named.contains(*room))
                .map(|room| format!("src/{} uses `{room}`, which is of the workflow", file.name)),
        );
    }
    assert_none(&offences);
}

/// What a crate says it depends on, by its rooms.
fn depends_on(room: &str) -> BTreeSet<String> {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(room).join("Cargo.toml");
    let text = fs_err::read_to_string(manifest).unwrap();
    let (_, rest) = text.split_once("[dependencies]").unwrap();
    let own = rest.split("\n[").next().unwrap();
    own.lines().filter_map(|line| Some(line.strip_prefix("retort-")?.split('.').next()?.to_owned())).collect()
}

#[test]
fn the_engine_is_built_without_the_science() {
    let mut below: BTreeSet<String> = BTreeSet::new();
    let mut open = vec!["engine".to_owned()];
    while let Some(room) = open.pop() {
        let more: Vec<_> = depends_on(&room).into_iter().filter(|room| below.insert(room.clone())).collect();
        open.extend(more);
    }
    assert!(below.contains("stage") && below.contains("store"), "{below:?}");
    let science: Vec<_> = below.iter().filter(|room| SCIENCE.contains(&room.as_str()) || *room == "kinds").collect();
    assert!(science.is_empty(), "the engine compiles {science:?}");
}

#[test]
fn modules_do_not_use_each_other_in_circles() {
    let mut rooms: Vec<circles::Room> = ROOMS.iter().map(|_| circles::Room::new()).collect();
    for file in sources().iter().filter(|file| !file.is_test()) {
        let Some(room) = file.room() else { continue };
        let (_, below) = file.name.split_once('/').unwrap();
        let mut path: Vec<String> = below.trim_end_matches(".rs").split('/').map(str::to_owned).collect();
        if path.last().is_some_and(|last| last == "mod") || path == ["lib"] {
            path.pop();
        }
        rooms[room].insert(path, circles::read(&file.whole));
    }
    let mut found = Vec::new();
    for (name, room) in ROOMS.iter().zip(&rooms) {
        for circle in circles::circles(room) {
            let folder = std::iter::once(*name).chain(circle.folder.iter().map(String::as_str));
            let folder = folder.collect::<Vec<_>>().join("/");
            found.push(format!("src/{folder}: modules use each other in a circle\n{}", circle.steps.join("\n")));
        }
    }
    assert_none(&found);
}

#[test]
fn every_folder_of_the_library_is_a_room() {
    let others: BTreeSet<String> =
        sources().into_iter().filter(|file| file.room().is_none()).map(|file| file.name).collect();
    assert_eq!(others.into_iter().collect::<Vec<_>>(), ["allocator.rs", "lib.rs", "main.rs"]);
}

#[test]
fn only_the_model_names_burn() {
    let outside = |file: &File| !file.name.starts_with("model/");
    assert_none(&lines_with(&["burn_", "use burn"], outside));
}

#[test]
fn what_is_asynchronous_stays_with_object_storage() {
    const ROOM: &str = "store/remote/objects/";
    let outside = |file: &File| !file.name.starts_with(ROOM);
    assert_none(&lines_with(
        &["object_store::", "reqwest::", "futures_util::", "async fn", "async move", "async {"],
        outside,
    ));
    let elsewhere = |file: &File| file.name != format!("{ROOM}client.rs");
    assert_none(&lines_with(&["tokio::"], elsewhere));
}

#[test]
fn only_the_command_line_prints_reads_the_environment_or_exits() {
    let pieces = [
        "println!",
        "eprintln!",
        "print!(",
        "dbg!(",
        "env::var",
        "env::args",
        "env::current_dir",
        "env::temp_dir",
        "process::exit",
        "io::stdout",
        "io::stderr",
        "io::stdin",
    ];
    let outside = |file: &File| !file.name.starts_with("cli/") && file.name != "main.rs" && !file.is_test();
    assert_none(&lines_with(&pieces, outside));
}

#[test]
fn the_command_line_leaves_the_insides_of_stages_to_the_session() {
    let of_cli = |file: &&File| file.name.starts_with("cli/");
    let mut offences = lines_with(&[".parts", ".params", ".manifest", "fingerprint::Term"], |file| of_cli(&file));
    for file in sources().iter().filter(of_cli) {
        let named = file.rooms_named();
        let beneath = ["kinds", "engine", "teacher"].into_iter().filter(|room| named.contains(room));
        offences.extend(beneath.map(|room| format!("src/{} uses `{room}`, which `session` is there for", file.name)));
    }
    assert_none(&offences);
}

#[test]
fn pure_rooms_read_no_files() {
    let pure = ["fingerprint", "source", "artifact", "event", "text", "stats", "report", "spec", "graph"];
    let applies = |file: &File| file.room().is_some_and(|room| pure.contains(&ROOMS[room])) && !file.is_test();
    assert_none(&lines_with(&["fs_err", "std::fs", "std::net", "SystemTime::now", "Instant::now"], applies));
}

#[test]
fn every_file_says_what_it_is() {
    let silent = sources().into_iter().filter(|file| !file.whole.starts_with("//!"));
    assert_none(&silent.map(|file| format!("src/{} does not begin with `//!`", file.name)).collect::<Vec<_>>());
}

#[test]
fn no_file_is_a_drawer_for_odds_and_ends() {
    let odd = |file: &File| {
        file.name.split(['/', '.']).any(|part| ["utils", "util", "helpers", "common", "misc"].contains(&part))
    };
    assert_none(
        &sources()
            .into_iter()
            .filter(odd)
            .map(|file| format!("src/{} is named for nothing", file.name))
            .collect::<Vec<_>>(),
    );
}

#[test]
fn no_file_is_too_long() {
    let long =
        sources().into_iter().filter(|file| !file.is_test() && without_tests(&file.whole).lines().count() > LINES_MAX);
    assert_none(&long.map(|file| format!("src/{} has more than {LINES_MAX} lines", file.name)).collect::<Vec<_>>());
}

/// Returns the files that code includes when it is compiled, as paths from the folder of its own file.
fn included(text: &str) -> Vec<&str> {
    let calls = ["include_str!(\"", "include_bytes!(\""].into_iter().flat_map(|call| text.match_indices(call));
    calls.filter_map(|(at, call)| text[at + call.len()..].split('"').next()).collect()
}

/// Takes the steps up out of a path.
fn straight(path: &Path) -> PathBuf {
    path.components().fold(PathBuf::new(), |mut so_far, part| {
        if part.as_os_str() == ".." {
            so_far.pop();
        } else {
            so_far.push(part);
        }
        so_far
    })
}

#[test]
fn what_is_compiled_in_is_in_the_package() {
    let manifest = fs_err::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml")).unwrap();
    let include = manifest.split_once("\ninclude = [").unwrap().1.split_once(']').unwrap().0;
    let packed: Vec<&str> = include.split('"').skip(1).step_by(2).map(|path| path.trim_start_matches('/')).collect();
    assert!(packed.contains(&"src"), "{packed:?}");
    let mut missing = Vec::new();
    let mut count = 0;
    for file in sources().iter().filter(|file| !file.is_test()) {
        let path = Path::new("src").join(&file.name);
        // A room is a package of its own, all of which is packed; the command line is in the root's.
        let room = file.name.split('/').next().unwrap();
        let own = Path::new("src").join(room);
        for included in included(&file.text) {
            count += 1;
            let target = straight(&path.with_file_name("").join(included));
            let is_packed = match room {
                "cli" => packed.iter().any(|packed| target.starts_with(packed)),
                _ => target.starts_with(&own),
            };
            if !is_packed {
                missing.push(format!(
                    "src/{} includes `{}`, which its package does not have",
                    file.name,
                    target.display()
                ));
            }
        }
    }
    assert!(count > 3, "{count}");
    assert_none(&missing);
}

#[test]
fn lists_of_rooms_are_read_with_and_without_braces() {
    let text = "use crate::store::{Store, Mode};\nuse crate::{event::{Event, What}, plan::Plan};\nlet x = retort_text::words(a);";
    assert_eq!(rooms_named(text).into_iter().collect::<Vec<_>>(), ["event", "plan", "store", "text"]);
    assert_eq!(crates_named(text).into_iter().collect::<Vec<_>>(), ["text"]);
}
