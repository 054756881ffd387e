//! Dropout over all 2ⁿ masks: expectations as finite sums, and the masks that are drawn against their probabilities.
//!
//! A mask that is given makes dropout a deterministic layer (`Masked`), so a sum over masks, each times its probability, is an
//! expectation without sampling. Sources: Hinton et al. (2012), "Improving neural networks by preventing co-adaptation of feature
//! detectors" (geometric mean); Srivastava et al. (2014), section 9.1, and Wager, Wang and Liang (2013) (ridge regression).

use layerwise_activations::Tanh;
use layerwise_core::{
    Backward, Forward, Layer, LayerKernel, Loss, LossKernel, Objective, Params, ParamsMut, Pass, Plan, Pointwise,
    ShapeError, Targets,
};
use layerwise_layers::{Dense, Dropout};
use layerwise_losses::{SoftmaxCrossEntropy, Squared};
use layerwise_network::{Batch, Builder, Network, Supervised, Workspace};
use layerwise_tensor::{Dual64, Key, Mat, MatMut, Purpose, Scalar};

const RATES: [f64; 3] = [0.2, 0.5, 0.8];

/// Dropout with a mask that is given, for all samples or for one, which then counts for each.
#[derive(Debug)]
struct Masked(Vec<f64>);

impl Layer for Masked {
    fn name(&self) -> &'static str {
        "masked"
    }
    fn plan(&self, d_in: usize) -> Result<Plan, ShapeError> {
        Ok(Plan::new(d_in).cache(d_in))
    }
}

impl<S: Scalar> LayerKernel<S> for Masked {
    fn forward(&self, io: Forward<'_, S>) {
        for (cache, &mask) in io.cache.iter_mut().zip(self.0.iter().cycle()) {
            *cache = S::of(mask);
        }
        Dropout::apply(io.cache, io.x, io.y);
    }
    fn backward(&self, io: Backward<'_, S>) {
        Dropout::default().backward(io);
    }
}

/// The probability that a unit is kept: 32 random bits decide.
fn keep(rate: f64) -> f64 {
    ((1.0 - rate) * 2f64.powi(32)).ceil() / 2f64.powi(32)
}

/// All masks of n numbers with their probabilities; the bits of its place say what a mask keeps.
fn masks(rate: f64, n: usize) -> Vec<(Vec<f64>, f64)> {
    let keep = keep(rate);
    let mask = |bits: u32| (0..n).map(|i| f64::from(bits >> i & 1) / keep).collect();
    let probability = |kept: i32| keep.powi(kept) * (1.0 - keep).powi(n as i32 - kept);
    (0..1u32 << n).map(|bits| (mask(bits), probability(bits.count_ones() as i32))).collect()
}

/// The mask that the layer draws for d units and n samples.
fn draw<S: Scalar>(rate: f64, d: usize, n: usize, key: Key) -> Vec<S> {
    let (x, mut y, mut cache) = (vec![S::ONE; d * n], vec![S::ZERO; d * n], vec![S::of(f64::NAN); d * n]);
    Dropout { rate }.forward(Forward {
        theta: Params::new(&[], &[]),
        x: Mat::new(&x, d, n),
        skip: None,
        y: MatMut::new(&mut y, d, n),
        cache: &mut cache,
        pass: Pass::Train,
        key,
    });
    assert_eq!(y, cache);
    cache
}

fn normal(seed: u64, n: usize) -> Vec<f64> {
    let mut rng = Key::new(seed, Purpose::Data).rng();
    (0..n).map(|_| rng.normal()).collect()
}

fn close(name: &str, got: f64, expected: f64) {
    assert!((got - expected).abs() <= 1e-12 * (1.0 + expected.abs()), "{name}: {got} should be {expected}");
}

/// The outputs of a network.
fn outputs(network: &Network, theta: &[f64], x: Mat<'_, f64>, pass: Pass, key: Key) -> Vec<f64> {
    let mut workspace = Workspace::new(network, x.cols());
    network.forward(theta, x, &mut workspace, pass, key);
    workspace.output().data().to_vec()
}

