//! `retort cache`: how large it is, whether it is sound, and what can go.

use std::path::Path;

use serde_json::json;

use super::super::args::{Cache, Global, Move, Push, SizeBy};
use super::super::exit::{Exit, Failure};
use super::super::print;
use super::super::remotes;
use super::super::reporter::counted;
use super::super::settings::{surroundings, workspace};
use super::key;
use crate::session::{Workspace, choose_run, duration, find_run};
use crate::store::{
    AreaSize, Bucket, Collection, Compare, Damage, GcOptions, Mode, Moved, Moving, RunSummary, Selection, Store, Usage,
    UsageBy, VerifyOptions,
};

/// Looks after the cache.
pub(super) fn cache(global: &Global, command: &Cache) -> Result<Exit, Failure> {
    let workspace = workspace(global)?;
    match command {
        Cache::Key(command) => key::key(global, command),
        Cache::Size { by: None } => size(global, &workspace),
        Cache::Size { by: Some(by) } => usage(global, &workspace, *by),
        Cache::Undelete { name, list } => undelete(global, &workspace, name.as_deref(), *list),
        Cache::Verify => verify(global, &workspace),
        Cache::Gc { keep_runs, grace, dry_run } => {
            let options = GcOptions { keep_runs: *keep_runs, keep_for: *grace, grace: *grace, dry_run: *dry_run };
            gc(global, &workspace, options)
        }
        Cache::Rebuild => {
            let report = workspace.store(Mode::Existing)?.rebuild_index(&mut bar(global, "rebuild"))?;
            if global.json {
                print::answer(&json!({ "actions": report.actions, "packs": report.packs }));
            } else {
                print::data(&format!(
                    "the index knows {} actions and {} packs of rows\n",
                    report.actions, report.packs
                ));
            }
            Ok(Exit::Success)
        }
        Cache::Share { place } if Bucket::is_meant(place) => {
            let (at, timeout) = remotes::bucket(place, &workspace.settings.remotes, &surroundings())?;
            Store::share_bucket(&at, timeout)?;
            print::data(&format!("{}: a cache for whoever may use the bucket\n", at.bucket));
            Ok(Exit::Success)
        }
        Cache::Share { place } => {
            Store::share(Path::new(place))?;
            print::data(&format!("{place}: a cache for its group to share\n"));
            Ok(Exit::Success)
        }
        Cache::Push(what) => push(global, &workspace, what),
        Cache::Pull(what) => pull(global, &workspace, what),
    }
}

fn push(global: &Global, workspace: &Workspace, Push { what, verify }: &Push) -> Result<Exit, Failure> {
    let store = workspace.store(Mode::Existing)?;
    let remote = what.remote.as_deref();
    let mut selection = Selection::default();
    if what.all {
        selection = store.select_all()?;
    } else if what.digests.is_empty() {
        let run = find_run(&store, what.run.as_deref().unwrap_or("last"))?;
        of_run(&mut selection, &run.summary()?, what.stage.as_deref())?;
    }
    for digest in &what.digests {
        let found = store.select_named(digest)?;
        selection.actions.extend(found.actions);
        selection.blobs.extend(found.blobs);
    }
    let bar = bar(global, "push");
    let compare = if *verify { Compare::All } else { Compare::Nothing };
    let moved = store.push(remote, &selection, &Moving { jobs: what.jobs, compare, progress: &bar });
    workspace.tell_notices(&store);
    Ok(report(global, "pushed to", "there", &moved?))
}

fn pull(global: &Global, workspace: &Workspace, what: &Move) -> Result<Exit, Failure> {
    let store = workspace.store(Mode::Create)?;
    let remote = what.remote.as_deref();
    let mut selection = Selection::default();
    if what.digests.is_empty() {
        let runs = store.runs_in_remotes(remote)?;
        if what.all {
            selection.rows = true;
            for id in &runs {
                selection.add_run(&store.read_run_in_remotes(remote, id)?, None);
            }
        } else {
            let id = choose_run(&runs, what.run.as_deref().unwrap_or("last"), "the remotes have")?;
            of_run(&mut selection, &store.read_run_in_remotes(remote, id)?, what.stage.as_deref())?;
        }
    }
    for digest in &what.digests {
        let found = store.select_named_in_remotes(remote, digest)?;
        selection.actions.extend(found.actions);
        selection.blobs.extend(found.blobs);
    }
    let bar = bar(global, "pull");
    let moved = store.pull(remote, &selection, &Moving { jobs: what.jobs, compare: Compare::Nothing, progress: &bar });
    workspace.tell_notices(&store);
    Ok(report(global, "pulled from", "here", &moved?))
}

fn of_run(selection: &mut Selection, run: &RunSummary, stage: Option<&str>) -> Result<(), Failure> {
    if selection.add_run(run, stage) > 0 {
        return Ok(());
    }
    Err(match stage {
        Some(stage) => Failure::invalid(format!("run `{}` has no stage or instance `{stage}`", run.id))
            .hint(format!("it is a run of {}", run.info.experiment)),
        None => Failure::invalid(format!("run `{}` has recorded no results", run.id)),
    })
}

