//! Fetching, from a hub on the loopback interface.

use std::path::Path;

use tempfile::TempDir;

use super::*;

#[path = "../../tests/cli/hub_server.rs"]
mod server;

use server::{COMMIT, ID, Server, Shelf, etag, files_asked};

const WEIGHTS: &[u8] = b"the weights, as many bytes as it takes";

fn whole() -> Shelf {
    Shelf::of(&[
        ("README.md", b"# A model"),
        ("config.json", b"{}"),
        ("generation_config.json", b"{\"a\":1}"),
        ("model.safetensors", WEIGHTS),
        ("tokenizer.json", b"{\"model\":1}"),
    ])
}

fn model(revision: &str) -> HubModel {
    let id = RepoId::parse(ID).expect("a name");
    HubModel { id, revision: Revision::parse(revision).expect("a revision"), data: None, chat: false }
}

/// A hub and an empty cache for what comes of it.
struct World {
    server: Server,
    folder: TempDir,
}

impl World {
    fn new(shelf: Shelf) -> Self {
        Self { server: Server::start(shelf), folder: TempDir::with_prefix("retort-hub-").expect("a folder") }
    }

    fn cache(&self) -> HubCache {
        HubCache::new(self.folder.path())
    }

    fn hub(&self, token: Option<&str>, offline: bool) -> Hub {
        Hub::new(self.cache(), &self.server.endpoint(), token.and_then(Secret::parse), Way::default(), offline)
    }

    fn fetch(&self, revision: &str) -> Result<Snapshot, HubError> {
        self.hub(None, false).fetch(&model(revision), &mut |_| {})
    }

    /// Fetches what cannot be fetched, and returns what is said and what to try.
    fn refused(&self) -> (String, String) {
        let error = self.fetch("main").expect_err("cannot be fetched");
        assert!(self.cache().find(&model("main")).is_err());
        (error.to_string(), error.hint().unwrap_or_default())
    }

    fn place(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join("models--owner--name").join(name)
    }
}

fn read(path: &Path) -> Vec<u8> {
    fs_err::read(path).expect("readable")
}

#[test]
fn a_snapshot_is_laid_out_as_python_does_and_holds_only_what_is_read() {
    let world = World::new(whole());
    let mut told = Vec::new();
    let mut tell = |fetched: Fetched<'_>| {
        if fetched.whole {
            told.push((fetched.file.to_owned(), fetched.total_bytes));
        }
    };
    let snapshot = world.hub(None, false).fetch(&model("main"), &mut tell).expect("fetched");
    let files =
        ["config.json", "tokenizer.json", "generation_config.json", "model.safetensors"].map(str::to_owned).to_vec();
    assert_eq!(snapshot, Snapshot { commit: COMMIT.into(), folder: world.place("snapshots").join(COMMIT), files });
    let expected = [
        ("config.json", 2),
        ("tokenizer.json", 11),
        ("generation_config.json", 7),
        ("model.safetensors", WEIGHTS.len() as u64),
    ];
    assert_eq!(told, expected.map(|(name, bytes)| (name.to_owned(), bytes)));
    let wanted = ["config.json", "generation_config.json", "model.safetensors", "tokenizer.json"];
    assert!(files_asked(&world.server.asked()).into_iter().eq(wanted));

    assert_eq!(read(&world.place("refs/main")), COMMIT.as_bytes());
    assert_eq!(read(&world.place("blobs").join(etag(WEIGHTS, true))), WEIGHTS);
    let link = fs_err::read_link(snapshot.folder.join("model.safetensors")).expect("a link");
    assert_eq!(link, Path::new("../../blobs").join(etag(WEIGHTS, true)));
    let blobs = fs_err::read_dir(world.place("blobs")).expect("blobs").count();
    assert_eq!(blobs, 4);
    // What the commit does not have is noted, as Python does.
    assert!(world.place(".no_exist").join(COMMIT).join("tokenizer_config.json").is_file());

    // What is there is not asked for again, by branch or by commit.
    assert_eq!(world.fetch("main").expect("there"), snapshot);
    assert_eq!(world.fetch(COMMIT).expect("there"), snapshot);
    assert_eq!(world.hub(None, true).fetch(&model("main"), &mut |_| {}).expect("there"), snapshot);
    assert!(world.server.asked().is_empty());
}

