//! The update of every link straight from its paper: naive, scalar, f64, over the whole history of gradients, without state.
//!
//! Recurrences are written as the sums they stand for, so that neither a plane nor the order of operations is shared with the
//! links. Each number comes with the largest term that goes into it: what its rounding errors are relative to.

/// What a link has seen at step t = `grads.len()`.
#[derive(Clone, Copy, Debug)]
pub struct Seen<'a> {
    /// g_1, …, g_t.
    pub grads: &'a [Vec<f64>],
    /// θ_0, …, θ_{t−1}: before each of the steps.
    pub thetas: &'a [Vec<f64>],
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
        (0..self.now().len()).map(|i| f(&history(i))).collect()
    }

    /// θ_{t−1}.
    fn theta(&self) -> &[f64] {
        &self.thetas[self.thetas.len() - 1]
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
    seen.map(|g| mean(beta1, g).times(1.0 / (mean(beta2, &squares(g)).value.sqrt() + epsilon)))
}

/// Σ_s β^(t−s) x_s / Σ_s β^(t−s).
fn mean(beta: f64, x: &[f64]) -> Want {
    decaying(beta, x).times(1.0 / weight(beta, x.len()))
}

/// 1 + β + … + β^(t−1) = (1 − βᵗ) / (1 − β).
fn weight(beta: f64, t: usize) -> f64 {
    decaying(beta, &vec![1.0; t]).value
}

/// The largest f(x_1, …, x_s) of all s.
fn largest(x: &[f64], f: impl Fn(&[f64]) -> f64) -> f64 {
    (1..=x.len()).map(|s| f(&x[..s])).fold(0.0, f64::max)
}

/// Reddi, Kale & Kumar (2018), algorithm 2: v̂_t = max(v_1, …, v_t); the bias corrections are PyTorch's.
pub fn amsgrad(beta1: f64, beta2: f64, epsilon: f64, seen: &Seen) -> Vec<Want> {
    seen.map(|g| {
        let v = largest(&squares(g), |squares| decaying(beta2, squares).value) / weight(beta2, g.len());
        mean(beta1, g).times(1.0 / (v.sqrt() + epsilon))
    })
}

/// Dozat (2016), algorithm 2: with momenta μ_k = β₁ (1 − ½ · 0.96^(k ψ)), the update is (1 − μ_t) g_t / (1 − μ_1 ⋯ μ_t) +
/// μ_{t+1} m_t / (1 − μ_1 ⋯ μ_{t+1}), by √v̂_t + ε; m_t averages with β₁, as in PyTorch.
pub fn nadam(beta1: f64, beta2: f64, epsilon: f64, decay: f64, seen: &Seen) -> Vec<Want> {
    let momentum = |k: usize| beta1 * (1.0 - 0.5 * 0.96f64.powf(decay * k as f64));
    let rest = |k: usize| 1.0 - (1..=k).map(momentum).product::<f64>();
    seen.map(|g| {
        let t = g.len();
        let now = term((1.0 - momentum(t)) / rest(t) * g[t - 1]);
        let average = decaying(beta1, g).times((1.0 - beta1) * momentum(t + 1) / rest(t + 1));
        now.plus(average).times(1.0 / (mean(beta2, &squares(g)).value.sqrt() + epsilon))
    })
}

/// Kingma & Ba (2015), algorithm 2 and equation 8: u_t = max_s β₂^(t−s) |g_s|; PyTorch adds ε to the magnitudes.
pub fn adamax(beta1: f64, beta2: f64, epsilon: f64, seen: &Seen) -> Vec<Want> {
    seen.map(|g| {
        let faded = g.iter().rev().enumerate().map(|(age, g)| beta2.powi(age as i32) * (g.abs() + epsilon));
        mean(beta1, g).times(1.0 / faded.fold(0.0, f64::max))
    })
}

/// Liu et al. (2020), algorithm 2: m̂_t until ρ_t > 5, then r_t m̂_t / √v̂_t; PyTorch's bound, and its ε beside √v_t.
pub fn radam(beta1: f64, beta2: f64, epsilon: f64, seen: &Seen) -> Vec<Want> {
    let t = seen.grads.len();
    let longest = 2.0 / (1.0 - beta2) - 1.0;
    let length = longest - 2.0 * t as f64 * beta2.powi(t as i32) / (1.0 - beta2.powi(t as i32));
    let ratio = (length - 4.0) * (length - 2.0) * longest / ((longest - 4.0) * (longest - 2.0) * length);
    seen.map(|g| {
        let adaptive = (weight(beta2, t) * (1.0 - beta2)).sqrt()
            / ((decaying(beta2, &squares(g)).value * (1.0 - beta2)).sqrt() + epsilon);
        mean(beta1, g).times(if length > 5.0 { ratio.sqrt() * adaptive } else { 1.0 })
    })
}

