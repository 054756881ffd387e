//! Products of dual matrices: whatever an evaluation knows beforehand, the ε-parts have the same bits.
#![allow(clippy::unwrap_used)]

use layerwise_tensor::dual::Plane;
use layerwise_tensor::{
    Dual, Dual64, Evaluation, Gradient, Key, Known, Mat, MatMut, Op, Purpose, Scalar, Tape, Team, Write,
};

const M: usize = 37;
const K: usize = 21;
const N: usize = 18;

fn random<S: Scalar>(n: usize, seed: u64) -> Vec<S> {
    let mut rng = Key::new(seed, Purpose::Test).rng();
    (0..n).map(|_| S::of(rng.normal())).collect()
}

fn joined<T: Plane>(re: &[T], eps: &[T]) -> Vec<Dual<T>> {
    re.iter().zip(eps).map(|(&re, &eps)| Dual::new(re, eps)).collect()
}

fn bits<T: Plane>(duals: &[Dual<T>]) -> Vec<(u64, u64)> {
    duals.iter().map(|d| (d.re.value().to_bits(), d.eps.value().to_bits())).collect()
}

fn set<S: Scalar>(m: usize, n: usize, a: Op<'_, S>, b: Op<'_, S>) -> Vec<S> {
    let mut c = vec![S::of(f64::NAN); m * n];
    S::gemm(MatMut::new(&mut c, m, n), Write::Set, a, b);
    c
}

/// θ is a (M × K) and, behind padding, b (K × N); x (K × N) is constant.
struct Example<T> {
    theta: Vec<T>,
    v: Vec<T>,
    x: Vec<T>,
}

const B: usize = M * K + 11;

impl<T: Plane> Example<T> {
    fn new(seed: u64) -> Self {
        let n = B + K * N;
        Example { theta: random(n, 1), v: random(n, seed), x: random(K * N, 3) }
    }

    /// Two layers' worth of products, each form once; all numbers of them.
    fn products(point: &[Dual<T>], x: &[Dual<T>]) -> Vec<Dual<T>> {
        let (a, b) = (Mat::new(&point[..M * K], M, K), Mat::new(&point[B..], K, N));
        let x = Mat::new(x, K, N);
        let ax = set(M, N, Op::N(a), Op::N(x));
        let ab = set(M, N, Op::N(a), Op::N(b));
        let back = set(K, N, Op::T(a), Op::N(Mat::new(&ab, M, N)));
        let outer = set(M, K, Op::N(Mat::new(&ax, M, N)), Op::T(Mat::new(&back, K, N)));
        [ax, ab, back, outer].concat()
    }

    fn check(&self, team: &Team) {
        let (mut point, mut x) = (joined(&self.theta, &self.v), joined(&self.x, &vec![T::ZERO; self.x.len()]));
        let plain = bits(&Self::products(&point, &x));
        Known::join(&mut x, &self.x, None);
        let known = [Known::constants(&x, &self.x), Known::join(&mut point, &self.theta, Some(&self.v))];
        let run = || bits(&Evaluation::new(&known).run(|| Self::products(known[1].duals(), known[0].duals())));
        assert!(run() == plain && team.install(run) == plain);
    }
}

#[test]
fn planes_at_hand_change_nothing() {
    let team = Team::new(2).unwrap();
    Example::<f64>::new(2).check(&team);
    Example::<f32>::new(2).check(&team);
    let mut still = Example::<f64>::new(2);
    still.v[..B].fill(0.0);
    still.check(&team);
    still.v.fill(0.0);
    still.check(&team);
}

#[test]
fn planes_are_those_of_the_part_that_is_multiplied() {
    // One number each, so that a wrong place gives a wrong number.
    let (re, eps) = ([2.0, 3.0, 5.0], [7.0, 11.0, 13.0]);
    let mut duals = [Dual64::ZERO; 3];
    let known = [Known::join(&mut duals, &re, Some(&eps))];
    let square = |i: usize| {
        let one = Mat::new(&known[0].duals()[i..=i], 1, 1);
        let c = Evaluation::new(&known).run(|| set(1, 1, Op::N(one), Op::T(one)));
        (c[0].re, c[0].eps)
    };
    assert_eq!([0, 1, 2].map(square), [(4.0, 28.0), (9.0, 66.0), (25.0, 130.0)]);
}

