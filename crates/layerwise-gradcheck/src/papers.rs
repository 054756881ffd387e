//! The update of every link straight from its paper: naive, scalar, f64, over the whole history of gradients, without state.
//!
//! Recurrences are written as the sums they stand for, so that neither a plane nor the order of operations is shared with the
//! links. Each number comes with the largest term that goes into it: what its rounding errors are relative to.

/// What a link has seen at step t = `grads.len()`.
#[derive(Clone, Copy, Debug)]
pub struct Seen<'a> {
    /// g_1, …, g_t.
    pub grads: &'a [Vec<f64>],
    /// θ before the step.
    pub theta: &'a [f64],
    /// 1 on weights, 0 on biases.
    pub weights: &'a [f64],
    /// Factor on the learning rate that the trainer controls.
    pub rate_factor: f64,
}

/// One number of an update.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Want {
    /// Its value.
    pub value: f64,
    /// The largest |term| of the sum it comes from, in the units of the value.
    pub largest: f64,
}

impl Want {
    fn times(self, factor: f64) -> Want {
        Want { value: factor * self.value, largest: factor.abs() * self.largest }
    }

    fn plus(self, other: Want) -> Want {
        Want { value: self.value + other.value, largest: self.largest.max(other.largest) }
    }
}

/// One term.
fn term(value: f64) -> Want {
    Want { value, largest: value.abs() }
}

/// Σ_s d^(t−s) x_s.
fn decaying(d: f64, x: &[f64]) -> Want {
    let terms = x.iter().rev().enumerate().map(|(age, x)| term(d.powi(age as i32) * x));
    terms.fold(term(0.0), Want::plus)
}

impl Seen<'_> {
    /// `f` of each number's own history.
    fn map(&self, f: impl Fn(&[f64]) -> Want) -> Vec<Want> {
        let history = |i| self.grads.iter().map(|grad| grad[i]).collect::<Vec<f64>>();
        (0..self.theta.len()).map(|i| f(&history(i))).collect()
    }

    /// g_t.
    fn now(&self) -> &[f64] {
        &self.grads[self.grads.len() - 1]
    }
}

fn squares(x: &[f64]) -> Vec<f64> {
    x.iter().map(|x| x * x).collect()
}

/// Polyak (1964): Δ_t = −α g_t + μ Δ_{t−1}, so −Δ_t / α = Σ_s μ^(t−s) g_s.
pub fn heavy_ball(momentum: f64, seen: &Seen) -> Vec<Want> {
    seen.map(|g| decaying(momentum, g))
}

/// Sutskever et al. (2013), equations 3 and 4: v_t = μ v_{t−1} − α ∇f(θ + μ v_{t−1}). Seen from the point φ = θ + μ v that the
/// gradient is taken at, φ_t − φ_{t−1} = (1 + μ) v_t − μ v_{t−1}, and with v_t = −α Σ_s μ^(t−s) g_s this is −α times
/// (1 + μ) Σ_{s≤t} μ^(t−s) g_s − μ Σ_{s<t} μ^(t−1−s) g_s.
pub fn nesterov(momentum: f64, seen: &Seen) -> Vec<Want> {
    seen.map(|g| {
        let before = decaying(momentum, &g[..g.len() - 1]).times(-momentum);
        decaying(momentum, g).times(1.0 + momentum).plus(before)
    })
}

/// Kingma & Ba (2015), algorithm 1 and section 3: m_t = (1 − β₁) Σ_s β₁^(t−s) g_s. The corrections divide by 1 − βᵗ, which is
/// (1 − β) Σ_{j<t} βʲ, so m̂ and v̂ are weighted means. This sum loses no digits; a link that computes 1 − βᵗ loses as many as
/// that cancels.
pub fn adam(beta1: f64, beta2: f64, epsilon: f64, seen: &Seen) -> Vec<Want> {
    let mean = |beta: f64, x: &[f64]| decaying(beta, x).times(1.0 / decaying(beta, &vec![1.0; x.len()]).value);
    seen.map(|g| mean(beta1, g).times(1.0 / (mean(beta2, &squares(g)).value.sqrt() + epsilon)))
}

