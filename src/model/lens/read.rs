//! Reading: the stream of each layer through norm and head, and what the logits say.

use std::collections::BTreeMap;
use std::ops::Range;

use super::head::{Head, parts};
use super::tally::Tally;
use super::translators::Held;
use super::{LensError, LensLimits, LensRequest, Reading, Translators};
use crate::attribute::Unfit;
use crate::device::{DeviceError, guarded};
use crate::error::ModelError;
use crate::forward::Pass;
use crate::kernels::{Kernels, Real};
use crate::layout::Layout;
use crate::network::Network;
use crate::student::{Model, placed};
use crate::tensors::Weights;

/// What the layers say at the places of one request, `[layer][place]`.
type Grid = Vec<Vec<Reading>>;

/// Reads each of `layers` at the places that each request asks for, through translators where they are given; results are
/// in the order of the requests, `[request][layer][place]`.
///
/// # Errors
///
/// A request that the model cannot take, which is named by its index; a layer that it does not have; a device that fails.
///
/// # Panics
///
/// Where a request does not have one target for each place, or translators are of another model.
pub fn read_layers(
    model: &Model,
    requests: &[LensRequest<'_>],
    layers: &[usize],
    translators: Option<&Translators>,
    limits: &LensLimits,
) -> Result<Vec<Grid>, LensError> {
    let last = model.config().layers();
    if let Some(&layer) = layers.iter().find(|layer| **layer > last) {
        return Err(LensError::Layer { layer, last });
    }
    for (index, request) in requests.iter().enumerate() {
        request.check(model).map_err(|why| LensError::Request { request: index, why })?;
    }
    let apart = model.device().deterministic();
    let found = placed!(&model.placed, network => {
        Call { network, requests, layers, translators, limits }.run(apart)
    });
    Ok(found?)
}

impl LensRequest<'_> {
    /// Says whether a model can take the request.
    pub fn check(&self, model: &Model) -> Result<(), Unfit> {
        let (tokens, context, vocab) = (self.ids.len(), model.config().context(), model.config().vocab_size());
        if self.read.end > context {
            return Err(Unfit::TooLong { tokens: self.read.end, context });
        }
        if self.read.end > tokens {
            return Err(Unfit::Position { position: self.read.end - 1, tokens });
        }
        match self.ids[..self.read.end].iter().chain(self.targets).find(|&&token| token as usize >= vocab) {
            Some(&token) => Err(Unfit::UnknownToken { token, vocab }),
            None => Ok(()),
        }
    }
}

struct Call<'a, B: Kernels> {
    network: &'a Network<B>,
    requests: &'a [LensRequest<'a>],
    layers: &'a [usize],
    translators: Option<&'a Translators>,
    limits: &'a LensLimits,
}

impl<B: Kernels> Call<'_, B> {
    fn run(&self, apart: bool) -> Result<Vec<Grid>, ModelError> {
        let mut grids = vec![vec![Vec::new(); self.layers.len()]; self.requests.len()];
        let len = |request: usize| self.requests[request].read.end;
        // Nothing is read of an empty range, and a sequence may be empty then.
        let mut order: Vec<usize> = (0..self.requests.len()).filter(|at| !self.requests[*at].read.is_empty()).collect();
        order.sort_by_key(|&request| len(request));
        let held = self.translators.map(|all| all.layers.iter().map(|one| Held::place(self.network, one)).collect());
        let held: Vec<Held<B>> = held.unwrap_or_default();
        self.limits.budget.share(&order, if apart { 1 } else { usize::MAX }, len, |some| {
            let made = guarded(self.network.label(), || self.together(some, &held).map_err(ModelError::from));
            if made.is_err() {
                B::memory_cleanup(self.network.device());
            }
            for (&request, grid) in some.iter().zip(made?) {
                grids[request] = grid;
            }
            Ok(())
        })?;
        Ok(grids)
    }

    /// Reads some requests side by side.
    fn together(&self, some: &[usize], translators: &[Held<B>]) -> Result<Vec<Grid>, DeviceError> {
        let network = self.network;
        let asked: Vec<&LensRequest<'_>> = some.iter().map(|&request| &self.requests[request]).collect();
        let lens: Vec<usize> = asked.iter().map(|request| request.read.end).collect();
        let layout = if B::RAGGED { Layout::packed(&lens) } else { Layout::padded_right(&lens) };
        let weights = network.parameters(&network.values);
        let pass = network.pass(&layout, &vec![0; lens.len()]);
        let ids = layout.spread(asked.iter().map(|request| &request.ids[..request.read.end]));
        let (mut streams, mut layer) = (BTreeMap::new(), 0);
        let stream = pass.stream::<B>(&weights, B::pick_rows(&weights.token_embedding, &ids));
        let hidden = pass.hidden::<B>(&weights, stream, |stream: &Real<B>| {
            if self.layers.contains(&layer) {
                streams.insert(layer, stream.clone());
            }
            layer += 1;
        });

        let spans = layout.spans.iter().zip(&asked);
        let rows: Vec<u32> =
            spans.flat_map(|(span, request)| request.read.clone().map(|place| (span.start + place) as u32)).collect();
        let targets: Vec<u32> = asked.iter().flat_map(|request| request.targets.iter().copied()).collect();
        assert_eq!(rows.len(), targets.len(), "a target for each place");
        let vocab = network.config().vocab_size();
        // The model's own logits are taken of all rows at once where there is room, since that is how it computes them.
        let all = self.limits.split(layout.tokens, vocab);
        let whole = all.places >= layout.tokens;
        let split = if whole { all } else { self.limits.split(rows.len(), vocab) };
        let mut found: Grid = vec![Vec::with_capacity(rows.len()); self.layers.len()];
        let places = if whole { rows.len() } else { split.places };
        for (rows, targets) in rows.chunks(places).zip(targets.chunks(places)) {
            let normed = self.layers.iter().map(|layer| {
                streams.get(layer).map(|stream| {
                    let mut stream = B::pick_rows(stream, rows);
                    if let Some(translator) = translators.get(*layer) {
                        stream = translator.apply(&stream);
                    }
                    pass.normed::<B>(&weights, &stream)
                })
            });
            let own = if whole { hidden.clone() } else { B::pick_rows(&hidden, rows) };
            let places = Places { network, pass: &pass, weights: &weights, normed: normed.collect(), own, targets };
            for (found, read) in found.iter_mut().zip(places.read(whole.then_some(rows), split.columns)?) {
                found.extend(read);
            }
        }
        Ok(shared_out(&asked, &found))
    }
}

