//! The matrix product against its definition, bit for bit: every number of C is one chain of multiply-adds in the order of k. The
//! sizes lie on both sides of every blocking threshold.

use layerwise_tensor::{Dual, Dual64, Key, Mat, MatMut, Op, Purpose, Scalar, Team, Write, simd};

/// Held by tests that change or depend on the process-wide dispatch level.
static LEVEL: std::sync::Mutex<()> = std::sync::Mutex::new(());

fn random<S: Scalar>(n: usize, seed: u64) -> Vec<S> {
    let mut rng = Key::new(seed, Purpose::Test).rng();
    (0..n).map(|_| S::of(rng.normal())).collect()
}

/// A real type with the multiply-add of a dispatch level.
trait Chain: Scalar {
    fn fused(a: Self, b: Self, c: Self) -> Self;

    /// c ← c + op(a) op(b) by its definition.
    fn chain(c: &mut [Self], a: &Op<'_, Self>, b: &Op<'_, Self>) {
        let at = |op: &Op<'_, Self>, i, j| match op {
            Op::N(m) => m.at(i, j),
            Op::T(m) => m.at(j, i),
        };
        // The portable kernels fuse only where the build's target has the instruction.
        let fused = simd::level() > simd::Level::Base || cfg!(any(target_arch = "aarch64", target_feature = "fma"));
        let ((m, k), (_, n)) = (a.shape(), b.shape());
        for j in 0..n {
            for i in 0..m {
                let c = &mut c[i + j * m];
                for l in 0..k {
                    let (a, b) = (at(a, i, l), at(b, l, j));
                    *c = if fused { Self::fused(a, b, *c) } else { a * b + *c };
                }
            }
        }
    }
}
impl Chain for f32 {
    fn fused(a: f32, b: f32, c: f32) -> f32 {
        a.mul_add(b, c)
    }
}
impl Chain for f64 {
    fn fused(a: f64, b: f64, c: f64) -> f64 {
        a.mul_add(b, c)
    }
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

fn check<S: Chain>(m: usize, k: usize, n: usize) {
    forms::<S>(m, k, n, |a, b| {
        let mut want = vec![S::ZERO; m * n];
        let mut got = vec![S::of(f64::NAN); m * n];
        for write in [Write::Set, Write::Add] {
            S::chain(&mut want, &a, &b);
            S::gemm(MatMut::new(&mut got, m, n), write, a, b);
            let wrong = got.iter().zip(&want).position(|(got, want)| got.value().to_bits() != want.value().to_bits());
            if let Some(i) = wrong {
                panic!("{m}x{k}x{n} {write:?}: number ({}, {}) is {:?}, not {:?}", i % m, i / m, got[i], want[i]);
            }
        }
    });
}

#[test]
fn products_are_chains_of_multiply_adds_at_every_level() {
    let _guard = LEVEL.lock();
    let best = simd::level();
    for level in [simd::Level::Base, simd::Level::Avx2, simd::Level::Avx512] {
        simd::limit_level(level);
        // Around the sizes of registers, tiles and strips; with copies of A, of B, of both and of none; several blocks of k and
        // of the columns of B.
        for m in [1, 3, 8, 16, 17, 33, 49, 64, 70] {
            for (k, n) in [(1, 1), (5, 2), (16, 3), (17, 5), (33, 6), (20, 11), (9, 12), (18, 13), (31, 40)] {
                check::<f64>(m, k, n);
                check::<f32>(m, k, n);
            }
        }
        for (m, k, n) in
            [(10, 129, 32), (200, 300, 7), (1, 300, 64), (130, 257, 40), (197, 40, 50), (200, 513, 37), (195, 3, 1030)]
        {
            check::<f64>(m, k, n);
            check::<f32>(m, k, n);
        }
    }
    simd::limit_level(best);
}

#[test]
fn what_is_not_finite_stays_where_it_belongs() {
    let _guard = LEVEL.lock();
    let (m, k, n) = (70, 40, 45);
    let (mut a, mut b) = (random::<f32>(m * k, 1), random::<f32>(k * n, 2));
    (a[3 + 5 * m], b[7 + 2 * k]) = (f32::NAN, f32::INFINITY);
    let mut c = vec![0.0; m * n];
    f32::gemm(MatMut::new(&mut c, m, n), Write::Set, Op::N(Mat::new(&a, m, k)), Op::N(Mat::new(&b, k, n)));
    for (at, c) in c.iter().enumerate() {
        let (i, j) = (at % m, at / m);
        assert!(c.is_nan() == (i == 3) && c.is_infinite() == (j == 2 && i != 3), "({i}, {j}) is {c}");
    }
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
        for (m, k, n) in [(64, 784, 512), (512, 64, 784), (10, 512, 128), (130, 70, 200), (257, 129, 65), (700, 200, 1)]
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
    fn products_of_any_small_shape_are_right(m in 1usize..90, k in 1usize..60, n in 1usize..60) {
        let _guard = LEVEL.lock();
        check::<f64>(m, k, n);
        check::<f32>(m, k, n);
    }
}
