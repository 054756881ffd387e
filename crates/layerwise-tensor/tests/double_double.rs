//! Double-double numbers against 80-digit references (`scripts/double_double.py`) and against identities.

use layerwise_tensor::{DoubleDouble, Dual, Mat, MatMut, Op, Scalar, Write};
use proptest::prelude::*;

type Dd = DoubleDouble;

/// |got − want| / |want|; 0 if what differs is below the precision of tiny numbers.
fn relative(got: Dd, want: Dd) -> f64 {
    let error = (got - want).to_f64().abs();
    if error <= 2e-323 { 0.0 } else { error / want.to_f64().abs() }
}

#[track_caller]
fn check(got: Dd, want: Dd) {
    assert!(relative(got, want) <= 1e-30, "{got:?} should be {want:?}");
}

#[test]
fn elementary_functions_are_right_to_28_digits() {
    let mut worst = std::collections::BTreeMap::new();
    for line in include_str!("double_double.txt").lines() {
        let mut words = line.split(' ');
        let name = words.next().unwrap();
        let bits: Vec<f64> = words.map(|w| f64::from_bits(u64::from_str_radix(w, 16).unwrap())).collect();
        let (x, want) = (Dd::new(bits[0], bits[1]), Dd::new(bits[2], bits[3]));
        let got = match name {
            "exp" => x.exp(),
            "ln" => x.ln(),
            "ln_1p" => x.ln_1p(),
            "sqrt" => x.sqrt(),
            "tanh" => x.tanh(),
            "sigmoid" => x.sigmoid(),
            "softplus" => x.softplus(),
            "erf" => x.erf(),
            "erfc" => x.erfc(),
            other => panic!("unknown function {other}"),
        };
        assert_eq!(got.hi(), got.hi() + got.lo(), "{line}");
        let error = relative(got, want);
        assert!(!error.is_nan(), "{line}");
        let entry = worst.entry(name).or_insert((error, x));
        if error > entry.0 {
            *entry = (error, x);
        }
    }
    println!("{worst:#?}");
    assert_eq!(worst.len(), 9);
    for (name, (error, x)) in worst {
        assert!(error <= 1e-28, "{name}: {error:e} at {x:?}");
    }
}

#[test]
fn special_values() {
    let (inf, nan) = (f64::INFINITY, f64::NAN);
    let functions: [fn(Dd) -> Dd; 9] =
        [Dd::exp, Dd::ln, Dd::ln_1p, Dd::sqrt, Dd::tanh, Dd::sigmoid, Dd::softplus, Dd::erf, Dd::erfc];
    let plain: [fn(f64) -> f64; 9] = [
        Scalar::exp,
        Scalar::ln,
        Scalar::ln_1p,
        Scalar::sqrt,
        Scalar::tanh,
        Scalar::sigmoid,
        Scalar::softplus,
        Scalar::erf,
        Scalar::erfc,
    ];
    let numbers = [inf, -inf, nan, 0.0, 1.0, -1.0, 1e300, -1e300, 710.5, -746.5, 1e-300];
    for x in numbers {
        for (i, (f, g)) in functions.iter().zip(plain).enumerate() {
            let (got, want) = (f(Dd::of(x)).to_f64(), g(x));
            let same = got.is_nan() && want.is_nan() || got == want || (got - want).abs() <= 1e-15 * want.abs();
            assert!(same || got.abs() < 1e-300 && want.abs() < 1e-300, "function {i} of {x}: {got} should be {want}");
        }
        for y in numbers {
            let (a, b) = (Dd::of(x), Dd::of(y));
            for (got, want) in [(a + b, x + y), (a - b, x - y), (a * b, x * y), (a / b, x / y)] {
                let got = got.to_f64();
                assert!(got == want || got.is_nan() && want.is_nan(), "{x} and {y}: {got} should be {want}");
            }
            assert_eq!((a < b, a == b, a > b, a <= b), (x < y, x == y, x > y, x <= y));
        }
    }
    assert!(Dd::of(1e300).finite() && !Dd::of(inf).finite() && !Dd::of(nan).finite());
}

