//! The Fisher matrix of a network of dense layers as one Kronecker product a layer, F ≈ diag(A₁ ⊗ G₁, …, A_L ⊗ G_L), with
//! A = E[h̄ h̄ᵀ] of the layer's inputs h̄ = (h, 1) and G = E[δ δᵀ] of its deltas δ = ∂l/∂a; and the product with its inverse.
//!
//! Source: Martens and Grosse (2015), "Optimizing neural networks with Kronecker-factored approximate curvature": the factors
//! (section 3), their running averages (5), and the factored damping (A + π γ I) ⊗ (G + γ/π I) with π² = (tr A / dim A) / (tr G / dim G)
//! (6.3). A weight matrix and its bias are one matrix V = (W, b), for which (A ⊗ G)⁻¹ vec V = vec(G⁻¹ V A⁻¹).
//!
//! The deltas are those of targets that the model itself says: any whose second moments at the outputs are the Hessian H of the loss
//! there, E δδᵀ = H = R Rᵀ. Then the matrix approximates Jᵀ H J, the Gauss–Newton matrix, which for losses that are negative
//! log-likelihoods is the Fisher matrix. It is exact for a single layer if H is the same for all samples.

use layerwise_core::{LossKernel, Number, Real, Targets};
use layerwise_network::{Network, Supervised};
use layerwise_tensor::dual::Plane;
use layerwise_tensor::{Buf, Dual, Key, Mat, MatMut, Op, Scalar, Write, elementwise, orthogonal};
use nalgebra::DMatrix;

use crate::lifted::constants;
use crate::spectral::CurvatureError;

/// Which deltas at the outputs, δ = R z.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deltas {
    /// One a sample, with random signs z: one backward pass.
    Sampled {
        /// Names the random numbers.
        key: Key,
    },
    /// All columns of R: E δδᵀ is H without noise, for as many backward passes as there are outputs.
    All,
}

/// The factors of one dense layer.
#[derive(Clone, Debug)]
struct Layer<T: Scalar> {
    /// Its place in the network.
    node: usize,
    /// Places of W and b in θ.
    weights: std::ops::Range<usize>,
    biases: std::ops::Range<usize>,
    d_out: usize,
    /// d_in + 1.
    d_bar: usize,
    a: Buf<T>,
    g: Buf<T>,
    /// (A + π γ I)⁻¹ and (G + γ/π I)⁻¹.
    a_inverse: Buf<T>,
    g_inverse: Buf<T>,
}

/// The block-diagonal Kronecker approximation of a network's Fisher matrix.
#[derive(Clone, Debug)]
pub struct Kronecker<T: Scalar> {
    layers: Vec<Layer<T>>,
    /// The gradient that a backward pass leaves and nobody wants; then V and G⁻¹ V of the largest layer.
    scratch: [Buf<T>; 2],
}

