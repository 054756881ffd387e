//! Training steps, predictions and bare matrix products.

use layerwise_activations::{Relu, Tanh};
use layerwise_core::{Objective, Pass, Pointwise, Targets};
use layerwise_layers::Dense;
use layerwise_losses::SoftmaxCrossEntropy;
use layerwise_network::{Batch, Builder, Network, Supervised, Workspace};
use layerwise_optimizers::{Optimizer, adam, momentum};
use layerwise_tensor::{Buf, Key, Mat, MatMut, Op, Purpose, Scalar, Write};

use crate::worker::{Job, Net};
use crate::{curvature, fit};

/// So small a rate that parameters stay where they are: numbers that training drives into denormals would be timed otherwise.
const RATE: f64 = 1e-9;

/// The job that these words ask for.
///
/// Errors: words that make no sense. `None`: a job that is not ours.
pub fn prepare(words: &[&str]) -> Result<Option<Job>, String> {
    let (kind, rest) = words.split_first().ok_or("job should have a name, got nothing")?;
    if ["fit", "epochs"].contains(kind) {
        return fit::prepare(*kind == "fit", rest).map(Some);
    }
    let (net, options) = rest.split_at(rest.len().min(3));
    let net: Net = net.join(" ").parse()?;
    match (*kind, options) {
        ("train", [optimizer]) => train(&net, optimizer).map(Some),
        ("infer", []) => infer(&net).map(Some),
        ("products", []) => Ok(Some(products(&net))),
        ("grad" | "hvp" | "gn" | "top", options) => curvature::prepare(kind, &net, options),
        _ => Ok(None),
    }
}

/// The perceptron of a net.
///
/// Errors: a layer that does not fit.
pub fn network(net: &Net) -> Result<Network, String> {
    let mut builder = Builder::new(net.d_in());
    for (i, (_, width)) in net.layers().enumerate() {
        builder = builder.layer(Dense::new(width));
        builder = match (i + 2 < net.widths.len(), net.activation.as_str()) {
            (false, _) => builder,
            (true, "tanh") => builder.layer(Pointwise(Tanh)),
            (true, _) => builder.layer(Pointwise(Relu)),
        };
    }
    builder.build().map_err(|e| e.to_string())
}

fn optimizer(name: &str) -> Result<Optimizer, String> {
    match name {
        "sgd" => Ok(momentum(RATE, 0.9)),
        "adam" => Ok(adam(RATE)),
        _ => Err(format!("optimizer should be sgd or adam, got `{name}`")),
    }
}

/// One step on a fixed batch: risk, gradient, update. Returns the risk.
///
/// Errors: an optimizer that is none.
pub fn train(net: &Net, name: &str) -> Result<Job, String> {
    let (network, optimizer) = (network(net)?, optimizer(name)?);
    let (x, classes) = net.data();
    let x = Buf::copy_of(&x);
    let n = network.n_theta();
    let mut theta = network.init::<f32>(1);
    let (mut grad, mut state, weights) = (Buf::zeros(n), optimizer.state(n), network.weights_mask());
    let mut workspace = Workspace::new(&network, net.batch);
    let d_in = net.d_in();
    Ok(Job::new(move || {
        let batch = Batch { x: Mat::new(&x, d_in, classes.len()), targets: Targets::Classes(&classes), weights: None };
        let risk = Supervised {
            network: &network,
            loss: &SoftmaxCrossEntropy::default(),
            penalties: &[],
            batch,
            workspace: &mut workspace,
            pass: Pass::Train,
            key: Key::new(1, Purpose::Mask),
        }
        .eval(&theta, &mut grad);
        optimizer.step(&mut theta, &mut grad, &weights, 1.0, &mut state);
        risk.value()
    }))
}

/// One prediction for a batch, outputs before the softmax. Returns the first output.
///
/// Errors: a layer that does not fit.
pub fn infer(net: &Net) -> Result<Job, String> {
    let network = network(net)?;
    let x = Buf::copy_of(&net.data().0);
    let theta = network.init::<f32>(1);
    let mut workspace = Workspace::new(&network, net.batch);
    let (d_in, batch) = (net.d_in(), net.batch);
    Ok(Job::new(move || {
        let x = Mat::new(&x, d_in, batch);
        network.forward(&theta, x, &mut workspace, Pass::Predict, Key::new(1, Purpose::Mask));
        workspace.output().at(0, 0).value()
    }))
}

