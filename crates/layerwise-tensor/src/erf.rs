//! The error function, branch-free, in f64 (f32 goes through f64).
//!
//! |x| < 0.75: erf(x) = x P(x²). Else erfc(|x|) = e^(−x²) G(t) / (1 + 2|x|), t = (|x| − 3.75) / (|x| + 3.75)
//! (mapping of Shepherd and Laframboise 1981), G a Chebyshev series. `scripts/erf.py` prints the coefficients.

// 2/√π is one of the coefficients.
#![allow(clippy::excessive_precision, clippy::approx_constant)]

use std::hint::select_unpredictable as select;

use crate::math::f64s::exp;

const TAIL: [f64; 25] = [
    2.3551578691348034,
    -0.004590054580646478,
    -0.08424913336651792,
    0.05920993999819189,
    -0.026658668435305753,
    0.009074997670705265,
    -0.002413163540417608,
    0.0004907758365258086,
    -6.916973302501207e-05,
    4.13902798607301e-06,
    7.74038306619849e-07,
    -2.1886401049234397e-07,
    1.076499946567091e-08,
    4.521959811218287e-09,
    -7.754400208831351e-10,
    -6.318088340886684e-11,
    2.86879501093067e-11,
    1.9455868545777347e-13,
    -9.65469674843344e-13,
    3.252548148148719e-14,
    3.347811948286907e-14,
    -1.864562880413399e-15,
    -1.2507950530754165e-15,
    7.418235244233122e-17,
    5.068148893269866e-17,
];
const SMALL: [f64; 13] = [
    1.1283791670955126,
    -0.37612638903183754,
    0.11283791670955125,
    -0.026866170645131044,
    0.00522397762543796,
    -0.0008548327022938597,
    0.00012055332941926721,
    -1.4925648277963885e-05,
    1.6462039947573494e-06,
    -1.636401288305236e-07,
    1.4776618764400006e-08,
    -1.1958368091524506e-09,
    7.272605667746851e-11,
];

/// (near 0: erf(x) = x P(x²); far: erfc(|x|)).
#[inline(always)]
fn pieces(x: f64) -> (f64, f64) {
    let a = x.abs();
    let a = a.clamp(0.0, 28.0);
    let z = x * x;
    let mut p = 0.0;
    for c in SMALL.into_iter().rev() {
        p = p * z + c;
    }
    let t = (a - 3.75) / (a + 3.75);
    let (mut b0, mut b1) = (0.0, 0.0);
    for c in TAIL.into_iter().skip(1).rev() {
        (b0, b1) = (2.0 * t * b0 - b1 + c, b0);
    }
    let g = t * b0 - b1 + 0.5 * TAIL[0];
    // x² in two parts, so that the error of rounding it is not multiplied by x².
    let head = f64::from_bits(a.to_bits() & 0xffff_ffff_f800_0000);
    let gauss = exp(-head * head) * exp(-(a - head) * (a + head));
    (x * p, gauss * g / (1.0 + 2.0 * a))
}

/// erf(x) = 2/√π ∫₀ˣ e^(−t²) dt.
#[inline(always)]
pub fn erf(x: f64) -> f64 {
    let (near, far) = pieces(x);
    let y = select(x.abs() < 0.75, near, (1.0 - far).copysign(x));
    select(x.is_nan(), x, y)
}

/// erfc(x) = 1 − erf(x), without cancellation for large x.
#[inline(always)]
pub fn erfc(x: f64) -> f64 {
    let (near, far) = pieces(x);
    let y = select(x < 0.0, 2.0 - far, far);
    let y = select(x.abs() < 0.75, 1.0 - near, y);
    select(x.is_nan(), x, y)
}
