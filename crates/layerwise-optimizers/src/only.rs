//! A link on a part of θ: on its weights, or on everything else. The other numbers of the update go through as they are.

use layerwise_core::{Chunk, Link, Numbers, Planes, Reach, Role, Step, Transform};
use layerwise_tensor::Scalar;
use layerwise_tensor::elementwise::MAX_PLANES;

/// Applies a link to weights alone, or to biases alone.
///
/// Its planes are as long as θ; on the other part they stay 0. Cost: a look at the mask of weights, beside that of the link.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Only<L> {
    /// The part.
    pub on: Role,
    /// What acts on it. It sets no rate and looks at each number by itself.
    pub link: L,
}

impl<S: Scalar, L: Link + Transform<S>> Transform<S> for Only<L> {
    fn prepare(&self, at: &Step, _whole: Option<&[S]>) -> Numbers {
        let reach = self.link.reach();
        assert!(reach == Reach::Element, "only: the reach of {:?} should be Element, got {reach:?}", self.link);
        Transform::<S>::prepare(&self.link, at, None)
    }
    fn apply(&self, update: &mut [S], state: Planes<'_, '_, S>, numbers: &Numbers, at: &Chunk<'_, S>) {
        let Planes(planes) = state;
        let n_planes = planes.len();
        let is_weight = |weight: &S| *weight != S::ZERO;
        let mut start = 0;
        for run in at.weights.chunk_by(|a, b| is_weight(a) == is_weight(b)) {
            let range = start..start + run.len();
            start = range.end;
            if is_weight(&run[0]) != (self.on == Role::Weight) {
                continue;
            }
            let mut parts: [&mut [S]; MAX_PLANES] = std::array::from_fn(|_| Default::default());
            for (part, plane) in parts.iter_mut().zip(planes.iter_mut()) {
                *part = &mut plane[range.clone()];
            }
            let parts = Planes(&mut parts[..n_planes]);
            let at = Chunk { theta: &at.theta[range.clone()], weights: run };
            self.link.apply(&mut update[range], parts, numbers, &at);
        }
    }
}

impl<L: Link> Link for Only<L> {
    fn planes(&self) -> usize {
        self.link.planes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{AddMomentum, ClipByGlobalNorm, Optimizer};

    #[test]
    fn each_part_has_its_own_link() {
        let momentum = |momentum| AddMomentum { momentum, nesterov: false };
        let optimizer = Optimizer::default()
            .then(Only { on: Role::Weight, link: momentum(0.5) })
            .then(Only { on: Role::Bias, link: momentum(0.25) });
        let n = 2 * crate::CHUNK + 5;
        let weights: Vec<f64> = (0..n).map(|i| f64::from(u8::from(i % 7 < 4))).collect();
        let (mut theta, mut state) = (vec![0.0; n], optimizer.state(n));
        let mut update = Vec::new();
        for _ in 0..2 {
            update = (0..n).map(|i| i as f64).collect();
            optimizer.step(&mut theta, &mut update, &weights, 1.0, &mut state);
        }
        for (i, u) in update.iter().enumerate() {
            assert_eq!(*u, i as f64 * if i % 7 < 4 { 1.5 } else { 1.25 });
        }
    }

    #[test]
    #[should_panic(expected = "only: the reach of ClipByGlobalNorm { limit: 1.0 } should be Element, got Whole")]
    fn a_norm_over_everything_has_no_part() {
        let optimizer = Optimizer::default().then(Only { on: Role::Bias, link: ClipByGlobalNorm { limit: 1.0 } });
        optimizer.step(&mut [1.0], &mut [1.0], &[1.0], 1.0, &mut optimizer.state(1));
    }
}
