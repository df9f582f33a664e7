//! A network that is trained: how that begins, and what is read and set of it.

#[cfg(test)]
use burn_tensor::TensorMetadata;

use super::device::DeviceError;
use super::error::RecipeError;
use super::init::initial;
#[cfg(test)]
use super::kernels::Narrow;
use super::kernels::{Kernels, Real};
use super::lora::Adaptation;
use super::network::Network;
use super::recipe::Recipe;
use super::tensors::{Init, TensorSpec};
use super::trained::{MomentPair, Shelf, Training};
use super::upload::upload;

impl<B: Kernels> Network<B> {
    /// Begins a training of the weights, or of what adapts them, with zero moments.
    pub(crate) fn begin_training(&mut self, recipe: &Recipe) -> Result<(), RecipeError> {
        let lora = recipe.lora.as_ref();
        let adaptation = lora.map(|lora| Adaptation::new(lora, self.config(), &self.values)).transpose()?;
        let frozen = match &recipe.freeze {
            Some(freeze) => freeze.of(self.config())?,
            None => vec![false; self.values.len()],
        };
        let places = (0..self.values.len()).filter(|&place| !frozen[place]).collect();
        let make = |data: Vec<f32>, spec: &TensorSpec| self.upload(data, &spec.shape);
        let learned = match adaptation {
            Some(ref adaptation) => adaptation.start(|spec| make(initial(spec, recipe.seed), spec)),
            None => Vec::new(),
        };
        let mut training = Training { adaptation, learned, places, moments: Vec::new(), best: None };
        let specs = training.specs(self.config());
        training.moments = specs.iter().map(|spec| MomentPair::new(spec, recipe.moments, self.device())).collect();
        self.training = Some(training);
        Ok(())
    }

    /// What is learned in training: the tensors of the shelves of weights and moments.
    pub(crate) fn learned_specs(&self) -> Vec<TensorSpec> {
        self.training.as_ref().map_or_else(|| self.config().tensors(), |training| training.specs(self.config()))
    }

    /// The tensors of a shelf, with the place of each among what is learned.
    pub(crate) fn shelf_specs(&self, shelf: Shelf) -> Vec<(usize, TensorSpec)> {
        let specs = self.learned_specs().into_iter().enumerate();
        match shelf {
            Shelf::FirstScale | Shelf::SecondScale => {
                let blocks = |i: usize| match self.training.as_ref()?.moments.get(i)? {
                    MomentPair::Narrow([first, _]) => Some(first.scales().len()).filter(|count| *count > 0),
                    MomentPair::Whole(_) => None,
                };
                let scale = |(i, spec): (usize, TensorSpec)| {
                    let count = blocks(i)?;
                    let parts = vec![(spec.name().to_owned(), count)];
                    Some((i, TensorSpec { parts, shape: vec![count], init: Init::Zero, exempt: true, interleaved: 0 }))
                };
                specs.filter_map(scale).collect()
            }
            _ => specs.collect(),
        }
    }

    /// Tensor `i` of a shelf; `None` where training has no such tensor, or keeps it in fewer bits.
    pub(crate) fn shelf(&self, shelf: Shelf, i: usize) -> Option<&Real<B>> {
        let training = self.training.as_ref()?;
        let moment = |which: usize| match training.moments.get(i)? {
            MomentPair::Whole(both) => both.as_ref().map(|both| &both[which]),
            MomentPair::Narrow(_) => None,
        };
        match shelf {
            Shelf::Learned if training.adaptation.is_some() => training.learned.get(i),
            Shelf::Learned => self.values.get(*training.places.get(i)?),
            Shelf::First => moment(0),
            Shelf::Second => moment(1),
            Shelf::FirstScale | Shelf::SecondScale => None,
            Shelf::Best => training.best.as_ref().and_then(|best| best.get(i)),
        }
    }

