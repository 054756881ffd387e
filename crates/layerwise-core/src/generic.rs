//! Components with every number type of the gradient check: double-double and hyper-dual numbers for the exact derivative,
//! running error bounds for what rounding may do to it.
//!
//! A kernel that is written over every `S: Scalar` has all of this for nothing. These traits stand beside [`Layer`], [`Loss`],
//! [`Regularizer`] and [`Activity`], not inside them, so that a network that is only trained never compiles a kernel for them.

use layerwise_tensor::{Bounded, DoubleDouble, Dual, Dual32, Dual64, Scalar};

use crate::activity::{Activity, ActivityKernel};
use crate::layer::{Layer, LayerKernel};
use crate::loss::{Loss, LossKernel};
use crate::objective::Objective;
use crate::regularizer::{Regularizer, RegularizerKernel};

/// Value, two directional derivatives and the mixed second one, to 30 digits. Source: Fike and Alonso (2011).
pub type Hyper = Dual<Dual<DoubleDouble>>;

macro_rules! generic {
    ($($(#[$meta:meta])* $generic:ident = $plain:ident + $kernel:ident as $method:ident;)+ => $extra:tt $all:tt) => {
        $(generic!(@object $(#[$meta])* $generic $plain $kernel $extra);)+

        /// A number type of the gradient check.
        pub trait GenericNumber: Scalar {
            $(#[doc = concat!("The kernel for this type.")]
            fn $method(of: &dyn $generic) -> &dyn $kernel<Self>;)+
            /// The objective in this type.
            fn generic_objective(of: &mut dyn GenericObjective) -> &mut dyn Objective<Self>;
        }

        generic!(@objective $all);
        generic!(@numbers [$($generic $kernel $method)+] $all);
    };
    (@object $(#[$meta:meta])* $generic:ident $plain:ident $kernel:ident [$($t:ty),+]) => {
        $(#[$meta])*
        pub trait $generic: $plain $(+ $kernel<$t>)+ {}
        impl<T: $plain $(+ $kernel<$t>)+> $generic for T {}
    };
    (@numbers $methods:tt [$($t:ty),+]) => {
        $(generic!(@number $methods $t);)+
    };
    (@objective [$($t:ty),+]) => {
        /// An objective that computes in every number type.
        pub trait GenericObjective: $(Objective<$t> +)+ {}
        impl<T: $(Objective<$t> +)+> GenericObjective for T {}
    };
    (@number [$($generic:ident $kernel:ident $method:ident)+] $t:ty) => {
        impl GenericNumber for $t {
            $(fn $method(of: &dyn $generic) -> &dyn $kernel<Self> {
                of
            })+
            fn generic_objective(of: &mut dyn GenericObjective) -> &mut dyn Objective<Self> {
                of
            }
        }
    };
}

generic! {
    /// A layer that computes in every number type.
    GenericLayer = Layer + LayerKernel as generic_layer;
    /// A loss that computes in every number type.
    GenericLoss = Loss + LossKernel as generic_loss;
    /// A regularizer that computes in every number type.
    GenericRegularizer = Regularizer + RegularizerKernel as generic_regularizer;
    /// A penalty on activations that computes in every number type.
    GenericActivity = Activity + ActivityKernel as generic_activity;
    => [DoubleDouble, Hyper, Bounded<f32>, Bounded<f64>, Dual<Bounded<f32>>, Dual<Bounded<f64>>]
    [f32, f64, Dual32, Dual64, DoubleDouble, Hyper, Bounded<f32>, Bounded<f64>, Dual<Bounded<f32>>, Dual<Bounded<f64>>]
}
