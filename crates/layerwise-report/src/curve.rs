//! Path data of curves and bands: gaps, and thinning of runs longer than the paper is wide.

use std::fmt::Write;

use crate::frame::Ruler;
use crate::svg::coordinate;

/// The visible runs of `points`, in pixels; every point that cannot be shown ends a run.
pub(crate) fn runs(points: &[(f64, f64)], x: &Ruler, y: &Ruler) -> Vec<Vec<(f64, f64)>> {
    let mut runs: Vec<Vec<(f64, f64)>> = vec![Vec::new()];
    for &(at, value) in points {
        match (x.pixel(at), y.pixel(value), runs.last_mut()) {
            (Some(px), Some(py), Some(run)) => run.push((px, py)),
            (_, _, Some(run)) if !run.is_empty() => runs.push(Vec::new()),
            _ => {}
        }
    }
    runs.retain(|run| !run.is_empty());
    runs
}

/// Keeps only first, lowest, highest and last of the points that share a pixel column.
///
/// A run of a hundred thousand steps then stays a small file and looks the same.
fn thin(run: &[(f64, f64)]) -> Vec<(f64, f64)> {
    run.chunk_by(|a, b| a.0.round() == b.0.round())
        .flat_map(|column| {
            let lowest = |best: usize, i: usize| {
                if column[i].1 < column[best].1 { i } else { best }
            };
            let highest = |best: usize, i: usize| {
                if column[i].1 > column[best].1 { i } else { best }
            };
            let mut kept = [0, (0..column.len()).fold(0, lowest), (0..column.len()).fold(0, highest), column.len() - 1];
            kept.sort_unstable();
            let mut kept = kept.to_vec();
            kept.dedup();
            kept.into_iter().map(|i| column[i])
        })
        .collect()
}

/// Path data of one run.
pub(crate) fn polyline(run: &[(f64, f64)]) -> String {
    let mut data = String::new();
    for (index, point) in thin(run).iter().enumerate() {
        let command = if index == 0 { 'M' } else { 'L' };
        let _ = write!(data, "{command}{} {}", coordinate(point.0), coordinate(point.1));
    }
    data
}

/// Outline of a band: each run of finite stretches along its upper and back along its lower edge.
pub(crate) fn band_path(band: &[(f64, f64, f64)], x: &Ruler, y: &Ruler) -> String {
    let edge = |at: f64, value: f64| Some((x.pixel(at)?, y.pixel_or_start(value)?));
    let corners = band.iter().map(|&(at, low, high)| Some((edge(at, low)?, edge(at, high)?)));
    let corners: Vec<_> = corners.collect();
    let mut data = String::new();
    for run in corners.split(Option::is_none) {
        let (lower, upper): (Vec<_>, Vec<_>) = run.iter().flatten().copied().unzip();
        if lower.len() > 1 {
            let back: Vec<_> = lower.into_iter().rev().collect();
            let _ = write!(data, "{}{}Z", polyline(&upper), polyline(&back).replacen('M', "L", 1));
        }
    }
    data
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_runs_are_thinned_without_losing_peaks() {
        let mut run: Vec<(f64, f64)> = (0..100_000).map(|i| (f64::from(i) / 200.0, 5.0)).collect();
        run[54_321].1 = -7.0;
        let thinned = thin(&run);
        assert!(thinned.len() < 2_500 && thinned.iter().any(|point| point.1 == -7.0));
    }
}
