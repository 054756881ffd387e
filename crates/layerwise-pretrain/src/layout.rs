//! What machines and autoencoders share: kinds of visible units, and the layout of their vector of parameters.

use layerwise_core::{Block, Init, Plan};
use layerwise_tensor::{Buf, Key, Mat, MatMut, Scalar, padded};
use layerwise_train::TrainError;
use serde::{Deserialize, Serialize};

/// What the visible units of a layer are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Units {
    /// 0 or 1; data may be probabilities in between.
    #[default]
    Bernoulli,
    /// Real, of variance 1.
    Gaussian,
}

/// Gives the blocks of a plan their places: at multiples of 16 numbers, as in a network. Also returns the length of the vector.
pub(crate) fn laid_out(plan: Plan) -> (Vec<Block>, usize) {
    let (mut blocks, mut end) = (plan.blocks, 0);
    for block in &mut blocks {
        block.offset = end;
        end += padded(block.rows * block.cols);
    }
    (blocks, end)
}

/// A fresh vector: each block by its own initializer, from the stream of the key and the block.
pub(crate) fn filled<S: Scalar>(blocks: &[Block], n: usize, key: Key) -> Buf<S> {
    let mut theta = Buf::zeros(n);
    for (i, block) in blocks.iter().enumerate() {
        let window = MatMut::new(&mut theta[block.range()], block.rows, block.cols);
        block.init.fill(window, &mut key.layer(i as u64).rng());
    }
    theta
}

/// Normal weights of a small deviation: Hinton (2010), "A practical guide to training restricted Boltzmann machines", section 8.
pub(crate) const SMALL: Init = Init::Normal { deviation: 0.01 };

/// Refuses rows that these visible units cannot show: numbers outside \[0, 1\] for Bernoulli units, or not finite ones.
///
/// Errors: row (a sample) and column (a feature), counted from 0, of the first such number.
pub fn check_rows<S: Scalar>(units: Units, x: Mat<'_, S>) -> Result<(), TrainError> {
    let usable = |v: &S| match units {
        Units::Bernoulli => (0.0..=1.0).contains(&v.value()),
        Units::Gaussian => v.finite(),
    };
    let Some(at) = x.data().iter().position(|v| !usable(v)) else { return Ok(()) };
    let (wanted, found) = match units {
        Units::Bernoulli => ("from 0 to 1 for Bernoulli units", x.data()[at].value()),
        Units::Gaussian => ("finite", x.data()[at].value()),
    };
    let place = format!("row {}, column {}", at / x.rows(), at % x.rows());
    Err(TrainError::recipe(place, format!("value should be {wanted}, got {found}")))
}
