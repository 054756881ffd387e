//! Least squares on the first p of D features, of minimal norm where p exceeds the rows: the expected risk at finite size, with
//! β_j = 1/j, p ≤ n − 2: (‖β_rest‖² + σ²)(1 + p/(n − p − 1)); p ≥ n + 2: ‖β_p‖²(1 − n/p) + (‖β_rest‖² + σ²)(1 + n/(p − n − 1)).

use layerwise_stats::Estimate;
use nalgebra::{DMatrix, DVector};

use crate::nets::normal;
use crate::{Finding, Size};

const FEATURES: usize = 60;
const ROWS: usize = 20;
const NOISE: f64 = 0.5;

pub fn findings(size: Size) -> Vec<Finding> {
    let sets = size.pick(300, 4000);
    let beta: Vec<f64> = (1..=FEATURES).map(|j| 1.0 / j as f64).collect();
    let square = |of: &[f64]| of.iter().map(|b| b * b).sum::<f64>();
    let mut all = Vec::new();
    for p in [5, 12, 15, 26, 40, 60] {
        let risks: Vec<f64> = (0..sets)
            .map(|set| {
                let x = DMatrix::from_vec(ROWS, FEATURES, normal(ROWS * FEATURES, 2 * set));
                let noise = DVector::from_vec(normal(ROWS, 2 * set + 1)) * NOISE;
                let y = &x * DVector::from_column_slice(&beta) + noise;
                let w = x.columns(0, p).into_owned().svd(true, true).solve(&y, 1e-12);
                let w = w.unwrap_or_else(|_| DVector::zeros(p));
                // The risk of a fitted vector: σ² + ‖w − β‖².
                let off = |j: usize| w.get(j).copied().unwrap_or(0.0) - beta[j];
                NOISE * NOISE + (0..FEATURES).map(|j| off(j).powi(2)).sum::<f64>()
            })
            .collect();
        let (inside, outside) = (square(&beta[..p]), square(&beta[p..]) + NOISE * NOISE);
        let expected = if p < ROWS {
            outside * (1.0 + p as f64 / (ROWS - p - 1) as f64)
        } else {
            inside * (1.0 - ROWS as f64 / p as f64) + outside * (1.0 + ROWS as f64 / (p - ROWS - 1) as f64)
        };
        let estimate = Estimate::of(&risks);
        let tolerance = size.pick(4.5 * estimate.error, 0.03 * expected);
        let what = format!("risk with p = {p} of {FEATURES}, n = {ROWS}, {sets} sets");
        let formula = if p < ROWS {
            "(‖β_r‖² + σ²)(1 + p/(n−p−1))"
        } else {
            "‖β_p‖²(1 − n/p) + (‖β_r‖² + σ²)(1 + n/(p−n−1))"
        };
        all.push(Finding::absolute(what, formula, estimate.value, expected, tolerance));
    }
    all
}
