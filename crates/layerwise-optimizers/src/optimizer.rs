//! The chain and its sweep: θ ← θ − (link_k ∘ … ∘ link_1)(∇f).
//!
//! Links between two that need the whole update ([`Reach::Whole`]) run together over chunks of [`CHUNK`] numbers while those are
//! in cache, and the last sweep subtracts. A link that acts on matrices ([`Reach::Matrices`]) sees them one by one before its
//! sweep; [`Optimizer::on`] says where they are. Results have the same bits for any number of threads.

use std::sync::Arc;

use layerwise_core::{Block, Chunk, Link, Numbers, Planes, Reach, Real, Role, Step};
use layerwise_tensor::elementwise::{self, Chunks, MAX_PLANES};
use layerwise_tensor::{Buf, Mat, MatMut, Scalar};

use crate::should;

/// Numbers that all links of a sweep see before the next ones are fetched.
pub const CHUNK: usize = 4096;

/// Schedules compute in f64, which tells no larger counts apart.
const MOST_STEPS: u64 = 1 << 53;

/// θ and the gradient pass through the sweep with the planes.
const OTHERS: usize = 2;

/// A first-order optimizer as a description: links in the order in which they see the update. It owns no numbers.
#[derive(Clone, Debug, Default)]
pub struct Optimizer {
    links: Vec<Arc<dyn Link>>,
    /// The weight matrices within θ; nobody said so far, if `None`.
    matrices: Option<Arc<[Block]>>,
}

impl Optimizer {
    /// A chain; the gradient enters at the first link.
    ///
    /// Panics: if the links want more than 14 state planes together.
    pub fn new(links: Vec<Arc<dyn Link>>) -> Optimizer {
        Optimizer { links, matrices: None }.checked()
    }

    fn checked(self) -> Optimizer {
        let (planes, most) = (self.planes(), MAX_PLANES - OTHERS);
        assert!(planes <= most, "optimizer: state planes should be at most {most}, got {planes}");
        self
    }

    /// The chain with one more link at its end.
    ///
    /// Panics: as [`Optimizer::new`].
    pub fn then(mut self, link: impl Link + 'static) -> Optimizer {
        self.links.push(Arc::new(link));
        self.checked()
    }

