//! `neighbours`: words that merely resemble the answer, instead of a rationale.

use std::collections::{BTreeMap, BTreeSet};

use memmap2::Mmap;

use super::{Materials, Needs, Operation};
use crate::missing::Missing;
use retort_artifact::Rationale;
use retort_stage::params::{Count, External};
use retort_stage::{Context, StageError, foreign};
use retort_text::vectors::{Format, Vectors};
use retort_text::words::words;

retort_stage::params! {
    /// Puts the words nearest to the right answer in the place of the rationale, nearest first: those with the largest cosine
    /// to its longest word (the last of equally long ones, so of `the ice` the latter), which is looked for as it is written and then in lower case.
    pub struct Neighbours {
        /// The static word vectors.
        pub vectors: External,
        /// How they are written: `word2vec` (binary), `word2vec_text` or `glove`; told from the file where nothing is given.
        pub format: Option<Format>,
        /// How many words.
        pub k: Count = Count::of(15),
        /// What becomes of a question whose answer has no vector: `fail`, `drop`, or `keep` it without a rationale.
        pub missing: Missing = Missing::Fail,
    }
}

impl Operation for Neighbours {
    const NAME: &'static str = "neighbours";
    const REVISION: u32 = 2;
    const ABOUT: &'static str = "Puts the words nearest to the right answer in the place of the rationale.";

    fn preflight(&self, context: &Context<'_>) -> Result<(), StageError> {
        refused(context.files_of(&self.vectors)).map_err(|why| StageError::data(why.to_string()))
    }

    fn needs(&self) -> Needs {
        Needs { questions: true, ..Needs::default() }
    }

    fn apply(&self, rows: Vec<Rationale>, materials: &Materials<'_>) -> Result<Vec<Rationale>, StageError> {
        let mut queries = BTreeSet::new();
        for row in &rows {
            queries.extend(longest_word(materials.answer(row)?.1));
        }
        let queries: Vec<&str> = queries.into_iter().collect();
        let nearest = self.nearest(&queries, materials)?;
        let found: BTreeMap<&str, String> =
            queries.into_iter().zip(nearest).filter_map(|(query, near)| Some((query, near?))).collect();
        self.missing.settle(rows, materials, "have an answer whose longest word has no vector", |row| {
            let near = longest_word(materials.answer(row)?.1).and_then(|word| found.get(word));
            Ok(near.map(|text| Rationale { text: text.clone(), kept: None, ..row.clone() }))
        })
    }
}

impl Neighbours {
    /// Returns the neighbours of each query in one text.
    fn nearest(&self, queries: &[&str], materials: &Materials<'_>) -> Result<Vec<Option<String>>, StageError> {
        let context = materials.context();
        let path = context.path_of(&self.vectors);
        let unusable = |why: &dyn std::fmt::Display| materials.fail(format!("`{path}` cannot be used: {why}"));
        let file = context.files_of(&self.vectors).first().ok_or_else(|| unusable(&"no file arrived"))?;
        refused(context.files_of(&self.vectors)).map_err(|why| unusable(&why))?;
        let find = |bytes: &[u8]| {
            let vectors = Vectors::index(bytes, self.format).map_err(|why| unusable(&why))?;
            if let Some((count, first)) = vectors.repeated() {
                let words = if count == 1 { "word comes" } else { "words come" };
                materials.warn(format!(
                    "{count} {words} again in `{path}`, such as `{first}`; the first place of each counts"
                ));
            }
            vectors.nearest(queries, self.k.get()).map_err(|why| unusable(&why))
        };
        let nearest = match context.watch(file)? {
            None => find(&context.file(&self.vectors)?)?,
            Some(watched) => {
                let nearest = find(&mapped(watched.file()).map_err(|why| unusable(&why))?);
                // Whoever changed it is told of first: what was found wrong may have come of that.
                context.unwatch(watched)?;
                nearest?
            }
        };
        let text = |near: Vec<retort_text::vectors::Neighbour>| {
            near.into_iter().map(|near| near.word).collect::<Vec<_>>().join(" ")
        };
        Ok(nearest.into_iter().map(|near| near.map(text)).collect())
    }
}

/// Refuses a file that is none of vectors, by its beginning: it may be too large to be read twice.
fn refused(files: &[(String, std::path::PathBuf, retort_fingerprint::Digest)]) -> std::io::Result<()> {
    files.iter().try_for_each(|(_, path, _)| foreign::refuse(path))
}

/// Maps a file into memory.
#[expect(unsafe_code, reason = "a file of gigabytes is mapped rather than read, and mapping is unsafe")]
fn mapped(file: &std::fs::File) -> std::io::Result<Mmap> {
    // SAFETY: the bytes are only read, whatever they are, and whoever changes the file meanwhile is found out by its stamp. (One
    // who cuts it short kills the program, as with any mapping.)
    unsafe { Mmap::map(file) }
}

/// Returns the longest word of an answer in letters, the last of equally long ones.
fn longest_word(answer: &str) -> Option<&str> {
    words(answer).into_iter().map(|range| &answer[range]).max_by_key(|word| word.chars().count())
}