impl<T: Real + Plane> Kronecker<T>
where
    Dual<T>: Number,
{
    /// All factors 0.
    ///
    /// Errors: a layer with parameters that is not dense.
    pub fn new(network: &Network) -> Result<Self, CurvatureError> {
        let mut layers = Vec::new();
        let mut largest = 0;
        for (node, at) in network.nodes().iter().enumerate().filter(|(_, at)| !at.plan.blocks.is_empty()) {
            let [w, b] = &at.plan.blocks[..] else { return Err(not_dense(at.layer.name(), &at.group)) };
            if at.layer.name() != "dense" {
                return Err(not_dense(at.layer.name(), &at.group));
            }
            let (d_out, d_bar) = (w.rows, w.cols + 1);
            let [a, a_inverse] = [(); 2].map(|()| Buf::zeros(d_bar * d_bar));
            let [g, g_inverse] = [(); 2].map(|()| Buf::zeros(d_out * d_out));
            largest = largest.max(d_out * d_bar).max(d_bar * d_bar);
            let (weights, biases) = (w.range(), b.range());
            layers.push(Layer { node, weights, biases, d_out, d_bar, a, g, a_inverse, g_inverse });
        }
        let scratch = [Buf::zeros(largest.max(network.n_theta())), Buf::zeros(largest)];
        Ok(Kronecker { layers, scratch })
    }

    /// The factors (A, G) of the layers, from the input to the output.
    pub fn factors(&self) -> impl Iterator<Item = (Mat<'_, T>, Mat<'_, T>)> {
        self.layers
            .iter()
            .map(|Layer { a, g, d_bar, d_out, .. }| (Mat::new(a, *d_bar, *d_bar), Mat::new(g, *d_out, *d_out)))
    }

    /// Averages the factors of this batch at θ into those that are there: each becomes `keep` times the old plus 1 − `keep` times
    /// the new one. Weights of samples are in G.
    ///
    /// Cost: a forward pass, a backward pass a delta, and about two thirds of that again.
    /// Panics: if the batch or θ does not fit.
    pub fn observe(&mut self, risk: &mut Supervised<'_, T>, theta: &[T], deltas: Deltas, keep: f64) {
        risk.risk(theta);
        let n = risk.batch.x.cols();
        let Kronecker { layers, scratch: [scratch, _] } = self;
        for layer in layers.iter_mut() {
            let h = input(risk, layer.node);
            layer.average_a(h, keep, scratch);
            elementwise::each(&mut layer.g, |g| *g *= T::of(keep));
        }
        let root = Root::of(risk);
        let (k, n_theta) = (risk.network.d_out(), theta.len());
        let share = (1.0 - keep) / n as f64;
        let mut add = |z: &[T], risk: &mut Supervised<'_, T>| {
            root.delta(z, risk);
            let &mut Supervised { network, batch, ref mut workspace, pass, .. } = risk;
            network.backward(theta, &mut scratch[..n_theta], batch.x, workspace, pass);
            for layer in layers.iter_mut() {
                let delta = workspace.dy(layer.node);
                let square = MatMut::new(&mut scratch[..layer.g.len()], layer.d_out, layer.d_out);
                T::gemm(square, Write::Set, Op::N(delta), Op::T(delta));
                orthogonal::add_combination(&mut layer.g, &[&scratch[..layer.d_out * layer.d_out]], &[share]);
            }
        };
        let mut z = Buf::zeros(k * n);
        match deltas {
            Deltas::Sampled { key } => {
                let mut rng = key.rng();
                for z in z.iter_mut() {
                    *z = if rng.bits32() & 1 == 0 { T::ONE } else { -T::ONE };
                }
                add(&z, risk);
            }
            Deltas::All => {
                for output in 0..k {
                    for (i, z) in z.iter_mut().enumerate() {
                        *z = if i % k == output { T::ONE } else { T::ZERO };
                    }
                    add(&z, risk);
                }
            }
        }
    }

    /// Inverts the factors with damping γ² I of the whole matrix, split between both.
    ///
    /// Cost: about n³ operations for each factor of n rows, in f64.
    /// Errors: a factor that is not finite. γ should be above 0.
    pub fn invert(&mut self, gamma: f64) -> Result<(), CurvatureError> {
        for layer in &mut self.layers {
            let (d_bar, d_out) = (layer.d_bar, layer.d_out);
            let mean = |m: &[T], n: usize| m.iter().step_by(n + 1).map(|x| x.value()).sum::<f64>() / n as f64;
            let ratio = mean(&layer.a, d_bar) / mean(&layer.g, d_out);
            // No delta at all: any π will do.
            let pi = if ratio > 0.0 && ratio.is_finite() { ratio.sqrt() } else { 1.0 };
            inverse(&mut layer.a_inverse, &layer.a, d_bar, pi * gamma)?;
            inverse(&mut layer.g_inverse, &layer.g, d_out, gamma / pi)?;
        }
        Ok(())
    }

    /// out ← the inverse of the damped matrix, times v; the padding of θ becomes 0.
    ///
    /// Cost: two products a layer, of the sizes of the factors. Panics: if the lengths differ.
    pub fn solve(&mut self, v: &[T], out: &mut [T]) {
        assert!(v.len() == out.len(), "kronecker: lengths {} and {}", v.len(), out.len());
        out.fill(T::ZERO);
        let Kronecker { layers, scratch: [whole, half] } = self;
        for layer in layers.iter() {
            let &Layer { d_out, d_bar, ref weights, ref biases, .. } = layer;
            let (n, split) = (d_out * d_bar, weights.len());
            whole[..split].copy_from_slice(&v[weights.clone()]);
            whole[split..n].copy_from_slice(&v[biases.clone()]);
            let (g, a) = (Mat::new(&layer.g_inverse, d_out, d_out), Mat::new(&layer.a_inverse, d_bar, d_bar));
            let mut product = MatMut::new(&mut half[..n], d_out, d_bar);
            T::gemm(product.reborrow(), Write::Set, Op::N(g), Op::N(Mat::new(&whole[..n], d_out, d_bar)));
            T::gemm(MatMut::new(&mut whole[..n], d_out, d_bar), Write::Set, Op::N(product.as_mat()), Op::N(a));
            out[weights.clone()].copy_from_slice(&whole[..split]);
            out[biases.clone()].copy_from_slice(&whole[split..n]);
        }
    }
}

