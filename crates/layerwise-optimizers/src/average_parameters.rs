//! A_k ← (1 − w_k) A_{k−1} + w_k θ_k, k = 1, 2, …, beside the training: the parameters to evaluate and deliver are A_k, while the
//! steps go on from θ_k.
//!
//! w_k = 1/(k − from), and 1 before: the plain average of what comes after `from` steps. Source: Polyak & Juditsky (1992),
//! "Acceleration of stochastic approximation by averaging"; PyTorch's `AveragedModel`.
//! w_k = 1 − decay, and w_1 = 1: the exponential average that starts at θ_1. Source: PyTorch's `get_ema_multi_avg_fn`.

use layerwise_core::{Chunk, Link, Numbers, Planes, Step, Transform};
use layerwise_tensor::{Scalar, elementwise};
use serde::{Deserialize, Serialize};

use crate::check_share;

/// How parameters are averaged.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Averaging {
    /// All alike that come after the first steps.
    Uniform {
        /// Steps whose parameters are left out, 0 by default. Until then nothing is averaged.
        #[serde(default)]
        from: u64,
    },
    /// The last ones count most.
    Exponential {
        /// What one step leaves of the average, in [0, 1), by default 0.999.
        #[serde(default = "slow")]
        decay: f64,
    },
}

fn slow() -> f64 {
    0.999
}

/// Keeps an average of θ, for evaluation. The update goes through as it is, so its place in the chain does not matter.
///
/// θ is averaged as it is when the next step begins: after proximal steps and projections.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AverageParameters {
    /// The weights of the average.
    pub averaging: Averaging,
}

impl AverageParameters {
    /// Errors: a decay outside [0, 1).
    pub fn check(&self) -> Result<(), String> {
        match self.averaging {
            Averaging::Uniform { .. } => Ok(()),
            Averaging::Exponential { decay } => check_share("average: decay", decay),
        }
    }

    /// w_k.
    fn weight(&self, k: u64) -> f64 {
        match self.averaging {
            Averaging::Uniform { from } => 1.0 / k.saturating_sub(from).max(1) as f64,
            Averaging::Exponential { .. } if k <= 1 => 1.0,
            Averaging::Exponential { decay } => 1.0 - decay,
        }
    }
}

impl<S: Scalar> Transform<S> for AverageParameters {
    fn prepare(&self, at: &Step, _whole: Option<&[S]>) -> Numbers {
        // Step k begins at θ_{k−1}; the start θ_0 is not averaged.
        [if at.count > 1 { self.weight(at.count - 1) } else { 0.0 }, 0.0, 0.0, 0.0]
    }
    fn apply(&self, _update: &mut [S], mut state: Planes<'_, '_, S>, numbers: &Numbers, at: &Chunk<'_, S>) {
        let [average] = state.get();
        let (weight, rest) = (S::of(numbers[0]), S::of(1.0 - numbers[0]));
        elementwise::zip(average, at.theta, |average, theta| *average = rest * *average + weight * theta);
    }
    fn average(&self, theta: &mut [S], state: &[S], at: &Step) {
        let weight = if at.count == 0 { 1.0 } else { self.weight(at.count) };
        let (weight, rest) = (S::of(weight), S::of(1.0 - weight));
        elementwise::zip(theta, state, |theta, average| *theta = rest * average + weight * *theta);
    }
}

impl Link for AverageParameters {
    fn planes(&self) -> usize {
        1
    }
    fn averages(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Optimizer, ScaleByRate};

    /// θ and its averages after 0, 1, … steps, at the rate 0.1 with given gradients; a projection keeps θ at 0.8 or above.
    fn run(averaging: Averaging) -> Vec<[f64; 2]> {
        let optimizer = Optimizer::default().then(AverageParameters { averaging }).then(ScaleByRate { schedule: 0.1 });
        let (mut theta, mut state) = ([1.0], optimizer.state::<f64>(1));
        assert!(optimizer.averages());
        let mut out = Vec::new();
        for grad in [0.5, -2.0, 3.0, 1.0, -1.0, 0.0] {
            let mut average = theta;
            optimizer.average(&mut average, &state);
            out.push([theta[0], average[0]]);
            optimizer.step(&mut theta, &mut [grad], &[1.0], 1.0, &mut state);
            theta[0] = theta[0].max(0.8);
        }
        out
    }

    #[test]
    fn averages_are_those_of_the_projected_path() {
        for from in [0, 1, 3, 9] {
            let path = run(Averaging::Uniform { from });
            for (k, [theta, average]) in path.iter().enumerate() {
                let tail = &path[(from as usize + 1).min(k)..=k];
                let want = tail.iter().map(|[theta, _]| theta).sum::<f64>() / tail.len() as f64;
                assert!((average - want).abs() < 1e-15, "from {from}, {k}: {average}, should be {want}");
                assert!(k > from as usize + 1 || average == theta);
            }
        }
        let path = run(Averaging::Exponential { decay: 0.75 });
        let mut want = path[1][0];
        for [theta, average] in &path[1..] {
            want = 0.75 * want + 0.25 * theta;
            assert!((average - want).abs() < 1e-15, "{average}, should be {want}");
        }
        assert_eq!(path[0], [1.0, 1.0]);
        let link = AverageParameters { averaging: Averaging::Exponential { decay: 1.0 } };
        assert_eq!(link.check(), Err("average: decay should be in [0, 1), got 1".into()));
        let read: Result<Averaging, _> = serde_json::from_str(r#"{"kind": "exponential"}"#);
        assert_eq!(read.ok(), Some(Averaging::Exponential { decay: 0.999 }));
    }

    #[test]
    fn optimizers_without_averages_leave_theta_alone() {
        let optimizer = crate::adam(0.1);
        let mut theta = [3.0f32];
        optimizer.average(&mut theta, &optimizer.state(1));
        assert!(!optimizer.averages() && theta == [3.0]);
    }
}
