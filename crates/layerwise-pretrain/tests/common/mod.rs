//! Machines with random parameters, and everything about them by brute force: sums over all states of both sides.
#![allow(dead_code)]

use layerwise_pretrain::{Rbm, Units};
use layerwise_tensor::{Key, Purpose, Rng};

pub fn rng(seed: u64) -> Rng {
    Key::new(seed, Purpose::Test).rng()
}

/// θ with every number of every block normal, of this deviation.
pub fn random_theta(rbm: &Rbm, deviation: f64, seed: u64) -> Vec<f64> {
    let (mut theta, mut rng) = (vec![0.0; rbm.n_theta()], rng(seed));
    for block in rbm.blocks() {
        theta[block.range()].iter_mut().for_each(|number| *number = deviation * rng.normal());
    }
    theta
}

/// All states of n binary units.
pub fn states(n: usize) -> Vec<Vec<f64>> {
    (0..1usize << n).map(|state| (0..n).map(|i| (state >> i & 1) as f64).collect()).collect()
}

/// W, b and c as plain numbers: w[j][i] joins hidden unit j with visible unit i.
pub struct Plain {
    pub rbm: Rbm,
    pub w: Vec<Vec<f64>>,
    pub b: Vec<f64>,
    pub c: Vec<f64>,
}

impl Plain {
    pub fn new(rbm: &Rbm, theta: &[f64]) -> Plain {
        let [w, b, c] = [0, 1, 2].map(|i| theta[rbm.blocks()[i].range()].to_vec());
        let row = |j: usize| (0..rbm.n_visible).map(|i| w[i * rbm.n_hidden + j]).collect();
        Plain { rbm: *rbm, w: (0..rbm.n_hidden).map(row).collect(), b, c }
    }

    /// c + Wv.
    pub fn hidden_inputs(&self, v: &[f64]) -> Vec<f64> {
        self.w.iter().zip(&self.c).map(|(w, c)| c + w.iter().zip(v).map(|(w, v)| w * v).sum::<f64>()).collect()
    }

    /// E(v, h), from its definition.
    pub fn energy(&self, v: &[f64], h: &[f64]) -> f64 {
        let coupling: f64 = self.hidden_inputs(v).iter().zip(h).map(|(a, h)| a * h).sum();
        let visible: f64 = match self.rbm.visible {
            Units::Bernoulli => self.b.iter().zip(v).map(|(b, v)| -b * v).sum(),
            Units::Gaussian => self.b.iter().zip(v).map(|(b, v)| (v - b).powi(2) / 2.0).sum(),
        };
        visible - coupling
    }

    /// ∂E/∂θ in the layout of θ.
    pub fn energy_gradient(&self, v: &[f64], h: &[f64]) -> Vec<f64> {
        let mut grad = vec![0.0; self.rbm.n_theta()];
        let blocks = self.rbm.blocks();
        for (i, &v) in v.iter().enumerate() {
            for (j, &h) in h.iter().enumerate() {
                grad[blocks[0].offset + i * self.rbm.n_hidden + j] = -h * v;
            }
            grad[blocks[1].offset + i] = if self.rbm.visible == Units::Bernoulli { -v } else { self.b[i] - v };
        }
        for (j, &h) in h.iter().enumerate() {
            grad[blocks[2].offset + j] = -h;
        }
        grad
    }

    /// F(v) and ∂F/∂θ, by the sum over all h.
    pub fn free_energy(&self, v: &[f64]) -> (f64, Vec<f64>) {
        let states = states(self.rbm.n_hidden);
        let weights: Vec<f64> = states.iter().map(|h| (-self.energy(v, h)).exp()).collect();
        let z: f64 = weights.iter().sum();
        let mut grad = vec![0.0; self.rbm.n_theta()];
        for (weight, h) in weights.iter().zip(&states) {
            add(&mut grad, weight / z, &self.energy_gradient(v, h));
        }
        (-z.ln(), grad)
    }

    /// p(hⱼ = 1 | v).
    pub fn on(&self, v: &[f64]) -> Vec<f64> {
        self.hidden_inputs(v).iter().map(|a| 1.0 / (1.0 + (-a).exp())).collect()
    }

    /// p(v′ | v) of one Gibbs step v → h → v′ between all Bernoulli states.
    pub fn transitions(&self) -> Vec<Vec<f64>> {
        let (visible, hidden) = (states(self.rbm.n_visible), states(self.rbm.n_hidden));
        let chance = |p: &[f64], state: &[f64]| -> f64 {
            p.iter().zip(state).map(|(p, s)| if *s == 1.0 { *p } else { 1.0 - p }).product()
        };
        let down = |h: &Vec<f64>| -> Vec<f64> {
            let input = |i: usize| self.b[i] + self.w.iter().zip(h).map(|(w, h)| w[i] * h).sum::<f64>();
            (0..self.rbm.n_visible).map(|i| 1.0 / (1.0 + (-input(i)).exp())).collect()
        };
        let downs: Vec<Vec<f64>> = hidden.iter().map(down).collect();
        let row = |v: &Vec<f64>| -> Vec<f64> {
            let on = self.on(v);
            let up: Vec<f64> = hidden.iter().map(|h| chance(&on, h)).collect();
            visible.iter().map(|to| up.iter().zip(&downs).map(|(up, down)| up * chance(down, to)).sum()).collect()
        };
        visible.iter().map(row).collect()
    }
}

/// to += scale from.
pub fn add(to: &mut [f64], scale: f64, from: &[f64]) {
    to.iter_mut().zip(from).for_each(|(to, from)| *to += scale * from);
}

/// The largest difference.
pub fn farthest(a: &[f64], b: &[f64]) -> f64 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
}
