//! The slow test: all 2³² numbers of f32 and millions of f64, at every level; and what a number costs. It prints the table of
//! `docs/results/elementwise.md`.

use std::time::Instant;

use layerwise_tensor::{Scalar, simd};

use crate::functions::{
    Format, Function, UlpError, at_every_level, every_function, fill, largest_error, ulp_error_f32,
};
use crate::points;

/// Numbers of f64, besides those of the fast test.
const POINTS: u64 = 1_000_000;
/// Numbers at a time.
const BLOCK: usize = 4096;

/// The worst error over all of f32, judged by f64 results, whose errors are in the tenth digit of an ulp.
fn all_of_f32<F: Function>(f: F) -> UlpError {
    let mut worst = UlpError::default();
    let (mut x, mut y, mut again) = ([0.0f32; BLOCK], [0.0f32; BLOCK], [0.0f32; BLOCK]);
    let (mut x64, mut exact) = ([0.0f64; BLOCK], [0.0f64; BLOCK]);
    for block in 0..(1u64 << 32) / BLOCK as u64 {
        for (i, (x, x64)) in x.iter_mut().zip(&mut x64).enumerate() {
            *x = f32::from_bits((block as usize * BLOCK + i) as u32);
            *x64 = f64::from(*x);
        }
        simd::limit_level(simd::Level::Avx512);
        fill(f, &mut y, &x);
        fill(f, &mut exact, &x64);
        let largest = largest_error(&y, &exact);
        if largest > worst.ulp {
            for ((x, y), exact) in x64.iter().zip(&y).zip(&exact) {
                worst.see(*x, ulp_error_f32(*y, *exact));
            }
        }
        for level in [simd::Level::Base, simd::Level::Avx2] {
            simd::limit_level(level);
            fill(f, &mut again, &x);
            let same =
                y.iter().zip(&again).all(|(y, again)| y.to_bits() == again.to_bits() || y.is_nan() && again.is_nan());
            assert!(same, "{}: other bits at {level:?} from {:e}", F::NAME, x[0]);
        }
    }
    worst
}

/// The worst error at some numbers of f64, judged by double-double numbers.
fn many_of_f64<F: Function>() -> UlpError {
    let mut worst = UlpError::default();
    let mut see = |x: f64| worst.see(x, f64::ulp_error(F::of(x), F::exact(x)));
    points::<f64>().into_iter().for_each(&mut see);
    // Weyl's sequence: a fraction of the numbers by their bits, where most are tiny or huge; the rest where functions bend.
    let mut bits = 0u64;
    for i in 0..POINTS {
        bits = bits.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let t = (bits as i64) as f64 / 63f64.exp2();
        see(match i % 8 {
            0 => f64::from_bits(bits),
            1 => 800.0 * t,
            2 | 3 => 30.0 * t,
            4 | 5 => 4.0 * t,
            _ => t,
        });
    }
    worst
}

/// ns a number at each level, the smallest of many runs over numbers in the first cache.
fn costs<F: Function, S: Scalar>(f: F) -> String {
    let x: Vec<S> = (0..BLOCK).map(|i| S::of((i * 1231 % BLOCK) as f64 / BLOCK as f64 * 12.0 - 6.0)).collect();
    let mut y = vec![S::ZERO; BLOCK];
    let mut costs = std::collections::BTreeMap::new();
    for _ in 0..3 {
        at_every_level(|level| {
            for _ in 0..100 {
                let start = Instant::now();
                for _ in 0..4 {
                    fill(f, &mut y, &x);
                    std::hint::black_box(&mut y);
                }
                let cost = start.elapsed().as_secs_f64() * 1e9 / (4 * BLOCK) as f64;
                let least = costs.entry(level).or_insert(cost);
                *least = least.min(cost);
            }
        });
    }
    costs.values().rev().map(|cost| format!("{cost:.2}")).collect::<Vec<_>>().join(" / ")
}

fn row<F: Function>() {
    let f = F::default();
    for (kind, worst, cost) in
        [("f32", all_of_f32(f), costs::<F, f32>(f)), ("f64", many_of_f64::<F>(), costs::<F, f64>(f))]
    {
        println!("| `{}` | {kind} | {:.3} | {:e} | {cost} |", F::NAME, worst.ulp, worst.at);
        assert!(worst.ulp <= F::BOUND, "{} {kind}: {worst:?}", F::NAME);
    }
}

#[test]
#[ignore = "minutes; `cargo xtask ulp`"]
fn every_number_of_f32_and_millions_of_f64() {
    let mut levels = Vec::new();
    at_every_level(|level| levels.push(format!("{level:?}")));
    levels.dedup();
    levels.truncate(3);
    println!("| function | type | worst ulp | at | ns a number: {} |\n|---|---|---|---|---|", levels.join(" / "));
    every_function!(row);
}
