//! A risk in dual numbers: what the products with the Hessian and with the Gauss–Newton matrix share.

use layerwise_core::{Number, Real, Targets};
use layerwise_network::{Batch, Supervised, Workspace};
use layerwise_tensor::dual::Plane;
use layerwise_tensor::{Buf, Dual, Evaluation, Known, Mat, Tape};

/// The memory of a risk at θ + ε v, for one batch and one θ at a time.
#[derive(Debug)]
pub(crate) struct Lifted<T: Plane> {
    theta: Buf<T>,
    /// θ + ε v.
    point: Buf<Dual<T>>,
    pub(crate) workspace: Workspace<Dual<T>>,
    /// The batch in dual numbers, whose ε-parts are 0.
    x: Buf<Dual<T>>,
    values: Buf<Dual<T>>,
    weights: Buf<Dual<T>>,
    /// The values of all products at θ. Every number of a risk is a function of θ, since its key freezes the noise.
    tape: Tape<T>,
}

impl<T: Real + Plane> Lifted<T>
where
    Dual<T>: Number,
{
    pub(crate) fn new(risk: &Supervised<'_, T>, theta: &[T]) -> Self {
        let Batch { x, targets, weights } = risk.batch;
        let values = match targets {
            Targets::Classes(_) => &[],
            Targets::Values(values) => values.data(),
        };
        Lifted {
            theta: Buf::copy_of(theta),
            point: Buf::zeros(theta.len()),
            workspace: Workspace::new(risk.network, x.cols()),
            x: constants(x.data()),
            values: constants(values),
            weights: constants(weights.unwrap_or_default()),
            tape: Tape::default(),
        }
    }

    pub(crate) fn theta(&self) -> &[T] {
        &self.theta
    }

    /// Moves to another θ.
    ///
    /// Panics: if the length differs.
    pub(crate) fn at(&mut self, theta: &[T]) {
        self.theta.copy_from_slice(theta);
        self.tape.clear();
    }

    /// Calls `f` with the risk in dual numbers, θ + ε v, and how to evaluate it.
    ///
    /// Panics: if the length differs.
    pub(crate) fn along<R>(
        &mut self,
        risk: &Supervised<'_, T>,
        v: &[T],
        f: impl FnOnce(Supervised<'_, Dual<T>>, &[Dual<T>], Evaluation<'_, T>) -> R,
    ) -> R {
        let &Supervised { network, loss, penalties, batch, pass, key, .. } = risk;
        let targets = match batch.targets {
            Targets::Classes(classes) => Targets::Classes(classes),
            Targets::Values(t) => Targets::Values(Mat::new(&self.values, t.rows(), t.cols())),
        };
        let x = Mat::new(&self.x, batch.x.rows(), batch.x.cols());
        let known = [Known::join(&mut self.point, &self.theta, Some(v)), Known::constants(&self.x, batch.x.data())];
        let evaluation = Evaluation::new(&known).tape(&mut self.tape);
        let batch = Batch { x, targets, weights: batch.weights.map(|_| &self.weights[..]) };
        let workspace = &mut self.workspace;
        f(Supervised { network, loss, penalties, batch, workspace, pass, key }, known[0].duals(), evaluation)
    }
}

/// The same numbers as constants.
pub(crate) fn constants<T: Plane>(numbers: &[T]) -> Buf<Dual<T>> {
    let mut duals = Buf::zeros(numbers.len());
    Known::join(&mut duals, numbers, None);
    duals
}