impl<T: Real> Layer<T> {
    fn average_a(&mut self, h: Mat<'_, T>, keep: f64, scratch: &mut [T]) {
        let (d, d_bar) = (h.rows(), self.d_bar);
        let share = T::of((1.0 - keep) / h.cols() as f64);
        let (square, sum) = scratch[..d * d + d].split_at_mut(d * d);
        T::gemm(MatMut::new(square, d, d), Write::Set, Op::N(h), Op::T(h));
        elementwise::sum_columns(Write::Set, sum, h);
        let keep = T::of(keep);
        for j in 0..d {
            let column = &mut self.a[j * d_bar..(j + 1) * d_bar];
            elementwise::zip(&mut column[..d], &square[j * d..(j + 1) * d], |a, s| *a = keep * *a + share * s);
            column[d] = keep * column[d] + share * sum[j];
        }
        let last = &mut self.a[d * d_bar..];
        elementwise::zip(&mut last[..d], sum, |a, s| *a = keep * *a + share * s);
        last[d] = keep * last[d] + (T::ONE - keep);
    }
}

/// What enters a layer.
fn input<'a, T: Real>(risk: &'a Supervised<'_, T>, node: usize) -> Mat<'a, T> {
    if node == 0 { risk.batch.x } else { risk.workspace.y(node - 1) }
}

/// to ← (m + damping I)⁻¹.
fn inverse<T: Real>(to: &mut [T], m: &[T], n: usize, damping: f64) -> Result<(), CurvatureError> {
    let mut damped = DMatrix::from_iterator(n, n, m.iter().map(|x| x.value()));
    for i in 0..n {
        damped[(i, i)] += damping;
    }
    let inverse = damped.cholesky().map(|factor| factor.inverse());
    let wrong = || CurvatureError::new("k-fac: a factor with its damping", "finite and positive definite", "another");
    for (to, &number) in to.iter_mut().zip(inverse.ok_or_else(wrong)?.iter()) {
        *to = T::of(number);
    }
    Ok(())
}

fn not_dense(name: &str, group: &str) -> CurvatureError {
    CurvatureError::new("k-fac: layers with parameters", "dense", format!("{name} in {group}"))
}

/// R of every sample, R Rᵀ = ∂²l/∂y², times the root of its weight.
enum Root<T: Scalar> {
    /// A loss that is a sum over outputs: the diagonal of R, k × n.
    Diagonal(Buf<T>),
    /// Lower triangular, k × k one behind the other.
    Triangular(Vec<T>),
}

