//! Any objective as a problem of the crate `argmin`, for its solvers: with the feature `argmin`.

use std::cell::RefCell;

use argmin::core::{CostFunction, Error, Gradient};
use layerwise_core::Objective;
use layerwise_tensor::Buf;

/// f and ∇f for argmin's solvers, whose parameters are a `Vec<f64>`.
///
/// Argmin asks for the value and the gradient one after the other, usually at the same θ: the last evaluation is remembered, so
/// that both cost one.
pub struct Problem<'a>(RefCell<Last<'a>>);

struct Last<'a> {
    f: &'a mut dyn Objective<f64>,
    theta: Vec<f64>,
    value: f64,
    grad: Buf<f64>,
}

impl<'a> Problem<'a> {
    /// The problem to minimize f.
    pub fn new(f: &'a mut dyn Objective<f64>) -> Self {
        let grad = Buf::zeros(f.len());
        Problem(RefCell::new(Last { f, theta: Vec::new(), value: f64::NAN, grad }))
    }

    fn at<T>(&self, theta: &[f64], take: impl FnOnce(&Last<'a>) -> T) -> T {
        let mut last = self.0.borrow_mut();
        let Last { f, theta: known, value, grad } = &mut *last;
        if known != theta {
            *value = f.eval(theta, grad);
            theta.clone_into(known);
        }
        take(&last)
    }
}

impl CostFunction for Problem<'_> {
    type Param = Vec<f64>;
    type Output = f64;
    fn cost(&self, theta: &Vec<f64>) -> Result<f64, Error> {
        Ok(self.at(theta, |last| last.value))
    }
}

impl Gradient for Problem<'_> {
    type Param = Vec<f64>;
    type Gradient = Vec<f64>;
    fn gradient(&self, theta: &Vec<f64>) -> Result<Vec<f64>, Error> {
        Ok(self.at(theta, |last| last.grad.to_vec()))
    }
}
