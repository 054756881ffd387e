//! From a number type to the kernels of a description: generic code over `S` calls `S::layer(&*layer).forward(…)`.

use layerwise_tensor::{Dual32, Dual64, Scalar};

use crate::layer::{Layer, LayerKernel};
use crate::loss::{Loss, LossKernel};
use crate::regularizer::{Regularizer, RegularizerKernel};
use crate::transform::{Link, Transform};

/// A scalar that every layer, loss and regularizer has a kernel for.
pub trait Number: Scalar {
    /// The layer's kernel for this type.
    fn layer(layer: &dyn Layer) -> &dyn LayerKernel<Self>;
    /// The loss's kernel for this type.
    fn loss(loss: &dyn Loss) -> &dyn LossKernel<Self>;
    /// The regularizer's kernel for this type.
    fn regularizer(regularizer: &dyn Regularizer) -> &dyn RegularizerKernel<Self>;
}

/// A number that parameters are trained in: f32 or f64.
pub trait Real: Number {
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
        }
    )*};
}
number!(f32, f64, Dual32, Dual64);

impl Real for f32 {
    fn link(link: &dyn Link) -> &dyn Transform<Self> {
        link
    }
}
impl Real for f64 {
    fn link(link: &dyn Link) -> &dyn Transform<Self> {
        link
    }
}
