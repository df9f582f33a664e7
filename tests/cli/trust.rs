//! Keys, signatures, a salt, audits, and what `cache` says of all that.

use std::collections::BTreeSet;

use serde_json::Value as Json;

use crate::pipelines::{PLAIN, TRAINED};
use crate::runner::{FILE, Output, Project};

/// Runs a command as somebody whose keys are in a folder of the project.
fn run_as(project: &Project, person: &str, arguments: &[&str]) -> Output {
    let mut command = project.command(arguments);
    Output::of(command.env("RETORT_KEYS", project.path(person)).env("USER", person))
}

fn new_key(project: &Project, person: &str) -> String {
    let output = run_as(project, person, &["cache", "key", "new"]).code(0);
    output.stdout.trim().to_owned()
}

#[test]
fn unsigned_results_are_seen_and_made_again_where_trust_is_required() {
    let project = Project::new(PLAIN);
    let key = new_key(&project, "ada");
    project.run(&["run", FILE, "questions"]).code(0);
    run_as(&project, "ada", &["run", FILE]).code(0);
    project.write("retort.toml", &format!("[trust]\nrequire = true\nkeys = [\"{key} ada\"]\n"));
    let plan = run_as(&project, "bob", &["plan", FILE, "--json"]).code(0);
    assert!(
        plan.stderr.contains("1 result exists but is not used: no trusted signature (the first is by tester@"),
        "{plan}"
    );
    let count = |plan: &Output, what: &str| plan.json()["counts"][what].as_u64().unwrap();
    assert_eq!(count(&plan, "runs"), 1, "{plan}");
    run_as(&project, "bob", &["cache", "verify"]).code(16).shows("signed by nobody who is trusted");
    new_key(&project, "bob");
    run_as(&project, "bob", &["run", FILE]).code(0);
    let plan = run_as(&project, "bob", &["plan", FILE, "--json"]).code(0);
    assert_eq!(count(&plan, "runs"), 0, "what one makes oneself is trusted: {plan}");
}

#[test]
fn keys_are_made_trusted_revoked_and_listed() {
    let project = Project::new(PLAIN);
    let (ada, bob) = (new_key(&project, "ada"), new_key(&project, "bob"));
    run_as(&project, "ada", &["cache", "key", "new"]).code(2).says("is there already").says("hint: revoke it");
    run_as(&project, "bob", &["cache", "key", "trust", &ada, "ada"]).code(0).shows("ada is trusted");
    run_as(&project, "bob", &["cache", "key", "trust", "ed25519:12", "x"])
        .code(2)
        .says("the 64 digits of a public key");
    let listed = |person: &str| run_as(&project, person, &["cache", "key", "list", "--json"]).code(0).json();
    let standing = |list: &Json, key: &str| {
        let found = list.as_array().unwrap().iter().find(|row| row["key"] == key).map(|row| row["standing"].clone());
        found.and_then(|standing| standing.as_str().map(str::to_owned))
    };
    assert_eq!(standing(&listed("bob"), &ada).as_deref(), Some("trusted"));
    assert_eq!(standing(&listed("bob"), &bob).as_deref(), Some("trusted"));
    run_as(&project, "bob", &["cache", "key", "revoke", "ada"]).code(0).shows("counts for nothing");
    assert_eq!(standing(&listed("bob"), &ada).as_deref(), Some("revoked"));
    run_as(&project, "bob", &["cache", "key", "trust", &ada, "ada"]).code(2).says("it was revoked");
    run_as(&project, "bob", &["cache", "key", "revoke", "carol"]).code(2).says("cannot use `carol`");
    project.write("bob/trusted", "not a key\n");
    run_as(&project, "bob", &["plan", FILE]).code(3).says("cannot read `").says("line 1");
    project.write("retort.toml", "[trust]\nkeys = [\"ed25519:zz ada\"]\n");
    run_as(&project, "ada", &["plan", FILE]).code(2).says("cannot read the key `ed25519:zz ada`");
}