#[test]
fn with_a_tape_later_evaluations_have_the_bits_of_the_first() {
    let mut tape = Tape::<f64>::default();
    for (round, seed) in [2, 4, 5].into_iter().enumerate() {
        let example = Example::<f64>::new(seed);
        let (point, x) = (joined(&example.theta, &example.v), joined(&example.x, &vec![0.0; example.x.len()]));
        let plain = bits(&Example::products(&point, &x));
        let taped = Evaluation::new(&[]).tape(&mut tape).run(|| Example::products(&point, &x));
        assert!(bits(&taped) == plain, "round {round}");
    }
    // Elsewhere, after `clear`.
    let (other, x) = (random::<Dual64>(B + K * N, 9), random::<Dual64>(K * N, 3));
    tape.clear();
    for _ in 0..2 {
        let taped = Evaluation::new(&[]).tape(&mut tape).run(|| Example::products(&other, &x));
        assert!(bits(&taped) == bits(&Example::products(&other, &x)));
    }
}

#[test]
fn a_tape_of_other_products_is_refused() {
    let numbers = random::<Dual64>(12, 1);
    let product = |m: usize| set(m, m, Op::N(Mat::new(&numbers, m, 12 / m)), Op::T(Mat::new(&numbers, m, 12 / m)));
    let mut tape = Tape::<f64>::default();
    Evaluation::new(&[]).tape(&mut tape).run(|| product(2));
    let mut refusal = |f: &dyn Fn()| {
        let run = std::panic::AssertUnwindSafe(|| Evaluation::new(&[]).tape(&mut tape).run(f));
        *std::panic::catch_unwind(run).unwrap_err().downcast::<String>().unwrap()
    };
    assert_eq!(refusal(&|| _ = product(3)), "tape: product 0 was Some([2, 6, 2]), is [3, 4, 3]");
    assert_eq!(refusal(&|| ()), "tape: 0 products instead of 1");
    assert_eq!(refusal(&|| _ = (product(2), product(2))), "tape: product 1 was None, is [2, 6, 2]");
    // The evaluation that broke is over: products know nothing of it.
    assert_eq!(bits(&product(3)), bits(&product(3)));
}