/// Chen et al. (2023), algorithm 2: c_t = β₁ m_{t−1} + (1 − β₁) g_t with m_t = (1 − β₂) Σ_s β₂^(t−s) g_s.
pub fn blend_momentum(beta1: f64, beta2: f64, seen: &Seen) -> Vec<Want> {
    seen.map(|g| {
        let before = decaying(beta2, &g[..g.len() - 1]).times(beta1 * (1.0 - beta2));
        before.plus(term((1.0 - beta1) * g[g.len() - 1]))
    })
}

/// Bernstein et al. (2018), algorithm 1: the sign of the gradient.
pub fn take_sign(seen: &Seen) -> Vec<Want> {
    seen.now().iter().map(|&g| term(if g == 0.0 { 0.0 } else { g.signum() })).collect()
}

/// Jordan et al. (2024): five times X ← a X + (b A + c A²) X with A = X Xᵀ, from X = U / ‖U‖; Liu et al. (2025): times
/// 0.2 √max(m, n). Rounding errors of X, whose norm is 1, grow up to a⁵ = 485 times: hundreds of ulp of twice the last factor.
pub fn orthogonalize(seen: &Seen) -> Vec<Want> {
    let (a, b, c) = (3.4445, -4.7750, 2.0315);
    let n = seen.now().len();
    let (rows, cols) = (matrix_rows(n), n / matrix_rows(n));
    let norm = squares(seen.now()).iter().sum::<f64>().sqrt().max(1e-7);
    let mut x: Vec<f64> = seen.now().iter().map(|g| g / norm).collect();
    // (X Xᵀ) Y.
    let gram = |x: &[f64], y: &[f64]| -> Vec<f64> {
        let side = |i, k| (0..cols).map(|j| x[i + j * rows] * x[k + j * rows]).sum::<f64>();
        let product = |i, j| (0..rows).map(|k| side(i, k) * y[k + j * rows]).sum();
        (0..n).map(|at| product(at % rows, at / rows)).collect()
    };
    for _ in 0..5 {
        let once = gram(&x, &x);
        let twice = gram(&x, &once);
        x = (0..n).map(|i| a * x[i] + b * once[i] + c * twice[i]).collect();
    }
    let scale = 0.2 * (rows.max(cols) as f64).sqrt();
    x.iter().map(|x| Want { value: scale * x, largest: 2.0 * scale }).collect()
}

/// Brock et al. (2021), eq. 3, row by row of the matrix that the update is: G min(1, λ max(‖W‖, ε) / ‖G‖).
pub fn clip_by_unit_ratio(limit: f64, epsilon: f64, seen: &Seen) -> Vec<Want> {
    let rows = matrix_rows(seen.now().len());
    let norm = |x: &[f64], i: usize| x.iter().skip(i % rows).step_by(rows).map(|x| x * x).sum::<f64>().sqrt();
    let clipped = |(i, g): (usize, &f64)| {
        let allowed = limit * norm(seen.theta(), i).max(epsilon);
        term(if norm(seen.now(), i) > allowed { g * allowed / norm(seen.now(), i) } else { *g })
    };
    seen.now().iter().enumerate().map(clipped).collect()
}

/// Rows of the matrix that an update of n numbers is for a link that acts on matrices: the largest divisor up to √n.
pub fn matrix_rows(n: usize) -> usize {
    (1..=n).take_while(|rows| rows * rows <= n).filter(|rows| n.is_multiple_of(*rows)).last().unwrap_or(1)
}

/// Another formula on the weights, or on the biases; what is left of the update passes through.
pub fn only(weights: bool, formula: impl Fn(&Seen) -> Vec<Want>, seen: &Seen) -> Vec<Want> {
    let inside = |i: usize| (seen.weights[i] != 0.0) == weights;
    let of_link = formula(seen).into_iter().enumerate();
    of_link.map(|(i, want)| if inside(i) { want } else { term(seen.now()[i]) }).collect()
}

