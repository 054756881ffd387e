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
    const LEVELS: [Level; 3] = [Level::Base, Level::Avx2, Level::Avx512];
    // 0, before the first call, wraps to what is no index.
    match LEVELS.get(usize::from(LEVEL.load(Ordering::Relaxed)).wrapping_sub(1)) {
        Some(&level) => level,
        None => limit_level(Level::Avx512),
    }
}

/// The best level of this processor.
fn detect() -> Level {
    #[cfg(target_arch = "x86_64")]
    return best(
        &[is_x86_feature_detected!("avx2"), is_x86_feature_detected!("fma")],
        &[
            is_x86_feature_detected!("avx512f"),
            is_x86_feature_detected!("avx512bw"),
            is_x86_feature_detected!("avx512cd"),
            is_x86_feature_detected!("avx512dq"),
            is_x86_feature_detected!("avx512vl"),
        ],
    );
    #[cfg(not(target_arch = "x86_64"))]
    Level::Base
}

/// The best level of a processor that has or lacks what the levels need.
#[cfg_attr(not(target_arch = "x86_64"), allow(dead_code))]
fn best(avx2: &[bool], avx512: &[bool]) -> Level {
    let all = |features: &[bool]| features.iter().all(|&has| has);
    match (all(avx2), all(avx512)) {
        (true, true) => Level::Avx512,
        (true, false) => Level::Avx2,
        (false, _) => Level::Base,
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_needs_all_its_features_and_the_level_below() {
        let (yes, no) = ([true; 5], [true, true, true, true, false]);
        assert_eq!(best(&yes[..2], &yes), Level::Avx512);
        assert_eq!(best(&yes[..2], &no), Level::Avx2);
        assert_eq!(best(&no[3..], &yes), Level::Base);
        assert_eq!(best(&no[3..], &no), Level::Base);
    }

    #[test]
    fn a_limit_holds_until_the_next() {
        let best = level();
        assert_eq!((detect(), level()), (best, best));
        for limit in [Level::Base, Level::Avx2, Level::Avx512] {
            assert_eq!(limit_level(limit), limit.min(best));
            assert_eq!(level(), limit.min(best));
            struct Answer;
            impl Kernel for Answer {
                type Out = u32;
                fn run(self) -> u32 {
                    42
                }
            }
            assert_eq!(run(Answer), 42);
        }
    }
}
