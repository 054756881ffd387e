//! What the vocabulary promises: defaults of the traits, sizes and places of blocks, initial numbers, messages.

#![allow(clippy::unwrap_used)]

use layerwise_core::loss::TargetKind;
use layerwise_core::*;
use layerwise_tensor::{Dual64, Key, Mat, MatMut, Op, Purpose, Rng, Scalar};
use nalgebra::DMatrix;

/// g(x) = x² + 3, with asymptotes and initialization of its own.
#[derive(Clone, Debug)]
struct Parabola;

impl Activation for Parabola {
    const NAME: &'static str = "parabola";
    const RANGE: (f64, f64) = (3.0, f64::INFINITY);
    const INIT: Init = Init::Lecun;
    const KINKS: &'static [f64] = &[4.0, 5.0];
    fn value<S: Scalar>(&self, x: S) -> S {
        x * x + S::of(3.0)
    }
    fn slope<S: Scalar>(&self, x: S, _y: S) -> S {
        x + x
    }
}

/// What a component of every family is that says no more than it must.
#[derive(Debug)]
struct Plain;

impl<S: Scalar> LayerKernel<S> for Plain {
    fn forward(&self, _: Forward<'_, S>) {}
    fn backward(&self, _: Backward<'_, S>) {}
}

impl Layer for Plain {
    fn name(&self) -> &'static str {
        "plain"
    }
    fn plan(&self, d_in: usize) -> Result<Plan, ShapeError> {
        Ok(Plan::new(d_in))
    }
}

impl<S: Scalar> LossKernel<S> for Plain {
    fn eval(&self, _: Mat<'_, S>, _: Targets<'_, S>, _: &mut [S], _: MatMut<'_, S>) {}
    fn predict(&self, _: MatMut<'_, S>) {}
}

impl Loss for Plain {
    fn name(&self) -> &'static str {
        "plain"
    }
    fn width(&self, _: TargetKind) -> Result<usize, ShapeError> {
        Ok(1)
    }
}

impl<S: Scalar> RegularizerKernel<S> for Plain {
    fn add(&self, _: Mat<'_, S>, _: &mut [S]) -> S {
        S::ZERO
    }
}

impl Regularizer for Plain {
    fn name(&self) -> &'static str {
        "plain"
    }
}

impl<S: Scalar> ActivityKernel<S> for Plain {
    fn add(&self, _: Mat<'_, S>, _: &mut [S]) -> S {
        S::ZERO
    }
}

impl Activity for Plain {
    fn name(&self) -> &'static str {
        "plain"
    }
}

impl<S: Scalar> Curvature<S> for Plain {
    fn at(&mut self, _: &[S]) {}
    fn product(&mut self, _: &[S], _: &mut [S]) {}
}

