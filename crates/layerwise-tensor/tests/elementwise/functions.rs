//! The functions, what they should be, and how far off they are.

use layerwise_tensor::simd::{self, Kernel, Level};
use layerwise_tensor::{DoubleDouble, Scalar};

/// An elementary function.
pub trait Function: Copy + Default {
    const NAME: &'static str;
    /// What its error stays below, in ulp of the exact result: little more than the slow test found, and at most 2.
    const BOUND: f64;
    fn of<S: Scalar>(x: S) -> S;
    /// To some 100 bits.
    fn exact(x: f64) -> DoubleDouble {
        Self::of(DoubleDouble::from(x))
    }
}

macro_rules! functions {
    ($($name:ident $method:ident $bound:literal $(, $x:ident: $exact:expr)?;)*) => {
        $(
            #[derive(Clone, Copy, Default)]
            pub struct $name;
            impl Function for $name {
                const NAME: &'static str = stringify!($method);
                const BOUND: f64 = $bound;
                #[inline(always)]
                fn of<S: Scalar>(x: S) -> S {
                    x.$method()
                }
                $(
                    fn exact($x: f64) -> DoubleDouble {
                        $exact
                    }
                )?
            }
        )*
        /// Calls `$f` for each of them.
        macro_rules! every_function {
            ($f:ident) => {
                $($f::<crate::functions::$name>();)*
            };
        }
        pub(crate) use every_function;
    };
}

// Double-double numbers have no lower half near the smallest f64; there the odd functions are their argument.
functions! {
    Exp exp 1.1;
    Ln ln 0.9;
    Ln1p ln_1p 1.5, x: if x.abs() < 1e-200 { x.into() } else { DoubleDouble::from(x).ln_1p() };
    Tanh tanh 1.4, x: if x.abs() < 1e-200 { x.into() } else { DoubleDouble::from(x).tanh() };
    Sigmoid sigmoid 1.5;
    Softplus softplus 1.8, x: if x < -100.0 { DoubleDouble::from(x).exp() } else { DoubleDouble::from(x).softplus() };
    Erf erf 1.3;
    Erfc erfc 2.0;
}

/// f32 or f64 by their bits.
pub trait Format: Scalar {
    /// Different exponents, with that of infinity.
    const BIASES: u64;
    fn to_bits(self) -> u64;
    fn from_bits(bits: u64) -> Self;
    /// |got − exact| in units in the last place of `exact`; of the smallest number where that is larger. Infinity counts as the
    /// power of 2 that follows the largest number.
    fn ulp_error(got: Self, exact: DoubleDouble) -> f64;
}

impl Format for f32 {
    const BIASES: u64 = 255;
    fn to_bits(self) -> u64 {
        f32::to_bits(self).into()
    }
    fn from_bits(bits: u64) -> f32 {
        f32::from_bits(bits as u32)
    }
    fn ulp_error(got: f32, exact: DoubleDouble) -> f64 {
        ulp_error_f32(got, exact.hi())
    }
}

impl Format for f64 {
    const BIASES: u64 = 2047;
    fn to_bits(self) -> u64 {
        f64::to_bits(self)
    }
    fn from_bits(bits: u64) -> f64 {
        f64::from_bits(bits)
    }
    fn ulp_error(got: f64, exact: DoubleDouble) -> f64 {
        if got == exact.hi() && (got.is_infinite() || exact.lo() == 0.0) || got.is_nan() && exact.hi().is_nan() {
            return 0.0;
        }
        // Above 1 all is multiplied by 2^-200, so that 2^1024 is a number; and ulp by 2^112, so that it is one of full precision.
        let factor = if exact.hi().abs() > 1.0 { (-200f64).exp2() } else { 1.0 };
        let end = 824f64.exp2();
        let scaled = |x: f64| (x * factor).clamp(-end, end);
        let exponent = scaled(exact.hi()).abs().max(f64::MIN_POSITIVE).to_bits() >> 52;
        let ulp = f64::from_bits((exponent + 112 - 52) << 52);
        let error = (scaled(got) - scaled(exact.hi())) - scaled(exact.lo());
        let error = (error * 112f64.exp2() / ulp).abs();
        if error.is_nan() { f64::INFINITY } else { error }
    }
}

/// The same for f32, whose exact results are known well enough in f64; branch-free.
#[inline(always)]
pub fn ulp_error_f32(got: f32, exact: f64) -> f64 {
    const END: f64 = (1u128 << 127) as f64 * 2.0;
    let (got, size) = (f64::from(got), exact.abs());
    let size = size.clamp(f64::from(f32::MIN_POSITIVE), END / 2.0);
    let ulp = f64::from_bits((size.to_bits() & (0x7ff << 52)) - (23 << 52));
    let error = (got.clamp(-END, END) - exact.clamp(-END, END)).abs() / ulp;
    let both = got.is_nan() & exact.is_nan();
    f64::select(both, 0.0, f64::select(error.is_nan(), f64::INFINITY, error))
}

/// The largest error, and where.
#[derive(Clone, Copy, Debug, Default)]
pub struct UlpError {
    pub ulp: f64,
    pub at: f64,
}

impl UlpError {
    pub fn see(&mut self, x: f64, ulp: f64) {
        if ulp > self.ulp {
            *self = UlpError { ulp, at: x };
        }
    }
}

struct Run<'a, F, S>(F, &'a mut [S], &'a [S]);

impl<F: Function, S: Scalar> Kernel for Run<'_, F, S> {
    type Out = ();
    #[inline(always)]
    fn run(self) {
        for (y, x) in self.1.iter_mut().zip(self.2) {
            *y = F::of(*x);
        }
    }
}

struct Largest<'a>(&'a [f32], &'a [f64]);

impl Kernel for Largest<'_> {
    type Out = f64;
    #[inline(always)]
    fn run(self) -> f64 {
        let mut largest = [0.0f64; 16];
        for (got, exact) in self.0.chunks_exact(16).zip(self.1.chunks_exact(16)) {
            for ((largest, got), exact) in largest.iter_mut().zip(got).zip(exact) {
                let error = ulp_error_f32(*got, *exact);
                *largest = f64::select(error > *largest, error, *largest);
            }
        }
        largest.into_iter().fold(0.0, f64::max)
    }
}

/// The largest error of a multiple of 16 numbers.
pub fn largest_error(got: &[f32], exact: &[f64]) -> f64 {
    simd::run(Largest(got, exact))
}

/// y ← F(x), vectorized at the level in use.
pub fn fill<F: Function, S: Scalar>(f: F, y: &mut [S], x: &[S]) {
    simd::run(Run(f, y, x));
}

/// Calls `f` with each level of this processor, the best first and last, while it is in use.
pub fn at_every_level(mut f: impl FnMut(Level)) {
    for limit in [Level::Avx512, Level::Avx2, Level::Base, Level::Avx512] {
        if simd::limit_level(limit) == limit || limit == Level::Avx512 {
            f(simd::level());
        }
    }
}

/// Panics: if F of the numbers has other bits at one level than at another, or than number by number.
pub fn same_bits_at_every_level<F: Function, T: Format>(f: F, x: &[T]) {
    let reference: Vec<u64> = x.iter().map(|x| F::of(*x).to_bits()).collect();
    let mut y = vec![T::ZERO; x.len()];
    at_every_level(|level| {
        fill(f, &mut y, x);
        for ((x, y), reference) in x.iter().zip(&y).zip(&reference) {
            assert!(y.to_bits() == *reference || y.value().is_nan(), "{}({x:?}) at {level:?}: {y:?}", F::NAME);
        }
    });
}
