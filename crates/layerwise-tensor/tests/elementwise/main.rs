//! The elementary functions: against correctly rounded results (`scripts/math.py`) and against double-double numbers, at every
//! level with the same bits. `cargo xtask ulp` runs the slow test, over all numbers of f32.

mod functions;
mod sweep;

use functions::{Format, Function, UlpError, every_function, same_bits_at_every_level};
use layerwise_tensor::{Scalar, simd};

#[test]
fn results_of_mpmath_are_met() {
    fn check<F: Function>() {
        let mut seen = 0;
        for line in include_str!("math.txt").lines() {
            let [kind, name, x, y] = line.split(' ').collect::<Vec<_>>()[..] else { panic!("{line}") };
            if name != F::NAME {
                continue;
            }
            let bits = |s| u64::from_str_radix(s, 16).unwrap();
            let (x, y) = (bits(x), bits(y));
            let ulp = if kind == "f64" {
                (F::of(f64::from_bits(x)).to_bits() as i64).abs_diff(y as i64)
            } else {
                u64::from((F::of(f32::from_bits(x as u32)).to_bits() as i32).abs_diff(y as i32))
            };
            // The result of mpmath is rounded too.
            assert!(ulp <= 2, "{line}: {ulp} ulp");
            seen += 1;
        }
        assert!(seen > 200 || F::NAME == "softplus", "{}: {seen} lines", F::NAME);
    }
    every_function!(check);
}

/// Numbers next to x, on both sides and of both signs.
fn around<T: Format>(points: &mut Vec<T>, x: f64) {
    let middle = T::of(x).to_bits();
    for bits in middle.saturating_sub(3)..=middle + 3 {
        points.extend([T::from_bits(bits), -T::from_bits(bits)]);
    }
}

/// Where something may break, and a sample of all there is.
fn points<T: Format>() -> Vec<T> {
    let mut points = Vec::new();
    // The ends of the polynomials of tanh and erf; where erfc and the functions that go through exp end.
    for x in [0.25, 0.5, 0.625, 0.75, 1.0, 1.75, 2.0, 10.0, 10.25, 19.1, 26.5, 27.3, 28.0] {
        around(&mut points, x);
    }
    for x in [16.7, 17.4, 36.8, 87.4, 88.73, 89.0, 104.0, 708.4, 709.79, 710.0, 745.2, 746.0, 1e3, 1e9] {
        around(&mut points, x);
    }
    // Between two reductions of exp, and two exponents of ln.
    for k in [0.0, 1.0, 2.0, 3.0, 10.0, 54.0, 126.0, 1020.0] {
        around(&mut points, (k + 0.5) * std::f64::consts::LN_2);
        around(&mut points, (k + 0.5) * 0.5 * std::f64::consts::LN_2);
        around(&mut points, std::f64::consts::SQRT_2 * k.min(100.0).exp2());
        around(&mut points, std::f64::consts::FRAC_1_SQRT_2 * (-k.min(100.0)).exp2());
    }
    let end = T::of(f64::INFINITY).to_bits();
    for k in 0..T::BIASES {
        // Every power of 2.
        let power = end / T::BIASES * k;
        points.extend([power.saturating_sub(1), power, power + 1].map(T::from_bits));
    }
    points.extend([1, 2, 3, 1000, end / T::BIASES / 3, end - 1, end].map(T::from_bits));
    for i in 0..3000 {
        let t = f64::from(i) / 3000.0;
        points.extend([T::from_bits((end as f64 * t) as u64), T::of(40.0 * t), T::of(3.0 * t), T::of(0.1 * t)]);
        points.extend([T::of(1.0 + 0.1 * t), T::of(800.0 * t)]);
    }
    let negative: Vec<T> = points.iter().map(|x| -*x).collect();
    points.extend(negative);
    points
}

