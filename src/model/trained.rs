//! What training keeps beside the weights: what is learned, the moments of AdamW and the best so far.

use super::config::Config;
use super::kernels::{AdamWStep, Kernels, LEAST_NARROW, Narrow, Real};
use super::lora::Adaptation;
use super::recipe::Moments;
use super::tensors::TensorSpec;
use super::upload::upload;

/// What training keeps beside the weights. What is learned is the weights themselves, or what adapts them.
pub(super) struct Training<B: Kernels> {
    pub(super) adaptation: Option<Adaptation<B>>,
    /// What is learned, where that is not the weights themselves.
    pub(super) learned: Vec<Real<B>>,
    /// The places of the weights that are learned, where it is the weights themselves.
    pub(super) places: Vec<usize>,
    /// First and second moments of AdamW, of what is learned.
    pub(super) moments: Vec<MomentPair<B>>,
    /// What was learned at the best evaluation so far.
    pub(super) best: Option<Vec<Real<B>>>,
}

/// The moments of one tensor.
pub(super) enum MomentPair<B: Kernels> {
    /// As the weights are.
    Whole(Option<[Real<B>; 2]>),
    /// In fewer bits.
    Narrow([Narrow; 2]),
}

/// Which of the tensors of a training.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shelf {
    /// What is learned.
    Learned,
    /// AdamW's first moments.
    First,
    /// The scales of first moments that are kept in blocks.
    FirstScale,
    /// AdamW's second moments.
    Second,
    /// The scales of second moments that are kept in blocks.
    SecondScale,
    /// What was learned at the best evaluation.
    Best,
}

impl<B: Kernels> MomentPair<B> {
    /// Zeros.
    pub(super) fn new(spec: &TensorSpec, kept: Moments, device: &B::Device) -> Self {
        let count = spec.count();
        match kept {
            Moments::Bf16 => Self::Narrow([Narrow::brain(count), Narrow::brain(count)]),
            Moments::Bits8 if count >= LEAST_NARROW => {
                Self::Narrow([Narrow::bytes(count, true), Narrow::bytes(count, false)])
            }
            Moments::F32 | Moments::Bits8 => {
                let zeros = || upload::<B>(vec![0.0; count], &spec.shape, device);
                Self::Whole(Some([zeros(), zeros()]))
            }
        }
    }

    /// One step of AdamW; returns the weight.
    pub(super) fn step(&mut self, weight: Real<B>, grad: &Real<B>, step: &AdamWStep) -> Real<B> {
        match self {
            Self::Whole(both) => {
                // They are taken out, so that they change where they are.
                let Some([first, second]) = both.take() else { return weight };
                let (weight, first, second) = B::adamw(weight, grad, first, second, step);
                *both = Some([first, second]);
                weight
            }
            Self::Narrow([first, second]) => B::adamw_narrow(weight, grad, first, second, step),
        }
    }
}

impl<B: Kernels> Training<B> {
    /// What is learned.
    pub(super) fn specs(&self, config: &Config) -> Vec<TensorSpec> {
        if let Some(adaptation) = &self.adaptation {
            return adaptation.specs().to_vec();
        }
        let all = config.tensors();
        self.places.iter().map(|&place| all[place].clone()).collect()
    }

    /// Whether weight `i` has a gradient that something is learned from.
    pub(super) fn learns(&self, i: usize) -> bool {
        match &self.adaptation {
            Some(adaptation) => adaptation.adapts(i),
            None => self.places.binary_search(&i).is_ok(),
        }
    }
}
