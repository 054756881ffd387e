//! Tests of line charts.

use super::*;
use crate::markup::assert_well_formed;

fn chart(points: Vec<(f64, f64)>) -> LineChart {
    LineChart {
        title: "loss <train> & \"test\"".into(),
        x: Axis::linear("epoch"),
        y: Axis::log10("loss").unit("nats"),
        series: vec![Series::new("a & b", points)],
        marks: vec![],
    }
}

#[test]
fn draws_gaps_single_points_and_the_end_of_a_diverging_run() {
    let nan = f64::NAN;
    let points = [1.0, 0.5, nan, 0.7, 0.0, 0.3, 0.2, f64::INFINITY];
    let points = points.iter().enumerate().map(|(i, &loss)| (i as f64, loss)).collect();
    let svg = chart(points).svg();
    assert_well_formed(&svg);
    let path = svg.lines().find(|line| line.contains("stroke-linejoin")).expect("a line is drawn");
    assert_eq!(path.matches('M').count(), 2, "{path}");
    assert_eq!(svg.matches("<circle").count(), 1);
    assert!(svg.contains("l8 8m0 -8l-8 8"));
    assert!(svg.contains("loss (nats)") && svg.contains("a &amp; b"));
}

#[test]
fn survives_empty_constant_and_extreme_data() {
    for points in [
        vec![],
        vec![(0.0, 0.0)],
        vec![(0.0, 1.0), (0.0, 1.0)],
        vec![(f64::NAN, f64::NAN)],
        vec![(0.0, 1e-320), (f64::MAX, f64::MAX)],
    ] {
        let mut chart = chart(points.clone());
        assert_well_formed(&chart.svg());
        chart.y = Axis::linear("loss").range(0.0, 1.0);
        chart.x = Axis::log10("step");
        chart.series[0].band = Some(points.iter().map(|&(x, y)| (x, -y, 2.0 * y)).collect());
        chart.marks.push(Mark { at: 1e9, label: "late".into() });
        assert_well_formed(&chart.svg());
    }
}

#[test]
fn powers_of_ten_are_evenly_spaced_squares_and_measured_points_have_dots() {
    let points: Vec<(f64, f64)> =
        (2..=8).map(|power| (10f64.powi(power), 10f64.powf(-0.5 * f64::from(power)))).collect();
    let mut chart = chart(points.clone());
    chart.x = Axis::log10("parameters");
    chart.series = vec![Series::new("a", points.clone()).dotted(), Series::new("b", points)];
    let svg = chart.svg();
    assert_well_formed(&svg);
    let at = |label: &str| {
        let line = svg.lines().find(|line| line.ends_with(&format!(">{label}</text>"))).expect("a tick");
        let number = |name: &str| line.split(&format!(" {name}=\"")).nth(1)?.split('"').next()?.parse::<f64>().ok();
        (number("x").expect("x"), number("y").expect("y"))
    };
    let x = ["10²", "10³", "10⁴", "10⁵", "10⁶", "10⁷", "10⁸"].map(|label| at(label).0);
    let y = ["10⁻⁴", "10⁻³", "10⁻²", "10⁻¹"].map(|label| at(label).1);
    for steps in [x.windows(2).collect::<Vec<_>>(), y.windows(2).collect()] {
        let step = steps[0][1] - steps[0][0];
        assert!(steps.iter().all(|pair| (pair[1] - pair[0] - step).abs() < 0.03) && step.abs() > 20.0, "{steps:?}");
    }
    // Seven dots of a series and, as at the end of every line, one more.
    assert_eq!(svg.matches("<circle").count(), 7 + 1 + 1);
}

#[test]
fn end_labels_keep_apart_and_inside() {
    let placed = spread(&[50.0, 50.0, 10.0, 99.0, 100.0], 10.0, 0.0, 100.0);
    assert_eq!(placed, [50.0, 60.0, 10.0, 90.0, 100.0]);
}

#[test]
fn mark_labels_take_separate_rows_only_when_they_collide() {
    let mut chart = chart(vec![(0.0, 1.0), (100.0, 2.0)]);
    let mark = |at: f64| Mark { at, label: "learning rate halved".into() };
    chart.marks = vec![mark(10.0), mark(12.0), mark(90.0)];
    let x = Ruler::new(&chart.x, (0.0, 100.0), 8).between(50.0, 600.0);
    let (top, placed) = chart.mark_lanes(&x, 0.0);
    let heights: Vec<f64> = placed.iter().map(|(_, height)| *height).collect();
    assert!(heights[0] == heights[1] && heights[2] < heights[1], "{heights:?}");
    assert_eq!(top, 2.0 * LABEL_STEP + 4.0);
}
