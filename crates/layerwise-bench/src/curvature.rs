//! Gradients, products with the Hessian and the Gauss–Newton matrix, and the top eigenvalue, in either width of numbers.

use layerwise_core::{Number, Objective, Pass, Real, Targets, hvp};
use layerwise_curvature::{GaussNewton, Hessian, Lanczos, Spectral};
use layerwise_losses::SoftmaxCrossEntropy;
use layerwise_network::{Batch, Network, Supervised, Workspace};
use layerwise_tensor::dual::Plane;
use layerwise_tensor::{Buf, Dual, Key, Mat, Purpose, Scalar};

use crate::jobs::network;
use crate::worker::{Job, Net};

/// `grad`, `hvp`, `gn` or `top` with what follows the net: `f32` or `f64`, and for the products `scratch` (everything anew, as
/// for another θ) or `kept` (another vector at the same θ).
///
/// Errors: a layer that does not fit. `None`: no such job.
pub fn prepare(kind: &str, net: &Net, options: &[&str]) -> Result<Option<Job>, String> {
    match options.split_first() {
        Some((&"f32", rest)) => in_width::<f32>(kind, net, rest),
        Some((&"f64", rest)) => in_width::<f64>(kind, net, rest),
        _ => Ok(None),
    }
}

fn in_width<T: Real + Plane>(kind: &str, net: &Net, options: &[&str]) -> Result<Option<Job>, String>
where
    Dual<T>: Number,
{
    Ok(match (kind, options) {
        ("grad", []) => Some(gradient::<T>(net)?),
        ("hvp", ["scratch"]) => Some(hessian::<T>(net)?),
        ("hvp", ["kept"]) => Some(hessian_kept::<T>(net)?),
        ("gn", [way @ ("scratch" | "kept")]) => Some(gauss_newton::<T>(net, *way == "kept")?),
        ("top", []) => Some(top::<T>(net)?),
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

    /// For what borrows it as long as it lives: it stays for the rest of the process.
    fn leaked(net: &Net) -> Result<&'static mut Risk<S>, String> {
        Ok(Box::leak(Box::new(Risk::new(net)?)))
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

/// θ, a vector, and room for the product.
fn vectors<T: Scalar>(network: &Network) -> (Buf<T>, Buf<T>, Buf<T>) {
    (network.init(1), network.init(2), Buf::zeros(network.n_theta()))
}

fn gradient<T: Number>(net: &Net) -> Result<Job, String> {
    let mut risk = Risk::<T>::new(net)?;
    let (theta, _, mut grad) = vectors::<T>(&risk.network);
    Ok(Job::new(move || risk.objective().eval(&theta, &mut grad).value()))
}

fn hessian<T: Real + Plane>(net: &Net) -> Result<Job, String>
where
    Dual<T>: Number,
{
    let mut risk = Risk::<Dual<T>>::new(net)?;
    let (theta, v, mut out) = vectors::<T>(&risk.network);
    let mut scratch = Vec::new();
    Ok(Job::new(move || hvp(&mut risk.objective(), &theta, &v, &mut out, &mut scratch).value()))
}

fn hessian_kept<T: Real + Plane>(net: &Net) -> Result<Job, String>
where
    Dual<T>: Number,
{
    let risk = Risk::<T>::leaked(net)?;
    let (theta, v, mut out) = vectors::<T>(&risk.network);
    let mut matrix = Hessian::new(risk.objective(), &theta);
    Ok(Job::new(move || matrix.product(&v, &mut out).value()))
}

fn gauss_newton<T: Real + Plane>(net: &Net, kept: bool) -> Result<Job, String>
where
    Dual<T>: Number,
{
    let risk = Risk::<T>::leaked(net)?;
    let (theta, v, mut out) = vectors::<T>(&risk.network);
    let mut matrix = GaussNewton::new(risk.objective(), &theta);
    Ok(Job::new(move || {
        if !kept {
            matrix.at(&theta);
        }
        matrix.product(&v, &mut out);
        out[0].value()
    }))
}

/// The largest eigenvalue of the Hessian, to a residual of 10⁻³ of it. Returns the number of products.
fn top<T: Real + Plane>(net: &Net) -> Result<Job, String>
where
    Dual<T>: Number,
{
    let risk = Risk::<T>::leaked(net)?;
    let (theta, ..) = vectors::<T>(&risk.network);
    let mut matrix = Hessian::new(risk.objective(), &theta);
    Ok(Job::new(move || {
        matrix.at(&theta);
        matrix.spectrum(&Lanczos::default()).map_or(f64::NAN, |spectrum| spectrum.products as f64)
    }))
}
