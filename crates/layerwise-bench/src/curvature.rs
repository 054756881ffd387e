//! Gradients and products with the Hessian and the Gauss–Newton matrix, in either width of numbers.

use layerwise_core::{Number, Objective, Pass, Targets, hvp};
use layerwise_losses::SoftmaxCrossEntropy;
use layerwise_network::{Batch, GaussNewton, Network, Supervised, Workspace};
use layerwise_tensor::{Buf, Dual, Dual32, Dual64, Key, Mat, Purpose, Scalar};

use crate::jobs::network;
use crate::worker::{Job, Net};

/// `grad`, `hvp` or `gn` in `f32` or `f64`.
///
/// Errors: a layer that does not fit. `None`: a Gauss–Newton product in f32.
pub fn prepare(kind: &str, net: &Net, width: &str) -> Result<Option<Job>, String> {
    Ok(match (kind, width) {
        ("grad", "f32") => Some(gradient::<f32>(net)?),
        ("grad", "f64") => Some(gradient::<f64>(net)?),
        ("hvp", "f32") => Some(hessian_f32(net)?),
        ("hvp", "f64") => Some(hessian_f64(net)?),
        ("gn", "f64") => Some(gauss_newton(net)?),
        _ => None,
    })
}

/// The risk of a net on its batch, in any number type, with the memory that it needs.
struct Risk<S: Scalar> {
    network: Network,
    loss: SoftmaxCrossEntropy,
    x: Buf<S>,
    classes: Vec<u32>,
    workspace: Workspace<S>,
}

impl<S: Number> Risk<S> {
    fn new(net: &Net) -> Result<Risk<S>, String> {
        let network = network(net)?;
        let (numbers, classes) = net.data();
        let mut x = Buf::zeros(numbers.len());
        for (x, number) in x.iter_mut().zip(numbers) {
            *x = S::of(f64::from(number));
        }
        let workspace = Workspace::new(&network, net.batch);
        Ok(Risk { network, loss: SoftmaxCrossEntropy::default(), x, classes, workspace })
    }

    fn objective(&mut self) -> Supervised<'_, S> {
        Supervised {
            network: &self.network,
            loss: &self.loss,
            penalties: &[],
            batch: Batch {
                x: Mat::new(&self.x, self.network.d_in(), self.classes.len()),
                targets: Targets::Classes(&self.classes),
                weights: None,
            },
            workspace: &mut self.workspace,
            pass: Pass::Train,
            key: Key::new(1, Purpose::Mask),
        }
    }
}

fn gradient<S: Number>(net: &Net) -> Result<Job, String> {
    let mut risk = Risk::<S>::new(net)?;
    let theta = risk.network.init::<S>(1);
    let mut grad = Buf::zeros(theta.len());
    Ok(Job::new(move || risk.objective().eval(&theta, &mut grad).value()))
}

fn hessian_f64(net: &Net) -> Result<Job, String> {
    let mut risk = Risk::<Dual64>::new(net)?;
    let (theta, v) = (risk.network.init::<f64>(1), risk.network.init::<f64>(2));
    let (mut out, mut scratch) = (Buf::zeros(theta.len()), Vec::new());
    Ok(Job::new(move || hvp(&mut risk.objective(), &theta, &v, &mut out, &mut scratch)))
}

/// As [`hvp`] does it, in numbers half as wide.
fn hessian_f32(net: &Net) -> Result<Job, String> {
    let mut risk = Risk::<Dual32>::new(net)?;
    let (theta, v) = (risk.network.init::<f32>(1), risk.network.init::<f32>(2));
    let n = theta.len();
    let (mut out, mut point, mut grad) = (Buf::<f32>::zeros(n), Buf::zeros(n), Buf::zeros(n));
    Ok(Job::new(move || {
        for ((point, &theta), &v) in point.iter_mut().zip(&theta[..]).zip(&v[..]) {
            *point = Dual::new(theta, v);
        }
        let value = risk.objective().eval(&point, &mut grad);
        for (out, grad) in out.iter_mut().zip(&grad[..]) {
            *out = grad.eps;
        }
        value.value()
    }))
}

/// Products with the matrix at one θ, whose forward pass stays.
fn gauss_newton(net: &Net) -> Result<Job, String> {
    // The matrix borrows the risk for as long as it lives: for the rest of the process.
    let risk: &'static mut Risk<f64> = Box::leak(Box::new(Risk::new(net)?));
    let (theta, v) = (risk.network.init::<f64>(1), risk.network.init::<f64>(2));
    let mut out = Buf::zeros(theta.len());
    let mut matrix = GaussNewton::new(risk.objective(), &theta);
    Ok(Job::new(move || {
        matrix.product(&v, &mut out);
        out[0]
    }))
}
