//! The scorers that ask for the function of changed embeddings, or its gradient in them.

use super::probe::Answer;
use super::{Attributed, Baseline, Call, Completeness, IntegratedGradients, Over, Reduction, Scores};
use crate::error::ModelError;
use crate::kernels::Kernels;

impl<B: Kernels> Call<'_, B> {
    pub(super) fn integrated_gradients(&self, options: &IntegratedGradients) -> Result<Vec<Scores>, ModelError> {
        let IntegratedGradients { function, baseline, over, quadrature, steps, reduction } = *options;
        let (width, blank, inputs) = (self.width(), self.blank(baseline)?, self.inputs()?);
        let starts: Vec<Vec<f32>> = (self.requests.iter().zip(&inputs))
            .map(|(request, input)| match over {
                Over::Sequence => blank.repeat(request.ids.len()),
                Over::Scored => {
                    let mut start = input.clone();
                    for &at in request.scored {
                        start[at * width..(at + 1) * width].copy_from_slice(&blank);
                    }
                    start
                }
            })
            .collect();
        let changes: Vec<Vec<f32>> = (inputs.iter().zip(&starts))
            .map(|(input, start)| input.iter().zip(start).map(|(x, b)| x - b).collect())
            .collect();
        let at = |request: usize, alpha: f64| -> Vec<f32> {
            let along = |(b, d): (&f32, &f32)| (alpha as f32).mul_add(*d, *b);
            starts[request].iter().zip(&changes[request]).map(along).collect()
        };

        let nodes = quadrature.nodes(steps);
        let mut integrals: Vec<Vec<f64>> = inputs.iter().map(|input| vec![0.0; input.len()]).collect();
        let owners: Vec<usize> = (0..inputs.len() * nodes.len()).map(|probe| probe / nodes.len()).collect();
        let node = |probe: usize| nodes[probe % nodes.len()];
        let point = |probe: usize| at(owners[probe], node(probe).0);
        self.probe(function, true, &owners, point, |probe, Answer { gradient, .. }| {
            let weight = node(probe).1;
            for (sum, grad) in integrals[owners[probe]].iter_mut().zip(gradient) {
                *sum += weight * f64::from(grad);
            }
        })?;

        let mut ends = vec![[0.0; 2]; inputs.len()];
        let owners: Vec<usize> = (0..inputs.len() * 2).map(|probe| probe / 2).collect();
        let point = |probe: usize| at(owners[probe], [1.0, 0.0][probe % 2]);
        self.probe(function, false, &owners, point, |probe, answer| ends[owners[probe]][probe % 2] = answer.value)?;

        let scores = (integrals.iter().zip(&changes).zip(ends).zip(self.requests)).map(|(made, request)| {
            let ((integral, change), [value, value_baseline]) = made;
            let parts: Vec<f64> = integral.iter().zip(change).map(|(g, &d)| g * f64::from(d)).collect();
            let delta = parts.iter().sum::<f64>() - (value - value_baseline);
            Scores {
                per_token: reduced(&parts, request.scored, width, reduction),
                completeness: Some(Completeness { value, value_baseline, delta }),
            }
        });
        Ok(scores.collect())
    }

    pub(super) fn gradient_input(&self, function: Attributed, reduction: Reduction) -> Result<Vec<Scores>, ModelError> {
        self.by_gradient(function, reduction, |input, gradient| f64::from(input) * f64::from(gradient))
    }

    pub(super) fn saliency(&self, function: Attributed) -> Result<Vec<Scores>, ModelError> {
        self.by_gradient(function, Reduction::L2, |_, gradient| f64::from(gradient))
    }

    /// Reduces what `part` makes of each element of the embeddings and of the gradient there.
    fn by_gradient(
        &self,
        function: Attributed,
        reduction: Reduction,
        part: impl Fn(f32, f32) -> f64,
    ) -> Result<Vec<Scores>, ModelError> {
        let (width, inputs) = (self.width(), self.inputs()?);
        let owners: Vec<usize> = (0..inputs.len()).collect();
        let mut scores = vec![Vec::new(); inputs.len()];
        let input = |probe: usize| inputs[probe].clone();
        self.probe(function, true, &owners, input, |probe, Answer { gradient, .. }| {
            let parts: Vec<f64> = inputs[probe].iter().zip(gradient).map(|(&x, g)| part(x, g)).collect();
            scores[probe] = reduced(&parts, self.requests[probe].scored, width, reduction);
        })?;
        Ok(scores.into_iter().map(|per_token| Scores { per_token, completeness: None }).collect())
    }

    pub(super) fn leave_one_out(&self, function: Attributed, baseline: Baseline) -> Result<Vec<Scores>, ModelError> {
        let (width, blank, inputs) = (self.width(), self.blank(baseline)?, self.inputs()?);
        // For each request first the whole sequence, then one without each token.
        let probes: Vec<(usize, Option<usize>)> = (self.requests.iter().enumerate())
            .flat_map(|(request, of)| {
                std::iter::once(None).chain(of.scored.iter().map(|&at| Some(at))).map(move |without| (request, without))
            })
            .collect();
        let owners: Vec<usize> = probes.iter().map(|(request, _)| *request).collect();
        let changed = |probe: usize| {
            let (request, without) = probes[probe];
            let mut embeddings = inputs[request].clone();
            if let Some(at) = without {
                embeddings[at * width..(at + 1) * width].copy_from_slice(&blank);
            }
            embeddings
        };
        let mut values = vec![0.0; probes.len()];
        self.probe(function, false, &owners, changed, |probe, answer| values[probe] = answer.value)?;
        let mut values = values.into_iter();
        let scores = self.requests.iter().map(|request| {
            let whole = values.next().unwrap_or(f64::NAN);
            let per_token = values.by_ref().take(request.scored.len()).map(|without| whole - without).collect();
            Scores { per_token, completeness: None }
        });
        Ok(scores.collect())
    }

    fn width(&self) -> usize {
        self.network.config().embedding_width()
    }
}

/// One number for each of some tokens out of those of the elements of their embeddings.
fn reduced(parts: &[f64], tokens: &[usize], width: usize, reduction: Reduction) -> Vec<f64> {
    let reduce = |token: &[f64]| match reduction {
        Reduction::Sum => token.iter().sum::<f64>(),
        Reduction::L2 => token.iter().map(|x| x * x).sum::<f64>().sqrt(),
    };
    tokens.iter().map(|&at| reduce(&parts[at * width..(at + 1) * width])).collect()
}