/// Says what was moved; something that could not be is a failure.
fn report(global: &Global, did: &str, place: &str, moved: &[Moved]) -> Exit {
    if global.json {
        print::json(&moved);
    } else {
        for moved in moved {
            let packs =
                if moved.packs == 0 { String::new() } else { format!(", {} of rows", counted(moved.packs, "pack")) };
            print::data(&format!(
                "{did} `{}`: {}, {} ({}){packs}; {} {place} already\n",
                moved.remote,
                counted(moved.results, "result"),
                counted(moved.blobs, "blob"),
                print::bytes(moved.bytes),
                counted(moved.there, "result")
            ));
            moved.refused.iter().for_each(|refused| print::data(&format!("not moved: {refused}\n")));
        }
    }
    if moved.iter().all(|moved| moved.refused.is_empty()) { Exit::Success } else { Exit::Unusable }
}

fn size(global: &Global, workspace: &Workspace) -> Result<Exit, Failure> {
    let report = workspace.look()?.size()?;
    let total = report.total();
    let areas: [(&str, &AreaSize, &str); 9] = [
        ("objects", &report.objects, "the bytes of artifacts"),
        ("actions", &report.actions, "which action gave which bytes"),
        ("rows", &report.rows, "results of single rows"),
        ("runs", &report.runs, "logs"),
        ("partial", &report.partial, "saved states of training"),
        ("index", &report.index, "can be made anew with `cache rebuild`"),
        ("trash", &report.trash, "what `cache gc` removed, until its grace is over"),
        ("temporary", &report.temporary, "being written"),
        ("total", &total, ""),
    ];
    if global.json {
        let area = |(name, size, _): &(&str, &AreaSize, &str)| {
            ((*name).to_owned(), json!({ "files": size.files, "bytes": size.bytes }))
        };
        print::json(&areas.iter().map(area).collect::<serde_json::Map<_, _>>());
        return Ok(Exit::Success);
    }
    let row = |(name, size, about): &(&str, &AreaSize, &str)| {
        vec![(*name).to_owned(), size.files.to_string(), print::bytes(size.bytes), (*about).to_owned()]
    };
    print::data(&print::table(&["", "files", "size", ""], areas.iter().map(row).collect()));
    Ok(Exit::Success)
}

fn verify(global: &Global, workspace: &Workspace) -> Result<Exit, Failure> {
    let store = workspace.store(Mode::Existing)?;
    let report = store.verify(VerifyOptions { quarantine: true }, &mut bar(global, "verify"))?;
    let shown = |damage: &Damage| format!("{}: {}", damage.path.display(), damage.why);
    let damaged: Vec<String> =
        [&report.damaged_blobs, &report.damaged_records, &report.damaged_rows, &report.damaged_partials]
            .into_iter()
            .flatten()
            .map(shown)
            .collect();
    let untrusted: Vec<String> = report.untrusted_records.iter().map(shown).collect();
    let missing: Vec<String> = report
        .missing_blobs
        .iter()
        .map(|gone| {
            format!("part `{}` of action {} is gone: blob {}", gone.part, gone.fingerprint.short(), gone.digest.short())
        })
        .collect();
    if global.json {
        print::answer(&json!({
            "clean": report.clean(), "blobs": report.blobs, "bytes": report.blob_bytes, "records": report.records,
            "rows": report.rows, "damaged": damaged, "missing": missing, "untrusted": untrusted,
            "elsewhere": report.blobs_elsewhere, "evicted": report.evicted_blobs,
        }));
    } else {
        for line in damaged.iter().chain(&missing).chain(&untrusted) {
            print::data(line);
        }
        let (blobs, size) = (report.blobs, print::bytes(report.blob_bytes));
        let (blobs, records, rows) =
            (counted(blobs, "blob"), counted(report.records, "record"), counted(report.rows, "row"));
        print::data(&format!("{blobs} ({size}), {records} and {rows} read\n"));
        if report.blobs_elsewhere > 0 {
            print::data(&format!("{} in the remotes and not here\n", counted(report.blobs_elsewhere, "blob")));
        }
        if report.evicted_blobs > 0 {
            print::data(&format!("{} not kept, as their stages ask\n", counted(report.evicted_blobs, "blob")));
        }
        if report.clean() {
            print::data("clean\n");
        } else if !report.is_undamaged() {
            print::data("what is damaged was moved aside; the next run that needs it makes it again\n");
        } else if !missing.is_empty() {
            print::data("the next run that needs what is missing makes it again\n");
        }
    }
    Ok(Exit::Verified {
        corrupt: !report.is_undamaged(),
        missing: !report.missing_blobs.is_empty(),
        untrusted: !report.untrusted_records.is_empty(),
    })
}

