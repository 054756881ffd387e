//! Predictions for programs that embed a network: slices in, slices out, and no allocation after the first.

use std::sync::Arc;

use layerwise_core::{Loss, Number, Pass};
use layerwise_data::{Scaler, Task};
use layerwise_network::{Network, Workspace};
use layerwise_tensor::{Buf, Key, Mat, Purpose};

use crate::error::TrainError;
use crate::model::Model;

/// A model with the memory for its predictions. Made by [`Model::predictor`].
///
/// ```no_run
/// # fn main() -> Result<(), layerwise_train::TrainError> {
/// let model = layerwise_train::Model::load("model.json")?;
/// let mut predictor = model.predictor(1);
/// let (x, mut y) = (vec![0.0; predictor.n_features()], vec![0.0; predictor.n_outputs()]);
/// predictor.predict_into(&x, &mut y)?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Predictor {
    network: Network,
    loss: Arc<dyn Loss>,
    /// Of each member: one, unless it is an ensemble.
    thetas: Vec<Buf<f32>>,
    scaler: Scaler,
    target_scaler: Scaler,
    task: Task,
    input: Buf<f32>,
    workspace: Workspace<f32>,
    /// The outputs, averaged over members.
    mean: Buf<f64>,
}

impl Predictor {
    pub(crate) fn new(model: &Model, samples: usize) -> Predictor {
        let network = model.network().clone();
        let samples = samples.max(1);
        let (scaler, target_scaler) = model.scalers();
        Predictor {
            loss: Arc::clone(model.loss()),
            thetas: model.members().map(Buf::copy_of).collect(),
            mean: Buf::zeros(network.d_out() * samples),
            scaler: scaler.clone(),
            target_scaler: target_scaler.clone(),
            task: model.task(),
            input: Buf::zeros(network.d_in() * samples),
            workspace: Workspace::new(&network, samples),
            network,
        }
    }

    /// Numbers a sample.
    pub fn n_features(&self) -> usize {
        self.network.d_in()
    }

    /// Numbers a prediction: one a class, or one a predicted value.
    pub fn n_outputs(&self) -> usize {
        if self.alone() { 2 } else { self.network.d_out() }
    }

    /// One output alone is the probability of the second of two classes.
    fn alone(&self) -> bool {
        self.task == Task::Classification && self.network.d_out() == 1
    }

    /// Probabilities of the classes, or predicted values, of one sample or several: the numbers of [`Model::predict_proba`], as
    /// `f32`.
    ///
    /// Shapes: x holds the features of sample after sample, y the outputs of sample after sample.
    /// Cost: a forward pass; allocates nothing after the first call. More samples than the predictor was made for are taken so
    /// many at a time.
    /// Errors: lengths that do not fit; an input or result that is not finite after scaling. y is then not to be relied on.
    pub fn predict_into(&mut self, x: &[f32], y: &mut [f32]) -> Result<(), TrainError> {
        let (d, k) = (self.n_features(), self.n_outputs());
        if !x.len().is_multiple_of(d) {
            return Err(TrainError::recipe("x", format!("length should be a multiple of {d}, got {}", x.len())));
        }
        let n = x.len() / d;
        if y.len() != n * k {
            return Err(TrainError::recipe(
                "y",
                format!("length should be {} for {n} samples, got {}", n * k, y.len()),
            ));
        }
        let most = self.workspace.capacity();
        x.chunks(d * most).zip(y.chunks_mut(k * most)).try_for_each(|(x, y)| self.block(x, y))
    }

    fn block(&mut self, x: &[f32], y: &mut [f32]) -> Result<(), TrainError> {
        let (d, alone) = (self.n_features(), self.alone());
        let input = &mut self.input[..x.len()];
        self.scaler.transform_into(d, x, input)?;
        let key = Key::new(0, Purpose::Mask);
        let input = Mat::new(input, d, x.len() / d);
        let mean = &mut self.mean[..self.network.d_out() * input.cols()];
        mean.fill(0.0);
        for theta in &self.thetas {
            self.network.forward(theta, input, &mut self.workspace, Pass::Predict, key);
            f32::loss(&*self.loss).predict(self.workspace.output_mut());
            let output = self.workspace.output().data();
            mean.iter_mut().zip(output).for_each(|(mean, y)| *mean += f64::from(*y));
        }
        let n = self.thetas.len() as f64;
        mean.iter_mut().for_each(|mean| *mean /= n);
        let output = &*mean;
        if self.task == Task::Regression {
            self.target_scaler.inverse_into(self.network.d_out(), output, y)?;
        } else if alone {
            for (y, second) in y.chunks_exact_mut(2).zip(output) {
                // As `Model::predict_proba` computes it.
                y.copy_from_slice(&[(1.0 - second) as f32, *second as f32]);
            }
        } else {
            y.iter_mut().zip(output).for_each(|(y, mean)| *y = *mean as f32);
        }
        Ok(())
    }
}
