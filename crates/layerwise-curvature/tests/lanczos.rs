//! Eigenvalues by Lanczos against closed forms and dense decompositions.
#![allow(clippy::unwrap_used)]

use layerwise_curvature::{Lanczos, Spectrum, Stop, Wanted};
use layerwise_tensor::{Key, Purpose, Team};
use nalgebra::{DMatrix, DVector};

/// diag(d) as an operator.
fn diagonal(d: &[f64]) -> impl FnMut(&[f64], &mut [f64]) + '_ {
    move |v, out| out.iter_mut().zip(v).zip(d).for_each(|((out, v), d)| *out = d * v)
}

#[track_caller]
fn check(d: &[f64], request: Lanczos, expected: &[f64]) -> Spectrum<f64> {
    let mut calls = 0;
    let mut product = diagonal(d);
    let count = |v: &[f64], out: &mut [f64]| {
        calls += 1;
        product(v, out);
    };
    let found = request.run(&vec![1.0; d.len()], count).unwrap();
    assert_eq!((found.stop, found.products), (Stop::Converged, calls), "{found:?}");
    assert_eq!(found.values.len(), expected.len());
    let scale = d.iter().fold(0.0, |m: f64, d| m.max(d.abs()));
    for (i, (value, expected)) in found.values.iter().zip(expected).enumerate() {
        assert!((value - expected).abs() <= 1e-12 * scale, "{:?} should be {expected}", found.values);
        // The residual is what it says, and vectors are orthonormal.
        let v = &found.vectors[i];
        let true_residual = v.iter().zip(d).map(|(v, d)| (d - value).powi(2) * v * v).sum::<f64>().sqrt();
        assert!((true_residual - found.residuals[i]).abs() <= 1e-12 * scale, "{true_residual} {:?}", found.residuals);
        for (j, w) in found.vectors.iter().enumerate() {
            let product: f64 = v.iter().zip(&w[..]).map(|(v, w)| v * w).sum();
            assert!((product - f64::from(i == j)).abs() < 1e-13, "{product}");
        }
    }
    found
}

fn request(count: usize, wanted: Wanted) -> Lanczos {
    Lanczos { count, wanted, tolerance: 1e-9, ..Lanczos::default() }
}

#[test]
fn the_wanted_end_of_a_known_spectrum_is_found() {
    let d: Vec<f64> = (0..200).map(|i| f64::from(i) * 0.1 - 12.0).chain([-40.0, 30.0, 25.0]).collect();
    check(&d, request(3, Wanted::Largest), &[30.0, 25.0, 7.9]);
    check(&d, request(2, Wanted::Smallest), &[-40.0, -12.0]);
    check(&d, request(3, Wanted::Magnitude), &[-40.0, 30.0, 25.0]);
    check(&[-5.0, -3.0, -1.0], request(2, Wanted::Largest), &[-1.0, -3.0]);
    check(&[4.0], request(1, Wanted::Smallest), &[4.0]);
}

#[test]
fn an_invariant_space_ends_the_search_or_is_left() {
    // Two different eigenvalues: a basis of two vectors is invariant.
    let d: Vec<f64> = (0..50).map(|i| if i < 20 { 3.0 } else { -1.0 }).collect();
    assert_eq!(check(&d, request(1, Wanted::Largest), &[3.0]).products, 2);
    assert_eq!(check(&d, request(2, Wanted::Largest), &[3.0, -1.0]).products, 2);
    // More are wanted than it has: another start finds copies.
    assert_eq!(check(&d, request(3, Wanted::Largest), &[3.0, 3.0, -1.0]).products, 4);
    assert_eq!(check(&[2.0; 6], request(4, Wanted::Largest), &[2.0; 4]).products, 4);
    check(&[0.0; 5], request(2, Wanted::Magnitude), &[0.0, 0.0]);
    // A multiple eigenvalue counts once, as documented.
    check(&[5.0, 5.0, 3.0, 2.0, 1.0], request(2, Wanted::Largest), &[5.0, 3.0]);
    // The whole space.
    check(&[1.0, 2.0, 3.0, 4.0], request(4, Wanted::Smallest), &[1.0, 2.0, 3.0, 4.0]);
}

#[test]
fn a_dense_matrix_meets_its_decomposition_in_both_precisions() {
    let n = 60;
    let mut rng = Key::new(1, Purpose::Test).rng();
    let half = DMatrix::from_fn(n, n, |_, _| rng.normal());
    let a = &half + half.transpose();
    let mut expected: Vec<f64> = a.clone().symmetric_eigenvalues().iter().copied().collect();
    expected.sort_by(|a, b| b.total_cmp(a));
    let product = |v: &[f64], out: &mut [f64]| out.copy_from_slice((&a * DVector::from_column_slice(v)).as_slice());
    let space = vec![1.0; n];
    let found = request(3, Wanted::Largest).run(&space, product).unwrap();
    assert!(found.stop == Stop::Converged && found.values.iter().zip(&expected).all(|(v, e)| (v - e).abs() < 1e-10));
    let single = a.map(|a| a as f32);
    let product =
        |v: &[f32], out: &mut [f32]| out.copy_from_slice((&single * DVector::from_column_slice(v)).as_slice());
    let request = Lanczos { tolerance: 1e-4, ..request(3, Wanted::Largest) };
    let found = request.run(&vec![1.0f32; n], product).unwrap();
    assert!(found.stop == Stop::Converged && found.values.iter().zip(&expected).all(|(v, e)| (v - e).abs() < 1e-4));
}

