//! Error bounds against the true error, which double-double numbers know, on random programs; and their size.

use layerwise_tensor::bounded::Format;
use layerwise_tensor::dual::Plane;
use layerwise_tensor::{Bounded, DoubleDouble, Dual, Mat, MatMut, Op, Scalar, Write};
use proptest::prelude::*;

type Dd = DoubleDouble;

/// One instruction: an operation on two earlier numbers.
type Instruction = (u8, prop::sample::Index, prop::sample::Index);

/// A dot product by the matrix product of S.
fn by_gemm<S: Scalar>(a: &[S], b: &[S], start: S) -> S {
    let mut c = [start];
    let (a, b) = (Mat::new(a, 1, a.len()), Mat::new(b, b.len(), 1));
    S::gemm(MatMut::new(&mut c, 1, 1), Write::Add, Op::N(a), Op::N(b));
    c[0]
}

/// All intermediate results of a program on `numbers`.
fn run<S: Scalar>(program: &[Instruction], mut numbers: Vec<S>, dot: impl Fn(&[S], &[S], S) -> S) -> Vec<S> {
    for (code, i, j) in program {
        let (x, y) = (numbers[i.index(numbers.len())], numbers[j.index(numbers.len())]);
        numbers.push(match code {
            0 => x + y,
            1 => x - y,
            2 => x * y,
            3 => x / y,
            4 => x.exp(),
            5 => (x * x).ln(),
            6 => x.abs().ln_1p(),
            7 => x.abs().sqrt(),
            8 => x.tanh(),
            9 => x.sigmoid(),
            10 => x.erf(),
            11 => x.erfc(),
            12 => x.softplus(),
            13 => x.max(y),
            14 => x.min(y),
            15 => -x * S::of(0.1),
            16 => x.abs() - S::of(std::f64::consts::PI),
            _ => {
                let n = numbers.len() / 2;
                let (a, b) = numbers.split_at(n);
                dot(a, &b[..n], x)
            }
        });
    }
    numbers
}

const CODES: u8 = 20;

