//! Annealed importance sampling against ln Z by enumeration, over a hundred random machines.
#![allow(clippy::unwrap_used)]

mod common;

use common::random_theta;
use layerwise_pretrain::{Annealing, LogZ, Rbm, Units};
use layerwise_tensor::{Key, Mat, Purpose};

fn estimates(visible: Units, deviation: f64) -> Vec<(LogZ, f64)> {
    let annealing = Annealing { chains: 100, temperatures: 200 };
    let one = |seed: u64| {
        let rbm = Rbm { visible, n_visible: 6 + seed as usize % 3, n_hidden: 4 + seed as usize % 4 };
        let theta = random_theta(&rbm, deviation, seed);
        let base = vec![0.0; rbm.n_visible];
        let key = Key::new(seed, Purpose::Test).step(1);
        (annealing.log_z(&rbm, &theta, &base, key).unwrap(), rbm.log_z(&theta).unwrap())
    };
    (0..100).map(one).collect()
}

/// Three standard errors hold 99.7 % of normal means; the means of 100 weights are a little skewed. If each interval held with a
/// chance of 99 % alone, fewer than 95 of 100 would be seen once in 2 000 times; the seeds are fixed.
#[test]
fn the_interval_holds_in_at_least_95_of_100_machines() {
    for (visible, deviation) in [(Units::Bernoulli, 1.0), (Units::Gaussian, 0.5)] {
        let all = estimates(visible, deviation);
        let held = all.iter().filter(|(found, exact)| (found.low..=found.high).contains(exact)).count();
        let width = all.iter().map(|(found, _)| found.high - found.low).sum::<f64>() / 100.0;
        println!("{visible:?}: {held} of 100 within an interval of {width:.3} on average");
        assert!(held >= 95, "{visible:?}: {held}");
        // Intervals that say something: they are much smaller than what the weights add to ln Z.
        assert!(width < 0.5 && all.iter().all(|(found, _)| found.low <= found.value && found.value <= found.high));
    }
}

/// E(w) = Z / Z₀ for any number of temperatures: the mean weight over all machines, relative to Z, is 1.
#[test]
fn the_mean_weight_is_unbiased_even_with_few_temperatures() {
    let annealing = Annealing { chains: 20_000, temperatures: 3 };
    let rbm = Rbm::new(4, 3);
    let theta = random_theta(&rbm, 0.7, 5);
    let found = annealing.log_z(&rbm, &theta, &[0.0; 4], Key::new(3, Purpose::Test)).unwrap();
    let exact = rbm.log_z(&theta).unwrap();
    // The interval has three standard errors: twice and a bit is a chance of 1e-9.
    let (low, high) = (found.value - exact, found.high - found.value);
    assert!(low.abs() < 2.04 * high && high < 0.05, "{found:?} {exact}");
}

#[test]
fn the_base_of_data_is_their_log_odds_or_mean() {
    let rows = [1.0, 0.0, 1.0, 1.0, 1.0, 0.0, 0.0, 0.0];
    let base = Rbm::new(2, 3).base(Mat::new(&rows, 2, 4));
    assert!((base[0] - (3.5f64 / 1.5).ln()).abs() < 1e-15 && (base[1] - (1.5f64 / 3.5).ln()).abs() < 1e-15);
    let gaussian = Rbm { visible: Units::Gaussian, n_visible: 2, n_hidden: 1 };
    assert_eq!(gaussian.base(Mat::new(&rows, 2, 4)), [0.75, 0.25]);
}