/// Tieleman & Hinton (2012), lecture 6.5: MeanSquare_t = d MeanSquare_{t−1} + (1 − d) g_t²; PyTorch's ε behind the root.
pub fn rms(decay: f64, epsilon: f64, seen: &Seen) -> Vec<Want> {
    seen.map(|g| {
        let square = decaying(decay, &squares(g)).times(1.0 - decay);
        term(g[g.len() - 1] / (square.value.sqrt() + epsilon))
    })
}

/// Duchi, Hazan & Singer (2011), figure 1, diagonal: H_t = δ I + diag(s_t), s_t,i = ‖(g_1,i, …, g_t,i)‖₂.
pub fn adagrad(epsilon: f64, seen: &Seen) -> Vec<Want> {
    seen.map(|g| term(g[g.len() - 1] / (decaying(1.0, &squares(g)).value.sqrt() + epsilon)))
}

/// Loshchilov & Hutter (2019), algorithm 2, line 12: + λ θ_{t−1}, with PyTorch's rate in front of both terms.
pub fn decay_weights(strength: f64, weights_only: bool, seen: &Seen) -> Vec<Want> {
    let decay = |i: usize| if weights_only { strength * seen.weights[i] } else { strength } * seen.theta[i];
    seen.now().iter().enumerate().map(|(i, &g)| term(g).plus(term(decay(i)))).collect()
}

/// Pascanu, Mikolov & Bengio (2013), algorithm 1: if ‖g‖ ≥ c then g ← c g / ‖g‖; with PyTorch's ‖g‖ + 10⁻⁶ for ‖g‖.
pub fn clip_by_global_norm(limit: f64, seen: &Seen) -> Vec<Want> {
    let norm = squares(seen.now()).iter().sum::<f64>().sqrt() + 1e-6;
    let factor = if norm >= limit { limit / norm } else { 1.0 };
    seen.now().iter().map(|&g| term(g).times(factor)).collect()
}

/// Mikolov (2012), section 3.2.2: values above c are set to c, values below −c to −c.
pub fn clip_by_value(limit: f64, seen: &Seen) -> Vec<Want> {
    let clip = |g: f64| if g.abs() > limit { limit * g.signum() } else { g };
    seen.now().iter().map(|&g| term(clip(g))).collect()
}

/// A factor f(t) of the step, t from 1, times the gradient, and times the factor on the rate.
pub fn scale(factor: impl Fn(usize) -> f64, seen: &Seen) -> Vec<Want> {
    seen.now().iter().map(|&g| term(g).times(seen.rate_factor * factor(seen.grads.len()))).collect()
}

/// Factors on the rate at step t from 1.
pub mod schedule {
    /// PyTorch's `StepLR`: ×γ after every `every` updates.
    pub fn step(every: usize, factor: f64, t: usize) -> f64 {
        (2..=t).filter(|t| (t - 1) % every == 0).map(|_| factor).product()
    }

    /// The classical 1 / (1 + k (t − 1)) (Robbins & Monro 1951).
    pub fn inverse_time(decay: f64, t: usize) -> f64 {
        1.0 / (1.0 + decay * (t - 1) as f64)
    }

    /// PyTorch's `ExponentialLR`: ×γ after every update.
    pub fn exponential(decay: f64, t: usize) -> f64 {
        (1..t).map(|_| decay).product()
    }

    /// Loshchilov & Hutter (2017), equation 5 with η_max = 1 and T_cur = t − 1: η_min + ½ (1 − η_min) (1 + cos(π T_cur / T)), and
    /// η_min after T.
    pub fn cosine(steps: usize, floor: f64, t: usize) -> f64 {
        let turn = std::f64::consts::PI * (t - 1).min(steps) as f64 / steps as f64;
        floor + 0.5 * (1.0 - floor) * (1.0 + turn.cos())
    }

    /// Goyal et al. (2017), section 2.2: a ramp to 1 over the first updates, then `then`, which counts from 1 again.
    pub fn warm_up(steps: usize, then: impl Fn(usize) -> f64, t: usize) -> f64 {
        if t <= steps { t as f64 / steps as f64 } else { then(t - steps) }
    }
}
