//! l(y, t) = −w_t Σⱼ qⱼ ln pⱼ, p = softmax(y), qⱼ = (1 − s) \[j = t\] + s/k: the negative log-likelihood of the class. Source:
//! Bridle (1990); smoothing s, Szegedy et al. (2016), section 7.
//!
//! With m = y_a the largest output and R = Σ_{j≠a} e^(yⱼ − m), l / w_t = ln(1 + R) + (1 − s) (m − y_t) + s/k Σⱼ (m − yⱼ): all
//! terms are at least 0. Of a mixture of classes in shares c the loss is Σ c_t l(y, t). For s = 0, ∂l/∂y_t = −w_t Σ_{j≠t} pⱼ is computed as this sum, not as p_t − 1.

use layerwise_core::loss::TargetKind;
use layerwise_core::{Loss, LossKernel, ShapeError, Targets};
use layerwise_tensor::simd::{self, Kernel};
use layerwise_tensor::{Mat, MatMut, Scalar};
use serde::{Deserialize, Serialize};

use crate::pointwise::refused;

/// Cross-entropy of a class, from logits; predicts the probabilities of the classes.
///
/// The weight of its class multiplies each sample's loss, and the caller divides by the number of samples; PyTorch's mean divides
/// by the sum of the weights instead. With smoothing too, the weight w_t multiplies the whole loss; PyTorch weighs each smoothed
/// term by its own class.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SoftmaxCrossEntropy {
    /// Part of the target that is spread over all classes.
    pub smoothing: f64,
    /// Factor on the loss of each class; empty: all 1.
    pub class_weights: Vec<f64>,
}

impl SoftmaxCrossEntropy {
    /// Errors: unless `smoothing` is in \[0, 1) and the weights are finite numbers of at least 0.
    pub fn check(&self) -> Result<(), String> {
        if !(0.0..1.0).contains(&self.smoothing) {
            return Err(format!("smoothing should be at least 0 and below 1, got {}", self.smoothing));
        }
        match self.class_weights.iter().position(|w| !(*w >= 0.0 && w.is_finite())) {
            None => Ok(()),
            Some(i) => {
                let got = self.class_weights[i];
                Err(format!("class_weights[{i}] should be a finite number of at least 0, got {got}"))
            }
        }
    }
}

impl Loss for SoftmaxCrossEntropy {
    fn name(&self) -> &'static str {
        "softmax-cross-entropy"
    }
    fn width(&self, targets: TargetKind) -> Result<usize, ShapeError> {
        let weights = self.class_weights.len();
        match targets {
            TargetKind::Classes(k @ 1..) if weights == 0 || weights == k => Ok(k),
            TargetKind::Classes(k @ 1..) => Err(ShapeError::mismatch(Loss::name(self), "class weights", k, weights)),
            other => Err(refused(Loss::name(self), "classes", other)),
        }
    }
}

/// Numbers of a block of columns, which stay in the first cache between the passes; and columns at most.
const BLOCK: usize = 2048;
const COLUMNS: usize = 128;

/// Columns of a block.
fn columns(k: usize) -> usize {
    (BLOCK / k).clamp(1, COLUMNS)
}

/// y ← e^(y − m) of each column, in place, m its largest number; returns where that is.
#[inline(always)]
fn exponentials<S: Scalar>(y: &mut [S], k: usize) -> [usize; COLUMNS] {
    let mut peaks = [0; COLUMNS];
    for (column, peak) in y.chunks_exact_mut(k).zip(&mut peaks) {
        let (mut a, mut m) = (0, column[0]);
        for (i, y) in column.iter().enumerate().skip(1) {
            a = std::hint::select_unpredictable(*y > m, i, a);
            m = S::select(*y > m, *y, m);
        }
        for y in column {
            *y -= m;
        }
        *peak = a;
    }
    // Over all columns at once, so that short ones fill the vectors too.
    for y in y {
        *y = y.exp();
    }
    peaks
}

struct Columns<'a, S> {
    loss: &'a SoftmaxCrossEntropy,
    y: &'a [S],
    k: usize,
    classes: &'a [u32],
    each: &'a mut [S],
    dy: &'a mut [S],
}