    /// Gives the elements of tensor `i` of a shelf, some at a time; none where training has no such tensor.
    pub(crate) fn give_shelf<E: From<DeviceError>>(
        &self,
        shelf: Shelf,
        i: usize,
        mut give: impl FnMut(&[f32]) -> Result<(), E>,
    ) -> Result<(), E> {
        if let Some(tensor) = self.shelf(shelf, i) {
            return self.whole_in_pieces(tensor).try_for_each(|some| give(&some?));
        }
        let moments = self.training.as_ref().and_then(|training| training.moments.get(i));
        match (moments, shelf) {
            (Some(MomentPair::Narrow([first, _])), Shelf::First) => give(&first.saved()),
            (Some(MomentPair::Narrow([_, second])), Shelf::Second) => give(&second.saved()),
            (Some(MomentPair::Narrow([first, _])), Shelf::FirstScale) => give(first.scales()),
            (Some(MomentPair::Narrow([_, second])), Shelf::SecondScale) => give(second.scales()),
            _ => Ok(()),
        }
    }

    /// Replaces a shelf of a training, one tensor after the other as `data` brings them, so that no other is there twice.
    pub(crate) fn set_shelf<E>(
        &mut self,
        shelf: Shelf,
        mut data: impl FnMut(&TensorSpec) -> Result<Vec<f32>, E>,
    ) -> Result<(), E> {
        let mut apart = Vec::new();
        for (i, spec) in self.shelf_specs(shelf) {
            let data = data(&spec)?;
            let device = self.device().clone();
            let place = |data| upload::<B>(data, &spec.shape, &device);
            let Some(training) = &mut self.training else { return Ok(()) };
            match (shelf, &mut training.moments[i]) {
                (Shelf::Learned, _) if training.adaptation.is_none() => self.values[training.places[i]] = place(data),
                (Shelf::Learned | Shelf::Best, _) => apart.push(place(data)),
                (Shelf::First, MomentPair::Narrow([first, _])) => first.restore(&data),
                (Shelf::Second, MomentPair::Narrow([_, second])) => second.restore(&data),
                (Shelf::FirstScale, MomentPair::Narrow([first, _])) => first.restore_scales(&data),
                (Shelf::SecondScale, MomentPair::Narrow([_, second])) => second.restore_scales(&data),
                (Shelf::First, MomentPair::Whole(Some([first, _]))) => *first = place(data),
                (Shelf::Second, MomentPair::Whole(Some([_, second]))) => *second = place(data),
                (_, MomentPair::Whole(_)) => {}
            }
        }
        match (shelf, &mut self.training) {
            (Shelf::Learned, Some(Training { adaptation: Some(_), .. })) => self.learn_as(apart),
            (Shelf::Best, Some(training)) => training.best = Some(apart),
            _ => {}
        }
        Ok(())
    }

    /// Takes these as what is learned.
    pub(super) fn learn_as(&mut self, tensors: Vec<Real<B>>) {
        match &mut self.training {
            Some(Training { adaptation: Some(adaptation), learned, .. }) => {
                adaptation.merge(&tensors, &mut self.values);
                *learned = tensors;
            }
            Some(Training { places, .. }) => {
                for (&place, tensor) in places.iter().zip(tensors) {
                    self.values[place] = tensor;
                }
            }
            None => {}
        }
    }

    /// Keeps what is learned as it is now as the best.
    pub(crate) fn keep_best(&mut self) {
        if let Some(training) = &mut self.training {
            let best = match &training.adaptation {
                Some(_) => training.learned.clone(),
                None => training.places.iter().map(|&place| self.values[place].clone()).collect(),
            };
            training.best = Some(best);
        }
    }

    /// Goes back to the best if there is one, and drops what training kept.
    pub(crate) fn end_training(&mut self) {
        if let Some(best) = self.training.as_mut().and_then(|training| training.best.take()) {
            self.learn_as(best);
        }
        self.training = None;
    }

    /// Bytes that the moments of the training take.
    #[cfg(test)]
    pub(crate) fn moment_bytes(&self) -> usize {
        let bytes = |narrow: &Narrow| match narrow {
            Narrow::Brain(data) => 2 * data.len(),
            Narrow::Bytes { codes, scales, .. } => codes.len() + 4 * scales.len(),
        };
        let moments = self.training.iter().flat_map(|training| &training.moments);
        let of = |pair: &MomentPair<B>| match pair {
            MomentPair::Whole(both) => both.iter().flatten().map(|x| 4 * x.shape().num_elements()).sum(),
            MomentPair::Narrow(both) => both.iter().map(bytes).sum::<usize>(),
        };
        moments.map(of).sum()
    }
}