/// The matrix products of one training step and nothing else: W X, D Xᵀ and, but for the first layer, Wᵀ D. Returns the number of
/// floating-point operations.
pub fn products(net: &Net) -> Job {
    let n = net.batch;
    let filled = |rows: usize, cols: usize| Buf::copy_of(&Net::weights(rows, cols));
    let mut layers: Vec<_> = net
        .layers()
        .map(|(d_in, d_out)| {
            let (w, x, d) = (filled(d_out, d_in), filled(d_in, n), filled(d_out, n));
            let (y, dw, dx) = (Buf::zeros(d_out * n), Buf::zeros(d_out * d_in), Buf::zeros(d_in * n));
            ((d_in, d_out), (w, x, d), (y, dw, dx))
        })
        .collect();
    Job::new(move || {
        let mut operations = 0;
        for (i, ((d_in, d_out), (w, x, d), (y, dw, dx))) in layers.iter_mut().enumerate() {
            let (d_in, d_out) = (*d_in, *d_out);
            let (w, x, d) = (Mat::new(w, d_out, d_in), Mat::new(x, d_in, n), Mat::new(d, d_out, n));
            f32::gemm(MatMut::new(y, d_out, n), Write::Set, Op::N(w), Op::N(x));
            f32::gemm(MatMut::new(dw, d_out, d_in), Write::Set, Op::N(d), Op::T(x));
            if i > 0 {
                f32::gemm(MatMut::new(dx, d_in, n), Write::Set, Op::T(w), Op::N(d));
            }
            operations += 2 * d_in * d_out * n * if i > 0 { 3 } else { 2 };
        }
        operations as f64
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(job: &str) -> f64 {
        let words: Vec<&str> = job.split(' ').collect();
        (prepare(&words).unwrap().unwrap().run)()
    }

    #[test]
    fn every_job_does_its_work() {
        const NET: &str = "20-16-10 tanh 30";
        let risk = run(&format!("train {NET} sgd"));
        assert!((0.5..5.0).contains(&risk), "{risk}");
        // The same net, batch and start: the same risk, in whatever numbers.
        for job in ["train NET adam", "grad NET f32", "grad NET f64", "hvp NET f32 scratch", "hvp NET f64 kept"] {
            let same = run(&job.replace("NET", NET));
            assert!((same - risk).abs() < 1e-5 * risk, "{job}: {same}, {risk}");
        }
        for job in ["infer NET", "gn NET f64 scratch", "gn NET f32 kept", "top NET f64"] {
            let number = run(&job.replace("NET", NET));
            assert!(number.is_finite() && number != 0.0, "{job}: {number}");
        }
        // 2·20·16·30 operations a product, two products; 2·16·10·30, three products.
        assert_eq!(run(&format!("products {NET}")), f64::from(2 * 2 * 20 * 16 * 30 + 3 * 2 * 16 * 10 * 30));
        let accuracy = run("fit digits 64-32-10 relu 32 adam 10");
        assert!((0.8..1.0).contains(&accuracy), "{accuracy}");
        assert_eq!(run("epochs digits 64-32-10 relu 32 adam 10"), accuracy);
    }

    #[test]
    fn what_is_not_ours_is_refused() {
        let outcome = |job: &str| prepare(&job.split(' ').collect::<Vec<_>>()).map(|job| job.is_some());
        assert_eq!(outcome("train 4-2 relu 1 sgd"), Ok(true));
        for other in
            ["train 4-2 relu 1 sgd compiled", "gn 4-2 relu 1 f32", "hvp 4-2 relu 1 f16 kept", "sing 4-2 relu 1"]
        {
            assert_eq!(outcome(other), Ok(false), "{other}");
        }
        for wrong in [
            "",
            "train",
            "train 4 relu 1 sgd",
            "train 4-2 relu 1 adagrad",
            "fit digits 64-10 relu 32 sgd",
            "fit x 4-2 relu 1 sgd 1",
        ] {
            assert!(outcome(wrong).is_err(), "{wrong}");
        }
    }
}