impl<S: Scalar> Kernel for Columns<'_, S> {
    type Out = ();
    #[inline(always)]
    fn run(self) {
        let Columns { loss, y, k, classes, each, dy } = self;
        let (keep, spread) = (S::of(1.0 - loss.smoothing), S::of(loss.smoothing / k as f64));
        dy.copy_from_slice(y);
        let peaks = exponentials(dy, k);
        let samples = dy.chunks_exact_mut(k).zip(y.chunks_exact(k)).zip(each.iter_mut().zip(classes)).zip(peaks);
        for (((dy, y), (each, &class)), a) in samples {
            let (t, m) = (class as usize, y[a]);
            let (mut rest, mut below) = (S::ZERO, S::ZERO);
            for (i, (e, y)) in dy.iter().zip(y).enumerate() {
                rest += S::select(i == a, S::ZERO, *e);
                below += m - *y;
            }
            let weight = loss.class_weights.get(t).map_or(S::ONE, |w| S::of(*w));
            *each = weight * (rest.ln_1p() + keep * (m - y[t]) + spread * below);
            let others = S::select(t == a, rest, S::ONE + rest - dy[t]);
            let norm = S::ONE / (S::ONE + rest);
            for e in &mut *dy {
                *e = weight * (*e * norm - spread);
            }
            dy[t] = weight * (S::of(loss.smoothing) - spread - others * norm);
        }
    }
}

/// The loss of mixtures: each column of `shares` says how much of each class a sample has.
struct Shares<'a, S> {
    loss: &'a SoftmaxCrossEntropy,
    y: &'a [S],
    k: usize,
    shares: &'a [S],
    each: &'a mut [S],
    dy: &'a mut [S],
}

impl<S: Scalar> Kernel for Shares<'_, S> {
    type Out = ();
    #[inline(always)]
    fn run(self) {
        let Shares { loss, y, k, shares, each, dy } = self;
        let (keep, spread) = (S::of(1.0 - loss.smoothing), S::of(loss.smoothing / k as f64));
        let weight = |t: usize| loss.class_weights.get(t).map_or(S::ONE, |w| S::of(*w));
        dy.copy_from_slice(y);
        let peaks = exponentials(dy, k);
        let columns = dy.chunks_exact_mut(k).zip(y.chunks_exact(k)).zip(shares.chunks_exact(k));
        for (((dy, y), shares), (each, a)) in columns.zip(each.iter_mut().zip(peaks)) {
            let (mut rest, mut whole) = (S::ZERO, S::ZERO);
            for (i, (e, share)) in dy.iter().zip(shares).enumerate() {
                rest += S::select(i == a, S::ZERO, *e);
                whole += weight(i) * *share;
            }
            let (log, norm) = (rest.ln_1p(), whole / (S::ONE + rest));
            *each = S::ZERO;
            for (i, ((e, y_i), share)) in dy.iter_mut().zip(y).zip(shares).enumerate() {
                let part = keep * weight(i) * *share + spread * whole;
                *each += part * (log + (y[a] - *y_i));
                *e = *e * norm - part;
            }
        }
    }
}

struct Softmax<'a, S>(&'a mut [S], usize);

impl<S: Scalar> Kernel for Softmax<'_, S> {
    type Out = ();
    #[inline(always)]
    fn run(self) {
        exponentials(self.0, self.1);
        for column in self.0.chunks_exact_mut(self.1) {
            let mut sum = S::ZERO;
            for e in &*column {
                sum += *e;
            }
            for e in column {
                *e /= sum;
            }
        }
    }
}

impl<S: Scalar> LossKernel<S> for SoftmaxCrossEntropy {
    /// Values are the shares of the k classes that a sample is mixed of.
    ///
    /// Panics: if the targets are neither classes below the number of outputs, one a sample, nor shares of them.
    fn eval(&self, y: Mat<'_, S>, targets: Targets<'_, S>, each: &mut [S], mut dy: MatMut<'_, S>) {
        let (k, n) = (y.rows(), y.cols());
        let len = targets.len();
        assert!(len == n && each.len() == n, "softmax-cross-entropy: {n} samples, {len} targets");
        assert!((dy.rows(), dy.cols()) == (k, n), "softmax-cross-entropy: the gradient should be {k}x{n}");
        let columns = columns(k);
        let classes = match targets {
            Targets::Classes(classes) => classes,
            Targets::Values(shares) => {
                let rows = shares.rows();
                assert!(rows == k, "softmax-cross-entropy: targets should be classes or {k} shares, got {rows} values");
                let blocks = y.data().chunks(columns * k).zip(dy.data().chunks_mut(columns * k));
                let blocks = blocks.zip(shares.data().chunks(columns * k).zip(each.chunks_mut(columns)));
                for ((y, dy), (shares, each)) in blocks {
                    simd::run(Shares { loss: self, y, k, shares, each, dy });
                }
                return;
            }
        };
        let blocks = y.data().chunks(columns * k).zip(dy.data().chunks_mut(columns * k));
        for ((y, dy), (classes, each)) in blocks.zip(classes.chunks(columns).zip(each.chunks_mut(columns))) {
            simd::run(Columns { loss: self, y, k, classes, each, dy });
        }
    }
    fn predict(&self, mut y: MatMut<'_, S>) {
        let k = y.rows();
        for y in y.data().chunks_mut(columns(k) * k) {
            simd::run(Softmax(y, k));
        }
    }
}
