//! Disks that are full or may not be written, in a small file system of its own where this user may mount one.

use std::path::Path;
use std::process::Command;

use crate::pipelines::{PLAIN, TRAINED};
use crate::runner::{FILE, Project, files};

/// A mounted file system, unmounted in the end.
struct Mounted {
    folder: tempfile::TempDir,
}

impl Mounted {
    /// Mounts a tmpfs; `None`, and a line that says so, where that is not allowed.
    fn new(size: &str) -> Option<Self> {
        let folder = tempfile::TempDir::with_prefix("retort-disk-").unwrap();
        let mounted = mount(&["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs"], folder.path());
        if !mounted {
            println!("skipped: this user may not mount a tmpfs");
        }
        mounted.then_some(Self { folder })
    }

    fn remount(&self, how: &str) {
        assert!(mount(&["-o", &format!("remount,{how}")], self.folder.path()));
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.folder.path()).status();
    }
}

fn mount(arguments: &[&str], at: &Path) -> bool {
    Command::new("mount").args(arguments).arg(at).output().is_ok_and(|output| output.status.success())
}

#[test]
fn a_full_disk_is_said_clearly_and_a_larger_one_completes_the_run() {
    let Some(disk) = Mounted::new("700k") else { return };
    let project = Project::new(TRAINED).with_cache(&disk.folder.path().join("cache"));
    let output = project.run(&["run", FILE]);
    assert!(matches!(output.code, Some(1 | 3)), "{output}");
    let output = output.says("the disk is full").says(&project.cache().display().to_string());
    assert!(!output.stderr.contains("panicked"), "{output}");

    disk.remount("size=64m");
    project.run(&["run", FILE]).code(0);
    project.assert_clean();
    let fresh = Project::new(TRAINED);
    fresh.make();
    assert_eq!(project.digests(), fresh.digests());
}

#[test]
fn a_disk_without_room_for_anything_is_said_clearly() {
    let Some(disk) = Mounted::new("4k") else { return };
    let project = Project::new(PLAIN).with_cache(&disk.folder.path().join("cache"));
    let output = project.run(&["run", FILE]).says(&disk.folder.path().display().to_string());
    assert!(matches!(output.code, Some(1 | 3)), "{output}");
    assert!(!output.stderr.contains("panicked"), "{output}");
    disk.remount("size=64m");
    project.run(&["run", FILE]).code(0);
    project.assert_clean();
}

#[test]
fn a_read_only_cache_answers_and_says_that_it_keeps_nothing() {
    let Some(disk) = Mounted::new("64m") else { return };
    let project = Project::new(PLAIN).with_cache(&disk.folder.path().join("cache"));
    project.make();
    disk.remount("ro");
    assert!(project.stale().is_empty());
    project.run(&["show", FILE, "rationales"]).code(0);
    project.run(&["cache", "size"]).code(0);
    project.edit("0.8]", "0.7]");
    let output = project.run(&["run", FILE]).code(3).says("for reading only").says("hint:");
    assert!(output.stderr.contains(&project.cache().display().to_string()), "{output}");
    project.run(&["cache", "verify"]).code(3).says("for reading only");
    project.run(&["cache", "gc"]).code(3).says("for reading only");
    disk.remount("rw");
    project.run(&["run", FILE]).code(0);
    project.assert_clean();
}

#[test]
fn a_cache_that_cannot_be_made_is_said_clearly() {
    let Some(disk) = Mounted::new("1m") else { return };
    disk.remount("ro");
    let project = Project::new(PLAIN).with_cache(&disk.folder.path().join("cache"));
    project.run(&["run", FILE]).code(3).says(&project.cache().display().to_string());
}

/// A student whose weights are of about 2 MB, of which most are written in pieces.
const WIDE: &str = r#"retort: 1
experiment: wide
seed: 17
models:
  wide: { new: { architecture: gpt2, layers: 2, width: 128, heads: 2, context: 128, tokenizer: tokens } }
stages:
  questions:
    dataset: { format: synthetic, train: 8, dev: 4, test: 4 }
  tokens:
    tokenizer: { questions: questions, vocabulary: 320 }
  tuned:
    train: { student: wide, questions: questions, placement: none, recipe: { lr: 1.0e-3, batch: 4, steps: 2 } }
  answers:
    evaluate: { model: tuned, questions: questions, split: test, max_new: 4 }
"#;

#[test]
fn weights_that_the_disk_has_no_room_for_are_said_clearly_and_leave_nothing() {
    let Some(disk) = Mounted::new("1500k") else { return };
    let project = Project::new(WIDE).with_cache(&disk.folder.path().join("cache"));
    let output = project.run(&["run", FILE]).code(1).says("cannot write a blob").says("the disk is full");
    assert!(!output.stderr.contains("panicked"), "{output}");
    assert_eq!(files(&project.cache().join("tmp")), [""; 0].map(std::path::PathBuf::from), "{output}");
    project.assert_clean();

    disk.remount("size=64m");
    project.run(&["run", FILE]).code(0);
    project.assert_clean();
    let fresh = Project::new(WIDE);
    fresh.make();
    assert_eq!(project.digests(), fresh.digests());
}
