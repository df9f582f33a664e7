//! Whatever is damaged in the cache, the next run is right.

use std::path::Path;

use crate::lost::one;
use crate::pipelines::{PLAIN, TRAINED};
use crate::runner::{Digests, FILE, Project, files};

/// A project that has run, and its digests.
fn done() -> (Project, Digests) {
    let project = Project::new(PLAIN);
    project.make();
    let digests = project.digests();
    (project, digests)
}

/// Changes bytes where they lie, whatever the mode of the file.
fn change(path: &Path, how: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = fs_err::read(path).unwrap();
    how(&mut bytes);
    fs_err::remove_file(path).unwrap();
    fs_err::write(path, bytes).unwrap();
}

/// Verification finds the damage; the pipeline runs again; everything is as before.
#[track_caller]
fn assert_found_and_mended(project: &Project, right: &Digests, expected: &str) {
    project.run(&["cache", "verify"]).code(4).shows(expected);
    assert_mended(project, right);
}

/// A fraction is added, so that something stale reads the rationales; then everything must be as in a fresh cache.
#[track_caller]
fn assert_mended(project: &Project, right: &Digests) {
    run_after_damage(project);
    let digests = project.digests();
    assert!(right.iter().all(|(name, parts)| digests[name] == *parts));
    let fresh = Project::new(&fs_err::read_to_string(project.path(FILE)).unwrap());
    fresh.make();
    assert_eq!(fresh.digests(), digests);
    for digest in digests["rationales"].values() {
        assert_eq!(fs_err::read(project.blob(digest)).unwrap(), fs_err::read(fresh.blob(digest)).unwrap());
    }
    project.assert_clean();
}

/// Adds a fraction and runs, which succeeds at once, whatever is damaged.
#[track_caller]
fn run_after_damage(project: &Project) {
    project.edit("[0.4, 0.8]", "[0.4, 0.6, 0.8]");
    project.run(&["run", FILE]).code(0);
}

#[test]
fn a_flipped_bit_is_found_and_mended() {
    let (project, right) = done();
    change(&project.blob(&right["rationales"]["rows"]), |bytes| bytes[100] ^= 4);
    assert_found_and_mended(&project, &right, "have the digest");
}

#[test]
fn a_flipped_bit_that_nobody_looked_for_is_not_served() {
    let (project, right) = done();
    change(&project.blob(&right["rationales"]["rows"]), |bytes| bytes[100] ^= 4);
    assert_mended(&project, &right);
}

#[test]
fn a_bit_flipped_without_a_trace_in_the_times_is_found_by_verify() {
    let (project, right) = done();
    let path = project.blob(&right["rationales"]["rows"]);
    let before = fs_err::metadata(&path).unwrap().modified().unwrap();
    change(&path, |bytes| bytes[100] ^= 4);
    fs_err::OpenOptions::new().append(true).open(&path).unwrap().file().set_modified(before).unwrap();
    assert_found_and_mended(&project, &right, "have the digest");
}

#[test]
fn a_truncated_blob_is_not_served() {
    let (project, right) = done();
    change(&project.blob(&right["rationales"]["rows"]), |bytes| bytes.truncate(40));
    assert_mended(&project, &right);
}

#[test]
fn an_empty_blob_is_found_and_mended() {
    let (project, right) = done();
    change(&project.blob(&right["rationales"]["rows"]), Vec::clear);
    assert_found_and_mended(&project, &right, "its 0 bytes");
}

#[test]
fn an_empty_record_is_found_and_mended() {
    let (project, right) = done();
    change(&project.record_of("rationales"), Vec::clear);
    assert_found_and_mended(&project, &right, "it is empty");
}

#[test]
fn a_record_with_another_result_is_ignored() {
    let (project, right) = done();
    let (from, to) = (right["rationales"]["rows"].clone(), right["questions"]["train"].clone());
    change(&project.record_of("rationales"), |bytes| {
        *bytes = String::from_utf8(bytes.clone()).unwrap().replace(&from, &to).into_bytes();
    });
    assert_eq!(project.make().ran(), ["rationales".to_owned()].into(), "its result was the same, which stops the wave");
    assert_eq!(project.digests(), right);
    assert_found_and_mended(&project, &right, "its bytes are not those of its name");
}