#[test]
fn what_another_program_did_not_fetch_is_fetched_where_the_hub_can_be_asked() {
    let world = World::new(whole());
    let whole = world.fetch("main").expect("fetched");
    let link = whole.folder.join("generation_config.json");
    fs_err::remove_file(&link).expect("removed");
    let less = world.hub(None, true).fetch(&model("main"), &mut |_| {}).expect("will do");
    assert_eq!(less.files, ["config.json", "tokenizer.json", "model.safetensors"]);
    world.server.change(|shelf| shelf.refuses = Some((503, "Busy")));
    assert_eq!(world.fetch("main").expect("will do"), less);
    world.server.change(|shelf| shelf.refuses = None);
    assert_eq!(world.fetch("main").expect("fetched"), whole);
    assert!(link.is_file());
}

#[test]
fn a_commit_needs_no_note_of_where_it_is() {
    let world = World::new(whole());
    world.fetch(COMMIT).expect("fetched");
    assert!(!world.place("refs").exists());
    assert_eq!(world.cache().find(&model("main")), Err(Absent::Nothing));
}

#[test]
fn shards_are_those_that_the_index_names() {
    let index = br#"{"weight_map":{"a":"model-1.safetensors","b":"model-2.safetensors"}}"#;
    let world = World::new(Shelf::of(&[
        ("config.json", b"{}"),
        ("tokenizer.json", b"{}"),
        ("model.safetensors.index.json", index),
        ("model-1.safetensors", b"one"),
        ("model-2.safetensors", b"two"),
        ("model-3.safetensors", b"three"),
    ]));
    let snapshot = world.fetch("main").expect("fetched");
    assert_eq!(read(&snapshot.folder.join("model-2.safetensors")), b"two");
    assert!(!snapshot.folder.join("model-3.safetensors").exists());
    // A blob that went away is fetched again, behind the link that is left.
    fs_err::remove_file(world.place("blobs").join(etag(b"two", true))).expect("removed");
    let absent = world.cache().find(&model("main")).expect_err("not whole").to_string();
    assert!(absent.contains("model-2.safetensors"), "{absent}");
    assert_eq!(world.fetch("main").expect("fetched"), snapshot);
    assert_eq!(read(&snapshot.folder.join("model-2.safetensors")), b"two");
}

#[test]
fn a_file_that_was_cut_short_goes_on_where_it_stopped() {
    for ignores_ranges in [false, true] {
        let world = World::new(Shelf { cut: Some(10), ignores_ranges, ..whole() });
        let (said, hint) = world.refused();
        let cut = format!("it was cut short: 10 of {} bytes came", WEIGHTS.len());
        assert_eq!(said, format!("cannot fetch `model.safetensors` of `owner/name@main`: {cut}"));
        assert!(hint.contains("run again"), "{hint}");
        world.server.change(|shelf| shelf.cut = None);
        world.server.asked();
        let snapshot = world.fetch("main").expect("fetched");
        assert_eq!(read(&snapshot.folder.join("model.safetensors")), WEIGHTS);
        assert!(world.server.asked().contains(&"GET /cdn/model.safetensors from 10".to_owned()));
    }
}

#[test]
fn a_connection_that_breaks_is_taken_up_again() {
    let world = World::new(Shelf { drops: Some(16), ..whole() });
    let snapshot = world.fetch("main").expect("fetched");
    assert_eq!(read(&snapshot.folder.join("model.safetensors")), WEIGHTS);
    let asked = world.server.asked();
    let gets: Vec<_> = asked.iter().filter_map(|line| line.strip_prefix("GET /cdn/model.safetensors")).collect();
    assert_eq!(gets, ["", " from 16", " from 32"]);
    // One that sends everything from the beginning each time never gets further.
    let world = World::new(Shelf { drops: Some(16), ignores_ranges: true, ..whole() });
    assert!(world.refused().0.contains("cut short: 16 of 38 bytes"));
}

#[test]
fn what_is_not_what_was_announced_is_not_kept() {
    let other = WEIGHTS.to_ascii_uppercase();
    let longer = [WEIGHTS, b"and more"].concat();
    let elsewhere = "0123456789012345678901234567890123456789";
    for (shelf, why) in [
        (Shelf { swapped: Some(other), ..whole() }, "its SHA-256 is"),
        (Shelf { swapped: Some(longer), ..whole() }, "more than its 38 bytes came"),
        (Shelf { other_commit: Some(elsewhere), ..whole() }, "the commit is `0123456789"),
    ] {
        let world = World::new(shelf);
        let (said, hint) = world.refused();
        assert!(said.contains("not what was announced") && said.contains(why), "{said}");
        assert!(hint.contains("mirror"), "{hint}");
        assert!(!world.place("blobs").join(etag(WEIGHTS, true) + ".incomplete").exists());
        world.server.change(|shelf| *shelf = whole());
        let snapshot = world.fetch("main").expect("fetched");
        assert_eq!(read(&snapshot.folder.join("model.safetensors")), WEIGHTS);
    }
}