fn gc(global: &Global, workspace: &Workspace, options: GcOptions) -> Result<Exit, Failure> {
    let store = workspace.store(Mode::Existing)?;
    let report = store.gc(options, &mut bar(global, "gc"))?;
    if global.json {
        print::answer(&json!({
            "dry_run": report.dry_run, "kept_records": report.kept_records, "kept_blobs": report.kept_blobs,
            "kept_bytes": report.kept_bytes, "removed_records": report.removed_records,
            "removed_blobs": report.removed_blobs, "removed_runs": report.removed_runs,
            "removed_bytes": report.removed_bytes, "recompute_ms": report.recompute_ms, "trash_bytes": report.trash_bytes,
        }));
        return Ok(Exit::Success);
    }
    let did = if report.dry_run { "would move" } else { "moved" };
    print::data(&format!(
        "kept {} ({}); {did} {}, {} and {} to the trash ({})\n",
        counted(report.kept_records, "result"),
        print::bytes(report.kept_bytes),
        counted(report.removed_records, "result"),
        counted(report.removed_blobs, "blob"),
        counted(report.removed_runs, "run"),
        print::bytes(report.removed_bytes)
    ));
    if report.removed_records > 0 {
        print::data(&format!("they took {} to compute\n", duration(report.recompute_ms)));
    }
    if report.removed_bytes > 0 && !report.dry_run {
        print::data("`retort cache undelete` brings it back\n");
    }
    if report.trash_bytes > 0 {
        let did = if report.dry_run { "would leave" } else { "left" };
        print::data(&format!("{} {did} the trash for good\n", print::bytes(report.trash_bytes)));
    }
    Ok(Exit::Success)
}

fn undelete(global: &Global, workspace: &Workspace, name: Option<&str>, list: bool) -> Result<Exit, Failure> {
    let store = workspace.store(Mode::Existing)?;
    let collections = store.collections()?;
    if list {
        if global.json {
            print::json(&collections);
        } else if collections.is_empty() {
            print::note("nothing that was removed is left to be brought back");
        } else {
            let row = |found: &Collection| {
                let at = i64::try_from(found.at_ms).ok().and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok());
                let at = at.map_or_else(String::new, |at| at.strftime("%Y-%m-%d %H:%M:%S").to_string());
                vec![found.name.clone(), at, found.files.to_string(), print::bytes(found.bytes)]
            };
            print::data(&print::table(&["", "removed (UTC)", "files", "size"], collections.iter().map(row).collect()));
        }
        return Ok(Exit::Success);
    }
    let last = || collections.last().map(|last| last.name.as_str());
    let Some(name) = name.or_else(last) else {
        return Err(Failure::invalid("nothing that was removed is left to be brought back"));
    };
    let restored = store.restore(name)?;
    if global.json {
        print::answer(&restored);
        return Ok(Exit::Success);
    }
    let there = if restored.there == 0 { String::new() } else { format!("; {} were here again", restored.there) };
    print::data(&format!(
        "brought back {}, {} and {}{there}\n",
        counted(restored.records, "result"),
        counted(restored.blobs, "blob"),
        counted(restored.runs, "run")
    ));
    Ok(Exit::Success)
}

fn usage(global: &Global, workspace: &Workspace, by: SizeBy) -> Result<Exit, Failure> {
    let (by, heading) = match by {
        SizeBy::Experiment => (UsageBy::Experiment, "experiment"),
        SizeBy::Stage => (UsageBy::Stage, "stage"),
        SizeBy::Person => (UsageBy::Person, "person"),
    };
    let usages = workspace.look()?.usage(by)?;
    if global.json {
        print::json(&usages);
        return Ok(Exit::Success);
    }
    let row = |usage: &Usage| {
        vec![
            usage.name.clone().unwrap_or_else(|| "(of no recorded run)".to_owned()),
            usage.results.to_string(),
            print::bytes(usage.bytes),
            print::bytes(usage.own_bytes),
            duration(usage.took_ms),
        ]
    };
    let headings = [heading, "results", "size", "of that alone", "took"];
    print::data(&print::table(&headings, usages.iter().map(row).collect()));
    Ok(Exit::Success)
}

/// Shows how far a long look through the cache is, where someone is watching.
fn bar(global: &Global, what: &'static str) -> impl Fn(u64, u64) + Sync {
    let shown = print::talks_to_terminal() && !global.quiet;
    let bar = if shown { indicatif::ProgressBar::new(0) } else { indicatif::ProgressBar::hidden() };
    bar.set_prefix(what);
    if let Ok(style) = indicatif::ProgressStyle::with_template("{prefix} [{wide_bar}] {pos}/{len} {eta}") {
        bar.set_style(style);
    }
    move |done, total| {
        bar.set_length(total);
        bar.set_position(done);
        if done >= total {
            bar.finish_and_clear();
        }
    }
}
