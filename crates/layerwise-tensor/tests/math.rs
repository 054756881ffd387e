//! The elementary functions against correctly rounded results (`scripts/math.py`), and the same bits at every dispatch level.

use layerwise_tensor::{Scalar, elementwise, simd};

fn apply<S: Scalar>(name: &str, x: S) -> S {
    match name {
        "exp" => x.exp(),
        "ln" => x.ln(),
        "ln_1p" => x.ln_1p(),
        "tanh" => x.tanh(),
        "sigmoid" => x.sigmoid(),
        "erf" => x.erf(),
        "erfc" => x.erfc(),
        other => panic!("unknown function {other}"),
    }
}

const NAMES: [&str; 7] = ["exp", "ln", "ln_1p", "tanh", "sigmoid", "erf", "erfc"];

#[test]
fn at_most_two_units_in_the_last_place() {
    let mut worst = std::collections::BTreeMap::new();
    for line in include_str!("math.txt").lines() {
        let [kind, name, x, y] = line.split(' ').collect::<Vec<_>>()[..] else { panic!("{line}") };
        let bits = |s| u64::from_str_radix(s, 16).unwrap();
        let (x, y) = (bits(x), bits(y));
        let ulp = if kind == "f64" {
            let got = apply(name, f64::from_bits(x)).to_bits();
            (got as i64).abs_diff(y as i64)
        } else {
            let got = apply(name, f32::from_bits(x as u32)).to_bits();
            u64::from((got as i32).abs_diff(y as i32))
        };
        let entry = worst.entry((kind, name)).or_insert((0, x));
        if ulp > entry.0 {
            *entry = (ulp, x);
        }
    }
    println!("{worst:?}");
    for ((kind, name), (ulp, x)) in worst {
        // 1/(1+e^-x) and erfc's product of three rounded factors are allowed one more.
        let bound = if matches!(name, "sigmoid" | "erfc") && kind == "f64" || name == "sigmoid" { 3 } else { 2 };
        assert!(ulp <= bound, "{kind} {name}: {ulp} ulp at bits {x:x}");
    }
}

#[test]
fn special_values() {
    fn check<S: Scalar>() {
        let at = |name: &str, x: f64| apply(name, S::of(x)).value();
        let inf = f64::INFINITY;
        for name in NAMES {
            assert!(at(name, f64::NAN).is_nan(), "{name}");
        }
        assert_eq!((at("exp", -inf), at("exp", inf), at("exp", 0.0)), (0.0, inf, 1.0));
        assert_eq!((at("ln", 0.0), at("ln", inf), at("ln", 1.0)), (-inf, inf, 0.0));
        assert!(at("ln", -1.0).is_nan() && at("ln", -0.0) == -inf);
        assert_eq!((at("ln_1p", -1.0), at("ln_1p", inf), at("ln_1p", 0.0)), (-inf, inf, 0.0));
        assert_eq!((at("tanh", -inf), at("tanh", inf)), (-1.0, 1.0));
        assert!(at("tanh", -0.0).is_sign_negative());
        assert_eq!((at("sigmoid", -inf), at("sigmoid", inf), at("sigmoid", 0.0)), (0.0, 1.0, 0.5));
        assert_eq!((at("erf", -inf), at("erf", inf), at("erf", 0.0)), (-1.0, 1.0, 0.0));
        assert_eq!((at("erfc", -inf), at("erfc", inf), at("erfc", 0.0)), (2.0, 0.0, 1.0));
    }
    check::<f32>();
    check::<f64>();
}

#[test]
fn the_same_bits_at_every_level_and_for_any_number_of_threads() {
    let x64: Vec<f64> = (0..40_003).map(|i| (i as f64 - 20_000.0) * 1.3e-3).collect();
    let x32: Vec<f32> = x64.iter().map(|&x| x as f32).collect();
    fn all<S: Scalar>(x: &[S]) -> Vec<u64> {
        let mut y = vec![S::ZERO; x.len()];
        let mut bits = Vec::new();
        for name in NAMES {
            elementwise::map(&mut y, x, |x| apply(name, x));
            bits.extend(y.iter().map(|v| v.value().to_bits()));
        }
        bits
    }
    let best = simd::level();
    let reference = (all(&x64), all(&x32));
    let team = layerwise_tensor::Team::new(2).unwrap();
    assert!(team.install(|| (all(&x64), all(&x32))) == reference, "two threads");
    for level in [simd::Level::Base, simd::Level::Avx2, simd::Level::Avx512] {
        let now = simd::limit_level(level);
        assert!((all(&x64), all(&x32)) == reference, "{now:?}");
    }
    simd::limit_level(best);
}
