//! `retort cache`: how large it is, whether it is sound, and what can go.

use std::time::Duration;

use serde_json::json;

use super::super::args::{Cache, Global};
use super::super::exit::{Exit, Failure};
use super::super::print;
use super::super::reporter::duration;
use super::super::session::{look, open_store};
use super::super::settings::Settings;
use crate::store::{AreaSize, GcOptions, Mode, VerifyOptions};

/// Looks after the cache.
pub(super) fn cache(global: &Global, command: &Cache) -> Result<Exit, Failure> {
    let settings = Settings::global(global)?;
    match command {
        Cache::Size => size(global, &settings),
        Cache::Verify => verify(global, &settings),
        Cache::Gc { keep_runs, grace, dry_run } => {
            let options =
                GcOptions { keep_runs: *keep_runs, keep_for: hours(*grace), grace: hours(*grace), dry_run: *dry_run };
            gc(global, &settings, options)
        }
        Cache::Rebuild => {
            let report = open_store(&settings, Mode::Existing)?.rebuild_index(&mut bar(global, "rebuild"))?;
            if global.json {
                print::json(&json!({ "recipes": report.recipes, "packs": report.packs }));
            } else {
                print::data(&format!(
                    "the index knows {} recipes and {} packs of rows\n",
                    report.recipes, report.packs
                ));
            }
            Ok(Exit::Success)
        }
    }
}

fn hours(count: u64) -> Duration {
    Duration::from_secs(count.saturating_mul(3600))
}

fn size(global: &Global, settings: &Settings) -> Result<Exit, Failure> {
    let report = look(settings)?.size()?;
    let total = report.total();
    let areas: [(&str, &AreaSize, &str); 9] = [
        ("objects", &report.objects, "the bytes of artifacts"),
        ("actions", &report.actions, "which recipe gave which bytes"),
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

fn verify(global: &Global, settings: &Settings) -> Result<Exit, Failure> {
    let store = open_store(settings, Mode::Existing)?;
    let report = store.verify(VerifyOptions { quarantine: true }, &mut bar(global, "verify"))?;
    let damaged: Vec<String> =
        [&report.damaged_blobs, &report.damaged_claims, &report.damaged_rows, &report.damaged_partials]
            .into_iter()
            .flatten()
            .map(|damage| format!("{}: {}", damage.path.display(), damage.why))
            .collect();
    let missing: Vec<String> = report
        .missing_blobs
        .iter()
        .map(|gone| {
            format!("part `{}` of recipe {} is gone: blob {}", gone.part, gone.fingerprint.short(), gone.digest.short())
        })
        .collect();
    if global.json {
        print::json(&json!({
            "clean": report.clean(), "blobs": report.blobs, "bytes": report.blob_bytes, "claims": report.claims,
            "rows": report.rows, "damaged": damaged, "missing": missing,
        }));
    } else {
        for line in damaged.iter().chain(&missing) {
            print::data(line);
        }
        let (blobs, size) = (report.blobs, print::bytes(report.blob_bytes));
        print::data(&format!("{blobs} blobs ({size}), {} claims and {} rows read\n", report.claims, report.rows));
        if report.clean() {
            print::data("clean\n");
        } else {
            print::data("what is damaged was moved aside; the next run that needs it makes it again\n");
        }
    }
    Ok(if report.clean() { Exit::Success } else { Exit::Differs })
}

fn gc(global: &Global, settings: &Settings, options: GcOptions) -> Result<Exit, Failure> {
    let store = open_store(settings, Mode::Existing)?;
    let report = store.gc(options, &mut bar(global, "gc"))?;
    if global.json {
        print::json(&json!({
            "dry_run": report.dry_run, "kept_claims": report.kept_claims, "kept_blobs": report.kept_blobs,
            "kept_bytes": report.kept_bytes, "removed_claims": report.removed_claims,
            "removed_blobs": report.removed_blobs, "removed_runs": report.removed_runs,
            "removed_bytes": report.removed_bytes, "recompute_ms": report.recompute_ms, "trash_bytes": report.trash_bytes,
        }));
        return Ok(Exit::Success);
    }
    let did = if report.dry_run { "would move" } else { "moved" };
    print::data(&format!(
        "kept {} results ({}); {did} {} results, {} blobs and {} runs to the trash ({})\n",
        report.kept_claims,
        print::bytes(report.kept_bytes),
        report.removed_claims,
        report.removed_blobs,
        report.removed_runs,
        print::bytes(report.removed_bytes)
    ));
    if report.removed_claims > 0 {
        print::data(&format!("they took {} to compute\n", duration(report.recompute_ms)));
    }
    if report.trash_bytes > 0 {
        print::data(&format!("the trash holds {}\n", print::bytes(report.trash_bytes)));
    }
    Ok(Exit::Success)
}

/// Shows how far a long look through the cache is, where someone is watching.
fn bar(global: &Global, what: &'static str) -> impl FnMut(u64, u64) {
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
