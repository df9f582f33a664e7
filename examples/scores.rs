//! Running a pipeline from Rust, and reading its scores.
//!
//! ```console
//! $ cargo run --release --example scores -- pipelines/quickstart.yaml seed=18
//! ```
//!
//! What follows the file replaces the values of an axis, or the seed, as `--set` does. Results are kept in `cache`, which the
//! program shares with `retort`: run it twice, and the second time nothing is computed.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program prints")]

use std::error::Error;

use retort::artifact::Scores;
use retort::event::{Event, What};
use retort::session::{RunOptions, ScoreSummary, Settings, Workspace};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let file = arguments.next().ok_or("name a pipeline, such as pipelines/quickstart.yaml")?;
    let settings: Vec<String> = arguments.collect();

    let workspace = Workspace::new(Settings::new("cache")).telling(|remark| eprintln!("note: {remark}"));
    let session = workspace.load(&file, &settings)?.open()?;
    let mut reporter = |event: &Event| match &event.what {
        What::Finished { instance, took_ms, .. } => eprintln!("{instance}: {} s", took_ms / 1000),
        What::Failed { instance, error, .. } => eprintln!("{instance} failed: {error}"),
        _ => {}
    };
    let run = session.run(session.pipeline.all(), &RunOptions::default(), &mut reporter)?;
    if run.tally.failed > 0 {
        return Err(format!("{} instances failed", run.tally.failed).into());
    }

    for made in session.read_all::<Scores>(&run.results)? {
        let Some(summary) = ScoreSummary::of(&made.artifact) else { continue };
        let percent = |fraction: f64| format!("{:.1}", fraction * 100.0);
        let accuracy = summary.accuracy;
        println!(
            "{}: {} % of {} questions right [{}, {}]",
            made.name,
            percent(accuracy.value),
            summary.questions,
            percent(accuracy.low),
            percent(accuracy.high)
        );
    }
    Ok(())
}