#[test]
fn outputs_and_deltas_keep_their_expectation_over_all_masks() {
    let (d, n) = (4, 3);
    let (x, dy) = (normal(1, d * n), normal(2, d * n));
    for rate in RATES {
        let (mut total, mut y_mean, mut square, mut dx_mean) =
            (0.0, vec![0.0; d * n], vec![0.0; d * n], vec![0.0; d * n]);
        for (mask, p) in masks(rate, d * n) {
            let (mut y, mut dx) = (vec![f64::NAN; d * n], vec![f64::NAN; d * n]);
            Dropout::apply(&mask, Mat::new(&x, d, n), MatMut::new(&mut y, d, n));
            Dropout { rate }.backward(Backward {
                theta: Params::new(&[], &[]),
                dtheta: ParamsMut::new(&mut [], &[], &mut []),
                x: Mat::new(&x, d, n),
                skip: None,
                y: Mat::new(&y, d, n),
                dy: Mat::new(&dy, d, n),
                dx: Some(MatMut::new(&mut dx, d, n)),
                cache: &mut mask.clone(),
                pass: Pass::Train,
            });
            total += p;
            for i in 0..d * n {
                y_mean[i] += p * y[i];
                square[i] += p * y[i] * y[i];
                dx_mean[i] += p * dx[i];
            }
        }
        close("probabilities", total, 1.0);
        for i in 0..d * n {
            close("E[y] = x", y_mean[i], x[i]);
            close("E[dx] = dy", dx_mean[i], dy[i]);
            close("E[y²] = x² / (1 − rate)", square[i], x[i] * x[i] / keep(rate));
        }
    }
}

/// One hidden layer of ten units with dropout on them, and a softmax of three classes behind it.
fn softmax_network(dropout: impl Layer + 'static) -> Network {
    let hidden = Builder::new(4).layer(Dense::new(10)).layer(Pointwise(Tanh));
    hidden.layer(dropout).layer(Dense::new(3)).build().unwrap()
}

/// Logarithms of the probabilities of the classes, column by column.
fn log_softmax(y: &[f64]) -> Vec<f64> {
    let of_sample = |y: &[f64]| {
        let log_sum = y.iter().map(|y| y.exp()).sum::<f64>().ln();
        y.iter().map(|y| y - log_sum).collect::<Vec<_>>()
    };
    y.chunks(3).flat_map(of_sample).collect()
}

#[test]
fn the_mean_network_is_the_normalized_geometric_mean_of_all_networks() {
    let x = normal(3, 4 * 2);
    let x = Mat::new(&x, 4, 2);
    let key = Key::new(0, Purpose::Mask);
    for rate in RATES {
        let mean = softmax_network(Dropout { rate });
        let theta: Vec<f64> = mean.init::<f64>(1).iter().map(|w| 2.0 * w).collect();
        let mean = outputs(&mean, &theta, x, Pass::Predict, key);
        let mut predicted = mean.clone();
        LossKernel::<f64>::predict(&SoftmaxCrossEntropy::default(), MatMut::new(&mut predicted, 3, 2));
        let mut average = [0.0; 6];
        for (mask, p) in masks(rate, 10) {
            let y = outputs(&softmax_network(Masked(mask)), &theta, x, Pass::Train, key);
            for (average, log) in average.iter_mut().zip(log_softmax(&y)) {
                *average += p * log;
            }
        }
        for (average, predicted) in average.chunks(3).zip(predicted.chunks(3)) {
            let sum: f64 = average.iter().map(|a| a.exp()).sum();
            // The geometric means of the probabilities sum to less than 1: no class loses by averaging the weights instead.
            assert!(sum < 0.999, "{sum}");
            for (average, predicted) in average.iter().zip(predicted) {
                close("geometric mean", average.exp() / sum, *predicted);
            }
        }
        assert!(log_softmax(&mean).iter().zip(average).all(|(mean, average)| *mean > average), "rate {rate}");
    }
}

#[test]
fn a_network_that_draws_its_masks_is_one_of_the_enumerated() {
    let x = normal(3, 4 * 2);
    let x = Mat::new(&x, 4, 2);
    let drawing = softmax_network(Dropout { rate: 0.3 });
    let theta = drawing.init::<f64>(1);
    for step in 0..20 {
        let key = Key::new(5, Purpose::Mask).step(step);
        let mask = draw(0.3, 10, 2, key.layer(2));
        let masked = softmax_network(Masked(mask));
        let y = outputs(&drawing, &theta, x, Pass::Train, key);
        assert_eq!(y, outputs(&masked, &theta, x, Pass::Train, key));
    }
}

/// Linear regression of one output on three inputs with dropout, four samples.
struct Regression {
    x: Vec<f64>,
    t: Vec<f64>,
}

impl Regression {
    const D: usize = 3;
    const N: usize = 4;

