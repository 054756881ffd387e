//! The rate range test on a problem whose largest stable rate is known, and that it leaves no trace.
#![allow(clippy::unwrap_used)]

use layerwise_curvature::{Hessian, Lanczos, Spectral};
use layerwise_data::{Dataset, Scaling, digits_split, friedman1};
use layerwise_network::Workspace;
use layerwise_optimizers::{Adam, Sgd};
use layerwise_train::{NetworkSpec, Prepared, RateEnd, RateRange, Recipe, Run};

/// A linear model on all rows at a time: descent diverges beyond 2/λ of the largest curvature λ, and not before.
fn linear(data: &Dataset, rate: f64) -> Prepared<f64> {
    let recipe = Recipe {
        batch: data.len(),
        scaling: Scaling::Standardize,
        optimizer: Sgd { rate, ..Sgd::default() }.into(),
        network: NetworkSpec { hidden: Vec::new(), ..NetworkSpec::default() },
        ..Recipe::default()
    };
    Prepared::new(&recipe, data, None).unwrap()
}

#[test]
fn a_linear_model_diverges_soon_after_the_largest_stable_rate_and_not_before() {
    let data = friedman1(200, 5, 0.1, 1);
    let prepared = linear(&data, 0.5);
    let run = prepared.start(1);
    let mut workspace = Workspace::new(&prepared.setup.network, data.len());
    let mut hessian = Hessian::new(prepared.risk(data.len(), &mut workspace), run.theta());
    let largest = hessian.spectrum(&Lanczos { tolerance: 1e-8, ..Lanczos::default() }).unwrap().values[0];
    let stable = 2.0 / largest;
    let range = RateRange { low: 1e-4, high: 1e3, steps: 500, smoothing: 0.0, ..RateRange::default() };
    let curve = range.test(&run).unwrap();
    let last = curve.points.last().unwrap();
    println!("stable below {stable}, diverged at {}, suggestion {:?}", last.rate, curve.suggestion());
    assert_eq!(curve.end, RateEnd::Diverged);
    assert!(last.rate > stable, "{last:?}, stable below {stable}");
    // All risks fall for as long as every mode shrinks.
    let falls =
        curve.points.windows(2).all(|pair| pair[1].rate > stable || pair[1].value <= pair[0].value * (1.0 + 1e-12));
    assert!(falls && curve.start > curve.points[0].value);
    // Beyond it one mode grows, by |1 − rate λ| a step: from the last digits at most to the size of the start.
    let modes: f64 = curve.points.iter().map(|p| (1.0 - p.rate * largest).abs().ln().max(0.0)).sum();
    assert!(modes < (1e17 * range.diverged).ln(), "{modes}");
    let suggestion = curve.suggestion().unwrap();
    assert_eq!(suggestion, 0.1 * curve.lowest().unwrap().rate);
    assert!(suggestion < stable);
    // Rates are what was asked for, whatever the rate of the recipe is.
    let other = range.test(&linear(&data, 1e-3).start(1)).unwrap();
    assert_eq!(other.points.len(), curve.points.len());
    for (k, (a, b)) in curve.points.iter().zip(&other.points).enumerate() {
        let rate = 1e-4 * 1e7f64.powf(k as f64 / 499.0);
        assert!((a.rate / rate - 1.0).abs() < 1e-9 && a.rate == b.rate, "{a:?}, {b:?}");
        assert!(rate > stable || (a.value - b.value).abs() <= 1e-9 * a.value, "{a:?}, {b:?}");
    }
}

fn bits(run: &Run<f32>) -> Vec<u32> {
    run.theta().iter().chain(run.state().planes()).map(|v| v.to_bits()).collect()
}

#[test]
fn the_run_is_untouched_and_continues_in_the_same_bits() {
    let parts = digits_split();
    let recipe = Recipe { optimizer: Adam::default().into(), ..Recipe::default() };
    let prepared = Prepared::<f32>::new(&recipe, &parts.train, None).unwrap();
    let steps = |run: &mut Run<f32>| (0..10).for_each(|_| assert!(run.step(&mut []).is_ok()));
    let (mut tested, mut plain) = (prepared.start(1), prepared.start(1));
    steps(&mut tested);
    steps(&mut plain);
    let range = RateRange { steps: 60, ..RateRange::default() };
    let curve = range.test(&tested).unwrap();
    assert_eq!(curve, range.test(&tested).unwrap());
    assert!(curve.points.is_sorted_by(|a, b| a.rate < b.rate) && curve.suggestion().is_some());
    assert!(bits(&tested) == bits(&plain) && tested.step_count() == 10 && tested.rate_factor == 1.0);
    steps(&mut tested);
    steps(&mut plain);
    assert!(bits(&tested) == bits(&plain));
}

#[test]
fn overflow_ends_it_and_values_out_of_range_are_refused() {
    let data = friedman1(50, 5, 0.1, 1);
    let run = linear(&data, 0.1).start(1);
    let wild = RateRange { low: 1e3, high: 1e300, steps: 5, diverged: f64::INFINITY, ..RateRange::default() };
    let curve = wild.test(&run).unwrap();
    assert!(
        matches!(&curve.end, RateEnd::NotFinite(trouble) if trouble.step > 1) && curve.points.len() < 5,
        "{curve:?}"
    );
    assert_eq!(curve.suggestion(), None, "nothing fell");
    let refused = |range: RateRange| range.test(&run).unwrap_err().to_string();
    let usual = RateRange::default();
    assert_eq!(refused(RateRange { low: 0.0, ..usual }), "rate range: low: should be finite and above 0, got 0");
    assert_eq!(
        refused(RateRange { high: 1e-8, ..usual }),
        "rate range: high: should be finite and above low, got 0.00000001"
    );
    assert_eq!(refused(RateRange { steps: 1, ..usual }), "rate range: steps: should be at least 2, got 1");
    assert_eq!(refused(RateRange { smoothing: 1.0, ..usual }), "rate range: smoothing: should be in [0, 1), got 1");
    assert_eq!(refused(RateRange { diverged: 1.0, ..usual }), "rate range: diverged: should be above 1, got 1");
    let still = usual.test(&linear(&data, 0.0).start(1)).unwrap_err().to_string();
    assert_eq!(still, "optimizer.rate: should be above 0 for a rate range test, got 0 at step 1");
}
