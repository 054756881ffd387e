//! Keyed random streams: (seed, purpose, step, layer) fixes the numbers, whatever ran before and on however many threads.
//!
//! Generator: ChaCha with 8 rounds (Bernstein 2008), whose values are the same on every platform and in every version of the
//! `rand_chacha` crate. Normal deviates: the polar method (Marsaglia and Bray 1964) on this crate's own `ln`, so that they are
//! platform-independent too.

use rand::Rng as _;
use rand::SeedableRng as _;
use rand_chacha::ChaCha8Rng;

use crate::scalar::Scalar;

/// What a stream of random numbers is for; streams of different purposes never overlap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Initial parameters.
    Init = 1,
    /// The order of the training rows.
    Shuffle = 2,
    /// Dropout masks and other noise inside layers.
    Mask = 3,
    /// Splitting a data set.
    Split = 4,
    /// Generated data.
    Data = 5,
    /// Statistics such as permutation tests.
    Test = 6,
    /// Random directions in θ, as the start of a Krylov space.
    Direction = 7,
}

/// The name of one random stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key {
    seed: u64,
    purpose: Purpose,
    step: u64,
    layer: u64,
}

impl Key {
    /// The stream of `seed` for `purpose`, at step 0 and layer 0.
    pub fn new(seed: u64, purpose: Purpose) -> Key {
        Key { seed, purpose, step: 0, layer: 0 }
    }

    /// The same stream family at another step (or epoch).
    pub fn step(self, step: u64) -> Key {
        Key { step, ..self }
    }

    /// The same stream family for another layer (or any second index).
    pub fn layer(self, layer: u64) -> Key {
        Key { layer, ..self }
    }

    /// A generator at the start of this stream.
    pub fn rng(self) -> Rng {
        let mut bytes = [0u8; 32];
        for (chunk, word) in bytes.chunks_exact_mut(8).zip([self.seed, self.purpose as u64, self.step, self.layer]) {
            chunk.copy_from_slice(&word.to_le_bytes());
        }
        Rng { source: ChaCha8Rng::from_seed(bytes), spare: None }
    }
}

/// A generator of uniform and normal numbers.
#[derive(Clone, Debug)]
pub struct Rng {
    source: ChaCha8Rng,
    spare: Option<f64>,
}

impl Rng {
    /// 32 uniform bits.
    pub fn bits32(&mut self) -> u32 {
        self.source.next_u32()
    }

    /// 64 uniform bits.
    pub fn bits64(&mut self) -> u64 {
        self.source.next_u64()
    }

    /// Uniform on [0, 1), a multiple of 2⁻⁵³.
    pub fn uniform(&mut self) -> f64 {
        (self.bits64() >> 11) as f64 * (1.0 / (1u64 << 53) as f64)
    }

