//! `dataset`: questions, read from files or made up.

mod format;
mod list;
mod stage;
pub mod table;

pub use format::{DatasetFormat, FormatEntry};
pub(crate) use list::FORMATS;
pub use stage::Dataset;

use retort_artifact::{Question, Questions, Split};
use retort_stage::params::{Count, External, Seed};
use retort_stage::{Context, StageError};
use retort_text::Fraction;
use retort_text::dataset::quarel::{self, Wording};
use retort_text::dataset::synthetic::arithmetic::{self, ArithmeticSpec};
use retort_text::dataset::synthetic::{self, SyntheticSpec};
use retort_text::dataset::{DatasetError, csqa, obqa};

retort_stage::params! {
    /// Files in one of the official line formats, one for each split; a split without a file is empty.
    pub struct Files {
        /// The train split.
        pub train: Option<External>,
        /// The dev split.
        pub dev: Option<External>,
        /// The test split.
        pub test: Option<External>,
        /// How many questions to keep of each split, the first ones; all where nothing is given.
        pub limit: Option<Limit>,
    }
}

retort_stage::params! {
    /// How many questions to keep of each split, the first ones.
    pub struct Limit {
        /// Of the train split.
        pub train: Option<Count>,
        /// Of the dev split.
        pub dev: Option<Count>,
        /// Of the test split.
        pub test: Option<Count>,
    }
}

impl Limit {
    fn apply(&self, questions: &mut Questions) {
        let Self { train, dev, test } = self;
        for (split, most) in Split::ALL.into_iter().zip([train, dev, test]) {
            if let (Some(rows), Some(most)) = (questions.splits.get_mut(&split), most) {
                rows.truncate(most.get());
            }
        }
    }
}

retort_stage::params! {
    /// QuaRel's files, one for each split; a split without a file is empty.
    pub struct QuarelFiles {
        /// The train split.
        pub train: Option<External>,
        /// The dev split.
        pub dev: Option<External>,
        /// The test split.
        pub test: Option<External>,
        /// What becomes of the words of a choice: `as_written` keeps the full stops and the `or` that stand in the dataset,
        /// `trimmed` takes them off.
        pub wording: Wording = Wording::AsWritten,
        /// How many questions to keep of each split, the first ones; all where nothing is given.
        pub limit: Option<Limit>,
    }
}

retort_stage::params! {
    /// CommonsenseQA's files, or ARC's, which are written alike. With `in_house`, the listed train questions stay and the others become the test split, as
    /// is usual since the official test file has no labels.
    pub struct CsqaFiles {
        /// The train split.
        pub train: Option<External>,
        /// The dev split.
        pub dev: Option<External>,
        /// The test split; not with `in_house`, which makes one.
        pub test: Option<External>,
        /// The identifiers of the train questions to keep for training, one a line.
        pub in_house: Option<External>,
        /// How many questions to keep of each split, the first ones; all where nothing is given.
        pub limit: Option<Limit>,
    }
}

retort_stage::params! {
    /// Qualitative-reasoning questions made up by rule, each with a gold rationale; no two have the same text.
    pub struct Synthetic {
        /// Questions in the train split.
        pub train: Count = Count::of(2000),
        /// Questions in the dev split.
        pub dev: Count = Count::of(200),
        /// Questions in the test split.
        pub test: Count = Count::of(400),
        /// Rules between what is stated and what is asked, from 1 to 3.
        pub chain: Count = Count::of(2),
        /// How many binary facts decide the label, from 1 to 4.
        pub difficulty: Count = Count::of(2),
        /// How many kinds of situation occur, from 1 to 12.
        pub situations: Count = Count::of(3),
        /// The fraction of questions in which each fact after the first is turned round, from 0 to 1: a student that has
        /// learnt the first fact alone is right in all others.
        pub reversals: Fraction = Fraction::try_from(0.2).expect("0.2 lies between 0 and 1"),
        /// Whether a scene is set before the comparison, which makes questions longer and more varied.
        pub scenes: bool = false,
        /// Decides every question; the experiment's seed where none is given.
        pub seed: Seed,
    }
}

retort_stage::params! {
    /// Word problems made up by rule, each with its steps as the gold rationale and a number as the answer; no two have the same
    /// text.
    pub struct Arithmetic {
        /// Questions in the train split.
        pub train: Count = Count::of(2000),
        /// Questions in the dev split.
        pub dev: Count = Count::of(200),
        /// Questions in the test split.
        pub test: Count = Count::of(400),
        /// Steps of each, from 1 to 4.
        pub steps: Count = Count::of(2),
        /// The largest number that a question begins with, or that a step adds or takes, from 2 to 1000.
        pub largest: Count = Count::of(20),
        /// Decides every question; the experiment's seed where none is given.
        pub seed: Seed,
    }
}