    /// Risk 1/n Σ ½ (y − t)² and its gradient at (w, b), as `[w…, b]`, under a mask.
    fn eval(&self, w: &[f64], b: f64, mask: Vec<f64>) -> (f64, Vec<f64>) {
        let network = Builder::new(Self::D).layer(Masked(mask)).layer(Dense::new(1)).build().unwrap();
        let at: Vec<usize> = network.blocks().map(|(_, block)| block.offset).collect();
        let (mut theta, mut grad) = (vec![0.0; network.n_theta()], vec![f64::NAN; network.n_theta()]);
        theta[at[0]..at[0] + Self::D].copy_from_slice(w);
        theta[at[1]] = b;
        let batch = Batch {
            x: Mat::new(&self.x, Self::D, Self::N),
            targets: Targets::Values(Mat::new(&self.t, 1, Self::N)),
            weights: None,
        };
        let (loss, key): (&dyn Loss, _) = (&Squared, Key::new(0, Purpose::Mask));
        let workspace = &mut Workspace::new(&network, Self::N);
        let mut risk = Supervised { network: &network, loss, penalties: &[], batch, workspace, pass: Pass::Train, key };
        let value = risk.eval(&theta, &mut grad);
        (value, [&grad[at[0]..at[0] + Self::D], &grad[at[1]..=at[1]]].concat())
    }

    /// The expectation of both over all masks of all inputs.
    fn expected(&self, w: &[f64], b: f64, rate: f64) -> (f64, Vec<f64>) {
        let mut mean = (0.0, vec![0.0; Self::D + 1]);
        for (mask, p) in masks(rate, Self::D * Self::N) {
            let (value, grad) = self.eval(w, b, mask);
            mean.0 += p * value;
            for (mean, g) in mean.1.iter_mut().zip(grad) {
                *mean += p * g;
            }
        }
        mean
    }

    /// Σ over samples of xᵢ xₖ.
    fn gram(&self, i: usize, k: usize) -> f64 {
        self.x.chunks(Self::D).map(|x| x[i] * x[k]).sum()
    }

    /// (a XᵀX + c diag XᵀX)⁻¹ Xᵀt, by elimination without exchanging rows: the matrix is positive definite.
    fn ridge(&self, a: f64, c: f64) -> Vec<f64> {
        let d = Self::D;
        let mut rows: Vec<Vec<f64>> = (0..d)
            .map(|i| {
                let mut row: Vec<f64> = (0..d).map(|k| self.gram(i, k) * if i == k { a + c } else { a }).collect();
                row.push(self.x.chunks(d).zip(&self.t).map(|(x, t)| x[i] * t).sum());
                row
            })
            .collect();
        for pivot in 0..d {
            let chosen: Vec<f64> = rows[pivot].iter().map(|v| v / rows[pivot][pivot]).collect();
            for (i, row) in rows.iter_mut().enumerate() {
                let factor = row[pivot];
                for (v, c) in row.iter_mut().zip(&chosen) {
                    *v = if i == pivot { *c } else { *v - factor * c };
                }
            }
        }
        rows.iter().map(|row| row[d]).collect()
    }
}

/// With masks r/p, r ~ Bernoulli(p), a masked input has mean x and variance (1 − p)/p x². So what the papers write for masks r,
/// E SSE = SSE(t − p X w) + p (1 − p) wᵀ diag(XᵀX) w, becomes SSE(t − X w) + (1 − p)/p wᵀ diag(XᵀX) w, which is theirs at w/p.
#[test]
fn dropout_on_the_inputs_of_linear_regression_is_ridge_regression() {
    let of = Regression { x: normal(6, Regression::D * Regression::N), t: normal(7, Regression::N) };
    let (w, b, n) = (normal(8, Regression::D), 0.3, Regression::N as f64);
    for rate in RATES {
        let p = keep(rate);
        let (value, grad) = of.expected(&w, b, rate);
        let (plain, mut ridge) = of.eval(&w, b, vec![1.0]);
        let strength = (1.0 - p) / p / n;
        let penalty: f64 = w.iter().enumerate().map(|(i, w)| 0.5 * strength * of.gram(i, i) * w * w).sum();
        close("expected risk", value, plain + penalty);
        for (i, w) in w.iter().enumerate() {
            ridge[i] += strength * of.gram(i, i) * w;
        }
        for (grad, ridge) in grad.iter().zip(&ridge) {
            close("expected gradient", *grad, *ridge);
        }
        // At the optimum without a bias, the expected gradient of the weights is 0.
        let best = of.ridge(1.0, (1.0 - p) / p);
        for (best, of_paper) in best.iter().zip(of.ridge(p, 1.0 - p)) {
            close("optimum", *best, p * of_paper);
        }
        for grad in &of.expected(&best, 0.0, rate).1[..Regression::D] {
            close("gradient at the optimum", *grad, 0.0);
        }
    }
}

