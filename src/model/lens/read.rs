//! Reading: the stream of each layer through norm and head, and what the logits say.

use std::collections::BTreeMap;

use super::translators::Held;
use super::{LensError, LensLimits, LensRequest, Reading, Translators};
use crate::model::attribute::Unfit;
use crate::model::device::{DeviceError, guarded};
use crate::model::kernels::{Kernels, Real, SURVEY};
use crate::model::layout::Layout;
use crate::model::network::Network;
use crate::model::student::{Model, ModelError, placed};

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
        let places = self.limits.places(network.config().vocab_size());
        // All logits of the model at once where there is room, since that is how it computes them.
        let whole = (layout.tokens <= places).then(|| pass.head::<B>(&weights, &hidden));
        let mut found: Grid = vec![Vec::with_capacity(rows.len()); self.layers.len()];
        for (rows, targets) in rows.chunks(places).zip(targets.chunks(places)) {
            let finals = match &whole {
                Some(all) => B::pick_rows(all, rows),
                None => pass.head::<B>(&weights, &B::pick_rows(&hidden, rows)),
            };
            for (found, layer) in found.iter_mut().zip(self.layers) {
                let logits = streams.get(layer).map(|stream| {
                    let mut stream = B::pick_rows(stream, rows);
                    if let Some(translator) = translators.get(*layer) {
                        stream = translator.apply(&stream);
                    }
                    pass.head::<B>(&weights, &pass.normed::<B>(&weights, &stream))
                });
                let said = network.read(B::survey(logits.as_ref().unwrap_or(&finals), &finals, targets))?;
                found.extend(said.chunks_exact(SURVEY).map(reading));
            }
        }
        Ok(shared_out(&asked, &found))
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

fn reading(row: &[f32]) -> Reading {
    let [top, top_probability, probability, entropy, divergence, rank] = row else {
        unreachable!("a survey has {SURVEY} numbers a row")
    };
    Reading {
        top: *top as u32,
        top_probability: *top_probability,
        probability: *probability,
        entropy: *entropy,
        divergence: *divergence,
        rank: *rank as u32,
    }
}