#[test]
fn small_differences_are_seen() {
    let above = Dd::new(1.0, 1e-30);
    assert!(above > Dd::ONE && above.lo() == 1e-30 && above.value() == 1.0);
    assert!(Dd::new(1.0, -1e-30) < Dd::ONE && Dd::new(-1.0, 1e-30).abs() < Dd::ONE);
    assert_eq!(Dd::new(1e-30, 1.0), above);
    assert_eq!(Dd::select(true, above, Dd::ONE), above);
    assert_eq!(Dd::select(false, above, Dd::ONE), Dd::ONE);
}

#[test]
fn dual_numbers_of_them_have_derivatives_to_28_digits() {
    type Dual2 = Dual<Dual<Dd>>;
    let x = Dd::new(0.8, 3e-17);
    let hyper = Dual2::new(Dual::new(x, Dd::ONE), Dual::new(Dd::ONE, Dd::ZERO));
    // erf″ = −2x erf′, tanh″ = −2 tanh tanh′, σ″ = σ′(1 − 2σ).
    let erf = hyper.erf();
    let pi = Dd::new(std::f64::consts::PI, 1.2246467991473532e-16);
    check(erf.re.eps, Dd::of(2.0) / pi.sqrt() * (-x * x).exp());
    check(erf.eps.eps, Dd::of(-2.0) * x * erf.re.eps);
    check(hyper.erfc().eps.eps, Dd::of(2.0) * x * erf.re.eps);
    let tanh = hyper.tanh();
    check(tanh.re.eps, Dd::ONE - tanh.re.re * tanh.re.re);
    check(tanh.eps.eps, Dd::of(-2.0) * tanh.re.re * tanh.re.eps);
    let sigmoid = hyper.sigmoid();
    check(sigmoid.eps.eps, sigmoid.re.eps * (Dd::ONE - sigmoid.re.re - sigmoid.re.re));
}

#[test]
fn hyper_dual_products_keep_a_second_derivative_whose_first_is_zero() {
    type Dual2 = Dual<Dual<Dd>>;
    let dual = |a, b, c, d| Dual2::new(Dual::new(Dd::of(a), Dd::of(b)), Dual::new(Dd::of(c), Dd::of(d)));
    let (a, b) =
        ([dual(2.0, 3.0, 0.0, 5.0), dual(1.0, 0.0, 0.0, 0.0)], [dual(7.0, 0.0, 0.0, 0.5), dual(1.0, 2.0, 3.0, 4.0)]);
    for (write, start) in [(Write::Set, 0.0), (Write::Add, 10.0)] {
        let mut c = [dual(10.0, 0.0, 0.0, 0.0)];
        Dual2::gemm(MatMut::new(&mut c, 1, 1), write, Op::N(Mat::new(&a, 1, 2)), Op::T(Mat::new(&b, 1, 2)));
        let got = [c[0].re.re, c[0].re.eps, c[0].eps.re, c[0].eps.eps].map(Dd::to_f64);
        assert_eq!(got, [start + 15.0, 23.0, 3.0, 1.0 + 35.0 + 4.0]);
    }
}

fn number() -> impl Strategy<Value = Dd> {
    (1e-3..1e3f64, -1.0..1.0f64, proptest::bool::ANY).prop_map(|(hi, part, negative)| {
        let x = Dd::new(hi, hi * part * f64::EPSILON);
        if negative { -x } else { x }
    })
}

proptest! {
    #[test]
    fn arithmetic_obeys_its_laws(a in number(), b in number(), c in number()) {
        prop_assert!((a + b - b - a).to_f64().abs() <= 1e-31 * (a.to_f64().abs() + b.to_f64().abs()));
        check(a * b / b, a);
        check((a * a).sqrt(), a.abs());
        let distributed = a * b + a * c;
        let size = (a * b).to_f64().abs() + (a * c).to_f64().abs();
        prop_assert!((a * (b + c) - distributed).to_f64().abs() <= 2e-31 * size);
        let mut d = a;
        d += b;
        d -= c;
        d *= b;
        d /= c;
        prop_assert_eq!(d, (a + b - c) * b / c);
        // Products and sums of f64 are exact.
        let (x, y) = (a.hi(), b.hi());
        let product = Dd::of(x) * Dd::of(y);
        prop_assert_eq!((product.hi(), product.lo()), (x * y, x.mul_add(y, -(x * y))));
        prop_assert_eq!(Dd::of(x) + Dd::of(y) - Dd::of(y), Dd::of(x));
    }
}
