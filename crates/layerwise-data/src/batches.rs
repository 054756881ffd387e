//! The order of the samples in each epoch, fixed by (seed, epoch) whatever ran before, and its cutting into batches.

use std::slice::Chunks;

use layerwise_tensor::{Key, Purpose};

use crate::error::DataError;

/// The batches of each epoch, without allocation after the first.
#[derive(Clone, Debug)]
pub struct Batches {
    order: Vec<usize>,
    batch: usize,
    seed: u64,
    shuffle: bool,
}

impl Batches {
    /// Batches of `batch` out of `n` samples, in a new order each epoch if `shuffle`, else always 0, 1, …, n − 1.
    ///
    /// Errors: as for [`check_batch`].
    pub fn new(n: usize, batch: usize, seed: u64, shuffle: bool) -> Result<Batches, DataError> {
        check_batch(batch, n)?;
        Ok(Batches { order: (0..n).collect(), batch, seed, shuffle })
    }

    /// The batches of one epoch; each sample occurs once, and the last batch may be short.
    pub fn epoch(&mut self, epoch: u64) -> Chunks<'_, usize> {
        if self.shuffle {
            fill_order(&mut self.order, self.seed, epoch);
        }
        self.order.chunks(self.batch)
    }
}

/// The order of `n` samples in an epoch: a permutation drawn from the stream (seed, shuffle, epoch), or 0, 1, …, n − 1.
pub fn epoch_order(n: usize, seed: u64, epoch: u64, shuffle: bool) -> Vec<usize> {
    let mut order: Vec<usize> = (0..n).collect();
    if shuffle {
        fill_order(&mut order, seed, epoch);
    }
    order
}

/// Writes the shuffled order of `order.len()` samples in an epoch; what `order` held before does not matter.
pub fn fill_order(order: &mut [usize], seed: u64, epoch: u64) {
    for (place, sample) in order.iter_mut().enumerate() {
        *sample = place;
    }
    Key::new(seed, Purpose::Shuffle).step(epoch).rng().shuffle(order);
}

/// Refuses a batch size that is 0 or larger than the number of samples `n`.
pub fn check_batch(batch: usize, n: usize) -> Result<(), DataError> {
    if (1..=n).contains(&batch) {
        return Ok(());
    }
    Err(DataError::argument("batches", "batch size", format_args!("from 1 to {n}, the number of samples"), batch))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_epoch_is_a_permutation_fixed_by_seed_and_epoch() {
        let order = epoch_order(100, 3, 5, true);
        let mut sorted = order.clone();
        sorted.sort_unstable();
        assert_eq!(sorted, epoch_order(100, 3, 5, false));
        let mut again = vec![42; 100];
        fill_order(&mut again, 3, 5);
        assert_eq!(order, again);
        assert_ne!(order, epoch_order(100, 3, 6, true));
        assert_ne!(order, epoch_order(100, 4, 5, true));
    }

    #[test]
    fn batches_cover_the_epoch_and_the_last_may_be_short() {
        let mut batches = Batches::new(10, 4, 1, true).unwrap();
        assert_eq!(batches.epoch(0).len(), 3);
        let epoch: Vec<Vec<usize>> = batches.epoch(7).map(<[usize]>::to_vec).collect();
        assert_eq!(epoch.iter().map(Vec::len).collect::<Vec<_>>(), [4, 4, 2]);
        assert_eq!(epoch.concat(), epoch_order(10, 1, 7, true));
        assert_eq!(Batches::new(3, 2, 1, false).unwrap().epoch(9).collect::<Vec<_>>(), [&[0, 1][..], &[2]]);
    }

    #[test]
    fn a_batch_is_not_empty_nor_larger_than_the_data() {
        assert_eq!(check_batch(10, 10), Ok(()));
        let message = |batch| check_batch(batch, 10).unwrap_err().to_string();
        assert_eq!(message(0), "batches: batch size should be from 1 to 10, the number of samples, got 0");
        assert_eq!(message(11), "batches: batch size should be from 1 to 10, the number of samples, got 11");
    }
}
