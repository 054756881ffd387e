//! The matrix product against sums in f64 order-free bounds, at sizes on both sides of every blocking threshold.

use layerwise_tensor::{Dual, Dual64, Key, Mat, MatMut, Op, Purpose, Scalar, Team, Write, simd};

/// Held by tests that change or depend on the process-wide dispatch level.
static LEVEL: std::sync::Mutex<()> = std::sync::Mutex::new(());

fn random<S: Scalar>(n: usize, seed: u64) -> Vec<S> {
    let mut rng = Key::new(seed, Purpose::Test).rng();
    (0..n).map(|_| S::of(rng.normal())).collect()
}

/// c, and the bound k · ε · Σ|a||b| of any summation order.
fn naive<S: Scalar>(a: &Op<'_, S>, b: &Op<'_, S>) -> Vec<(f64, f64)> {
    let at = |op: &Op<'_, S>, i, j| match op {
        Op::N(m) => m.at(i, j).value(),
        Op::T(m) => m.at(j, i).value(),
    };
    let ((m, k), (_, n)) = (a.shape(), b.shape());
    let mut out = Vec::new();
    for j in 0..n {
        for i in 0..m {
            let terms = (0..k).map(|l| at(a, i, l) * at(b, l, j));
            out.push(terms.fold((0.0, 0.0), |(s, t), x| (s + x, t + x.abs())));
        }
    }
    out
}

fn forms<S: Scalar>(m: usize, k: usize, n: usize, f: impl Fn(Op<'_, S>, Op<'_, S>)) {
    let (a, b) = (random::<S>(m * k, 1), random::<S>(k * n, 2));
    for ta in [false, true] {
        for tb in [false, true] {
            let a = if ta { Op::T(Mat::new(&a, k, m)) } else { Op::N(Mat::new(&a, m, k)) };
            let b = if tb { Op::T(Mat::new(&b, n, k)) } else { Op::N(Mat::new(&b, k, n)) };
            f(a, b);
        }
    }
}

fn check<S: Scalar>(m: usize, k: usize, n: usize, eps: f64) {
    forms::<S>(m, k, n, |a, b| {
        let want = naive(&a, &b);
        let mut c = vec![S::of(f64::NAN); m * n];
        S::gemm(MatMut::new(&mut c, m, n), Write::Set, a, b);
        S::gemm(MatMut::new(&mut c, m, n), Write::Add, a, b);
        for (got, (sum, size)) in c.iter().zip(&want) {
            let error = (got.value() - 2.0 * sum).abs();
            assert!(error <= 2.0 * (k as f64 + 2.0) * eps * size, "{m}x{k}x{n}: {got:?} should be {}", 2.0 * sum);
        }
    });
}

#[test]
fn products_are_right_at_every_level() {
    let _guard = LEVEL.lock();
    let best = simd::level();
    for level in [simd::Level::Base, simd::Level::Avx2, simd::Level::Avx512] {
        simd::limit_level(level);
        for (m, k, n) in [
            (1, 1, 1),
            (1, 7, 1),
            (3, 1, 5),
            (5, 4, 3),
            (16, 16, 4),
            (17, 33, 5),
            (48, 10, 9),
            (96, 64, 4),
            (97, 65, 33),
            (10, 129, 32),
            (128, 10, 64),
            (200, 300, 7),
            (1, 300, 64),
            (130, 257, 40),
        ] {
            check::<f64>(m, k, n, f64::EPSILON);
            check::<f32>(m, k, n, f64::from(f32::EPSILON));
        }
    }
    simd::limit_level(best);
}

#[test]
fn empty_products() {
    let mut c = [1.0f64; 6];
    f64::gemm(MatMut::new(&mut c, 2, 3), Write::Add, Op::N(Mat::new(&[], 2, 0)), Op::N(Mat::new(&[], 0, 3)));
    assert_eq!(c, [1.0; 6]);
    f64::gemm(MatMut::new(&mut c, 2, 3), Write::Set, Op::N(Mat::new(&[], 2, 0)), Op::N(Mat::new(&[], 0, 3)));
    assert_eq!(c, [0.0; 6]);
}

#[test]
#[should_panic(expected = "gemm: 2x3 times 2x3 does not give 2x3")]
fn shapes_are_checked() {
    let a = [0.0f32; 6];
    f32::gemm(MatMut::new(&mut [0.0; 6], 2, 3), Write::Set, Op::N(Mat::new(&a, 2, 3)), Op::N(Mat::new(&a, 2, 3)));
}

#[test]
fn the_same_bits_for_any_number_of_threads() {
    let _guard = LEVEL.lock();
    fn check<S: Scalar>(m: usize, k: usize, n: usize, team: &Team) {
        forms::<S>(m, k, n, |a, b| {
            let run = || {
                let mut c = vec![S::ONE; m * n];
                S::gemm(MatMut::new(&mut c, m, n), Write::Add, a, b);
                c.iter().map(|v| v.value().to_bits()).collect::<Vec<_>>()
            };
            assert!(run() == team.install(run), "{m}x{k}x{n} on {team:?}");
        });
    }
    for threads in [2, 3] {
        let team = Team::new(threads).unwrap();
        for (m, k, n) in
            [(64, 784, 512), (512, 64, 784), (512, 512, 128), (10, 512, 128), (130, 70, 200), (257, 129, 65)]
        {
            check::<f32>(m, k, n, &team);
            check::<f64>(m, k, n, &team);
        }
    }
}

#[test]
fn dual_products_are_the_product_rule() {
    for (zero_a, zero_b) in [(false, false), (true, false), (false, true), (true, true)] {
        let (m, k, n) = (7, 5, 6);
        let dual = |len, seed, zero: bool| -> Vec<Dual64> {
            let (re, eps) = (random::<f64>(len, seed), random::<f64>(len, seed + 10));
            re.into_iter().zip(eps).map(|(r, e)| Dual::new(r, if zero { 0.0 } else { e })).collect()
        };
        let (a, b) = (dual(m * k, 3, zero_a), dual(k * n, 4, zero_b));
        let mut c = vec![Dual::new(1.0, 2.0); m * n];
        Dual64::gemm(MatMut::new(&mut c, m, n), Write::Add, Op::N(Mat::new(&a, m, k)), Op::N(Mat::new(&b, k, n)));
        for j in 0..n {
            for i in 0..m {
                let mut want = Dual::new(1.0, 2.0);
                for l in 0..k {
                    want += a[i + l * m] * b[l + j * k];
                }
                let got = c[i + j * m];
                assert!((got.re - want.re).abs() < 1e-13 && (got.eps - want.eps).abs() < 1e-13, "{got:?} {want:?}");
            }
        }
    }
}

proptest::proptest! {
    /// Any small shape, at the level of this processor.
    #[test]
    fn products_of_any_small_shape_are_right(m in 1usize..60, k in 1usize..60, n in 1usize..60) {
        let _guard = LEVEL.lock();
        check::<f64>(m, k, n, f64::EPSILON);
        check::<f32>(m, k, n, f64::from(f32::EPSILON));
    }
}
