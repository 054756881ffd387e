//! Penalties on activations: the gradient check, values worked out by hand, and what a configuration can say.

#![allow(clippy::unwrap_used)]

use layerwise_core::ActivityKernel;
use layerwise_regularizers::*;
use layerwise_tensor::Mat;

#[test]
fn the_gradient_check_passes_for_the_whole_catalog() {
    let mut activities = Activities::all();
    activities.extend([
        L1 { strength: 0.5 }.into(),
        L2 { strength: 0.5 }.into(),
        StudentT { strength: 0.5 }.into(),
        Sparsity { mean: 0.25, strength: 0.5 }.into(),
    ]);
    for activity in activities {
        let report =
            layerwise_gradcheck::Gradcheck::default().cases(48).without_saboteurs().activity(&*activity.generic());
        println!("{report}");
        report.assert();
    }
}

/// λΩ and its gradient of two units on two samples, y = [[0.5, 0.25], [0, −1]], added to tens.
fn check(activity: impl ActivityKernel<f64>, omega: f64, gradient: [f64; 4]) {
    let mut dy = [10.0; 4];
    let value = activity.add(Mat::new(&[0.5, 0.0, 0.25, -1.0], 2, 2), &mut dy);
    assert!((value - omega).abs() < 1e-15, "{value}, should be {omega}");
    for (got, want) in dy.iter().zip(gradient) {
        assert!((got - 10.0 - want).abs() < 1e-14, "{dy:?}, should be 10 + {gradient:?}");
    }
}

#[test]
fn values_are_means_over_samples() {
    check(L1 { strength: 0.5 }, 0.4375, [0.25, 0.0, 0.25, -0.25]);
    check(L2 { strength: 0.5 }, 0.1640625, [0.125, 0.0, 0.0625, -0.25]);
    let omega = 0.25 * (1.25f64.ln() + 1.0625f64.ln() + 2f64.ln());
    check(StudentT { strength: 0.5 }, omega, [0.2, 0.0, 0.25 * 0.5 / 1.0625, -0.25]);
}

#[test]
fn rare_units_are_wished_for() {
    // Means 3/8 and 1/4: KL(1/4 ‖ 3/8) = ¼ ln ⅔ + ¾ ln 6⁄5; its slope (¾ / ⅝ − ¼ / ⅜) is 8⁄15, of which each sample has half.
    let sparsity = Sparsity { mean: 0.25, strength: 2.0 };
    let mut dy = [10.0; 4];
    let value = sparsity.add(Mat::new(&[0.5, 0.0, 0.25, 0.5], 2, 2), &mut dy);
    assert!((value - 2.0 * (0.25 * (2f64 / 3.0).ln() + 0.75 * 1.2f64.ln())).abs() < 1e-15, "{value}");
    for (got, want) in dy.iter().zip([8.0 / 15.0, 0.0, 8.0 / 15.0, 0.0]) {
        assert!((got - 10.0 - want).abs() < 1e-14, "{dy:?}");
    }
    let mut dy = [0.0; 2];
    assert_eq!(ActivityKernel::add(&sparsity, Mat::new(&[0.0, 0.0], 1, 2), &mut dy), f64::INFINITY);
}

#[test]
fn every_unit_of_a_wide_layer_counts() {
    let (units, samples) = (150, 3);
    let y: Vec<f64> = (0..units * samples).map(|i| 0.1 + 0.8 * ((i * 37 % 101) as f64 / 101.0)).collect();
    let sparsity = Sparsity { mean: 0.1, strength: 0.5 };
    let mut dy = vec![0.0; y.len()];
    let value = sparsity.add(Mat::new(&y, units, samples), &mut dy);
    let mut expected = 0.0;
    for i in 0..units {
        let mean = (0..samples).map(|j| y[i + j * units]).sum::<f64>() / 3.0;
        expected += 0.5 * (0.1 * (0.1 / mean).ln() + 0.9 * (0.9 / (1.0 - mean)).ln());
        let slope = 0.5 / 3.0 * (0.9 / (1.0 - mean) - 0.1 / mean);
        for j in 0..samples {
            assert!((dy[i + j * units] - slope).abs() < 1e-13, "unit {i}");
        }
    }
    assert!((value - expected).abs() < 1e-11 * expected, "{value}, should be {expected}");
}

#[test]
fn a_batch_without_samples_costs_nothing() {
    for activity in Activities::all().into_iter().filter(|a| a.name() != "sparsity") {
        let kernel: &dyn ActivityKernel<f64> = &*activity.boxed();
        assert_eq!(kernel.add(Mat::new(&[], 3, 0), &mut []), 0.0, "{activity:?}");
    }
}

#[test]
fn configurations_are_read_and_refused() {
    let defaults: Vec<Activities> = vec![
        L1 { strength: 1e-4 }.into(),
        L2 { strength: 1e-4 }.into(),
        StudentT { strength: 1e-4 }.into(),
        Sparsity { mean: 0.05, strength: 1.0 }.into(),
    ];
    assert_eq!(Activities::all(), defaults);
    for activity in defaults {
        let json = serde_json::to_value(&activity).unwrap();
        assert_eq!(serde_json::from_value::<Activities>(json).unwrap(), activity);
        assert_eq!((activity.check(), activity.boxed().name()), (Ok(()), activity.name()));
        let domain = if activity.name() == "sparsity" { (0.0, 1.0) } else { (f64::NEG_INFINITY, f64::INFINITY) };
        assert_eq!(activity.boxed().domain(), domain);
        assert_eq!(activity.boxed().has_kinks(), activity.name() == "l1");
    }
    for (strength, got) in [(-1.0, "-1"), (f64::INFINITY, "inf"), (f64::NAN, "NaN")] {
        let problem = Err(format!("strength should be a finite number of at least 0, got {got}"));
        let all: [Activities; 4] = [
            L1 { strength }.into(),
            L2 { strength }.into(),
            StudentT { strength }.into(),
            Sparsity { mean: 0.5, strength }.into(),
        ];
        assert!(all.iter().all(|activity| activity.check() == problem), "{strength}");
    }
    for (mean, got) in [(0.0, "0"), (1.0, "1"), (-0.5, "-0.5"), (f64::NAN, "NaN")] {
        let problem = Err(format!("mean should be between 0 and 1, got {got}"));
        assert_eq!(Sparsity { mean, strength: 1.0 }.check(), problem);
    }
}
