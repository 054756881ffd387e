//! Activations: a scalar function g applied to every unit, h = g(a). [`Pointwise`] makes one a layer.

use std::fmt::Debug;

use layerwise_tensor::simd::{self, Kernel};
use layerwise_tensor::{Scalar, elementwise};

use crate::init::Init;
use crate::layer::{Backward, Forward, Layer, LayerKernel, Plan};
use crate::shape::ShapeError;

/// A scalar function applied to every unit.
///
/// Write one by giving its formula once, over any [`Scalar`]; `value` and `slope` carry `#[inline(always)]` and choose with
/// [`Scalar::select`] (an `if` keeps the loop from being vectorized):
///
/// ```
/// use layerwise_core::Activation;
/// use layerwise_tensor::Scalar;
///
/// /// g(x) = x².
/// #[derive(Clone, Copy, Debug)]
/// struct Square;
///
/// impl Activation for Square {
///     const NAME: &'static str = "square";
///     const RANGE: (f64, f64) = (0.0, f64::INFINITY);
///     #[inline(always)]
///     fn value<S: Scalar>(&self, x: S) -> S {
///         x * x
///     }
///     #[inline(always)]
///     fn slope<S: Scalar>(&self, x: S, _y: S) -> S {
///         x + x
///     }
/// }
/// ```
pub trait Activation: Clone + Debug + Send + Sync + 'static {
    /// Its name in configurations and messages, in kebab case.
    const NAME: &'static str;
    /// Its own asymptotes (lower, upper), infinite where there is none: what saturation is measured against.
    const RANGE: (f64, f64);
    /// Where the first or second derivative jumps; checked *at* these points. The slope there is the number of least magnitude
    /// between the one-sided derivatives: the smallest subgradient of a convex kink, the smallest supergradient of a concave one.
    const KINKS: &'static [f64] = &[];
    /// The initialization that keeps the signal alive through this activation.
    const INIT: Init = Init::Glorot;

    /// Its asymptotes, where they depend on its parameters.
    fn range(&self) -> (f64, f64) {
        Self::RANGE
    }
    /// g(x).
    fn value<S: Scalar>(&self, x: S) -> S;
    /// g′(x), given y = g(x).
    fn slope<S: Scalar>(&self, x: S, y: S) -> S;
}

/// An activation as a layer: y = g(x), dx = g′(x) dy, unit by unit.
#[derive(Clone, Copy, Debug)]
pub struct Pointwise<A>(pub A);

impl<A: Activation> Layer for Pointwise<A> {
    fn name(&self) -> &'static str {
        A::NAME
    }
    fn plan(&self, d_in: usize) -> Result<Plan, ShapeError> {
        if d_in == 0 {
            return Err(ShapeError::mismatch("", "input width", "at least 1", 0));
        }
        Ok(Plan::new(d_in))
    }
    fn range(&self) -> Option<(f64, f64)> {
        Some(self.0.range())
    }
    fn init(&self) -> Option<Init> {
        Some(A::INIT)
    }
    fn kinks(&self) -> &[f64] {
        A::KINKS
    }
}

// Kernels instead of closures: an activation such as GELU is too large for the compiler to inline of its own accord.
struct Values<'a, A, S>(&'a A, &'a mut [S], &'a [S]);

impl<S: Scalar, A: Activation> Kernel for Values<'_, A, S> {
    type Out = ();
    #[inline(always)]
    fn run(self) {
        // A copy of its parameters, of which the compiler knows that writing y does not change them.
        let activation = self.0.clone();
        for (y, x) in self.1.iter_mut().zip(self.2) {
            *y = activation.value(*x);
        }
    }
}

struct Slopes<'a, A, S>(&'a A, &'a mut [S], [&'a [S]; 3]);

impl<S: Scalar, A: Activation> Kernel for Slopes<'_, A, S> {
    type Out = ();
    #[inline(always)]
    fn run(self) {
        let (activation, [x, y, dy]) = (self.0.clone(), self.2);
        for (((dx, x), y), dy) in self.1.iter_mut().zip(x).zip(y).zip(dy) {
            *dx = activation.slope(*x, *y) * *dy;
        }
    }
}

impl<S: Scalar, A: Activation> LayerKernel<S> for Pointwise<A> {
    fn forward(&self, mut io: Forward<'_, S>) {
        elementwise::ranges(io.y.data(), [io.x.data()], |y, [x]| simd::run(Values(&self.0, y, x)));
    }
    fn backward(&self, io: Backward<'_, S>) {
        if let Some(mut dx) = io.dx {
            let inputs = [io.x.data(), io.y.data(), io.dy.data()];
            elementwise::ranges(dx.data(), inputs, |dx, inputs| simd::run(Slopes(&self.0, dx, inputs)));
        }
    }
}