#[test]
fn a_deleted_blob_is_made_again_when_something_needs_it_and_not_before() {
    let (project, right) = done();
    fs_err::remove_file(project.blob(&right["rationales"]["rows"])).unwrap();
    assert_eq!(project.make().ran().len(), 0, "nobody needs it");
    project.edit("[0.4, 0.8]", "[0.4, 0.5, 0.8]");
    let ran = project.make().ran();
    assert!(ran.contains("rationales") && !ran.contains("questions"), "{ran:?}");
    project.edit("[0.4, 0.5, 0.8]", "[0.4, 0.8]");
    assert_mended(&project, &right);
}

#[test]
fn without_its_objects_the_cache_still_knows_what_it_made() {
    let (project, right) = done();
    fs_err::remove_dir_all(project.cache().join("objects")).unwrap();
    assert_eq!(project.make().ran().len(), 0);
    project.run(&["cache", "verify"]).code(8);
    assert_mended_without_all(&project, &right);
}

/// As [`assert_mended`], where blobs that nothing needs are still gone.
#[track_caller]
fn assert_mended_without_all(project: &Project, right: &Digests) {
    run_after_damage(project);
    let digests = project.digests();
    assert!(right.iter().all(|(name, parts)| digests[name] == *parts));
}

#[test]
fn without_its_index_the_cache_is_all_hits() {
    let (project, right) = done();
    fs_err::remove_dir_all(project.cache().join("index")).unwrap();
    assert_eq!(project.make().ran().len(), 0);
    fs_err::remove_dir_all(project.cache().join("index")).unwrap();
    project.run(&["cache", "rebuild"]).code(0);
    assert_eq!(project.make().ran().len(), 0);
    assert_mended(&project, &right);
}

#[test]
fn an_index_of_garbage_stops_nothing() {
    let (project, right) = done();
    let index = files(&project.cache().join("index"));
    assert!(!index.is_empty());
    for path in &index {
        change(path, |bytes| bytes.iter_mut().enumerate().for_each(|(at, byte)| *byte = (at * 31 % 251) as u8));
    }
    assert_eq!(project.make().ran().len(), 0);
    for path in files(&project.cache().join("index")) {
        change(&path, |bytes| bytes.truncate(bytes.len() / 3));
    }
    assert_eq!(project.make().ran().len(), 0);
    project.run(&["cache", "rebuild"]).code(0);
    assert_mended(&project, &right);
}

#[test]
fn a_file_where_the_index_should_be_stops_nothing() {
    let (project, right) = done();
    fs_err::remove_dir_all(project.cache().join("index")).unwrap();
    fs_err::write(project.cache().join("index"), "not a directory").unwrap();
    assert_eq!(project.make().ran().len(), 0);
    assert_mended(&project, &right);
}

#[test]
fn a_damaged_row_is_asked_again() {
    let project = Project::new(TRAINED);
    project.make();
    let right = project.digests();
    let rows: Vec<_> = files(&project.cache().join("rows"));
    assert!(!rows.is_empty());
    for path in &rows {
        change(path, |bytes| {
            let middle = bytes.len() / 2;
            bytes[middle] ^= 1;
        });
    }
    project.run(&["cache", "verify"]).code(4);
    fs_err::remove_dir_all(project.cache().join("actions")).unwrap();
    project.run(&["run", FILE]).code(0);
    assert_eq!(project.digests(), right);
    project.assert_clean();
}