/// Every number of the program is within its bound, in every kind of evaluation.
fn check<T: Format>(
    program: &[Instruction],
    inputs: &[f64],
    fused: impl Fn(T, T, T) -> T + Copy,
) -> Result<(), TestCaseError> {
    let inputs: Vec<T> = inputs.iter().map(|&x| T::of(x)).collect();
    let bounded = run(program, inputs.iter().map(|&x| Bounded::exact(x)).collect(), by_gemm);
    let exact = run(program, inputs.iter().map(|x| Dd::of(x.value())).collect(), by_gemm);
    let fast = run(program, inputs.clone(), by_gemm);
    let fold = |a: &[T], b: &[T], start: T, f: &dyn Fn(T, T, T) -> T| {
        a.iter().zip(b).fold(start, |sum, (&a, &b)| f(sum, a, b))
    };
    let forward = run(program, inputs.clone(), |a, b, start| fold(a, b, start, &|sum, a, b| sum + a * b));
    let fused = run(program, inputs, |a, b, start| {
        let (even, odd) = (a.len() / 2, b.len() / 2);
        fold(&a[even..], &b[odd..], fold(&a[..even], &b[..odd], T::ZERO, &fused), &fused) + start
    });
    for (i, (bounded, exact)) in bounded.iter().zip(&exact).enumerate() {
        if !exact.finite() || bounded.error.is_infinite() {
            continue;
        }
        for got in [bounded.value, fast[i], forward[i], fused[i]] {
            let error = (Dd::of(got.value()) - *exact).to_f64().abs();
            // The reference has an error too.
            let limit = bounded.error + 1e-25 * exact.to_f64().abs() + 1e-290;
            prop_assert!(
                error <= limit,
                "number {i}: {got:?} should be {exact:?} within {:e}, is off {error:e}",
                bounded.error
            );
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]
    #[test]
    fn the_true_error_is_within_the_bound(
        program in prop::collection::vec((0..CODES, any::<prop::sample::Index>(), any::<prop::sample::Index>()), 1..25),
        inputs in prop::collection::vec(prop_oneof![-3.0..3.0f64, -100.0..100.0f64, -1e-6..1e-6f64], 4),
    ) {
        check::<f32>(&program, &inputs, |sum, a, b| a.mul_add(b, sum))?;
        check::<f64>(&program, &inputs, |sum, a, b| a.mul_add(b, sum))?;
    }
}

/// The bound on f(x), as a multiple of u |f(x)|, for an argument that is off by `units` · u |x|.
fn size<T: Format>(f: impl Fn(Bounded<T>) -> Bounded<T>, x: f64, units: f64) -> f64 {
    let value = T::of(x);
    let y = f(Bounded { value, error: units * T::UNIT * value.value().abs() });
    y.error / (T::UNIT * y.value().abs())
}

#[test]
fn bounds_are_useful() {
    fn check<T: Format>(arguments: &[f64]) {
        type F<T> = fn(Bounded<T>) -> Bounded<T>;
        // Relative condition numbers |x f′/f| stay below 80 here.
        let functions: [F<T>; 7] = [
            Bounded::exp,
            Bounded::ln_1p,
            Bounded::sqrt,
            Bounded::tanh,
            Bounded::sigmoid,
            Bounded::erf,
            Bounded::softplus,
        ];
        for &x in arguments {
            for (i, f) in functions.iter().enumerate() {
                if x >= 0.0 || !matches!(i, 1 | 2) {
                    let exact = size(f, x, 0.0);
                    assert!(exact <= 17.0 || x == 0.0, "function {i} of {x}: {exact} u");
                    let inexact = size(f, x, 1.0);
                    assert!(inexact <= 100.0 || x == 0.0, "function {i} of {x}: {inexact} u");
                }
            }
        }
        // Saturated: the error of the argument is gone, or stays relative.
        assert!(size::<T>(|x| x.tanh(), 20.0, 1e3) < 9.0 && size::<T>(|x| x.erf(), 9.0, 1e3) < 9.0);
        assert!(size::<T>(|x| x.sigmoid(), 60.0, 1e3) < 9.0 && size::<T>(|x| x.sigmoid(), -40.0, 1.0) < 50.0);
        assert!(size::<T>(|x| x.erfc(), 5.0, 1.0) < 60.0 && size::<T>(|x| x.erfc(), -5.0, 1e3) < 10.0);
        assert!(size::<T>(|x| x.exp(), -10.0, 1.0) < 19.0 && size::<T>(|x| x.ln(), 1e6, 1e3) < 90.0);
        assert!(size::<T>(|x| x + x, 1.0, 0.0) < 1.1 && size::<T>(|x| x * x, 3.0, 1.0) < 3.1);
        assert!(size::<T>(|x| x / (x + Bounded::ONE), 3.0, 1.0) < 4.0);
    }
    check::<f32>(&[-60.0, -20.0, -3.0, -0.7, -1e-3, -1e-30, 1e-30, 1e-3, 0.4, 2.0, 20.0, 60.0]);
    check::<f64>(&[-60.0, -20.0, -3.0, -0.7, -1e-3, -1e-300, 1e-300, 1e-3, 0.4, 2.0, 20.0, 60.0]);
}

#[test]
fn a_small_network_has_bounds_of_a_few_hundred_units_and_so_has_its_derivative() {
    fn check<T: Format>()
    where
        Bounded<T>: Plane,
    {
        let n = 8;
        let number = |i: usize| T::of((i * 37 % 41) as f64 / 41.0 - 0.5);
        let weights: Vec<_> =
            (0..n * n).map(|i| Dual::new(Bounded::exact(number(i)), Bounded::exact(number(i + 5)))).collect();
        let mut x: Vec<_> = (0..n).map(|i| Dual::new(Bounded::exact(number(i + 9)), Bounded::ZERO)).collect();
        for _ in 0..4 {
            let mut y = vec![Dual::ZERO; n];
            let w = Mat::new(&weights, n, n);
            Dual::gemm(MatMut::new(&mut y, n, 1), Write::Set, Op::T(w), Op::N(Mat::new(&x, n, 1)));
            x = y.into_iter().map(|y| y.tanh() + Dual::of(0.25)).collect();
        }
        for x in x {
            assert!(x.re.error > 0.0 && x.re.error < 300.0 * T::UNIT, "{x:?}");
            assert!(x.eps.error > 0.0 && x.eps.error < 3000.0 * T::UNIT, "{x:?}");
        }
    }
    check::<f32>();
    check::<f64>();
}

#[test]
fn constants_choices_and_zeros() {
    fn check<T: Format>() {
        type B<T> = Bounded<T>;
        let bounded = |value: f64, error: f64| B::<T> { value: T::of(value), error };
        for exact in [0.0, 1.0, -0.375, 1048575.0, 2f64.powi(-20), f64::INFINITY] {
            assert_eq!((B::<T>::of(exact).value(), B::<T>::of(exact).error), (exact, 0.0));
        }
        for rounded in [0.1, -1.0 / 3.0, 2f64.powi(-21), 1048576.0, 1e9] {
            let error = B::<T>::of(rounded).error / (T::UNIT * rounded.abs());
            assert!((1.0..1.00001).contains(&error), "{rounded}: {error}");
        }
        assert_eq!(B::<T>::of(f64::NAN).error, f64::INFINITY);
        let (low, high) = (bounded(1.0, 0.5), bounded(2.0, 0.25));
        let parts = |x: B<T>| (x.value(), x.error);
        // The distance 1 is less than 2 (0.5 + 0.25): either may be the larger.
        assert_eq!((parts(low.max(high)), parts(high.min(low))), ((2.0, 0.5), (1.0, 0.5)));
        let far = bounded(4.0, 0.25);
        assert_eq!((parts(low.max(far)), parts(far.min(low))), ((4.0, 0.25), (1.0, 0.5)));
        assert_eq!((parts(-low), parts((-low).abs())), ((-1.0, 0.5), (1.0, 0.5)));
        assert_eq!((parts(B::select(true, low, high)), parts(B::select(false, low, high))), ((1.0, 0.5), (2.0, 0.25)));
        assert_eq!(parts(B::<T>::ZERO * B::of(0.1) + B::ZERO), (0.0, 0.0));
        assert_eq!(parts(B::<T>::ZERO / B::of(0.1)), (0.0, 0.0));
        // Near 0 the root of the error; at a pole nothing is known.
        assert!((bounded(0.0, 1e-10).sqrt().error - 1e-5).abs() < 1e-10 && B::<T>::ZERO.sqrt().error == 0.0);
        assert_eq!((bounded(1.0, 0.5) / bounded(1.0, 0.5)).error, f64::INFINITY);
        assert_eq!((bounded(1.0, 0.5).ln().error, bounded(-0.5, 0.25).ln_1p().error), (f64::INFINITY, f64::INFINITY));
        assert_eq!((B::<T>::of(-1.0).sqrt().error, B::<T>::of(1e3).exp().error), (f64::INFINITY, f64::INFINITY));
        assert!(!B::<T>::of(f64::INFINITY).finite() && bounded(1.0, f64::INFINITY).finite());
        // Below the normal numbers the bound is absolute.
        let tiny = bounded(2.0 * T::NORMAL, 0.0);
        let product = tiny * tiny;
        assert!(product.value() == 0.0 && product.error > 0.0 && product.error < T::NORMAL);
        assert!((tiny / bounded(1e6, 0.0)).error >= T::TINY);
    }
    check::<f32>();
    check::<f64>();
}