#[test]
fn bytes_that_were_damaged_before_they_were_whole_are_found() {
    let world = World::new(Shelf { cut: Some(10), ..whole() });
    world.refused();
    let part = world.place("blobs").join(etag(WEIGHTS, true) + ".incomplete");
    fs_err::write(&part, b"not the we").expect("written");
    world.server.change(|shelf| shelf.cut = None);
    assert!(world.refused().0.contains("SHA-256"));
    world.fetch("main").expect("fetched from the beginning");
}

#[test]
fn a_name_that_leads_out_of_the_cache_is_refused() {
    for etag in ["../../../out", "/tmp/out", "..", ""] {
        let world = World::new(Shelf { etag: Some(etag), ..whole() });
        let (said, _) = world.refused();
        assert!(said.contains(&format!("its etag `{etag}` is not one")), "{said}");
    }
}

#[test]
fn refusals_say_what_to_try() {
    for (status, code, says, tries) in [
        (401, "GatedRepo", "the repository is gated (HTTP 401)", "accept the licence on"),
        (403, "GatedRepo", "the repository is gated (HTTP 403)", "HF_TOKEN"),
        (401, "RepoNotFound", "the hub denies access (HTTP 401)", "check the spelling"),
        (404, "RepoNotFound", "no such repository (HTTP 404)", "its page would be"),
        (404, "RevisionNotFound", "no such revision (HTTP 404)", "/owner/name"),
        (404, "", "no such repository or revision (HTTP 404)", "/owner/name"),
        (503, "", "the hub answered with HTTP 503", ""),
    ] {
        let world = World::new(Shelf { refuses: Some((status, code)), ..whole() });
        let (said, hint) = world.refused();
        assert!(said.starts_with("cannot fetch `owner/name@main`: ") && said.ends_with(says), "{said}");
        assert!(hint.contains(tries), "{hint}");
    }
}

#[test]
fn a_token_opens_what_is_gated() {
    let world = World::new(Shelf { token: Some("hf_secret"), ..whole() });
    world.refused();
    world.hub(Some("hf_secret"), false).fetch(&model("main"), &mut |_| {}).expect("let in");
}

#[test]
fn offline_nothing_is_asked() {
    let world = World::new(whole());
    let error = world.hub(None, true).fetch(&model("main"), &mut |_| {}).expect_err("not there");
    let said = "cannot fetch `owner/name@main`: the hub is not asked when offline, and nothing of it is there";
    assert_eq!(error.to_string(), said);
    assert!(world.server.asked().is_empty());
}

#[test]
fn a_repository_without_safetensors_is_told_how_to_convert() {
    let mut shelf = whole();
    let weights = shelf.files.remove("model.safetensors").expect("weights");
    shelf.files.insert("pytorch_model.bin".into(), weights);
    let (said, hint) = World::new(shelf).refused();
    assert!(said.contains("neither `model.safetensors`") && said.contains("only `pytorch_model.bin`"), "{said}");
    assert!(hint.contains("safe_serialization=True"), "{hint}");
}

#[test]
fn a_hub_that_cannot_be_reached_is_said() {
    let world = World::new(whole());
    // Nothing listens on a port that was just given back.
    let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port").local_addr().expect("bound");
    let hub = Hub::new(world.cache(), &format!("http://{free}"), None, Way::default(), false);
    let error = hub.fetch(&model("main"), &mut |_| {}).expect_err("nobody answers");
    assert!(matches!(error.reason, Reason::Network(_)), "{error}");
    assert!(error.hint().expect("a hint").contains("--offline"));
}

#[test]
fn a_full_disk_is_told_where_there_may_be_room() {
    let full = std::io::Error::from(std::io::ErrorKind::StorageFull);
    let error = HubError::new(&model("main"), "https://hub.example", Some("model.safetensors"), full);
    assert!(error.to_string().starts_with("cannot fetch `model.safetensors` of `owner/name@main`: cannot write"));
    assert!(error.hint().expect("a hint").contains("more room"));
}

#[test]
fn a_cache_that_cannot_be_written_is_said() {
    let world = World::new(whole());
    fs_err::write(world.folder.path().join("models--owner--name"), "a file in the way").expect("written");
    let (said, hint) = world.refused();
    assert!(said.contains("cannot write to the hub's cache"), "{said}");
    assert!(hint.contains("HF_HUB_CACHE"), "{hint}");
}