    /// Uniform on [low, high).
    pub fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.uniform()
    }

    /// Uniform on 0, 1, …, n − 1, without bias (Lemire 2019).
    ///
    /// Panics: if `n` is 0.
    pub fn below(&mut self, n: usize) -> usize {
        assert!(n > 0, "below: n should be at least 1, got 0");
        let n = n as u64;
        loop {
            let wide = u128::from(self.bits64()) * u128::from(n);
            // The remainder is less than n, and costs more than all else: it is rarely needed.
            if (wide as u64) >= n || (wide as u64) >= n.wrapping_neg() % n {
                return (wide >> 64) as usize;
            }
        }
    }

    /// Standard normal.
    pub fn normal(&mut self) -> f64 {
        if let Some(spare) = self.spare.take() {
            return spare;
        }
        loop {
            let (u, v) = (self.between(-1.0, 1.0), self.between(-1.0, 1.0));
            let square = u * u + v * v;
            if square > 0.0 && square < 1.0 {
                let factor = (-2.0 * Scalar::ln(square) / square).sqrt();
                self.spare = Some(v * factor);
                return u * factor;
            }
        }
    }

    /// A uniformly random order of `items` (Fisher and Yates).
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last + 1));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_key_gives_the_same_numbers_and_another_key_others() {
        let key = Key::new(7, Purpose::Mask).step(3).layer(2);
        let draw = |key: Key| [key.rng().bits64(), key.rng().bits64()];
        assert_eq!(draw(key)[0], draw(key)[1]);
        assert_ne!(draw(key)[0], draw(key.step(4))[0]);
        assert_ne!(draw(key)[0], draw(key.layer(3))[0]);
        assert_ne!(draw(key)[0], draw(Key::new(8, Purpose::Mask).step(3).layer(2))[0]);
        assert_ne!(draw(key)[0], draw(Key::new(7, Purpose::Init).step(3).layer(2))[0]);
    }

    /// From an independent ChaCha8 (Python) on the key (7, 3, 3, 2): its words, and the distributions by their formulas.
    #[test]
    fn numbers_never_change() {
        let rng = || Key::new(7, Purpose::Mask).step(3).layer(2).rng();
        assert_eq!(
            [(); 2].map({
                let mut rng = rng();
                move |()| rng.bits32()
            }),
            [0xce85_dec1, 0x8780_70b9]
        );
        let mut words = rng();
        assert_eq!([words.bits64(), words.bits64()], [0x8780_70b9_ce85_dec1, 0x73d9_a44a_8ce7_faa6]);
        let mut uniform = rng();
        assert_eq!([uniform.uniform(), uniform.uniform()], [0.5293035939817153, 0.45253969974592667]);
        let mut between = rng();
        assert_eq!([between.between(-2.0, 6.0), between.between(-2.0, 6.0)], [2.2344287518537227, 1.6203175979674134]);
        let mut below = rng();
        assert_eq!([(); 4].map(|()| below.below(10)), [5, 4, 2, 4]);
        // The first two words would make this number likelier than others, and are refused.
        assert_eq!(rng().below((1 << 63) + 1), 2749747976007925299);
        let mut normal = rng();
        for want in [1.5560741373831417, -2.520228263600826, -1.8408617221425547, -0.38936025282497894] {
            approx::assert_relative_eq!(normal.normal(), want, max_relative = 1e-15);
        }
        let mut items = [0, 1, 2, 3, 4, 5];
        rng().shuffle(&mut items);
        assert_eq!(items, [0, 4, 5, 1, 2, 3]);
    }

    #[test]
    fn moments_are_those_of_the_distributions() {
        let mut rng = Key::new(1, Purpose::Test).rng();
        let n = 200_000;
        // Standard errors: uniform mean 0.00065, normal mean 0.0022, normal variance 0.0032.
        let uniform: f64 = (0..n).map(|_| rng.uniform()).sum::<f64>() / n as f64;
        assert!((uniform - 0.5).abs() < 0.003, "{uniform}");
        let normal: Vec<f64> = (0..n).map(|_| rng.normal()).collect();
        let mean = normal.iter().sum::<f64>() / n as f64;
        let variance = normal.iter().map(|z| (z - mean).powi(2)).sum::<f64>() / n as f64;
        assert!(mean.abs() < 0.01 && (variance - 1.0).abs() < 0.015, "{mean} {variance}");
    }

    #[test]
    fn a_shuffle_is_a_permutation_and_every_place_is_equally_likely() {
        let mut counts = [[0u32; 4]; 4];
        let mut rng = Key::new(2, Purpose::Shuffle).rng();
        for _ in 0..24_000 {
            let mut items = [0, 1, 2, 3];
            rng.shuffle(&mut items);
            for (place, item) in items.into_iter().enumerate() {
                counts[place][item] += 1;
            }
        }
        // Each count is binomial(24000, 1/4): standard deviation 67.
        assert!(counts.iter().flatten().all(|&c| c.abs_diff(6000) < 350), "{counts:?}");
    }
}