#[test]
fn the_error_is_within_the_bound_at_boundaries_and_between() {
    fn check<F: Function>() {
        fn in_format<F: Function, T: Format>() {
            let mut worst = UlpError::default();
            for x in points::<T>() {
                worst.see(x.value(), T::ulp_error(F::of(x), F::exact(x.value())));
            }
            println!("{} {}: {worst:?}", F::NAME, std::any::type_name::<T>());
            assert!(worst.ulp <= F::BOUND, "{} {}: {worst:?}", F::NAME, std::any::type_name::<T>());
        }
        in_format::<F, f32>();
        in_format::<F, f64>();
    }
    every_function!(check);
}

#[test]
fn special_values() {
    fn check<S: Scalar>() {
        let inf = f64::INFINITY;
        let at = |f: fn(S) -> S, x: f64| f(S::of(x)).value();
        let all: [fn(S) -> S; 8] = [S::exp, S::ln, S::ln_1p, S::tanh, S::sigmoid, S::softplus, S::erf, S::erfc];
        assert!(all.iter().all(|f| at(*f, f64::NAN).is_nan()));
        assert_eq!((at(S::exp, -inf), at(S::exp, inf), at(S::exp, 0.0)), (0.0, inf, 1.0));
        assert_eq!((at(S::ln, 0.0), at(S::ln, inf), at(S::ln, 1.0)), (-inf, inf, 0.0));
        assert!(at(S::ln, -1.0).is_nan() && at(S::ln, -inf).is_nan() && at(S::ln, -0.0) == -inf);
        assert_eq!((at(S::ln_1p, -1.0), at(S::ln_1p, inf), at(S::ln_1p, 0.0)), (-inf, inf, 0.0));
        assert!(at(S::ln_1p, -2.0).is_nan() && at(S::ln_1p, -inf).is_nan());
        assert_eq!((at(S::tanh, -inf), at(S::tanh, inf)), (-1.0, 1.0));
        assert_eq!((at(S::sigmoid, -inf), at(S::sigmoid, inf), at(S::sigmoid, 0.0)), (0.0, 1.0, 0.5));
        assert_eq!((at(S::softplus, -inf), at(S::softplus, inf)), (0.0, inf));
        assert_eq!((at(S::erf, -inf), at(S::erf, inf)), (-1.0, 1.0));
        assert_eq!((at(S::erfc, -inf), at(S::erfc, inf), at(S::erfc, 0.0)), (2.0, 0.0, 1.0));
        for zero in [0.0, -0.0] {
            let bits = [at(S::tanh, zero), at(S::erf, zero)].map(f64::to_bits);
            assert_eq!(bits, [f64::to_bits(zero); 2], "odd functions keep the sign of 0");
            assert_eq!((at(S::ln_1p, zero), at(S::sigmoid, zero)), (0.0, 0.5));
        }
    }
    check::<f32>();
    check::<f64>();
}

#[test]
fn the_same_bits_at_every_level_and_for_any_number_of_threads() {
    fn check<F: Function>() {
        same_bits_at_every_level::<F, f32>(F::default(), &points());
        same_bits_at_every_level::<F, f64>(F::default(), &points());
    }
    every_function!(check);
    // By closures, which may be compiled apart from the loop, and on two threads.
    let x: Vec<f64> = points();
    let all = || {
        let mut y = vec![0.0; x.len()];
        layerwise_tensor::elementwise::map(&mut y, &x, |x| x.tanh() + x.sigmoid());
        y.iter().map(|y| y.to_bits()).collect::<Vec<_>>()
    };
    let best = simd::level();
    let reference = all();
    assert!(x.len() > 20_000, "so many that they are split");
    assert!(layerwise_tensor::Team::new(2).unwrap().install(all) == reference, "two threads");
    for level in [simd::Level::Base, simd::Level::Avx2] {
        simd::limit_level(level);
        assert!(all() == reference, "{level:?}");
    }
    simd::limit_level(best);
}