/// Some places of which every layer is read, part of the vocabulary by part.
struct Places<'a, B: Kernels> {
    network: &'a Network<B>,
    pass: &'a Pass<'a, B>,
    weights: &'a Weights<Real<B>>,
    /// What the head is to be put on, `[places, d_model]`, layer by layer; `None` is the model's output.
    normed: Vec<Option<Real<B>>>,
    /// The same of the model's output, perhaps with further rows.
    own: Real<B>,
    targets: &'a [u32],
}

impl<B: Kernels> Places<'_, B> {
    /// What each layer says; `rows` are those of the model's output that are places, all where it is not given.
    fn read(&self, rows: Option<&[u32]>, columns: usize) -> Result<Grid, DeviceError> {
        let vocab = self.network.config().vocab_size();
        let parts = parts(vocab, columns);
        let finals = |head: &Head<B>| {
            let logits = head.logits(self.pass, &self.own);
            rows.map_or_else(|| logits.clone(), |rows| B::pick_rows(&logits, rows))
        };
        // How many tokens are likelier than the target can be counted only once its logit is known.
        let chosen = if let [_] = parts[..] { Vec::new() } else { self.chosen(&parts, &finals)? };
        let mut tallies = vec![vec![Tally::default(); self.targets.len()]; self.normed.len()];
        for part in parts {
            let head = Head::of(self.network, self.weights, &part);
            let finals = finals(&head);
            for (layer, (normed, tallies)) in self.normed.iter().zip(&mut tallies).enumerate() {
                let logits = normed.as_ref().map(|normed| head.logits(self.pass, normed));
                let logits = logits.as_ref().unwrap_or(&finals);
                let chosen = match chosen.get(layer) {
                    Some(known) => self.network.upload(known.clone(), &[known.len(), 1]),
                    None => B::pick_columns(logits, self.targets),
                };
                let said = self.network.read(B::survey(logits, &finals, &chosen))?;
                Tally::take_rows(tallies, &said, part.len());
            }
        }
        Ok(tallies.iter().map(|row| row.iter().map(Tally::reading).collect()).collect())
    }

    /// The logits of the targets, `[layer][place]`: only parts that have a target are looked at.
    fn chosen(
        &self,
        parts: &[Range<usize>],
        finals: &dyn Fn(&Head<B>) -> Real<B>,
    ) -> Result<Vec<Vec<f32>>, DeviceError> {
        let mut chosen = vec![vec![f32::NAN; self.targets.len()]; self.normed.len()];
        for part in parts {
            let inside = |target: &u32| part.contains(&(*target as usize));
            if !self.targets.iter().any(inside) {
                continue;
            }
            let head = Head::of(self.network, self.weights, part);
            let columns: Vec<u32> =
                self.targets.iter().map(|target| if inside(target) { target - part.start as u32 } else { 0 }).collect();
            for (normed, chosen) in self.normed.iter().zip(&mut chosen) {
                let logits = normed.as_ref().map_or_else(|| finals(&head), |normed| head.logits(self.pass, normed));
                let found = self.network.read(B::pick_columns(&logits, &columns))?;
                for ((chosen, found), _) in chosen.iter_mut().zip(found).zip(self.targets).filter(|(_, at)| inside(at))
                {
                    *chosen = found;
                }
            }
        }
        Ok(chosen)
    }
}

/// Gives each request its part of what was read of all.
fn shared_out(asked: &[&LensRequest<'_>], found: &Grid) -> Vec<Grid> {
    let mut at = 0;
    let grid = |request: &&LensRequest<'_>| {
        let places = at..at + request.read.len();
        at = places.end;
        found.iter().map(|layer| layer[places.clone()].to_vec()).collect()
    };
    asked.iter().map(grid).collect()
}