    /// The chain for a θ that is laid out in these blocks: a link that acts on matrices sees those of [`Role::Weight`]. Other links
    /// need no layout.
    pub fn on<'a>(self, blocks: impl IntoIterator<Item = &'a Block>) -> Optimizer {
        let weights = blocks.into_iter().filter(|block| block.role == Role::Weight);
        Optimizer { matrices: Some(weights.cloned().collect()), ..self }
    }

    /// The links, in order.
    pub fn links(&self) -> &[Arc<dyn Link>] {
        &self.links
    }

    /// State vectors of θ's length.
    pub fn planes(&self) -> usize {
        self.links.iter().map(|link| link.planes()).sum()
    }

    /// The learning rate at a step: the product of what the links set, 1 without any.
    ///
    /// Units: of θ per gradient for plain descent; a length in θ behind a normalizing link such as Adam.
    pub fn rate(&self, at: &Step) -> f64 {
        self.links.iter().filter_map(|link| link.rate(at)).product()
    }

    /// Whether the parameters to evaluate and deliver are not θ, but what [`Optimizer::average`] makes of it.
    pub fn averages(&self) -> bool {
        self.links.iter().any(|link| link.averages())
    }

    /// Turns a copy of θ into the parameters to evaluate and deliver: the average that a link keeps. Else θ stays as it is.
    ///
    /// Panics: if the state is of another length.
    pub fn average<S: Real>(&self, theta: &mut [S], state: &State<S>) {
        self.fits(theta.len(), state);
        let at = Step { count: state.count, rate_factor: 1.0 };
        let mut planes = &state.planes[..];
        for link in &self.links {
            let (own, later) = planes.split_at(link.planes() * theta.len());
            S::link(&**link).average(theta, own, &at);
            planes = later;
        }
    }

    fn fits<S: Scalar>(&self, n: usize, state: &State<S>) {
        let (want, got) = (self.planes() * n, state.planes.len());
        assert!(got == want, "optimizer: state should have {want} numbers, got {got}");
    }

    /// Scratch of the step.
    fn scratch(&self) -> usize {
        let matrices = self.matrices.as_deref().unwrap_or_default();
        let wanted = |link: &Arc<dyn Link>| matrices.iter().map(|m| link.scratch(m.rows, m.cols)).max();
        self.links.iter().filter_map(wanted).max().unwrap_or(0)
    }

    /// The state before the first step, for `n` parameters.
    pub fn state<S: Scalar>(&self, n: usize) -> State<S> {
        State {
            planes: Buf::zeros(self.planes() * n),
            numbers: vec![[0.0; 4]; self.links.len()],
            scratch: Buf::zeros(self.scratch()),
            count: 0,
        }
    }

    /// The state after `count` steps, for `n` parameters, from its saved [`State::planes`].
    ///
    /// Errors: planes of another chain or length, a number that is not finite, more steps than an `f64` can count:
    /// `state: planes should have 12 numbers, got 6`. Chains with equally many planes cannot be told apart.
    pub fn restore<S: Scalar>(&self, n: usize, count: u64, planes: &[S]) -> Result<State<S>, String> {
        let (want, got) = (self.planes() * n, planes.len());
        if want != got {
            return Err(format!("state: planes should have {want} numbers, got {got}"));
        }
        if let Some(i) = planes.iter().position(|x| !x.value().is_finite()) {
            return Err(format!("state: number {i} of the planes should be finite, got {}", planes[i].value()));
        }
        should(count <= MOST_STEPS, "state: count", &format!("at most {MOST_STEPS}"), count)?;
        Ok(State { planes: Buf::copy_of(planes), count, ..self.state(0) })
    }

    /// One step: ∇f(θ) enters in `grad` and leaves as the update that was subtracted from `theta`.
    ///
    /// Shapes: `weights` (1 on weights, 0 on biases and padding) and `grad` are as long as `theta`. `rate_factor` multiplies the
    /// learning rate. The state may come from another chain with the same planes, as when a clip is added in a fork.
    /// Cost: allocates nothing, except at the first step under another chain.
    /// Panics: if the lengths differ, the state is of another length, or a link acts on matrices and nobody said where they are.
    pub fn step<S: Real>(
        &self,
        theta: &mut [S],
        grad: &mut [S],
        weights: &[S],
        rate_factor: f64,
        state: &mut State<S>,
    ) {
        let (n, n_planes) = (theta.len(), self.planes());
        assert!(
            grad.len() == n && weights.len() == n,
            "optimizer: gradient and weight mask should have {n} numbers, got {} and {}",
            grad.len(),
            weights.len()
        );
        self.fits(n, state);
        state.numbers.resize(self.links.len(), [0.0; 4]);
        state.count += 1;
        if n == 0 {
            return;
        }
        let at = Step { count: state.count, rate_factor };
        let mut views: [&mut [S]; MAX_PLANES] = std::array::from_fn(|_| Default::default());
        views[0] = theta;
        views[1] = grad;
        for (view, plane) in views[OTHERS..].iter_mut().zip(state.planes.chunks_exact_mut(n)) {
            *view = plane;
        }

        let (mut links, mut numbers, mut first) = (&self.links[..], &mut state.numbers[..], 0);
        loop {
            let alone = |link: &Arc<dyn Link>| link.reach() != Reach::Element;
            let n_links = links.iter().skip(1).position(alone).map_or(links.len(), |i| i + 1);
            let (now, later) = links.split_at(n_links);
            let (now_numbers, later_numbers) = numbers.split_at_mut(n_links);
            for (link, numbers) in now.iter().zip(&mut *now_numbers) {
                let whole = link.reach() == Reach::Whole;
                *numbers = S::link(&**link).prepare(&at, whole.then_some(&*views[1]));
            }
            if let Some(link) = now.first().filter(|link| link.reach() == Reach::Matrices) {
                // The state may come from a chain that needs less.
                let n_scratch = self.scratch();
                if state.scratch.len() < n_scratch {
                    state.scratch = Buf::zeros(n_scratch);
                }
                let [theta, update, ..] = &mut views;
                self.each_matrix(&**link, update, theta, &mut state.scratch);
            }
            let last = later.is_empty();
            let mut borrowed = views.each_mut().map(|view| &mut **view);
            sweep(now, now_numbers, first, weights, last, &mut borrowed[..OTHERS + n_planes]);
            if last {
                break;
            }
            first += now.iter().map(|link| link.planes()).sum::<usize>();
            (links, numbers) = (later, later_numbers);
        }
    }

    fn each_matrix<S: Real>(&self, link: &dyn Link, update: &mut [S], theta: &[S], scratch: &mut [S]) {
        let Some(matrices) = &self.matrices else {
            panic!(
                "optimizer: the blocks of theta should be given with Optimizer::on, because {link:?} acts on matrices"
            );
        };
        for block in matrices.iter() {
            let Block { rows, cols, .. } = *block;
            let scratch = &mut scratch[..link.scratch(rows, cols)];
            let theta = Mat::new(&theta[block.range()], rows, cols);
            S::link(link).matrix(MatMut::new(&mut update[block.range()], rows, cols), theta, scratch);
        }
    }
}

