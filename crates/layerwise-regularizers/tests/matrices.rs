//! Penalties that see a whole matrix, against values worked out by hand and against the formula on every number.

#![allow(clippy::unwrap_used)]

use layerwise_core::{Init, RegularizerKernel};
use layerwise_regularizers::*;
use layerwise_tensor::{Key, Mat, MatMut, Purpose};
use nalgebra::DMatrix;

fn rows_of(cols: usize, numbers: &[f64]) -> DMatrix<f64> {
    DMatrix::from_row_slice(numbers.len() / cols, cols, numbers)
}

/// λΩ, its gradient added to tens, and W after a step.
fn all(of: &dyn RegularizerKernel<f64>, w: &DMatrix<f64>, rate: f64) -> (f64, DMatrix<f64>, DMatrix<f64>) {
    let (mut grad, mut after) = (w.map(|_| 10.0), w.clone());
    let omega = of.add(Mat::from(w), grad.as_mut_slice());
    of.project(MatMut::from(&mut after), rate);
    (omega, grad.add_scalar(-10.0), after)
}

/// Small integers, so that every sum is exact; column 1 and row 2 are 0.
fn integers(rows: usize, cols: usize) -> DMatrix<f64> {
    DMatrix::from_fn(rows, cols, |i, j| if j == 1 || i == 2 { 0.0 } else { ((5 * i + 3 * j) % 7) as f64 - 3.0 })
}

#[test]
fn groups_are_columns_or_rows() {
    // Columns of norm 2, 0 and 10; λ √4 = 1.
    let w = rows_of(3, &[1.0, 0.0, 2.0, -1.0, 0.0, -4.0, 1.0, 0.0, 4.0, 1.0, 0.0, 8.0]);
    let grad = rows_of(3, &[0.5, 0.0, 0.2, -0.5, 0.0, -0.4, 0.5, 0.0, 0.4, 0.5, 0.0, 0.8]);
    // A step of 4: 2 is below, and of 10 remains 6.
    let after = rows_of(3, &[0.0, 0.0, 1.2, 0.0, 0.0, -2.4, 0.0, 0.0, 2.4, 0.0, 0.0, 4.8]);
    for groups in [Groups::Outgoing, Groups::Incoming] {
        let turn = |m: &DMatrix<f64>| if groups == Groups::Incoming { m.transpose() } else { m.clone() };
        let (lasso, proximal) = (GroupLasso { strength: 0.5, groups }, ProximalGroupLasso { strength: 0.5, groups });
        let (omega, got, untouched) = all(&lasso, &turn(&w), 4.0);
        assert_eq!((omega, untouched), (12.0, turn(&w)));
        assert!((got - turn(&grad)).amax() < 1e-14);
        let (omega, none, got) = all(&proximal, &turn(&w), 4.0);
        assert_eq!((omega, none), (12.0, turn(&w.map(|_| 0.0))));
        assert!((&got - turn(&after)).amax() < 1e-14, "{got}");
        // On the edge of the ball a group is gone too, and below it stays 0.
        assert_eq!(all(&proximal, &turn(&w), 10.0).2, turn(&w.map(|_| 0.0)));
        assert_eq!(all(&proximal, &turn(&w), 1e9).2, turn(&w.map(|_| 0.0)));
    }
}

#[test]
fn every_group_of_a_large_block_counts() {
    for (rows, cols) in [(150, 7), (7, 150), (64, 3), (65, 3)] {
        let w = integers(rows, cols);
        for groups in [Groups::Outgoing, Groups::Incoming] {
            let norm = |i: usize, j: usize| match groups {
                Groups::Outgoing => w.column(j).norm(),
                Groups::Incoming => w.row(i).norm(),
            };
            let size = if groups == Groups::Outgoing { rows } else { cols } as f64;
            let weight = 0.25 * size.sqrt();
            // Each group is met once a number.
            let expected: f64 = (0..rows).flat_map(|i| (0..cols).map(move |j| (i, j))).map(|(i, j)| norm(i, j)).sum();
            let (omega, grad, _) = all(&GroupLasso { strength: 0.25, groups }, &w, 1.0);
            assert!((omega - weight * expected / size).abs() < 1e-10 * omega, "{rows} x {cols}: {omega}");
            let (same, _, after) = all(&ProximalGroupLasso { strength: 0.25, groups }, &w, 2.0);
            assert_eq!(same, omega);
            for i in 0..rows {
                for j in 0..cols {
                    let (w, norm) = (w[(i, j)], norm(i, j));
                    let slope = if norm > 0.0 { weight * w / norm } else { 0.0 };
                    assert!((grad[(i, j)] - slope).abs() < 1e-13, "{rows} x {cols} at {i}, {j}");
                    let kept = if norm > 0.0 { w * (1.0 - 2.0 * weight / norm).max(0.0) } else { 0.0 };
                    assert!((after[(i, j)] - kept).abs() < 1e-13, "{rows} x {cols} at {i}, {j}");
                }
            }
        }
    }
}

