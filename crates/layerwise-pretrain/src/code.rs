//! The units of a code: g with its first two derivatives, since the contractive penalty contains the first.

use layerwise_activations::{Activations, Identity, Relu, Sigmoid, Tanh};
use layerwise_core::Init;
use layerwise_tensor::{Scalar, elementwise};
use serde::{Deserialize, Serialize};

use crate::layout::Units;

/// The units of a code, h = g(c + Wx).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Code {
    /// 1 / (1 + e⁻ᵃ).
    #[default]
    Sigmoid,
    /// tanh a.
    Tanh,
    /// max(a, 0).
    Relu,
    /// a: a linear code.
    Identity,
}

impl Code {
    /// The activation of a network that computes the same.
    pub fn activation(self) -> Activations {
        match self {
            Code::Sigmoid => Sigmoid.into(),
            Code::Tanh => Tanh.into(),
            Code::Relu => Relu.into(),
            Code::Identity => Identity.into(),
        }
    }

    /// What the next layer of a stack sees: sigmoid codes are probabilities, others are numbers.
    pub fn units(self) -> Units {
        if self == Code::Sigmoid { Units::Bernoulli } else { Units::Gaussian }
    }

    /// How weights into these units start.
    pub(crate) fn init(self) -> Init {
        if self == Code::Relu { Init::He } else { Init::Glorot }
    }

    /// a ← g(a).
    pub(crate) fn apply<S: Scalar>(self, a: &mut [S]) {
        match self {
            Code::Sigmoid => elementwise::each(a, |a| *a = a.sigmoid()),
            Code::Tanh => elementwise::each(a, |a| *a = a.tanh()),
            Code::Relu => elementwise::each(a, |a| *a = S::select(*a > S::ZERO, *a, S::ZERO)),
            Code::Identity => {}
        }
    }

    /// g′ and g″, given h = g(a).
    #[inline(always)]
    pub(crate) fn slopes<S: Scalar>(self, h: S) -> (S, S) {
        match self {
            Code::Sigmoid => {
                let slope = h * (S::ONE - h);
                (slope, slope * (S::ONE - h - h))
            }
            Code::Tanh => {
                let slope = (S::ONE - h) * (S::ONE + h);
                (slope, -(h + h) * slope)
            }
            Code::Relu => (S::select(h > S::ZERO, S::ONE, S::ZERO), S::ZERO),
            Code::Identity => (S::ONE, S::ZERO),
        }
    }
}
