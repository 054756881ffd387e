//! What grows, the nets that it grows in, and what is measured of them.

use layerwise_bench::Net;
use serde::{Deserialize, Serialize};

/// What grows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sweep {
    Width,
    Depth,
    Batch,
    Parameters,
}

/// What is measured of a training step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Quantity {
    Time,
    Memory,
}

impl Quantity {
    pub const ALL: [Quantity; 2] = [Quantity::Time, Quantity::Memory];

    /// Its name in the results and in names of files.
    pub fn name(self) -> &'static str {
        match self {
            Quantity::Time => "time",
            Quantity::Memory => "memory",
        }
    }
}

impl Sweep {
    pub const ALL: [Sweep; 4] = [Sweep::Width, Sweep::Depth, Sweep::Batch, Sweep::Parameters];

    /// Its name on the command line, in the results and in names of files.
    pub fn name(self) -> &'static str {
        match self {
            Sweep::Width => "width",
            Sweep::Depth => "depth",
            Sweep::Batch => "batch",
            Sweep::Parameters => "parameters",
        }
    }

    /// The size, as it is called at the axis.
    pub fn axis(self) -> &'static str {
        match self {
            Sweep::Width => "width of the hidden layers",
            Sweep::Depth => "hidden layers",
            Sweep::Batch => "samples in a batch",
            Sweep::Parameters => "parameters",
        }
    }

    /// The nets in words.
    pub fn nets(self) -> &'static str {
        match self {
            Sweep::Width => "64 inputs, three hidden layers of the same width, 10 classes; batches of 64.",
            Sweep::Depth => "64 inputs, hidden layers of 128 units, 10 classes; batches of 64.",
            Sweep::Batch => "784-256-256-10.",
            Sweep::Parameters => {
                "16 inputs, two hidden layers of the same width, 10 classes; batches of 64. The width is the one whose number \
                 of parameters is next to a half power of ten."
            }
        }
    }

    /// The sizes: powers of two, or half powers of ten.
    pub fn sizes(self) -> Vec<u64> {
        let powers = |from: u32, to: u32| (from..=to).map(|power| 1 << power).collect();
        match self {
            Sweep::Width => powers(2, 12),
            Sweep::Depth => powers(0, 6),
            Sweep::Batch => powers(0, 12),
            Sweep::Parameters => (4..=16).map(|half| 10f64.powf(f64::from(half) / 2.0).round() as u64).collect(),
        }
    }

    /// The net of a size.
    pub fn net(self, size: u64) -> Net {
        let n = size as usize;
        let (widths, batch) = match self {
            Sweep::Width => (vec![64, n, n, n, 10], 64),
            Sweep::Depth => ([vec![64], vec![128; n], vec![10]].concat(), 64),
            Sweep::Batch => (vec![784, 256, 256, 10], n),
            Sweep::Parameters => {
                // w² + (16 + 1 + 1 + 10) w + 10 parameters.
                let w = ((size as f64 + 186.0).sqrt() - 14.0).round() as usize;
                (vec![16, w, w, 10], 64)
            }
        };
        Net { widths, activation: "relu".into(), batch }
    }
}

/// Weights and biases.
pub fn parameters(net: &Net) -> u64 {
    net.layers().map(|(d_in, d_out)| (d_in * d_out + d_out) as u64).sum()
}

/// The multiply-adds in the matrix products of a step: W X, D Xᵀ and, but for the first layer, Wᵀ D.
pub fn multiply_adds(net: &Net) -> f64 {
    let products =
        |(i, (d_in, d_out)): (usize, (usize, usize))| (if i == 0 { 2.0 } else { 3.0 }) * (d_in * d_out) as f64;
    net.batch as f64 * net.layers().enumerate().map(products).sum::<f64>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nets_have_their_sizes() {
        let check = |sweep: Sweep, size: u64, expected: &str| assert_eq!(sweep.net(size).to_string(), expected);
        check(Sweep::Width, 4, "64-4-4-4-10 relu 64");
        check(Sweep::Depth, 1, "64-128-10 relu 64");
        check(Sweep::Batch, 4096, "784-256-256-10 relu 4096");
        check(Sweep::Parameters, 100, "16-3-3-10 relu 64");
        assert_eq!(Sweep::Width.sizes()[..3], [4, 8, 16]);
        assert_eq!(Sweep::Depth.sizes().last(), Some(&64));
        assert_eq!((Sweep::Batch.sizes().len(), Sweep::Batch.sizes()[12]), (13, 4096));
        for size in Sweep::Parameters.sizes() {
            let n = parameters(&Sweep::Parameters.net(size)) as f64;
            // A unit more or less is a twentieth of so many parameters or less, but in the smallest nets.
            assert!((n / size as f64 - 1.0).abs() < if size > 1000 { 0.02 } else { 0.08 }, "{size}: {n}");
        }
        assert_eq!([Sweep::Parameters.sizes()[0], Sweep::Parameters.sizes()[12]], [100, 100_000_000]);
    }

    #[test]
    fn work_is_counted() {
        let net = "20-16-10 relu 30".parse().unwrap();
        assert_eq!(
            (parameters(&net), multiply_adds(&net)),
            (20 * 16 + 16 + 160 + 10, 30.0 * (2.0 * 320.0 + 3.0 * 160.0))
        );
    }
}