impl DatasetFormat for Arithmetic {
    const NAME: &'static str = "arithmetic";
    const REVISION: u32 = 1;
    const ABOUT: &'static str = "Word problems made up by rule.";

    fn read(&self, _context: &Context<'_>) -> Result<Questions, StageError> {
        let Self { train, dev, test, steps, largest, seed } = self;
        let spec = ArithmeticSpec {
            train: train.get(),
            dev: dev.get(),
            test: test.get(),
            steps: u8::try_from(steps.get()).unwrap_or(u8::MAX),
            largest: u32::try_from(largest.get()).unwrap_or(u32::MAX),
            seed: seed.0,
        };
        arithmetic::generate(&spec).map_err(|error| StageError::data(error.to_string()))
    }
}

impl DatasetFormat for CsqaFiles {
    const NAME: &'static str = "csqa";
    const REVISION: u32 = 1;
    const ABOUT: &'static str = "CommonsenseQA's line format, in which ARC is written too.";

    fn read(&self, context: &Context<'_>) -> Result<Questions, StageError> {
        csqa(context, self)
    }
}

impl DatasetFormat for Files {
    const NAME: &'static str = "obqa";
    const REVISION: u32 = 1;
    const ABOUT: &'static str = "OpenBookQA's line format.";

    fn read(&self, context: &Context<'_>) -> Result<Questions, StageError> {
        let Self { train, dev, test, limit } = self;
        Ok(limited(splits(context, [train, dev, test], &obqa::read)?, limit.as_ref()))
    }
}

impl DatasetFormat for QuarelFiles {
    const NAME: &'static str = "quarel";
    const REVISION: u32 = 1;
    const ABOUT: &'static str = "QuaRel's line format.";

    fn read(&self, context: &Context<'_>) -> Result<Questions, StageError> {
        let Self { train, dev, test, wording, limit } = self;
        let read = |bytes: &[u8]| quarel::read_worded(bytes, *wording);
        Ok(limited(splits(context, [train, dev, test], &read)?, limit.as_ref()))
    }
}

impl DatasetFormat for Synthetic {
    const NAME: &'static str = "synthetic";
    const REVISION: u32 = 1;
    const ABOUT: &'static str = "Questions made up by rule.";

    fn read(&self, _context: &Context<'_>) -> Result<Questions, StageError> {
        let Self { train, dev, test, chain, difficulty, situations, reversals, scenes, seed } = self;
        let small = |count: &Count| u8::try_from(count.get()).unwrap_or(u8::MAX);
        let spec = SyntheticSpec {
            train: train.get(),
            dev: dev.get(),
            test: test.get(),
            chain: small(chain),
            difficulty: small(difficulty),
            situations: small(situations),
            reversals: *reversals,
            scenes: *scenes,
            seed: seed.0,
        };
        synthetic::generate(&spec).map_err(|error| StageError::data(error.to_string()))
    }
}

type Reader<'a> = &'a dyn Fn(&[u8]) -> Result<Vec<Question>, DatasetError>;

fn splits(context: &Context<'_>, files: [&Option<External>; 3], read: Reader<'_>) -> Result<Questions, StageError> {
    let mut questions = Questions::default();
    for (split, file) in Split::ALL.into_iter().zip(files) {
        if let Some(file) = file {
            questions.splits.insert(split, rows(context, file, read)?);
        }
    }
    Ok(questions)
}

fn rows(context: &Context<'_>, file: &External, read: Reader<'_>) -> Result<Vec<Question>, StageError> {
    let bytes = context.file(file)?;
    read(&bytes).map_err(|error| StageError::data(format!("`{}`: {error}", context.path_of(file))))
}

fn csqa(context: &Context<'_>, files: &CsqaFiles) -> Result<Questions, StageError> {
    let CsqaFiles { train, dev, test, in_house, limit } = files;
    let mut questions = splits(context, [train, dev, test], &csqa::read)?;
    if let Some(list) = in_house {
        if test.is_some() {
            return Err(StageError::data("`in_house` makes the test split, so `test` cannot be given as well"));
        }
        let all = questions.splits.remove(&Split::Train).unwrap_or_default();
        let parted = csqa::in_house(all, &context.file(list)?)
            .map_err(|error| StageError::data(format!("`{}`: {error}", context.path_of(list))))?;
        questions.splits.insert(Split::Train, parted.train);
        questions.splits.insert(Split::Test, parted.test);
    }
    Ok(limited(questions, limit.as_ref()))
}

fn limited(mut questions: Questions, limit: Option<&Limit>) -> Questions {
    if let Some(limit) = limit {
        limit.apply(&mut questions);
    }
    questions
}