/// Defazio et al. (2024), equations 1 to 3, from 0: z_t = −Σ_s u_s, x_t = Σ_s γ_s² z_s / Σ_s γ_s² and y_t = (1 − β) z_t + β x_t,
/// with γ_s = min(1, s / warm-up). The update is y_{t−1} − y_t, and the average of θ is x_t seen from y_t: θ − (1 − β) (z_t −
/// x_t).
pub fn free_from_schedule(beta: f64, warm_up: usize, seen: &Seen) -> Vec<Want> {
    let square = |s: usize| (s as f64 / warm_up.max(1) as f64).min(1.0).powi(2);
    let z = |u: &[f64]| u.iter().fold(term(0.0), |z, u| z.plus(term(-u)));
    let x = |u: &[f64]| {
        let (total, terms) =
            ((1..=u.len()).map(square).sum::<f64>(), (1..=u.len()).map(|s| z(&u[..s]).times(square(s))));
        if u.is_empty() { term(0.0) } else { terms.fold(term(0.0), Want::plus).times(1.0 / total) }
    };
    let y = |u: &[f64]| z(u).times(1.0 - beta).plus(x(u).times(beta));
    let updates = seen.map(|u| y(&u[..u.len() - 1]).plus(y(u).times(-1.0)));
    let back = seen.map(|u| z(u).plus(x(u).times(-1.0)).times(beta - 1.0));
    let averages = back.into_iter().zip(seen.theta()).map(|(back, &theta)| back.plus(term(theta)));
    updates.into_iter().chain(averages).collect()
}

/// Polyak & Juditsky (1992): the mean of θ_1, …, θ_t without the first ones, as long as one is left; and the update as it came.
/// The last update counts as 0 here: θ_t is θ_{t−1}.
pub fn average_uniformly(from: usize, seen: &Seen) -> Vec<Want> {
    averages(seen, |theta| {
        let tail = &theta[from.min(theta.len() - 1)..];
        decaying(1.0, tail).times(1.0 / tail.len() as f64)
    })
}

/// As [`average_uniformly`], with A_1 = θ_1 and A_t = d A_{t−1} + (1 − d) θ_t.
pub fn average_exponentially(decay: f64, seen: &Seen) -> Vec<Want> {
    averages(seen, |theta| {
        let first = term(decay.powi(theta.len() as i32 - 1) * theta[0]);
        first.plus(decaying(decay, &theta[1..]).times(1.0 - decay))
    })
}

/// The update as it came, and `f` of each number's θ_1, …, θ_{t−1}, θ_{t−1}.
fn averages(seen: &Seen, f: impl Fn(&[f64]) -> Want) -> Vec<Want> {
    let path = |i| seen.thetas[1..].iter().chain([&seen.thetas[seen.thetas.len() - 1]]).map(move |theta| theta[i]);
    let average = (0..seen.now().len()).map(|i| f(&path(i).collect::<Vec<f64>>()));
    seen.now().iter().map(|&g| term(g)).chain(average).collect()
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
    let decay = |i: usize| if weights_only { strength * seen.weights[i] } else { strength } * seen.theta()[i];
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

    /// Loshchilov & Hutter (2017), equation 5 and section 4.1: [`cosine`] again and again, each `growth` times as long as the
    /// last.
    pub fn restarts(steps: usize, growth: usize, floor: f64, t: usize) -> f64 {
        if t <= steps { cosine(steps, floor, t) } else { restarts(steps * growth, growth, floor, t - steps) }
    }

    /// PyTorch's `OneCycleLR` with `pct_start` = peak: half waves from `start` up to 1 at the update `peak` · `steps` − 1,
    /// counted from 0, and down to `end` at the last.
    pub fn one_cycle(steps: usize, peak: f64, [start, end]: [f64; 2], t: usize) -> f64 {
        let wave = |from: f64, to: f64, share: f64| {
            let cosine = (std::f64::consts::PI * share).cos();
            0.5 * (from * (1.0 + cosine) + to * (1.0 - cosine))
        };
        let (at, turn, last) = ((t - 1) as f64, peak * steps as f64 - 1.0, steps as f64 - 1.0);
        if at <= turn { wave(start, 1.0, at / turn) } else { wave(1.0, end, ((at - turn) / (last - turn)).min(1.0)) }
    }

    /// Goyal et al. (2017), section 2.2: a ramp to 1 over the first updates, then `then`, which counts from 1 again.
    pub fn warm_up(steps: usize, then: impl Fn(usize) -> f64, t: usize) -> f64 {
        if t <= steps { t as f64 / steps as f64 } else { then(t - steps) }
    }
}
