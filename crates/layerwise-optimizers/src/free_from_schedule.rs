//! z ← z − γ u, x ← (1 − c) x + c z with c_k = γ_k² / (γ_1² + … + γ_k²), and θ = (1 − β) z + β x is where the gradient is taken;
//! x is what is evaluated and delivered.
//!
//! Source: Defazio et al. (2024), "The road less scheduled", algorithm 1 and equations 1 to 3, and section 3 on warm-up. The
//! plane holds z − θ, which is 0 at the start; x = θ − (1 − β)/β (z − θ).

use layerwise_core::{Chunk, Link, Numbers, Planes, Step, Transform};
use layerwise_tensor::{Scalar, elementwise};

use crate::should;

/// Averaging in place of a schedule that falls: stands behind the rate, which only warms up.
///
/// Before it stands what scales the gradient, without momentum: nothing, or [`ScaleByAdam`](crate::ScaleByAdam) with β₁ = 0;
/// weight decay is taken at θ.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FreeFromSchedule {
    /// β, in (0, 1): how far gradients are taken from z towards the average.
    pub beta: f64,
    /// Updates over which the rate grows from 0 in equal steps, 0 for none: those of the schedule in front.
    pub warm_up: u64,
}

impl FreeFromSchedule {
    /// Errors: β outside (0, 1).
    pub fn check(&self) -> Result<(), String> {
        should(self.beta > 0.0 && self.beta < 1.0, "beta", "in (0, 1)", self.beta)
    }

    /// c_k, from the closed sum of 1², 2², …
    fn share(&self, k: u64) -> f64 {
        let (k, ramp) = (k as f64, self.warm_up.max(1) as f64);
        let sum = |n: f64| n * (n + 1.0) * (2.0 * n + 1.0) / (6.0 * ramp * ramp);
        if k <= ramp { (k / ramp).powi(2) / sum(k) } else { 1.0 / (sum(ramp) + (k - ramp)) }
    }
}

impl<S: Scalar> Transform<S> for FreeFromSchedule {
    fn prepare(&self, at: &Step, _whole: Option<&[S]>) -> Numbers {
        [self.share(at.count), 0.0, 0.0, 0.0]
    }
    fn apply(&self, update: &mut [S], mut state: Planes<'_, '_, S>, numbers: &Numbers, _at: &Chunk<'_, S>) {
        let [ahead] = state.get();
        let (share, rest, beta) = (S::of(numbers[0]), S::of(1.0 - numbers[0]), S::of(self.beta));
        // With d = z − θ: θ' − θ = c d − (1 − β (1 − c)) u, and z' − θ' = (1 − c) (d − β u).
        let of_update = S::of(1.0 - self.beta * (1.0 - numbers[0]));
        elementwise::each2(update, ahead, |u, d| {
            let step = of_update * *u - share * *d;
            *d = rest * (*d - beta * *u);
            *u = step;
        });
    }
    fn average(&self, theta: &mut [S], state: &[S], _at: &Step) {
        let back = S::of((1.0 - self.beta) / self.beta);
        elementwise::zip(theta, state, |theta, ahead| *theta -= back * ahead);
    }
}

impl Link for FreeFromSchedule {
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
    use crate::{Optimizer, ScaleByRate, Schedules};

    /// The algorithm as it is written, on f(θ) = 1.5 θ² + cos θ.
    #[test]
    fn the_three_sequences_are_the_papers() {
        let slope = |theta: f64| 3.0 * theta - theta.sin();
        for warm_up in [0, 1, 4] {
            let (beta, rate) = (0.9, 0.2);
            let schedule = crate::Scheduled {
                rate,
                schedule: if warm_up == 0 {
                    Schedules::Constant
                } else {
                    Schedules::WarmUp { steps: warm_up, then: Box::default() }
                },
            };
            let optimizer =
                Optimizer::default().then(ScaleByRate { schedule }).then(FreeFromSchedule { beta, warm_up });
            let (mut theta, mut state) = ([2.0], optimizer.state(1));
            let (mut z, mut x, mut sum) = (2.0, 2.0, 0.0);
            for k in 1..=12 {
                let mut update = [slope(theta[0])];
                optimizer.step(&mut theta, &mut update, &[1.0], 1.0, &mut state);
                let mut average = theta;
                optimizer.average(&mut average, &state);

                let y = (1.0 - beta) * z + beta * x;
                let gamma = rate * (f64::from(k) / (warm_up as f64).max(1.0)).min(1.0);
                z -= gamma * slope(y);
                sum += gamma * gamma;
                let c = gamma * gamma / sum;
                x = (1.0 - c) * x + c * z;
                let y = (1.0 - beta) * z + beta * x;
                assert!((theta[0] - y).abs() < 1e-14 && (average[0] - x).abs() < 1e-14, "{warm_up}, {k}: {theta:?}");
                assert!((state.planes()[0] - (z - y)).abs() < 1e-14);
            }
        }
        for beta in [0.0, 1.0] {
            let link = FreeFromSchedule { beta, warm_up: 0 };
            assert_eq!(link.check(), Err(format!("beta should be in (0, 1), got {beta}")));
        }
    }
}