#[test]
fn coordinates_outside_the_space_stay_zero() {
    // The largest eigenvalue lies outside, and so do off-diagonal numbers.
    let space = [1.0, 1.0, 0.0, 1.0, 0.0];
    let product = |v: &[f64], out: &mut [f64]| {
        assert_eq!((v[2], v[4]), (0.0, 0.0));
        for (i, out) in out.iter_mut().enumerate() {
            *out = [1.0, 2.0, 90.0, 3.0, 80.0][i] * v[i] + if [2, 4].contains(&i) { 7.0 * v[0] } else { 0.0 };
        }
    };
    let found = request(3, Wanted::Largest).run(&space, product).unwrap();
    assert!(found.values.iter().zip([3.0, 2.0, 1.0]).all(|(v, e)| (v - e).abs() < 1e-12), "{:?}", found.values);
    assert!(found.vectors.iter().all(|v| v[2] == 0.0 && v[4] == 0.0));
}

#[test]
fn a_search_that_breaks_or_runs_out_says_so_and_keeps_what_it_has() {
    let d: Vec<f64> = (0..500).map(f64::from).collect();
    let short = Lanczos { max_products: 5, ..request(2, Wanted::Largest) };
    let found = short.run(&vec![1.0; 500], diagonal(&d)).unwrap();
    assert_eq!((found.stop, found.products, found.values.len()), (Stop::MaxProducts, 5, 2));
    assert!(found.values[0] < 499.0 && found.residuals[0] > 1.0);
    let mut calls = 0;
    let breaks = |v: &[f64], out: &mut [f64]| {
        calls += 1;
        diagonal(&d)(v, out);
        if calls == 4 {
            out[7] = f64::NAN;
        }
    };
    let found = request(2, Wanted::Largest).run(&vec![1.0; 500], breaks).unwrap();
    assert_eq!((found.stop, found.products, found.values.len()), (Stop::NotFinite, 4, 2));
    assert!(
        found.values.iter().all(|v| v.is_finite()) && found.vectors.iter().all(|v| v.iter().all(|v| v.is_finite()))
    );
    let found = request(1, Wanted::Largest).run(&[1.0; 3], |_, out| out.fill(f64::INFINITY)).unwrap();
    assert_eq!((found.stop, found.products, found.values.len()), (Stop::NotFinite, 1, 0));
}

#[test]
fn requests_without_sense_are_refused_in_a_line() {
    let refusal = |request: Lanczos| request.run(&[1.0, 0.0, 1.0], |_, _| ()).unwrap_err().to_string();
    let default = Lanczos::default();
    assert_eq!(
        refusal(Lanczos { count: 0, ..default }),
        "lanczos: count should be between 1 and the dimension 2, got 0"
    );
    assert_eq!(
        refusal(Lanczos { count: 3, ..default }),
        "lanczos: count should be between 1 and the dimension 2, got 3"
    );
    let tolerance = |tolerance| refusal(Lanczos { tolerance, ..default });
    assert_eq!(tolerance(0.0), "lanczos: tolerance should be between 0 and 1, got 0");
    assert_eq!(tolerance(f64::NAN), "lanczos: tolerance should be between 0 and 1, got NaN");
    assert_eq!(tolerance(1.0), "lanczos: tolerance should be between 0 and 1, got 1");
    let short = Lanczos { count: 2, max_products: 1, ..default };
    assert_eq!(refusal(short), "lanczos: max_products should be at least the count 2, got 1");
}

#[test]
fn the_same_seed_gives_the_same_bits_on_any_number_of_threads() {
    let d: Vec<f64> = (0..40_000).map(|i| (f64::from(i) * 0.37).sin() + f64::from(i % 3000 == 7)).collect();
    let bits = |seed| {
        let found = Lanczos { count: 2, seed, ..Lanczos::default() }.run(&vec![1.0; d.len()], diagonal(&d)).unwrap();
        let vectors = found.vectors.iter().flat_map(|v| v.iter());
        found.values.iter().chain(vectors).map(|v| v.to_bits()).collect::<Vec<_>>()
    };
    let alone = bits(1);
    for threads in [2, 3] {
        assert!(Team::new(threads).unwrap().install(|| bits(1)) == alone);
    }
    assert!(bits(2) != alone);
}
