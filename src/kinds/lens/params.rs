//! How a lens is declared.

use retort_artifact::{Checkpoint, Lens as Through, Questions, Rationales, Split, Translators};
use retort_fingerprint::{ContentHash, Term};
use retort_source::Node;
use retort_stage::params::{Count, FromNode, Input, Scope};

/// The text that a student is read on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Text {
    /// What it writes itself, greedily.
    Generated,
    /// The target as it was taught, with the right label.
    Forced,
}

retort_stage::words!(Text { Generated = "generated", Forced = "forced" });

/// What the probability of a label of several tokens is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LabelRule {
    /// That of its first token.
    First,
    /// The product of those of all its tokens, each after the ones before it.
    All,
}

retort_stage::words!(LabelRule { First = "first", All = "all" });

/// What counts as the label's first occurrence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Occurrence {
    /// Where the answer is given: behind the first marker.
    Marked,
    /// Wherever its tokens stand first, in a rationale as well.
    First,
}

retort_stage::words!(Occurrence { Marked = "marked", First = "first" });

retort_stage::params! {
    /// What each layer of a student would say next at every place of its answer, up to the first occurrence of the right
    /// label: the likeliest token, the label's probability and rank, entropy, and divergence from what the student says.
    /// Layer 0 is the embeddings, layer `k` the stream after `k` blocks, the last one the student's output.
    pub struct Written {
        /// The student.
        pub model: Input<Checkpoint>,
        /// The questions.
        pub questions: Input<Questions>,
        /// The split to ask; questions without a known answer are left out.
        pub split: Split = Split::Test,
        /// Through what a layer is read: the student's own last norm and head (`logit`), or those behind translators
        /// (`tuned`); `tuned` where translators are given, unless said otherwise.
        pub method: Option<Through>,
        /// The stage of kind `tuned_lens` whose translators `tuned` reads through.
        pub translators: Option<Input<Translators>>,
        /// The text that is read: what the student writes (`generated`), or the target it was taught, with the right label
        /// (`forced`).
        pub text: Text = Text::Generated,
        /// The rationales of `forced` text, the first of each question; only a student that reasons first needs any.
        pub rationales: Option<Input<Rationales>>,
        /// What the probability of a label of several tokens is: that of the `first`, or the product of `all`.
        pub label: LabelRule = LabelRule::All,
        /// What counts as the label's first occurrence: where the answer is given (`marked`), or wherever its tokens stand
        /// first (`first`), in a rationale as well.
        pub occurrence: Occurrence = Occurrence::Marked,
        /// The most places that are read, the label's and those before it; all of the answer where this is not given.
        pub window: Option<Count>,
        /// The layers that are read; all where this is not given.
        pub layers: Option<Vec<u64>>,
        /// The most tokens it may write: 256 where its rationale comes first, and enough for a label elsewhere, if not
        /// given.
        pub max_new: Option<Count>,
        /// Questions that are asked, read and kept together.
        pub batch: Count = Count::of(32),
        /// The most tokens, over all sequences, that run side by side; halved whenever the device has no memory for them.
        pub positions: Count = Count::of(2_048),
        /// The most logits that are held at once, places times vocabulary, of a layer and of the output together; a block of
        /// 1,024 tokens at one place at least.
        pub logits: Count = Count::of(16_777_216),
    }
}

/// A lens with its method resolved.
#[derive(Debug, Clone)]
pub struct Lens {
    written: Written,
    /// Through what a layer is read.
    pub method: Through,
}

impl std::ops::Deref for Lens {
    type Target = Written;

    fn deref(&self) -> &Written {
        &self.written
    }
}

impl FromNode for Lens {
    fn from_node(node: &Node, scope: &mut Scope<'_>) -> Option<Self> {
        let mut written = Written::from_node(node, scope)?;
        if written.text == Text::Generated && scope.varied.iter().any(|field| field == "text") {
            // They have no effect beside this value of the axis.
            written.rationales = None;
        }
        let by_default = if written.translators.is_some() { Through::Tuned } else { Through::Logit };
        let method = *written.method.get_or_insert(by_default);
        Some(Self { written, method })
    }

    fn schema() -> serde_json::Value {
        Written::schema()
    }
}

impl ContentHash for Lens {
    fn term(&self) -> Term {
        let Self { written, method: _ } = self;
        written.term()
    }
}
