//! λ/2 1/n Σₛ ‖∂y/∂x(xₛ)‖²_F, y the outputs of the network before any squashing: outputs that change little where inputs do.
//!
//! Source: as double backpropagation, Drucker and LeCun (1992), "Improving generalization performance using double
//! backpropagation"; by random projections ‖J‖²_F = k E ‖Jᵀu‖² with u uniform on the unit sphere of k outputs, Hoffman, Roberts and
//! Yaida (2019), "Robust learning with Jacobian regularization".
//!
//! With g = Jᵀu, one backward pass down to the inputs, ∂/∂θ ½‖g‖² is d/dε ∂/∂θ uᵀy(x + ε g) with g held fixed: one gradient in dual
//! numbers, exact, whatever the layers are.

use layerwise_core::{Objective, Pass, Real};
use layerwise_tensor::{Buf, Key, Mat, MatMut, Scalar};

use crate::network::Network;
use crate::supervised::Supervised;
use crate::workspace::Workspace;

/// A penalty on how much outputs change with inputs. For layers that keep samples apart.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Jacobian {
    /// λ.
    pub strength: f64,
    /// Random directions of outputs a sample, whose mean is right; 0: all outputs one by one, exactly.
    pub projections: usize,
}

/// Memory for the penalty of a batch.
#[derive(Clone, Debug)]
pub struct JacobianRoom<S: Real> {
    plain: Workspace<S>,
    lifted: Workspace<S::Dual>,
    /// As long as θ: what the first pass says of θ, which nobody reads; θ; and the gradient in dual numbers.
    unread: Buf<S>,
    theta: Buf<S::Dual>,
    grad: Buf<S::Dual>,
    /// d_in × n: g, and x + ε g.
    slopes: Buf<S>,
    x: Buf<S::Dual>,
}

impl<S: Real> JacobianRoom<S> {
    /// Memory for batches of at most `capacity` columns.
    pub fn new(network: &Network, capacity: usize) -> Self {
        let (n, inputs) = (network.n_theta(), network.d_in() * capacity);
        JacobianRoom {
            plain: Workspace::new(network, capacity),
            lifted: Workspace::new(network, capacity),
            unread: Buf::zeros(n),
            theta: Buf::zeros(n),
            grad: Buf::zeros(n),
            slopes: Buf::zeros(inputs),
            x: Buf::zeros(inputs),
        }
    }
}

impl Jacobian {
    /// Returns the penalty on the samples x and adds its gradient. `key` names the noise of the pass, `directions` the projections.
    ///
    /// Cost: for each direction about four gradients of a risk; allocates nothing. Panics: if the shapes do not fit.
    #[expect(clippy::too_many_arguments, reason = "a network at a point, its noise, and memory")]
    pub fn add<S: Real>(
        &self,
        network: &Network,
        theta: &[S],
        x: Mat<'_, S>,
        pass: Pass,
        [key, directions]: [Key; 2],
        room: &mut JacobianRoom<S>,
        grad: &mut [S],
    ) -> S {
        let (k, n) = (network.d_out(), x.cols());
        let (count, parts) = if self.projections == 0 { (k, 1.0) } else { (self.projections, self.projections as f64) };
        let strength = S::of(self.strength / (parts * n.max(1) as f64));
        let constant = |x: S| S::dual(x, S::ZERO);
        room.theta.iter_mut().zip(theta).for_each(|(to, &from)| *to = constant(from));
        let slopes = &mut room.slopes[..x.data().len()];
        let lifted_x = &mut room.x[..x.data().len()];
        network.forward(theta, x, &mut room.plain, pass, key);
        let mut total = S::ZERO;
        for direction in 0..count {
            let (_, mut u, _) = room.plain.output_parts();
            if self.projections == 0 {
                u.data()
                    .iter_mut()
                    .enumerate()
                    .for_each(|(i, u)| *u = if i % k == direction { S::ONE } else { S::ZERO });
            } else {
                sphere(u.data(), k, directions.layer(direction as u64));
            }
            let dx = MatMut::new(slopes, x.rows(), n);
            network.backward_with(theta, &mut room.unread, x, &mut room.plain, pass, Some(dx), &mut |_, _, _| {});
            for ((lifted, &x), &slope) in lifted_x.iter_mut().zip(x.data()).zip(&*slopes) {
                total += slope * slope;
                *lifted = S::dual(x, strength * slope);
            }
            let x = Mat::new(lifted_x, x.rows(), n);
            network.forward(&room.theta, x, &mut room.lifted, pass, key);
            let (_, mut lifted_u, _) = room.lifted.output_parts();
            let (_, mut u, _) = room.plain.output_parts();
            lifted_u.data().iter_mut().zip(u.data()).for_each(|(to, &mut from)| *to = constant(from));
            network.backward(&room.theta, &mut room.grad, x, &mut room.lifted, pass);
            grad.iter_mut().zip(&*room.grad).for_each(|(grad, &of)| *grad += S::eps(of));
        }
        S::of(0.5) * strength * total
    }
}

/// Each column of k numbers ← uniform on the sphere of radius √k.
fn sphere<S: Scalar>(columns: &mut [S], k: usize, key: Key) {
    let mut rng = key.rng();
    for column in columns.chunks_exact_mut(k) {
        let mut square = 0.0;
        while square == 0.0 {
            for u in &mut *column {
                let draw = rng.normal();
                square += draw * draw;
                *u = S::of(draw);
            }
        }
        let factor = S::of((k as f64 / square).sqrt());
        column.iter_mut().for_each(|u| *u *= factor);
    }
}

/// The risk of a batch with the penalty, as an objective.
#[derive(Debug)]
pub struct Contracted<'a, S: Real> {
    /// The risk, with its own penalties.
    pub risk: Supervised<'a, S>,
    /// What is added to it.
    pub jacobian: Jacobian,
    /// Names the random directions.
    pub directions: Key,
    /// Memory for the batch.
    pub room: &'a mut JacobianRoom<S>,
}

impl<S: Real> Objective<S> for Contracted<'_, S> {
    fn len(&self) -> usize {
        self.risk.len()
    }
    fn eval(&mut self, theta: &[S], grad: &mut [S]) -> S {
        let value = self.risk.eval(theta, grad);
        let Supervised { network, ref batch, pass, key, .. } = self.risk;
        value + self.jacobian.add(network, theta, batch.x, pass, [key, self.directions], self.room, grad)
    }
}
