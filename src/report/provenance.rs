//! Where a report comes from: what its files are given when they are written out.
//!
//! A report is kept by what went into it, and the same report may be made on another machine and day. So seeds, models,
//! devices and what it all took are no part of it: whoever writes its files knows the records of everything it rests on,
//! and adds a [`Provenance`] to them.

use std::fmt::Write;

use serde::{Deserialize, Serialize};

use super::figure::escape;
use super::{label, markdown};
use retort_artifact::ReportFiles;

/// What the page has in its place until it is known: text from outside never holds a bare `<`.
pub(super) const PLACE: &str = "<!--provenance-->";

/// Where a report comes from, as far as it is known.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Provenance {
    /// What all of it was read from; it changes whenever one of the records is another.
    pub of: String,
    /// The experiment's name.
    pub experiment: String,
    /// The file of the pipeline.
    #[serde(default)]
    pub pipeline: String,
    /// When the last of it was made, as it is written for a person.
    #[serde(default)]
    pub date: String,
    /// The stages it rests on, each with its parameters.
    #[serde(default)]
    pub setup: Vec<(String, Vec<String>)>,
    /// The experiment's seed, and those of its replicates.
    pub seeds: Vec<String>,
    /// The digest of the report as it is kept.
    pub digest: String,
    /// Models that were read, each with its revision where it came from a hub.
    pub models: Vec<String>,
    /// The programs that made it, with their versions.
    pub programs: Vec<String>,
    /// The devices that computed, with their numerics.
    pub devices: Vec<String>,
    /// What each kind of stage took.
    pub costs: Vec<Cost>,
}

/// What one kind of stage took.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Cost {
    /// The kind, such as `train`.
    pub kind: String,
    /// How many results there are.
    pub results: usize,
    /// The time that making them took, one after the other, in milliseconds.
    pub took_ms: u64,
    /// What was paid for, in words; empty where nothing is known.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub paid: String,
}

impl Provenance {
    /// The name of the file that holds it.
    pub const FILE: &str = "provenance.json";