impl<T: Real + Plane> Root<T>
where
    Dual<T>: Number,
{
    /// At the outputs of the last forward pass.
    fn of(risk: &mut Supervised<'_, T>) -> Root<T> {
        let (batch, loss) = (risk.batch, Dual::<T>::loss(risk.loss));
        let (y, _, _) = risk.workspace.output_parts();
        let (k, n) = (y.rows(), y.cols());
        let values = match batch.targets {
            Targets::Classes(_) => Buf::zeros(0),
            Targets::Values(values) => constants(values.data()),
        };
        let targets = match batch.targets {
            Targets::Classes(classes) => Targets::Classes(classes),
            Targets::Values(_) => Targets::Values(Mat::new(&values, k, n)),
        };
        let [mut point, mut dy, mut each] = [k * n, k * n, n].map(Buf::<Dual<T>>::zeros);
        // H v of every sample.
        let mut product = |v: &dyn Fn(usize) -> T, out: &mut [T]| {
            for (i, (point, &y)) in point.iter_mut().zip(y.data()).enumerate() {
                *point = Dual { re: y, eps: v(i % k) };
            }
            let to = MatMut::new(&mut dy, k, n);
            LossKernel::eval(loss, Mat::new(&point, k, n), targets, &mut each, to);
            out.iter_mut().zip(&dy[..]).for_each(|(out, dy)| *out = dy.eps);
        };
        let weight = |sample: usize| batch.weights.map_or(T::ONE, |weights| weights[sample]);
        if let Targets::Values(_) = batch.targets {
            // Losses of values are sums over outputs: H 1 is the diagonal.
            let mut diagonal = Buf::zeros(k * n);
            product(&|_| T::ONE, &mut diagonal);
            for (i, h) in diagonal.iter_mut().enumerate() {
                *h = (h.max(T::ZERO) * weight(i / k)).sqrt();
            }
            return Root::Diagonal(diagonal);
        }
        let (mut column, mut whole) = (Buf::zeros(k * n), vec![T::ZERO; k * k * n]);
        for j in 0..k {
            product(&|i| if i == j { T::ONE } else { T::ZERO }, &mut column);
            for sample in 0..n {
                let h = &column[sample * k..(sample + 1) * k];
                whole[(sample * k + j) * k..][..k].copy_from_slice(h);
            }
        }
        for (sample, h) in whole.chunks_exact_mut(k * k).enumerate() {
            factorize(h, k, weight(sample));
        }
        Root::Triangular(whole)
    }

    /// The deltas of the outputs ← R z.
    fn delta(&self, z: &[T], risk: &mut Supervised<'_, T>) {
        let (_, mut dy, _) = risk.workspace.output_parts();
        let k = dy.rows();
        let dy = dy.data();
        match self {
            Root::Diagonal(root) => {
                dy.iter_mut().zip(root.iter().zip(z)).for_each(|(dy, (root, z))| *dy = *root * *z);
            }
            Root::Triangular(roots) => {
                for ((dy, z), root) in dy.chunks_exact_mut(k).zip(z.chunks_exact(k)).zip(roots.chunks_exact(k * k)) {
                    dy.fill(T::ZERO);
                    for (j, z) in z.iter().enumerate() {
                        dy.iter_mut().zip(&root[j * k..]).for_each(|(dy, r)| *dy += *r * *z);
                    }
                }
            }
        }
    }
}

/// h ← the lower triangular R with R Rᵀ = weight · h, column after column; h is positive semidefinite, so that a pivot of 0 has a
/// column of zeros.
fn factorize<T: Scalar>(h: &mut [T], k: usize, weight: T) {
    let floor = (0..k).map(|i| h[i * k + i].value()).fold(0.0, f64::max) * 1e-6;
    for j in 0..k {
        let pivot = h[j * k + j];
        let scale = if pivot.value() > floor { T::ONE / pivot.sqrt() } else { T::ZERO };
        for i in 0..k {
            h[j * k + i] = if i < j { T::ZERO } else { h[j * k + i] * scale };
        }
        for l in j + 1..k {
            for i in l..k {
                let product = h[j * k + i] * h[j * k + l];
                h[l * k + i] -= product;
            }
        }
    }
    let root = weight.sqrt();
    h.iter_mut().for_each(|h| *h *= root);
}
