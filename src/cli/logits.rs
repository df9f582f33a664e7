//! What a teacher holds likely at each place of a sequence, in a terminal.

use serde_json::{Value as Json, json};

use super::print;
use crate::artifact::{TeacherLogits, TeacherRow};
use crate::text::tokenizer::Tokenizer;

/// The most places of a row that a terminal has room for.
const PLACES: usize = 16;

/// The most tokens of a place.
const TOKENS: usize = 4;

/// Tokens as they are written.
pub(super) struct Logits<'a> {
    all: &'a TeacherLogits,
    /// `None` where the tokenizer cannot be read: tokens are shown by their ids.
    tokenizer: Option<Tokenizer>,
}

impl<'a> Logits<'a> {
    pub(super) fn of(all: &'a TeacherLogits) -> Self {
        Self { all, tokenizer: Tokenizer::from_json(&all.tokenizer).ok() }
    }

    fn token(&self, id: u32) -> String {
        let Some(tokenizer) = &self.tokenizer else { return id.to_string() };
        let text = tokenizer.decode(&[id]).unwrap_or_default();
        if text.is_empty() { tokenizer.token(id).unwrap_or_else(|| id.to_string()) } else { text }
    }

    /// The places of a row: the token that stands there, the likeliest ones with their probabilities, and that of all others.
    fn places<'r>(&'r self, row: &'r TeacherRow) -> impl Iterator<Item = (u32, Vec<(u32, f64)>, f64)> + 'r {
        let top = self.all.top;
        let places = row.top_ids.chunks(top).zip(row.logs.chunks(top + 1));
        row.sequence.ids[row.sequence.from..].iter().zip(places).map(move |(id, (ids, logs))| {
            let p = |log: &f32| f64::from(*log).exp();
            (*id, ids.iter().copied().zip(logs.iter().map(p)).collect(), p(&logs[top]))
        })
    }

    /// Writes in a sentence what there is.
    pub(super) fn summary(&self) -> String {
        let TeacherLogits { top, rows, tokenizer: _ } = self.all;
        let rests: Vec<f64> = rows.iter().flat_map(|row| self.places(row)).map(|(.., rest)| rest).collect();
        let mean = rests.iter().sum::<f64>() / rests.len().max(1) as f64;
        format!(
            "{} sequences, {} places that carry loss; the {top} likeliest tokens of a place have {:.2} % of the probability on \
             average\n",
            rows.len(),
            rests.len(),
            100.0 * (1.0 - mean),
        )
    }

    /// Writes the first places of a row as a table.
    pub(super) fn row(&self, row: &TeacherRow) -> String {
        let quoted = |id: u32| format!("{:?}", self.token(id));
        let line = |(id, top, rest): (u32, Vec<(u32, f64)>, f64)| {
            let own = top.iter().find(|(likely, _)| *likely == id).map(|(_, p)| format!("{p:.3}"));
            let shown: Vec<String> = top.iter().take(TOKENS).map(|(id, p)| format!("{} {p:.3}", quoted(*id))).collect();
            let others = top.iter().skip(TOKENS).map(|(_, p)| p).sum::<f64>() + rest;
            let own = own.unwrap_or_else(|| "rest".to_owned());
            vec![quoted(id), own, shown.join("  "), format!("{others:.3}")]
        };
        let lines: Vec<Vec<String>> = self.places(row).take(PLACES).map(line).collect();
        let sequence = &row.sequence;
        let places = sequence.ids.len() - sequence.from;
        let mut title = format!("  {}", sequence.id);
        if let Some(sample) = sequence.sample {
            title += &format!(", rationale {sample}");
        }
        if !sequence.target.is_empty() {
            title += &format!(", target {}", sequence.target);
        }
        let more = match places.saturating_sub(PLACES) {
            0 => String::new(),
            more => format!("  {more} further places are not shown\n"),
        };
        let table = print::table(&["token", "probability", "likeliest", "others"], lines);
        format!("{title}: tokens {} to {}\n{table}{more}", sequence.from + 1, sequence.ids.len())
    }

    /// Writes a row for a program.
    pub(super) fn json(&self, row: &TeacherRow) -> Json {
        let place = |(id, top, rest): (u32, Vec<(u32, f64)>, f64)| {
            let one = |(id, p): (u32, f64)| json!({ "id": id, "token": self.token(id), "probability": p });
            json!({ "id": id, "token": self.token(id), "top": top.into_iter().map(one).collect::<Vec<_>>(), "rest": rest })
        };
        let sequence = &row.sequence;
        json!({
            "id": sequence.id,
            "sample": sequence.sample,
            "target": sequence.target,
            "from": sequence.from,
            "places": self.places(row).map(place).collect::<Vec<_>>(),
        })
    }
}