#[test]
fn of_a_gradient_the_derivatives_are_right_however_it_is_added_to() {
    let (a, b) = (random::<f64>(M * K, 1), random::<f64>(K * N, 2));
    let (da, db) = (random::<f64>(M * K, 3), random::<f64>(K * N, 4));
    let (a, b) = (joined(&a, &da), joined(&b, &db));
    let still = joined(&random::<f64>(K * N, 5), &vec![0.0; K * N]);
    let c = M * N;
    // Four products' places with something between them.
    let n = 4 * c + 7;
    type Product = fn(MatMut<'_, Dual64>, Write, Op<'_, Dual64>, Op<'_, Dual64>);
    let fill = |grad: &mut [Dual64], steps: &[u8], product: Product| {
        let (a, b) = (Op::N(Mat::new(&a, M, K)), Op::N(Mat::new(&b, K, N)));
        let still = Op::N(Mat::new(&still, K, N));
        let still_too = joined(&random::<f64>(M * K, 6), &[0.0; M * K]);
        let add = |part: &mut [Dual64], write, a, b| product(MatMut::new(part, M, N), write, a, b);
        for part in grad.iter_mut() {
            *part = if steps.contains(&0) { Dual64::ZERO } else { *part };
        }
        for step in steps {
            match step {
                1 => add(&mut grad[..c], Write::Set, a, b),
                2 => add(&mut grad[..c], Write::Add, a, still),
                3 => grad[5] += Dual::new(3.0, 4.0),
                4 => add(&mut grad[c + 7..2 * c + 7], Write::Add, a, b),
                5 => grad[c + 2] = Dual::new(5.0, 6.0),
                6 => add(&mut grad[3 * c + 7..], Write::Set, Op::N(Mat::new(&still_too, M, K)), still),
                7 => grad[..c].iter_mut().for_each(|d| *d += Dual::new(1.0, 2.0)),
                _ => {}
            }
        }
    };
    let mut gradient = Gradient::new(n);
    // Step 0 zeros everything first, which an evaluation finds done.
    for steps in [&[1, 2, 3, 4, 5, 6][..], &[4, 1], &[3, 5], &[1, 4, 3, 2, 2], &[1, 7], &[6], &[]] {
        let mut plain = vec![Dual64::of(0.0); n];
        fill(&mut plain, &[&[0], steps].concat(), Dual64::gemm);
        let mut out = vec![f64::NAN; n];
        Evaluation::new(&[]).derivative(&mut gradient, &mut out, |grad| fill(grad, steps, Dual64::gemm_gradient));
        for (i, (out, plain)) in out.iter().zip(&plain).enumerate() {
            assert!((out - plain.eps).abs() <= 1e-13, "{steps:?}, {i}: {out} {}", plain.eps);
        }
        // One that breaks leaves nothing behind.
        let broken = std::panic::AssertUnwindSafe(|| {
            let mut out = vec![f64::NAN; n];
            Evaluation::new(&[]).derivative(&mut gradient, &mut out, |grad| {
                grad.fill(Dual::new(7.0, 8.0));
                panic!("planted");
            })
        });
        assert!(std::panic::catch_unwind(broken).is_err());
    }
}

#[test]
fn of_a_gradient_nobody_reads_the_values() {
    let (a, b) = (random::<Dual64>(M * K, 1), random::<Dual64>(K * N, 2));
    let (a, b) = (Op::N(Mat::new(&a, M, K)), Op::N(Mat::new(&b, K, N)));
    let mut gradient = Gradient::new(M * N + 3);
    Evaluation::new(&[]).derivative(&mut gradient, &mut vec![0.0; M * N + 3], |grad| {
        Dual64::gemm_gradient(MatMut::new(&mut grad[2..][..M * N], M, N), Write::Set, a, b);
        assert!(grad.iter().all(|d| (d.re, d.eps) == (0.0, 0.0)));
    });
}

#[test]
fn constants_have_no_derivative_at_infinity_either() {
    // 0 × ∞ would be NaN.
    let (re, moving) = ([1.0, f64::INFINITY, 3.0, 4.0], [1.0, 2.0, 0.0, 0.0]);
    let (still, mut duals) = (joined(&re, &[0.0; 4]), [Dual64::ZERO; 4]);
    let known = [Known::join(&mut duals, &re, Some(&[0.0; 4]))];
    for duals in [&still, known[0].duals()] {
        let (of, other) = (Mat::new(duals, 2, 2), joined(&[1.0; 4], &moving));
        let run = |b| Evaluation::new(&known).run(|| set(2, 2, Op::N(of), b));
        assert!(run(Op::T(of)).iter().all(|d| d.eps == 0.0));
        // A B′ alone, column by column.
        let eps: Vec<f64> = run(Op::N(Mat::new(&other, 2, 2))).iter().map(|d| d.eps).collect();
        assert_eq!(eps[..2], [7.0, f64::INFINITY]);
    }
    let mut gradient = Gradient::new(4);
    let mut out = [f64::NAN; 4];
    Evaluation::new(&[]).derivative(&mut gradient, &mut out, |grad| {
        let of = Mat::new(&still, 2, 2);
        Dual64::gemm_gradient(MatMut::new(grad, 2, 2), Write::Set, Op::N(of), Op::T(of));
    });
    assert_eq!(out, [0.0; 4]);
}

#[test]
#[should_panic(expected = "derivative: 3 numbers of 4")]
fn lengths_are_checked() {
    Evaluation::<f64>::new(&[]).derivative(&mut Gradient::new(4), &mut [0.0; 3], |_| ());
}

#[test]
#[cfg(debug_assertions)]
fn constants_that_are_others_are_refused() {
    let refused = |re: f64, of: f64| {
        std::panic::catch_unwind(|| {
            Known::constants(&[Dual::new(re, 0.0), Dual::new(1.0, 0.0)], &[of, 1.0]).duals().len()
        })
        .is_err()
    };
    assert!(refused(2.0, 3.0) && refused(f64::NAN, 3.0) && refused(2.0, f64::NAN));
    assert!(!refused(2.0, 2.0) && !refused(f64::NAN, f64::NAN));
}

#[test]
fn the_gradient_of_real_numbers_is_their_product() {
    let (a, b, mut c) = ([2.0, 3.0], [5.0, 7.0], [1.0]);
    f64::gemm_gradient(MatMut::new(&mut c, 1, 1), Write::Add, Op::N(Mat::new(&a, 1, 2)), Op::N(Mat::new(&b, 2, 1)));
    assert_eq!(c, [32.0]);
}