#[test]
fn a_key_that_others_can_read_is_not_used() {
    use std::os::unix::fs::PermissionsExt;
    let project = Project::new(PLAIN);
    new_key(&project, "ada");
    let path = project.path("ada/signing.key");
    assert_eq!(fs_err::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    fs_err::set_permissions(&path, PermissionsExt::from_mode(0o644)).unwrap();
    run_as(&project, "ada", &["run", FILE]).code(3).says("others can read the key").says("hint: `chmod 600");
}

#[test]
fn a_salt_disowns_everything_before_it() {
    let project = Project::new(PLAIN);
    project.make();
    assert_eq!(project.stale(), BTreeSet::new());
    project.write("retort.toml", "[trust]\nsalt = \"after the incident\"\n");
    assert!(!project.stale().is_empty());
    project.run(&["explain", FILE, "questions"]).code(0).shows("env.salt");
    assert_eq!(project.make().ran().len(), project.plan().len());
    project.write("retort.toml", "");
    assert_eq!(project.stale(), BTreeSet::new(), "nothing was lost");
}

#[test]
fn a_part_that_a_colleague_planted_does_not_become_a_result() {
    let honest = Project::new(PLAIN);
    honest.make();
    let plan = honest.plan();
    let (.., fingerprint) = plan.iter().find(|(name, ..)| name.starts_with("masked[")).unwrap();
    for require in [false, true] {
        let team = tempfile::tempdir().unwrap();
        let shared = team.path().join("shared");
        let project = Project::new(PLAIN).with_cache(&shared);
        project.run(&["cache", "share", shared.to_str().unwrap()]).code(0);
        new_key(&project, "ada");
        project.write("retort.toml", &format!("[trust]\nrequire = {require}\n"));
        let poison = b"{\"poison\":true}\n";
        let digest = blake3::hash(poison).to_hex();
        fs_err::write(project.blob(digest.as_str()), poison).unwrap();
        let text = format!("{digest} {}", poison.len());
        let item = [text.as_bytes(), blake3::hash(text.as_bytes()).as_bytes()].concat();
        let folder = shared.join("partial/v1").join(fingerprint.as_ref().unwrap());
        fs_err::create_dir_all(&folder).unwrap();
        fs_err::write(folder.join("kept-rows"), item).unwrap();
        run_as(&project, "ada", &["run", FILE]).code(0).says("no trusted signature");
        run_as(&project, "ada", &["cache", "verify"]).code(0);
        // Whoever looks without a key sees the same results, since nothing is required of them.
        project.write("retort.toml", "");
        assert_eq!(project.digests(), honest.digests(), "{require}");
    }
}

#[test]
fn settings_of_somebody_else_are_not_obeyed() {
    use std::os::unix::fs::{PermissionsExt, chown, lchown, symlink};
    let project = Project::new(PLAIN);
    project.write("retort.toml", "cache = \"elsewhere\"\n");
    let path = project.path("retort.toml");
    let refused = |why: &str| {
        let output = project.run(&["plan", FILE]).code(3).says(&path.display().to_string()).says(why);
        output.says("hint: an own `retort.toml`");
        let mut command = project.command(&["plan", FILE]);
        Output::of(command.env("RETORT_SAFE_DIRECTORIES", path.parent().unwrap())).code(0);
        // One's own comes first.
        fs_err::create_dir_all(project.path("mine")).unwrap();
        project.write("mine/retort.toml", "");
        let mut command = project.command(&["plan", "../pipeline.yaml"]);
        Output::of(command.current_dir(project.path("mine"))).code(0);
    };
    project.run(&["plan", FILE]).code(0);
    fs_err::set_permissions(&path, PermissionsExt::from_mode(0o666)).unwrap();
    refused("everybody can write it");
    fs_err::set_permissions(&path, PermissionsExt::from_mode(0o644)).unwrap();
    // To make a file somebody else's takes the superuser.
    if rustix::process::geteuid().is_root() {
        chown(&path, Some(64_002), None).unwrap();
        refused("it belongs to user 64002");
        chown(&path, Some(0), None).unwrap();
        fs_err::rename(&path, project.path("other.toml")).unwrap();
        symlink("other.toml", &path).unwrap();
        project.run(&["plan", FILE]).code(0);
        lchown(&path, Some(64_002), None).unwrap();
        refused("it belongs to user 64002");
    }
}

#[test]
fn keys_that_somebody_else_declared_trusted_are_not() {
    use std::os::unix::fs::{PermissionsExt, chown};
    let project = Project::new(PLAIN);
    let key = new_key(&project, "eve");
    new_key(&project, "ada");
    run_as(&project, "ada", &["cache", "key", "trust", &key, "eve"]).code(0);
    let path = project.path("ada/trusted");
    run_as(&project, "ada", &["plan", FILE]).code(0);
    fs_err::set_permissions(&path, PermissionsExt::from_mode(0o666)).unwrap();
    run_as(&project, "ada", &["plan", FILE]).code(3).says("everybody can write it").says("hint: set `RETORT_KEYS`");
    fs_err::set_permissions(&path, PermissionsExt::from_mode(0o644)).unwrap();
    if rustix::process::geteuid().is_root() {
        chown(&path, Some(64_002), None).unwrap();
        run_as(&project, "ada", &["plan", FILE]).code(3).says("it belongs to user 64002");
    }
}

#[test]
fn a_home_in_the_settings_is_the_person_s_own() {
    let project = Project::new(PLAIN);
    project.write("retort.toml", "cache = \"~/retort\"\n");
    let run = |home: &str| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_retort"));
        command.args(["run", FILE, "questions"]).current_dir(project.path(""));
        Output::of(command.env_remove("RETORT_CACHE").env("RETORT_DEVICE", "cpu").env("HOME", home))
    };
    let home = project.path("ada");
    run(home.to_str().unwrap()).code(0);
    assert!(home.join("retort/CACHEDIR.TAG").is_file());
    run("").code(2).says("cannot expand `~/retort`");
    project.write("retort.toml", "cache = \"~bob/retort\"\n");
    run(home.to_str().unwrap()).code(2).says("cannot expand `~bob/retort`");
}

