//! What a number costs in each activation, forward and backward, in each type and at each level: `cargo xtask ulp` prints it.

use std::time::Instant;

use layerwise_activations::Activations;
use layerwise_core::{Backward, Forward, Layer, LayerKernel, Params, ParamsMut, Pass};
use layerwise_tensor::simd::{Level, limit_level};
use layerwise_tensor::{Dual32, Dual64, Key, Mat, MatMut, Purpose, Scalar};

/// Numbers at a time: they stay in the first cache.
const N: usize = 1024;

/// ns a number, the least of many runs.
fn least(mut f: impl FnMut()) -> f64 {
    let runs = (0..200).map(|_| {
        let start = Instant::now();
        for _ in 0..8 {
            f();
        }
        start.elapsed().as_secs_f64() * 1e9 / (8 * N) as f64
    });
    runs.fold(f64::INFINITY, f64::min)
}

/// Forward and backward at each level.
fn costs<S: Scalar>(kernel: &dyn LayerKernel<S>) -> String {
    let number = |i: usize| S::of((i * 1231 % N) as f64 / N as f64 * 12.0 - 6.0);
    let (x, dy): (Vec<S>, Vec<S>) = ((0..N).map(number).collect(), (5..N + 5).map(number).collect());
    let (mut y, mut dx) = (vec![S::ZERO; N], vec![S::ZERO; N]);
    let theta = Params::new(&[], &[]);
    let mut costs = Vec::new();
    for level in [Level::Avx512, Level::Avx2, Level::Base] {
        limit_level(level);
        let forward = least(|| {
            let key = Key::new(1, Purpose::Mask);
            let y = MatMut::new(&mut y, N, 1);
            kernel.forward(Forward {
                theta,
                x: Mat::new(&x, N, 1),
                skip: None,
                y,
                cache: &mut [],
                pass: Pass::Predict,
                key,
            });
        });
        let backward = least(|| {
            let (x, y, dy) = (Mat::new(&x, N, 1), Mat::new(&y, N, 1), Mat::new(&dy, N, 1));
            let dtheta = ParamsMut::new(&mut [], &[], &mut []);
            let dx = Some(MatMut::new(&mut dx, N, 1));
            kernel.backward(Backward { theta, dtheta, x, skip: None, y, dy, dx, cache: &mut [], pass: Pass::Predict });
        });
        costs.push(format!("{forward:.2} {backward:.2}"));
    }
    limit_level(Level::Avx512);
    costs.join(" / ")
}

#[test]
#[ignore = "measures; `cargo xtask ulp`"]
fn what_a_number_costs() {
    println!(
        "| ns a number, forward backward, AVX-512 / AVX2 / base | f32 | f64 | Dual32 | Dual64 |\n|---|---|---|---|---|"
    );
    for activation in Activations::all() {
        let layer: Box<dyn Layer> = activation.boxed();
        let row = [costs::<f32>(&*layer), costs::<f64>(&*layer), costs::<Dual32>(&*layer), costs::<Dual64>(&*layer)];
        println!("| `{}` | {} |", activation.name(), row.join(" | "));
    }
}
