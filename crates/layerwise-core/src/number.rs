//! From a number type to the kernels of a description: generic code over `S` calls `S::layer(&*layer).forward(…)`.

use layerwise_tensor::{Dual, Dual32, Dual64, Scalar};

use crate::activity::{Activity, ActivityKernel};
use crate::layer::{Layer, LayerKernel};
use crate::loss::{Loss, LossKernel};
use crate::regularizer::{Regularizer, RegularizerKernel};
use crate::transform::{Link, Transform};

/// A scalar that every layer, loss, regularizer and penalty on activations has a kernel for.
pub trait Number: Scalar {
    /// The layer's kernel for this type.
    fn layer(layer: &dyn Layer) -> &dyn LayerKernel<Self>;
    /// The loss's kernel for this type.
    fn loss(loss: &dyn Loss) -> &dyn LossKernel<Self>;
    /// The regularizer's kernel for this type.
    fn regularizer(regularizer: &dyn Regularizer) -> &dyn RegularizerKernel<Self>;
    /// The kernel of a penalty on activations for this type.
    fn activity(activity: &dyn Activity) -> &dyn ActivityKernel<Self>;
}

/// A number that parameters are trained in: f32 or f64.
pub trait Real: Number {
    /// Its dual numbers, in which a derivative of a gradient is exact.
    type Dual: Number;
    /// re + ε eps.
    fn dual(re: Self, eps: Self) -> Self::Dual;
    /// The ε-part.
    fn eps(of: Self::Dual) -> Self;
    /// The link's kernel for this type.
    fn link(link: &dyn Link) -> &dyn Transform<Self>;
}

macro_rules! number {
    ($($t:ty),*) => {$(
        impl Number for $t {
            fn layer(layer: &dyn Layer) -> &dyn LayerKernel<Self> {
                layer
            }
            fn loss(loss: &dyn Loss) -> &dyn LossKernel<Self> {
                loss
            }
            fn regularizer(regularizer: &dyn Regularizer) -> &dyn RegularizerKernel<Self> {
                regularizer
            }
            fn activity(activity: &dyn Activity) -> &dyn ActivityKernel<Self> {
                activity
            }
        }
    )*};
}
number!(f32, f64, Dual32, Dual64);

macro_rules! real {
    ($($t:ty),*) => {$(
        impl Real for $t {
            type Dual = Dual<$t>;
            fn dual(re: Self, eps: Self) -> Self::Dual {
                Dual { re, eps }
            }
            fn eps(of: Self::Dual) -> Self {
                of.eps
            }
            fn link(link: &dyn Link) -> &dyn Transform<Self> {
                link
            }
        }
    )*};
}
real!(f32, f64);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_real_number_and_its_derivative_make_a_dual_one() {
        let x = f64::dual(3.0, 2.0);
        assert_eq!((x.re, f64::eps(x), f64::eps(x * x)), (3.0, 2.0, 12.0));
        assert_eq!(f32::eps(f32::dual(3.0, 2.0)), 2.0);
    }
}