#[test]
fn a_directory_that_is_no_cache_is_not_made_one() {
    let project = Project::new(PLAIN);
    for name in ["cache/tmp/work/thesis.tex", "cache/trash/photo.jpg"] {
        project.write(name, "mine");
    }
    let before = project.mtimes("cache");
    for arguments in [&["run", FILE][..], &["cache", "gc", "--grace", "0"], &["plan", FILE], &["cache", "verify"]] {
        project.run(arguments).code(3).says("cache");
    }
    project.run(&["run", FILE]).code(3).says("it holds `tmp`").says("hint: name a new or empty directory");
    assert_eq!(project.mtimes("cache"), before);
}

#[test]
fn an_audit_countersigns_what_is_the_same_and_tells_what_differs() {
    let project = Project::new(TRAINED);
    project.make();
    let audit = |instance: &str| run_as(&project, "carol", &["audit", FILE, instance]);
    audit("tuned[fraction=0.4]").code(0).shows("it is the same; there is no key");
    let key = new_key(&project, "carol");
    audit("tuned[fraction=0.4]").code(0).shows("it is the same, and it is countersigned");
    audit("answers[fraction=0.4,student=tuned]").code(0).shows("it is the same");
    project.write("retort.toml", &format!("[trust]\nrequire = true\nkeys = [\"{key} carol\"]\n"));
    let plan = run_as(&project, "bob", &["plan", FILE, "tuned", "--json"]).code(0);
    assert!(plan.stderr.contains("not used"), "only one was audited: {plan}");
    project.write("retort.toml", "");
    // A record that is sound in itself and says something else.
    let record = project.record_of("masked[fraction=0.8]");
    let other = project.record_of("masked[fraction=0.4]");
    let read = |path: &std::path::Path| -> Json { serde_json::from_slice(&fs_err::read(path).unwrap()).unwrap() };
    let mut forged = fs_err::read_to_string(&record).unwrap();
    let digest = |record: &Json| record["outputs"]["rows"]["digest"].as_str().unwrap().to_owned();
    let bytes = |record: &Json| format!("\"bytes\":{}", record["outputs"]["rows"]["bytes"]);
    let (right, wrong) = (read(&record), read(&other));
    forged = forged.replace(&digest(&right), &digest(&wrong)).replacen(&bytes(&right), &bytes(&wrong), 1);
    let name = blake3::hash(forged.as_bytes()).to_hex().to_string();
    fs_err::write(record.with_file_name(name), forged).unwrap();
    fs_err::remove_file(&record).unwrap();
    audit("masked[fraction=0.8]").code(4).shows("it differs in `rows`");
    audit("nothing").code(2);
}

#[test]
fn what_was_removed_is_listed_and_brought_back() {
    let project = Project::new(PLAIN);
    project.make();
    project.run(&["cache", "undelete"]).code(2).says("nothing that was removed");
    project.run(&["cache", "gc", "--keep-runs", "0", "--grace", "0", "--dry-run"]).code(0).shows("would move");
    project.run(&["cache", "gc", "--keep-runs", "0", "--grace", "0"]).code(0).shows("undelete");
    assert!(!project.stale().is_empty());
    project.run(&["cache", "undelete", "--list"]).code(0).shows("gc-");
    project.run(&["cache", "undelete"]).code(0).shows("brought back");
    assert_eq!(project.stale(), BTreeSet::new());
    project.assert_clean();
    for (by, name) in [("experiment", "plain"), ("stage", "masked"), ("person", "tester")] {
        project.run(&["cache", "size", "--by", by]).code(0).shows(name);
        let shares = project.run(&["cache", "size", "--by", by, "--json"]).code(0).json();
        assert!(shares.as_array().unwrap().iter().any(|share| share["name"] == name), "{shares}");
    }
}