impl<S: Scalar> Transform<S> for Plain {
    fn prepare(&self, _: &Step, _: Option<&[S]>) -> Numbers {
        [0.0; 4]
    }
    fn apply(&self, _: &mut [S], _: Planes<'_, '_, S>, _: &Numbers, _: &Chunk<'_, S>) {}
}

impl Link for Plain {}

#[test]
fn what_a_component_does_not_say_is_nothing() {
    assert_eq!((Layer::range(&Plain), Layer::init(&Plain)), (None, None));
    assert_eq!(Layer::kinks(&Plain), [0.0; 0]);
    assert_eq!(Layer::approximates(&Plain), None);
    assert_eq!(Plan::new(3).states(4, 2).states, Some(States { steps: 4, units: 2 }));
    assert!(!Loss::has_kinks(&Plain) && Loss::convex(&Plain) && !Regularizer::has_kinks(&Plain));
    assert_eq!((Regularizer::degree(&Plain), Regularizer::at_zero(&Plain)), (2, true));
    assert!(!Activity::has_kinks(&Plain));
    assert_eq!(Activity::domain(&Plain), (f64::NEG_INFINITY, f64::INFINITY));
    assert_eq!((Plain.planes(), Plain.reach(), Plain.scratch(3, 4), Plain.averages()), (0, Reach::Element, 0, false));
    assert_eq!(Plain.rate(&Step { count: 3, rate_factor: 0.5 }), None);
    let mut near = [f64::NAN; 2];
    Plain.precondition(3.0, &[1.0, -2.0], &mut near);
    assert_eq!(near, [1.0, -2.0]);
    assert_eq!(Schedule::at(&0.25, 7), 0.25);
}

#[test]
fn an_activation_is_a_layer() {
    let layer = Pointwise(Parabola);
    assert_eq!(layer.name(), "parabola");
    assert_eq!(layer.range(), Some((3.0, f64::INFINITY)));
    assert_eq!(layer.init(), Some(Init::Lecun));
    assert_eq!(layer.kinks(), [4.0, 5.0]);
    assert_eq!(layer.plan(0).unwrap_err().problem, "input width should be at least 1, got 0");
    assert_eq!(
        layer.plan(5).unwrap(),
        Plan { d_out: 5, blocks: vec![], shared: 0, cache: 0, skip: None, projection: None, states: None }
    );
    let (x, mut y, mut dx) = ([1.5, -2.0], [f64::NAN; 2], [f64::NAN; 2]);
    let (x, theta, pass) = (Mat::new(&x, 2, 1), Params::new(&[], &[]), Pass::Train);
    let key = Key::new(0, Purpose::Mask);
    layer.forward(Forward { theta, x, skip: None, y: MatMut::new(&mut y, 2, 1), cache: &mut [], pass, key });
    assert_eq!(y, [5.25, 7.0]);
    let (dtheta, dy) = (ParamsMut::new(&mut [], &[], &mut []), [10.0, 100.0]);
    let (y, dy, dx_out) = (Mat::new(&y, 2, 1), Mat::new(&dy, 2, 1), Some(MatMut::new(&mut dx, 2, 1)));
    layer.backward(Backward { theta, dtheta, x, skip: None, y, dy, dx: dx_out, cache: &mut [], pass });
    assert_eq!(dx, [30.0, -400.0]);
}

/// A 2 × 3 weight at 1 and a bias of 2 at 8; 0 and 7 are padding.
fn blocks() -> Vec<Block> {
    let plan = Plan::new(2).weight("w", 2, 3, Init::He).bias("b", 2, 0.5).cache(4).skip(6);
    assert_eq!((plan.d_out, plan.cache, plan.skip), (2, 4, Some(6)));
    let mut blocks = plan.blocks;
    assert_eq!(blocks[0], Block { name: "w", rows: 2, cols: 3, role: Role::Weight, init: Init::He, offset: 0 });
    let init = Init::Constant { value: 0.5 };
    assert_eq!(blocks[1], Block { name: "b", rows: 2, cols: 1, role: Role::Bias, init, offset: 0 });
    (blocks[0].offset, blocks[1].offset) = (1, 8);
    blocks
}

#[test]
fn scratch_statistics_and_projections_are_planned() {
    let plan = Plan::new(2).statistic("mean", 2, 0.5).shared(3).cache(4);
    assert_eq!((plan.shared, plan.cache, plan.scratch(0), plan.scratch(5)), (3, 4, 3, 23));
    let (init, role) = (Init::Constant { value: 0.5 }, Role::Statistic);
    assert_eq!(plan.blocks, [Block { name: "mean", rows: 2, cols: 1, role, init, offset: 0 }]);
    assert_eq!(Plan::new(2).skip(3).of_source(2), Ok(Plan::new(2).skip(3)));
    let refused = Plan::new(2).skip(3).of_source(4).unwrap_err();
    assert_eq!(refused.to_string(), ": width of the shortcut should be 2, got 4");
    let plan = Plan::new(2).projected(3, Init::He).of_source(4).unwrap();
    assert_eq!((plan.skip, plan.projection), (Some(3), Some(Init::He)));
    assert_eq!(plan.blocks, Plan::new(2).weight("w", 2, 4, Init::He).blocks);
}

#[test]
fn statistics_are_read_as_constants_and_settled_in_place() {
    let mut blocks = Plan::new(2).bias("b", 1, 0.0).statistic("mean", 2, 0.0).blocks;
    blocks[1].offset = 3;
    let mut theta: Vec<Dual64> = (0..6).map(|i| Dual64::new(f64::from(i), 1.0)).collect();
    let mut out = [Dual64::ZERO; 2];
    Params::new(&theta, &blocks).statistic(1, &mut out);
    assert_eq!(out.map(|s| (s.re, s.eps)), [(3.0, 0.0), (4.0, 0.0)]);
    let cache = [Dual64::ONE; 2];
    let mut settle = Settle::new(&mut theta, &blocks, &cache, 7);
    assert_eq!((settle.cache.len(), settle.n), (2, 7));
    settle.statistic(1)[0] = Dual64::new(9.0, 0.0);
    assert_eq!(theta.iter().map(|t| t.re).collect::<Vec<_>>(), [0.0, 1.0, 2.0, 9.0, 4.0, 5.0]);
}

#[test]
#[should_panic(expected = "settle: b should be a statistic, is a Bias")]
fn parameters_do_not_settle() {
    let (mut theta, blocks) = ([0.0], Plan::new(1).bias("b", 1, 0.0).blocks);
    Settle::new(&mut theta, &blocks, &[], 1).statistic(0);
}

#[test]
fn a_layer_adds_the_delta_of_its_output_to_that_of_its_second_input() {
    let (layer, mut ds) = (Pointwise(Parabola), [1.0, 2.0]);
    let theta = Params::new(&[], &[]);
    layer.shortcut(theta, Mat::new(&[10.0, 20.0], 2, 1), MatMut::new(&mut ds, 2, 1));
    assert_eq!(ds, [11.0, 22.0]);
    let mut theta = [5.0];
    layer.settle(Settle::new(&mut theta, &Plan::new(1).statistic("mean", 1, 0.0).blocks, &[], 1));
    assert_eq!(theta, [5.0]);
}

#[test]
fn blocks_are_windows_of_one_vector() {
    let blocks = blocks();
    assert_eq!((blocks[0].range(), blocks[1].range()), (1..7, 8..10));
    let theta: Vec<f64> = (0..10).map(f64::from).collect();
    let params = Params::new(&theta, &blocks);
    assert_eq!((params.mat(0).rows(), params.mat(0).cols()), (2, 3));
    assert_eq!(params.mat(0).data(), [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
    assert_eq!(params.vec(1), [8.0, 9.0]);
}

#[test]
fn the_first_write_sets_and_the_next_ones_add() {
    let blocks = blocks();
    let (mut grad, mut fresh) = ([100.0; 10], [true; 2]);
    let mut params = ParamsMut::new(&mut grad, &blocks, &mut fresh);
    let (a, b) = ([1.0, 2.0], [3.0, 4.0, 5.0]);
    let (a, b) = (Mat::new(&a, 2, 1), Mat::new(&b, 3, 1));
    params.add_product(0, Op::N(a), Op::T(b));
    params.add_product(0, Op::N(a), Op::T(b));
    let columns = [1.0, 2.0, 10.0, 20.0];
    params.add_columns(1, Mat::new(&columns, 2, 2));
    params.add_columns(1, Mat::new(&columns, 2, 2));
    assert_eq!(grad, [100.0, 6.0, 12.0, 8.0, 16.0, 10.0, 20.0, 100.0, 22.0, 44.0]);

    let (mut grad, mut fresh) = ([100.0; 10], [true; 2]);
    let mut params = ParamsMut::new(&mut grad, &blocks, &mut fresh);
    params.add_products(1, Mat::new(&columns, 2, 2), Mat::new(&columns, 2, 2));
    params.add_products(1, Mat::new(&columns, 2, 2), Mat::new(&[1.0; 4], 2, 2));
    assert_eq!(grad[7..], [100.0, 101.0 + 11.0, 404.0 + 22.0]);

    let (mut grad, mut fresh) = ([100.0; 10], [true; 2]);
    let mut params = ParamsMut::new(&mut grad, &blocks, &mut fresh);
    assert_eq!((params.mat(0).rows(), params.mat(0).cols()), (2, 3));
    params.mat(0).data()[5] += 7.0;
    params.mat(0).data()[5] += 7.0;
    assert_eq!(grad, [100.0, 0.0, 0.0, 0.0, 0.0, 0.0, 14.0, 100.0, 100.0, 100.0]);
}

#[test]
#[should_panic(expected = "params: 2 blocks, 1 flags")]
fn a_gradient_has_a_flag_for_each_block() {
    ParamsMut::<f64>::new(&mut [], &blocks(), &mut [true]);
}

#[test]
fn planes_are_as_many_as_the_link_declared() {
    let (mut m, mut v) = ([1.0], [2.0]);
    let mut both = [&mut m[..], &mut v[..]];
    let mut planes = Planes(&mut both);
    let [m, v] = planes.get();
    assert_eq!((&m[..], &v[..]), (&[1.0][..], &[2.0][..]));
    let wrong = std::panic::catch_unwind(|| Planes::<f64>(&mut []).get::<1>().len());
    assert_eq!(*wrong.unwrap_err().downcast::<String>().unwrap(), "planes: the link declared 0, and asks for 1");
}

#[test]
fn targets_are_counted_and_described() {
    let check = |targets: Targets<'_, f64>, n: usize| assert_eq!((targets.len(), targets.is_empty()), (n, n == 0));
    check(Targets::Classes(&[2, 0, 1]), 3);
    check(Targets::Classes(&[]), 0);
    check(Targets::Values(Mat::new(&[0.0; 6], 3, 2)), 2);
    check(Targets::Values(Mat::new(&[], 3, 0)), 0);
    assert_eq!(TargetKind::Classes(3).to_string(), "3 classes");
    assert_eq!(TargetKind::Values(2).to_string(), "2 values a sample");
}

#[test]
fn an_error_names_its_place() {
    let error = ShapeError::mismatch("w", "columns", 5, 6);
    assert_eq!(error.to_string(), "w: columns should be 5, got 6");
    assert_eq!(error.within("hidden2").to_string(), "hidden2/w: columns should be 5, got 6");
    assert_eq!(ShapeError::new("", "problem").within("hidden2").to_string(), "hidden2: problem");
    let expected = "solver: value and gradient should be the same in two calls with one theta, got the values 1.5 and 2: for \
                    batches and noise take a chain of links";
    assert_eq!(SolverError::Stochastic { first: 1.5, second: 2.0 }.to_string(), expected);
}

/// f(θ) = a³ b + b² + a c.
struct Cubic(usize);

impl Objective<Dual64> for Cubic {
    fn len(&self) -> usize {
        self.0
    }
    fn eval(&mut self, theta: &[Dual64], grad: &mut [Dual64]) -> Dual64 {
        let [a, b, c] = *theta else { panic!() };
        let two = Dual64::of(2.0);
        grad.copy_from_slice(&[Dual64::of(3.0) * a * a * b + c, a * a * a + two * b, a]);
        a * a * a * b + b * b + a * c
    }
}

#[test]
fn curvature_times_a_vector_is_exact() {
    let (mut out, mut scratch) = ([f64::NAN; 3], vec![Dual64::of(9.0)]);
    let value = hvp(&mut Cubic(3), &[2.0, 5.0, 4.0], &[1.0, 10.0, 100.0], &mut out, &mut scratch);
    // H = [[6ab, 3a², 1], [3a², 2, 0], [1, 0, 0]].
    assert_eq!((value, out), (73.0, [60.0 + 120.0 + 100.0, 12.0 + 20.0, 1.0]));
    assert!(!Cubic(3).is_empty() && Cubic(0).is_empty());
    for (n, v, out) in [(2, 3, 3), (3, 2, 3), (3, 3, 2)] {
        let run = || hvp(&mut Cubic(n), &[0.0; 3], &[0.0; 3][..v], &mut [0.0; 3][..out], &mut Vec::new());
        let said = std::panic::catch_unwind(run).unwrap_err();
        assert_eq!(*said.downcast::<String>().unwrap(), format!("hvp: lengths {n}, 3, {v}, {out}"));
    }
}

#[test]
fn initial_numbers_are_the_formulas_of_the_draws() {
    let (n_out, n_in) = (4, 3);
    let rng = || Key::new(2, Purpose::Init).rng();
    let check = |init: Init, draw: &dyn Fn(&mut Rng) -> f64| {
        let mut got = DMatrix::from_element(n_out, n_in, f64::NAN);
        init.fill(MatMut::from(&mut got), &mut rng());
        let mut rng = rng();
        assert!(got.iter().all(|w| (w - draw(&mut rng)).abs() < 1e-15), "{init:?}: {got}");
    };
    let within = |bound: f64| move |rng: &mut Rng| rng.between(-bound, bound);
    let normal = |deviation: f64| move |rng: &mut Rng| rng.normal() * deviation;
    check(Init::Auto, &within((6f64 / 7.0).sqrt()));
    check(Init::Glorot, &within((6f64 / 7.0).sqrt()));
    check(Init::GlorotNormal, &normal((2f64 / 7.0).sqrt()));
    check(Init::Lecun, &normal((1f64 / 3.0).sqrt()));
    check(Init::He, &normal((2f64 / 3.0).sqrt()));
    check(Init::HeUniform, &within(2f64.sqrt()));
    check(Init::UniformFanIn, &within((1f64 / 3.0).sqrt()));
    check(Init::Normal { deviation: 0.3 }, &normal(0.3));
    check(Init::Uniform { bound: 0.3 }, &within(0.3));
    check(Init::Constant { value: -0.3 }, &|_| -0.3);
}

#[test]
fn orthogonal_matrices_are_not_biased_by_the_factorization() {
    // Householder's Q alone has a diagonal of one sign; with the signs of R its first number is positive half the time.
    let positive = (0..200).filter(|&seed| {
        let mut q = DMatrix::from_element(3, 3, f64::NAN);
        Init::Orthogonal { gain: 1.0 }.fill(MatMut::from(&mut q), &mut Key::new(seed, Purpose::Init).rng());
        q[(0, 0)] > 0.0
    });
    // Five standard deviations of 200 throws of a coin are 35.
    assert!((65..=135).contains(&positive.count()));
}

#[test]
fn initializations_that_are_wrong_are_refused() {
    let check = |init: Init, problem: &str| {
        let expected = if problem.is_empty() { Ok(()) } else { Err(problem.to_owned()) };
        assert_eq!(init.check(), expected, "{init:?}");
    };
    let wrong = |name: &str, got: &str| format!("{name} should be a finite number of at least 0, got {got}");
    check(Init::He, "");
    check(Init::Orthogonal { gain: 0.0 }, "");
    check(Init::Orthogonal { gain: -1.0 }, &wrong("gain", "-1"));
    check(Init::Sparse { nonzero: 1, deviation: 1.0 }, "");
    check(Init::Sparse { nonzero: 2, deviation: f64::NAN }, &wrong("deviation", "NaN"));
    check(Init::Sparse { nonzero: 0, deviation: 1.0 }, "nonzero should be at least 1, got 0");
    check(Init::Normal { deviation: f64::INFINITY }, &wrong("deviation", "inf"));
    check(Init::Uniform { bound: -0.5 }, &wrong("bound", "-0.5"));
    check(Init::Constant { value: -2.0 }, "");
    check(Init::Constant { value: f64::NAN }, "value should be finite, got NaN");
}

#[test]
fn components_are_named_by_a_word_or_a_table() {
    #[derive(Debug, PartialEq, serde::Deserialize)]
    #[serde(tag = "kind", rename_all = "kebab-case")]
    enum Kind {
        Plain,
        Steep { slope: f64 },
    }
    let read = |json: &str| {
        let mut reader = serde_json::Deserializer::from_str(json);
        catalog::named::<Kind, _>(&mut reader).map_err(|e| e.to_string())
    };
    assert_eq!(read(r#""plain""#), Ok(Kind::Plain));
    assert_eq!(read(r#"{"kind": "plain"}"#), Ok(Kind::Plain));
    assert_eq!(read(r#"{"kind": "steep", "slope": 2.5}"#), Ok(Kind::Steep { slope: 2.5 }));
    assert!(read("3").unwrap_err().contains("expected a name, or a table with the key `kind`"), "{:?}", read("3"));
    assert!(read(r#""other""#).is_err());
}