#[test]
fn trouble_stays_visible() {
    let w = rows_of(2, &[f64::NAN, 1.0, 1.0, 1.0]);
    for groups in [Groups::Outgoing, Groups::Incoming] {
        let (omega, grad, after) = all(&GroupLasso { strength: 1.0, groups }, &w, 0.1);
        assert!(omega.is_nan() && grad[0].is_nan() && after[0].is_nan());
        let (omega, _, after) = all(&ProximalGroupLasso { strength: 1.0, groups }, &w, 0.1);
        assert!(omega.is_nan() && after[0].is_nan());
    }
    assert!(all(&Orthogonality { strength: 1.0 }, &w, 0.1).0.is_nan());
}

#[test]
fn singular_values_are_drawn_to_1() {
    let half = Orthogonality { strength: 0.5 };
    // WᵀW − I = [[24, −8], [−8, 3]].
    let (omega, grad, after) = all(&half, &rows_of(2, &[3.0, 0.0, -4.0, 2.0]), 1.0);
    assert_eq!(omega, 356.5);
    assert_eq!(grad, rows_of(2, &[144.0, -48.0, -224.0, 76.0]));
    assert_eq!(after, rows_of(2, &[3.0, 0.0, -4.0, 2.0]));
    assert_eq!(all(&half, &rows_of(2, &[1.0, 2.0]), 1.0).0, 8.0);
    assert_eq!(all(&half, &rows_of(2, &[1.0, 2.0]), 1.0).1, rows_of(2, &[8.0, 16.0]));
    assert_eq!(all(&half, &rows_of(1, &[1.0, 2.0]), 1.0).1, rows_of(1, &[8.0, 16.0]));
    // Ω = Σ (σ² − 1)² over the singular values, here 1/2 and 2.
    assert_eq!(all(&half, &rows_of(3, &[0.5, 0.0, 0.0, 0.0, 0.0, 2.0]), 1.0).0, 0.5 * (0.5625 + 9.0));
    for (rows, cols) in [(37, 20), (20, 37), (33, 33), (5, 40), (40, 5), (16, 16)] {
        let w = integers(rows, cols);
        let (gram, identity) = (
            if rows < cols { &w * w.transpose() } else { w.transpose() * &w },
            DMatrix::identity(rows.min(cols), rows.min(cols)),
        );
        let off = gram - identity;
        let expected = if rows < cols { &off * &w } else { &w * &off };
        let (omega, grad, _) = all(&half, &w, 1.0);
        assert_eq!((omega, grad), (0.5 * off.norm_squared().round(), 2.0 * expected), "{rows} x {cols}");
    }
}

#[test]
fn orthogonal_matrices_cost_nothing() {
    for (rows, cols) in [(30, 20), (20, 30)] {
        let mut w = DMatrix::zeros(rows, cols);
        let rng = &mut Key::new(3, Purpose::Init).rng();
        Init::Orthogonal { gain: 1.0 }.fill(MatMut::from(&mut w), rng);
        let (omega, grad, _) = all(&Orthogonality { strength: 1.0 }, &w, 1.0);
        assert!(omega < 1e-25 && grad.amax() < 1e-13, "{omega}");
    }
}

#[test]
fn a_configuration_says_what_belongs_together() {
    let read = |text: &str| serde_json::from_str::<Regularizers>(text);
    let incoming = GroupLasso { strength: 0.1, groups: Groups::Incoming };
    let text = r#"{"kind": "group-lasso", "strength": 0.1, "groups": "incoming"}"#;
    assert_eq!(read(text).unwrap(), incoming.into());
    assert_eq!(read(r#""proximal-group-lasso""#).unwrap(), ProximalGroupLasso::default().into());
    let wrong = read(r#"{"kind": "group-lasso", "groups": "rows"}"#).unwrap_err().to_string();
    assert!(wrong.contains("unknown variant `rows`, expected `incoming` or `outgoing`"), "{wrong}");
}

#[test]
fn growth_and_rest_are_declared() {
    let facts: Vec<_> =
        Regularizers::all().iter().map(|r| (r.name(), r.boxed().degree(), r.boxed().at_zero())).collect();
    for (name, degree, at_zero) in facts {
        assert_eq!((degree, at_zero), if name == "orthogonality" { (4, false) } else { (2, true) }, "{name}");
    }
}