#[test]
fn damaged_weights_are_neither_evaluated_nor_exported() {
    let project = Project::new(TRAINED);
    project.make();
    let right = project.digests();
    let tuned = "tuned[fraction=0.4]";
    project.run(&["export", FILE, tuned, "before"]).code(0);
    change(&project.blob(&right[tuned]["weights"]), |bytes| {
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
    });
    project.run(&["export", FILE, tuned, "damaged"]).code(3).says("lost or damaged");
    assert!(!project.path("damaged").exists());
    // A further question of the same student.
    project.edit(
        "max_new: 16 }",
        "max_new: 16 }\n  first:\n    where: { fraction: 0.4 }\n    evaluate: { model: tuned, questions: questions, split: dev, max_new: 16 }",
    );
    assert_eq!(project.make().ran(), [tuned, "first[fraction=0.4]"].map(str::to_owned).into());
    assert_eq!(project.digests()[tuned], right[tuned]);
    project.assert_clean();
    project.run(&["export", FILE, tuned, "after"]).code(0);
    let weights = |folder: &str| fs_err::read(project.path(folder).join("model.safetensors")).unwrap();
    assert_eq!(blake3::hash(&weights("after")).to_hex().as_str(), right[tuned]["weights"]);
    assert!(weights("before") == weights("after"));
    // What somebody changed there is theirs.
    change(&project.path("after").join("model.safetensors"), |bytes| bytes[100] ^= 1);
    project.run(&["export", FILE, tuned, "after"]).code(3).says("model.safetensors").says("is not overwritten");
}

#[test]
fn what_is_no_cache_is_left_alone() {
    let project = Project::new(PLAIN);
    project.run(&["cache", "verify"]).code(3).says("it is not a cache directory");
    project.run(&["cache", "gc"]).code(3).says("hint:");
    fs_err::write(project.cache(), "a file").unwrap();
    project.run(&["run", FILE]).code(3).says("cache");
    assert_eq!(fs_err::read_to_string(project.cache()).unwrap(), "a file");
}

#[test]
fn a_damaged_index_is_told_in_a_note_and_not_by_a_panic() {
    let project = Project::new(PLAIN);
    project.make();
    let database = files(&project.cache().join("index")).into_iter().find(|path| path.ends_with("sled-v1/db")).unwrap();
    let whole = fs_err::read(&database).unwrap();
    for at in [0, 10, 100, 1000, 5000, 20_000, 100_000] {
        let mut bytes = whole.clone();
        bytes.iter_mut().skip(at).step_by(97).for_each(|byte| *byte ^= 0x5A);
        fs_err::write(&database, &bytes).unwrap();
        let output = project.run(&["run", FILE]).code(0);
        assert!(!output.stderr.contains("panicked"), "{output}");
        assert!(project.stale().is_empty());
    }
}

#[test]
fn a_damaged_log_costs_its_line_and_no_other_run() {
    let (project, _) = done();
    project.make();
    let mut logs: Vec<_> = files(&project.cache().join("runs"));
    logs.retain(|path| path.ends_with("events.jsonl"));
    assert_eq!(logs.len(), 2);
    change(&logs[0], |bytes| bytes[30] = 0);
    let output = project.run(&["runs"]).code(0);
    assert_eq!(output.stdout.matches("  plain  ").count(), 2, "{output}");
    project.run(&["replay", "last~1"]).code(0).says("is damaged: 1 line is left out, the first at line 1");
    // Even where nothing of it can be read, the others are listed.
    change(&logs[0], |bytes| bytes.fill(0));
    let output = project.run(&["runs"]).code(0);
    assert_eq!(output.stdout.matches("14 cached").count(), 1, "{output}");
    assert!(output.stdout.contains("not finished"), "{output}");
}

#[test]
fn a_report_folder_whose_record_is_damaged_is_known_by_its_provenance() {
    let project = Project::new(&one());
    project.make();
    let folder = project.path("out/gathered/results");
    for harm in ["", "{", "{\"files\": {}}"] {
        fs_err::write(folder.join(".retort-wrote.json"), harm).unwrap();
        project.edit("title: One", "title: Two");
        project.make();
        let report = || fs_err::read_to_string(folder.join("report.md")).unwrap();
        assert!(report().contains("Two"), "{harm:?}");
        project.edit("title: Two", "title: One");
        project.make();
        assert!(!report().contains("Two"), "{harm:?}");
    }
    // A folder with neither is somebody's.
    fs_err::remove_file(folder.join(".retort-wrote.json")).unwrap();
    fs_err::remove_file(folder.join("provenance.json")).unwrap();
    project.edit("title: One", "title: Two");
    project.run(&["run", FILE]).code(3).says("is there already and is not overwritten");
}