/// Runs `links`, whose planes start at plane `first`, over all chunks.
fn sweep<'a, S: Real>(
    links: &[Arc<dyn Link>],
    numbers: &[Numbers],
    first: usize,
    weights: &[S],
    subtract: bool,
    views: &'a mut [&'a mut [S]],
) {
    elementwise::chunks(weights.len(), CHUNK, Chunks(views), |start, views| {
        let [theta, update, planes @ ..] = views else { return };
        let chunk = Chunk { theta, weights: &weights[start..start + update.len()] };
        let mut from = first;
        for (link, numbers) in links.iter().zip(numbers) {
            let to = from + link.planes();
            S::link(&**link).apply(update, Planes(&mut planes[from..to]), numbers, &chunk);
            from = to;
        }
        if subtract {
            elementwise::each2(theta, update, |theta, update| *theta -= *update);
        }
    });
}

/// The numbers that an optimizer carries from step to step. A fork copies them.
#[derive(Clone, Debug)]
pub struct State<S: Scalar> {
    planes: Buf<S>,
    /// Scratch within a step: what each link prepared, and room beside a matrix.
    numbers: Vec<Numbers>,
    scratch: Buf<S>,
    count: u64,
}

impl<S: Scalar> State<S> {
    /// All planes of all links, one after the other in the order of the chain, each as long as θ. With [`State::count`] it is what
    /// [`Optimizer::restore`] takes.
    pub fn planes(&self) -> &[S] {
        &self.planes
    }

    /// Steps done.
    pub fn count(&self) -> u64 {
        self.count
    }
}

/// Bit for bit: NaN equals itself, and −0 is not 0.
impl<S: Scalar> PartialEq for State<S> {
    fn eq(&self, other: &Self) -> bool {
        let bits = |s: &S| s.value().to_bits();
        self.count == other.count && self.planes.iter().map(bits).eq(other.planes.iter().map(bits))
    }
}

#[cfg(test)]
mod tests {
    use layerwise_tensor::Team;

    use super::*;
    use crate::testing::gradient;
    use crate::{AddMomentum, ClipByGlobalNorm, DecayOn, DecayWeights, ScaleByAdam, ScaleByRate};

    /// A `Whole` link first, one in the middle, planes before and behind it.
    fn long_chain() -> Optimizer {
        Optimizer::default()
            .then(ClipByGlobalNorm { limit: 2.0 })
            .then(ScaleByAdam::default())
            .then(ClipByGlobalNorm { limit: 0.5 })
            .then(AddMomentum { momentum: 0.5, nesterov: true })
            .then(DecayWeights { strength: 0.1, on: DecayOn::WeightsOnly })
            .then(ScaleByRate { schedule: 0.1 })
    }

