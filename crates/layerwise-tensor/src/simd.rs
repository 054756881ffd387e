//! The only way to write a loop that must be fast: one plain body, compiled for AVX-512, AVX2 and the base instruction set, and
//! picked at run time. A default build loses nothing against `target-cpu=native`.
//!
//! Write the body as a [`Kernel`] with `#[inline(always)] fn run`, or use the closures of `elementwise.rs`. Bodies use no fused
//! multiply-add, so all levels give the same bits.

use std::sync::atomic::{AtomicU8, Ordering};

/// An instruction set that kernels are compiled for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Level {
    /// What the build targets.
    Base = 1,
    /// AVX2 and FMA.
    Avx2 = 2,
    /// AVX-512 F, BW, CD, DQ, VL.
    Avx512 = 3,
}

static LEVEL: AtomicU8 = AtomicU8::new(0);

/// The level in use: the best of this processor, unless [`limit_level`] lowered it.
#[inline]
pub fn level() -> Level {
    match LEVEL.load(Ordering::Relaxed) {
        1 => Level::Base,
        2 => Level::Avx2,
        3 => Level::Avx512,
        _ => {
            let best = detect();
            LEVEL.store(best as u8, Ordering::Relaxed);
            best
        }
    }
}

/// The best level of this processor.
fn detect() -> Level {
    #[cfg(target_arch = "x86_64")]
    {
        let avx2 = is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma");
        if avx2
            && is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512cd")
            && is_x86_feature_detected!("avx512dq")
            && is_x86_feature_detected!("avx512vl")
        {
            return Level::Avx512;
        }
        if avx2 {
            return Level::Avx2;
        }
    }
    Level::Base
}

/// Uses at most `limit`, for this whole process; for tests and measurements. Returns the level now in use.
pub fn limit_level(limit: Level) -> Level {
    let now = limit.min(detect());
    LEVEL.store(now as u8, Ordering::Relaxed);
    now
}

/// A loop to be compiled for every level. `run` must carry `#[inline(always)]`.
pub trait Kernel {
    /// What it returns.
    type Out;
    /// The body.
    fn run(self) -> Self::Out;
}

/// Runs the kernel in the version for [`level`].
#[inline]
pub fn run<K: Kernel>(kernel: K) -> K::Out {
    #[cfg(target_arch = "x86_64")]
    match level() {
        // SAFETY: `level` never exceeds what `detect` found on this processor.
        Level::Avx512 => return unsafe { run_avx512(kernel) },
        // SAFETY: as above.
        Level::Avx2 => return unsafe { run_avx2(kernel) },
        Level::Base => {}
    }
    kernel.run()
}

/// Safety: the processor must have the named features.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512cd,avx512dq,avx512vl,avx2,fma")]
unsafe fn run_avx512<K: Kernel>(kernel: K) -> K::Out {
    kernel.run()
}

/// Safety: the processor must have the named features.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
unsafe fn run_avx2<K: Kernel>(kernel: K) -> K::Out {
    kernel.run()
}