    /// Reads it back out of its file.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice(bytes).ok()
    }

    /// Returns a report's files with their provenance; `duration` writes a time in milliseconds for a person.
    pub fn added_to(&self, files: &ReportFiles, duration: fn(u64) -> String) -> ReportFiles {
        let mut files = files.clone();
        let mut bytes = serde_json::to_vec_pretty(self).expect("plain structs encode as JSON");
        bytes.push(b'\n');
        files.files.insert(Self::FILE.to_owned(), bytes);
        let mut rewrite = |name: &str, write: &dyn Fn(&str) -> String| {
            let Some(bytes) = files.files.get_mut(name) else { return };
            if let Ok(text) = std::str::from_utf8(bytes) {
                *bytes = write(text).into_bytes();
            }
        };
        rewrite("report.html", &|page| page.replacen(PLACE, &self.html(duration), 1));
        rewrite("report.md", &|text| format!("{text}{}", self.markdown(duration)));
        files
    }

    /// Lists what is known, as (name, values).
    fn entries(&self, duration: fn(u64) -> String) -> Vec<(String, Vec<String>)> {
        let Self { of: _, experiment, pipeline: _, date, setup, seeds, digest, models, programs, devices, costs } =
            self;
        let total: u64 = costs.iter().map(|cost| cost.took_ms).sum();
        let cost = |Cost { kind, results, took_ms, paid }: &Cost| {
            let paid = if paid.is_empty() { String::new() } else { format!("; {paid}") };
            format!("{kind} × {}: {}{paid}", label::count(*results), duration(*took_ms))
        };
        let mut taken: Vec<String> = costs.iter().map(cost).collect();
        if costs.len() > 1 {
            taken.push(format!("together: {}", duration(total)));
        }
        let before = [
            ("experiment", vec![experiment.clone()]),
            ("date", vec![date.clone()]),
            ("seeds", seeds.clone()),
            ("models", models.clone()),
        ];
        let after = [
            ("devices", devices.clone()),
            ("made by", programs.clone()),
            ("time to make", taken),
            ("digest of the report", vec![digest.clone()]),
        ];
        let own = |(name, values): (&str, Vec<String>)| (name.to_owned(), values);
        let entries = before.into_iter().map(own).chain(setup.iter().cloned()).chain(after.into_iter().map(own));
        entries.filter(|(_, values)| values.iter().any(|value| !value.is_empty())).collect()
    }

    fn html(&self, duration: fn(u64) -> String) -> String {
        let mut out = String::new();
        for (name, values) in self.entries(duration) {
            let _ = write!(out, "<dt>{}</dt>", escape(&name));
            for value in values {
                let _ = write!(out, "<dd>{}</dd>", escape(&value));
            }
            out.push('\n');
        }
        out
    }

    fn markdown(&self, duration: fn(u64) -> String) -> String {
        let mut out = String::from("\n## Setup\n\n");
        for (name, values) in self.entries(duration) {
            let values: Vec<String> = values.iter().map(|value| markdown::escape(value)).collect();
            let _ = writeln!(out, "- {}: {}", markdown::escape(&name), values.join("; "));
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    #[test]
    fn it_is_added_to_the_page_and_the_text_and_kept_beside_them() {
        let provenance = Provenance {
            of: "stamp".into(),
            experiment: "quarel<x>".into(),
            pipeline: "/lab/x.yaml".into(),
            date: "2026-01-31 12:00 UTC".into(),
            setup: vec![("tuned (train × 6)".into(), vec!["recipe: lr 0.0003, batch 8".into()])],
            seeds: vec!["17".into(), "run 0, 1, 2".into()],
            digest: "ab12".into(),
            models: vec!["openai-community/gpt2@607a30d".into()],
            programs: vec!["retort 0.1.0".into()],
            devices: vec![],
            costs: vec![
                Cost { kind: "train".into(), results: 1_200, took_ms: 7_300_000, paid: String::new() },
                Cost { kind: "elicit".into(), results: 1, took_ms: 61_000, paid: "1,200 tokens".into() },
            ],
        };
        let mut files = ReportFiles::default();
        files.files.insert("report.html".into(), format!("<dl>\n{PLACE}</dl>").into_bytes());
        files.files.insert("report.md".into(), b"# Title\n".to_vec());
        let files = provenance.added_to(&files, |ms| format!("{} s", ms / 1000)).files;
        let text = |name: &str| String::from_utf8(files[name].clone()).unwrap();
        expect![[r"
            <dl>
            <dt>experiment</dt><dd>quarel&lt;x&gt;</dd>
            <dt>date</dt><dd>2026-01-31 12:00 UTC</dd>
            <dt>seeds</dt><dd>17</dd><dd>run 0, 1, 2</dd>
            <dt>models</dt><dd>openai-community/gpt2@607a30d</dd>
            <dt>tuned (train × 6)</dt><dd>recipe: lr 0.0003, batch 8</dd>
            <dt>made by</dt><dd>retort 0.1.0</dd>
            <dt>time to make</dt><dd>train × 1,200: 7300 s</dd><dd>elicit × 1: 61 s; 1,200 tokens</dd><dd>together: 7361 s</dd>
            <dt>digest of the report</dt><dd>ab12</dd>
            </dl>"]]
        .assert_eq(&text("report.html"));
        expect![[r"
            # Title

            ## Setup

            - experiment: quarel&lt;x>
            - date: 2026-01-31 12:00 UTC
            - seeds: 17; run 0, 1, 2
            - models: openai-community/gpt2@607a30d
            - tuned (train × 6): recipe: lr 0.0003, batch 8
            - made by: retort 0.1.0
            - time to make: train × 1,200: 7300 s; elicit × 1: 61 s; 1,200 tokens; together: 7361 s
            - digest of the report: ab12
        "]]
        .assert_eq(&text("report.md"));
        assert_eq!(Provenance::read(&files[Provenance::FILE]), Some(provenance));
        assert_eq!(Provenance::read(b"{}x"), None);
    }
}