    /// θ, the last update and the state after five steps of the chain.
    fn run<S: Real>(n: usize, threads: usize) -> (Vec<S>, Vec<S>, State<S>) {
        let optimizer = long_chain();
        let mut theta: Vec<S> = gradient(9, n);
        let weights: Vec<S> = (0..n).map(|i| S::of(f64::from(i % 3 != 0))).collect();
        let mut state = optimizer.state(n);
        let mut grad = Vec::new();
        Team::new(threads).expect("threads").install(|| {
            for t in 0..5 {
                grad = gradient(t, n);
                optimizer.step(&mut theta, &mut grad, &weights, 0.5, &mut state);
            }
        });
        (theta, grad, state)
    }

    #[test]
    fn a_long_chain_is_the_composition_of_its_formulas() {
        let n = 5000;
        let (theta, update, state) = run::<f64>(n, 1);
        let clip = |g: &mut Vec<f64>, limit: f64| {
            let norm = g.iter().map(|g| g * g).sum::<f64>().sqrt();
            assert!(norm > limit);
            g.iter_mut().for_each(|g| *g *= limit / (norm + 1e-6));
        };
        let mut want: Vec<f64> = gradient(9, n);
        let (mut m, mut v, mut u) = (vec![0.0; n], vec![0.0; n], vec![0.0; n]);
        let mut g = Vec::new();
        for t in 0..5 {
            g = gradient::<f64>(t, n);
            clip(&mut g, 2.0);
            let k = i32::try_from(t).expect("small") + 1;
            for i in 0..n {
                m[i] = 0.9 * m[i] + 0.1 * g[i];
                v[i] = 0.999 * v[i] + 0.001 * g[i] * g[i];
                g[i] = m[i] / (1.0 - 0.9f64.powi(k)) / ((v[i] / (1.0 - 0.999f64.powi(k))).sqrt() + 1e-8);
            }
            clip(&mut g, 0.5);
            for i in 0..n {
                u[i] = 0.5 * u[i] + g[i];
                g[i] += 0.5 * u[i];
                if i % 3 != 0 {
                    g[i] += 0.1 * want[i];
                }
                g[i] *= 0.05;
                want[i] -= g[i];
            }
        }
        let close = |a: &[f64], b: &[f64]| a.iter().zip(b).all(|(a, b)| (a - b).abs() <= 1e-12 * b.abs().max(1e-3));
        assert!(close(&theta, &want) && close(&update, &g));
        assert!(close(state.planes(), &[m, v, u].concat()));
        assert_eq!(state.count(), 5);

        let (single, _, _) = run::<f32>(n, 1);
        assert!(single.iter().zip(&want).all(|(a, b)| (f64::from(*a) - b).abs() <= 2e-6 * b.abs().max(1.0)));
    }

    #[test]
    fn threads_and_forks_leave_the_bits_alone() {
        for n in [16 * 1024, 100_003] {
            let one = run::<f32>(n, 1);
            assert_eq!(one, run(n, 2));
            assert_eq!(one, run(n, 3));
        }
        let (_, _, state) = run::<f64>(100, 1);
        assert_eq!(state.clone(), state);
    }

    #[test]
    fn the_rate_of_a_chain_is_the_product_of_its_links() {
        let at = Step { count: 3, rate_factor: 0.5 };
        assert_eq!(long_chain().rate(&at), 0.05);
        assert_eq!(Optimizer::default().rate(&at), 1.0);
    }

    #[test]
    fn no_links_subtract_the_gradient_and_no_numbers_are_fine() {
        let optimizer = Optimizer::default();
        let (mut theta, mut grad) = ([1.0, 2.0], [0.25, -1.0]);
        optimizer.step(&mut theta, &mut grad, &[1.0; 2], 1.0, &mut optimizer.state(2));
        assert_eq!(theta, [0.75, 3.0]);
        let mut state = long_chain().state::<f32>(0);
        long_chain().step(&mut [], &mut [], &[], 1.0, &mut state);
        assert_eq!(state.count(), 1);
    }

    #[test]
    #[should_panic(expected = "state planes should be at most 14, got 16")]
    fn too_many_planes_are_refused() {
        let _ = (0..8).fold(Optimizer::default(), |chain, _| chain.then(ScaleByAdam::default()));
    }
}