/// 10⁵ masks of 4 units and 2 samples, as bits.
fn drawn(rate: f64) -> Vec<usize> {
    let all = masks(rate, 8);
    let of_step = |step: u64| {
        let mask: Vec<f64> = draw(rate, 4, 2, Key::new(11, Purpose::Mask).step(step).layer(1));
        let bits = mask.iter().enumerate().map(|(i, m)| usize::from(*m != 0.0) << i).sum::<usize>();
        assert_eq!(mask, all[bits].0);
        bits
    };
    (0..100_000).map(of_step).collect()
}

#[test]
fn drawn_masks_have_their_probabilities() {
    for rate in RATES {
        let (p, drawn) = (keep(rate), drawn(rate));
        let n = drawn.len() as f64;
        let kept = |bits: usize, i: usize| f64::from(u32::from(bits >> i & 1 == 1)) - p;
        let small = |what: &str, z: f64| assert!(z.abs() < 4.0, "rate {rate}, {what}: z = {z}");
        for i in 0..8 {
            let sum: f64 = drawn.iter().map(|&bits| kept(bits, i)).sum();
            small("frequency", sum / (n * p * (1.0 - p)).sqrt());
            for k in 0..8 {
                // Other units and samples in the same step, and every one in the next step.
                if k < i {
                    let sum: f64 = drawn.iter().map(|&bits| kept(bits, i) * kept(bits, k)).sum();
                    small("correlation", sum / (n.sqrt() * p * (1.0 - p)));
                }
                let sum: f64 = drawn.windows(2).map(|pair| kept(pair[0], i) * kept(pair[1], k)).sum();
                small("correlation with the next step", sum / ((n - 1.0).sqrt() * p * (1.0 - p)));
            }
        }
        let mut counts = [0u32; 256];
        for bits in drawn {
            counts[bits] += 1;
        }
        let all = masks(rate, 8);
        let chi_square: f64 =
            counts.iter().zip(&all).map(|(&c, (_, p))| (f64::from(c) - n * p).powi(2) / (n * p)).sum();
        // The variance for any expected counts, as those of rare masks are small (Haldane 1937).
        let k = 256.0;
        let rare = (all.iter().map(|(_, p)| 1.0 / p).sum::<f64>() - k * k - 2.0 * k + 2.0) / n;
        small("chi-square", (chi_square - (k - 1.0)) / (2.0 * (k - 1.0) + rare).sqrt());
        assert!(rate != 0.5 || counts.iter().all(|c| *c > 0));
    }
}

#[test]
fn the_key_alone_fixes_the_mask_in_every_scalar_type() {
    let key = Key::new(11, Purpose::Mask).step(3).layer(2);
    let kept = |key| draw::<f64>(0.4, 8, 8, key).iter().map(|m| *m != 0.0).collect::<Vec<_>>();
    let base = kept(key);
    assert_eq!(base, kept(key));
    assert_eq!(base, draw::<f32>(0.4, 8, 8, key).iter().map(|m| *m != 0.0).collect::<Vec<_>>());
    let duals = draw::<Dual64>(0.4, 8, 8, key);
    assert_eq!(base, duals.iter().map(|m| m.re != 0.0).collect::<Vec<_>>());
    assert!(duals.iter().all(|m| m.eps == 0.0), "a mask is a constant");
    for other in [key.step(4), key.layer(3), Key::new(12, Purpose::Mask).step(3).layer(2)] {
        // Independent masks agree on 0.52 of 64 places, with a standard deviation of 4.
        let same = base.iter().zip(kept(other)).filter(|(a, b)| **a == *b).count();
        assert!(same.abs_diff(33) < 16, "{same} of 64");
    }
}

#[test]
fn a_unit_is_kept_where_its_32_bits_lie_below_the_threshold() {
    for step in 0..50 {
        let key = Key::new(11, Purpose::Mask).step(step);
        let bits = f64::from(key.rng().bits32());
        let range = 2f64.powi(32);
        // These rates are exact: the threshold is what the unit drew, or one more.
        assert_eq!(draw::<f64>(1.0 - bits / range, 1, 1, key), [0.0]);
        assert_eq!(draw::<f64>(1.0 - (bits + 1.0) / range, 1, 1, key), [range / (bits + 1.0)]);
    }
    assert_eq!(draw::<f64>(0.0, 1000, 10, Key::new(11, Purpose::Mask)), [1.0; 10_000]);
    assert_eq!(draw::<f64>(f64::MIN_POSITIVE, 1000, 10, Key::new(11, Purpose::Mask)), [1.0; 10_000]);
}
