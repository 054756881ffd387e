//! Layers that keep the signal alive, by their formulas: normalized numbers, statistics, gates, lengths of weights, shortcuts.

use layerwise_core::{Forward, Init, Layer, LayerKernel, Params, Pass, Plan, Role, Settle};
use layerwise_layers::{BatchNorm, Highway, LayerNorm, NormedDense, Skip};
use layerwise_tensor::{Key, Mat, MatMut, Purpose, Scalar};

/// The plan with its blocks one after the other.
fn laid_out(layer: &dyn Layer, d_in: usize, d_skip: usize) -> Plan {
    let mut plan = layer.plan(d_in).unwrap().of_source(d_skip).unwrap();
    let mut offset = 0;
    for block in &mut plan.blocks {
        block.offset = offset;
        offset += block.range().len();
    }
    plan
}

/// (y, cache) of a batch of columns with `d` numbers each.
fn forward<S: Scalar>(
    layer: &(impl Layer + LayerKernel<S>),
    theta: &[S],
    (x, d): (&[S], usize),
    (skip, d_skip): (&[S], usize),
    pass: Pass,
) -> (Vec<S>, Vec<S>) {
    let plan = laid_out(layer, d, d_skip);
    let n = x.len() / d;
    let (mut y, mut cache) = (vec![S::of(f64::NAN); plan.d_out * n], vec![S::of(f64::NAN); plan.scratch(n)]);
    layer.forward(Forward {
        theta: Params::new(theta, &plan.blocks),
        x: Mat::new(x, d, n),
        skip: plan.skip.map(|_| Mat::new(skip, d_skip, n)),
        y: MatMut::new(&mut y, plan.d_out, n),
        cache: &mut cache,
        pass,
        key: Key::new(1, Purpose::Mask),
    });
    (y, cache)
}

#[track_caller]
fn close(got: &[f64], want: &[f64]) {
    assert_eq!(got.len(), want.len());
    assert!(got.iter().zip(want).all(|(g, w)| (g - w).abs() <= 1e-13 * (1.0 + w.abs())), "{got:?}, should be {want:?}");
}

/// Σ(x − μ)² and not Σ(x − μ)(x + μ), which is the same but for its digits.
#[test]
fn a_variance_far_from_0_keeps_its_digits() {
    let x = [0.0, 1.0, 2.0, 3.0].map(|x: f64| x + 2f64.powi(50));
    let theta = [[1.0; 4], [0.0; 4]].concat();
    let (y, _) = forward(&LayerNorm { epsilon: 0.25 }, &theta, (&x, 4), (&[], 4), Pass::Train);
    close(&y, &[-1.5, -0.5, 0.5, 1.5].map(|x| x / 1.5f64.sqrt()));
}

#[test]
fn plans_have_their_blocks_and_refuse_by_name() {
    let names = |plan: &Plan| plan.blocks.iter().map(|b| (b.name, b.rows, b.cols, b.role)).collect::<Vec<_>>();
    let (weight, bias, statistic) = (Role::Weight, Role::Bias, Role::Statistic);
    let of_batch = BatchNorm::default().plan(4).unwrap();
    let two = [("gain", 4, 1, bias), ("shift", 4, 1, bias)];
    assert_eq!(names(&of_batch), [two[0], two[1], ("mean", 4, 1, statistic), ("variance", 4, 1, statistic)]);
    assert_eq!(of_batch.blocks.iter().map(|b| b.init).collect::<Vec<_>>(), [1.0, 0.0, 0.0, 1.0].map(constant));
    assert_eq!((of_batch.d_out, of_batch.scratch(3)), (4, 5 * 4 + 4 * 3));
    let of_layer = LayerNorm::default().plan(4).unwrap();
    assert_eq!((names(&of_layer), of_layer.scratch(3)), (two.to_vec(), 12));
    assert_eq!(of_layer.blocks.iter().map(|b| b.init).collect::<Vec<_>>(), [1.0, 0.0].map(constant));
    let highway = Highway { gate_bias: -3.0 }.plan(2).unwrap();
    let square = |name| (name, 2, 2, weight);
    assert_eq!(names(&highway), [square("w"), ("b", 2, 1, bias), square("gate"), ("gate-b", 2, 1, bias)]);
    let inits = [Init::Glorot, constant(0.0), Init::Glorot, constant(-3.0)];
    assert_eq!((highway.blocks.iter().map(|b| b.init).collect::<Vec<_>>(), highway.scratch(5)), (inits.to_vec(), 40));
    let normed = NormedDense { width: 3, gain: 2.0 }.plan(2).unwrap();
    assert_eq!(names(&normed), [("v", 3, 2, weight), ("g", 3, 1, bias), ("b", 3, 1, bias)]);
    assert_eq!(normed.blocks.iter().map(|b| b.init).collect::<Vec<_>>(), [Init::Lecun, constant(2.0), constant(0.0)]);
    assert_eq!((normed.d_out, normed.scratch(9)), (3, 18));
    assert_eq!(NormedDense::new(3).kinks(), [0.0]);
    assert_eq!((NormedDense::new(5).gain, Highway::default().gate_bias), (1.0, -2.0));

    let check = |layer: &dyn Layer, message: &str| assert_eq!(layer.plan(3).unwrap_err().to_string(), message);
    check(&BatchNorm { epsilon: -1.0, rate: 0.1 }, ": epsilon should be finite and at least 0, got -1");
    check(&BatchNorm { epsilon: 0.1, rate: 0.0 }, ": rate should be in (0, 1], got 0");
    check(&BatchNorm { epsilon: 0.1, rate: 1.5 }, ": rate should be in (0, 1], got 1.5");
    check(&BatchNorm { epsilon: 0.1, rate: f64::NAN }, ": rate should be in (0, 1], got NaN");
    check(&LayerNorm { epsilon: f64::NAN }, ": epsilon should be finite and at least 0, got NaN");
    check(&Highway { gate_bias: f64::INFINITY }, "gate-b: gate_bias should be finite, got inf");
    check(&NormedDense { width: 2, gain: -0.5 }, ": gain should be finite and at least 0, got -0.5");
    check(&NormedDense::new(0), "w: width should be at least 1, got 0");
    assert!(BatchNorm { epsilon: 0.0, rate: 1.0 }.plan(1).is_ok() && LayerNorm { epsilon: 0.0 }.plan(1).is_ok());
}

fn constant(value: f64) -> Init {
    Init::Constant { value }
}

/// Two units, gains 2 and −1, shifts 0.5 and 0.
const OF_UNITS: [f64; 4] = [2.0, -1.0, 0.5, 0.0];

#[test]
fn a_batch_is_normalized_by_its_own_moments_and_predictions_by_the_statistics() {
    let layer = BatchNorm { epsilon: 0.25, rate: 0.5 };
    // The units have the means 2 and 5, and the variances 2 and 4.5.
    let x = [0.0, 2.0, 2.0, 5.0, 4.0, 8.0, 2.0, 5.0];
    let theta = [&OF_UNITS[..], &[1.0, -2.0, 3.75, 0.75]].concat();
    let (y, mut cache) = forward(&layer, &theta, (&x, 2), (&[], 2), Pass::Train);
    let (a, b) = (2.0 / 2.25f64.sqrt(), -3.0 / 4.75f64.sqrt());
    close(&y, &[0.5 - 2.0 * a, -b, 0.5, 0.0, 0.5 + 2.0 * a, b, 0.5, 0.0]);
    let (predicted, _) = forward(&layer, &theta, (&x, 2), (&[], 2), Pass::Predict);
    close(&predicted, &[0.5 - 1.0, -4.0, 0.5 + 1.0, -7.0, 0.5 + 3.0, -10.0, 0.5 + 1.0, -7.0]);

    // Half of the way to the means, and to the variances times 4/3.
    let mut settled = theta.clone();
    let blocks = laid_out(&layer, 2, 2).blocks;
    LayerKernel::settle(&layer, Settle::new(&mut settled, &blocks, &cache, 4));
    close(&settled, &[2.0, -1.0, 0.5, 0.0, 1.5, 1.5, 0.5 * (3.75 + 8.0 / 3.0), 0.5 * (0.75 + 6.0)]);
    // One sample has no variance: the statistics stay, and so does what was settled.
    for n in [0, 1] {
        let before = settled.clone();
        LayerKernel::settle(&layer, Settle::new(&mut settled, &blocks, &cache, n));
        assert_eq!(settled, before);
    }
    // With two samples the variance counts twice.
    cache[..4].copy_from_slice(&[7.0, 8.0, 3.0, 4.0]);
    let mut settled = theta.clone();
    LayerKernel::settle(&BatchNorm { rate: 1.0, ..layer }, Settle::new(&mut settled, &blocks, &cache, 2));
    assert_eq!(settled[4..], [7.0, 8.0, 6.0, 8.0]);
    // Of three units each has its own.
    let (of_three, layer) =
        ([1.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 1.0, 1.0], BatchNorm { rate: 1.0, ..layer });
    let (_, cache) = forward(&layer, &of_three, (&[0.0, 1.0, 2.0, 2.0, 5.0, 8.0], 3), (&[], 3), Pass::Train);
    let mut settled = of_three.to_vec();
    LayerKernel::settle(&layer, Settle::new(&mut settled, &laid_out(&layer, 3, 3).blocks, &cache, 2));
    close(&settled[6..], &[1.0, 3.0, 5.0, 2.0, 8.0, 18.0]);
    // A batch of one is its own mean.
    let (alone, _) = forward(&layer, &theta, (&[3.0, -4.0], 2), (&[], 2), Pass::Train);
    assert_eq!(alone, [0.5, 0.0]);
}

#[test]
fn other_layers_have_no_statistics_to_settle() {
    let (mut theta, blocks) = ([1.0, 2.0, 3.0, 4.0], laid_out(&LayerNorm::default(), 2, 2).blocks);
    LayerKernel::settle(&LayerNorm::default(), Settle::new(&mut theta, &blocks, &[9.0; 8], 4));
    assert_eq!(theta, [1.0, 2.0, 3.0, 4.0]);
}

#[test]
fn a_sample_is_normalized_over_its_units() {
    let layer = LayerNorm { epsilon: 0.25 };
    // 17 units, one more than are summed side by side: −8 … 8 have the mean 0 and the variance 24; times 2, and plus 3.
    let x: Vec<f64> = (-8..=8).map(f64::from).chain((-8..=8).map(|i| f64::from(2 * i + 3))).collect();
    let theta: Vec<f64> = (0..17).map(|i| 1.0 + f64::from(i)).chain((0..17).map(|i| 0.5 * f64::from(i))).collect();
    let want = |scale: f64| (0..17).map(move |i| (1.0 + f64::from(i)) * f64::from(i - 8) * scale + 0.5 * f64::from(i));
    let want: Vec<f64> = want(1.0 / 24.25f64.sqrt()).chain(want(2.0 / 96.25f64.sqrt())).collect();
    for pass in [Pass::Train, Pass::Predict] {
        close(&forward(&layer, &theta, (&x, 17), (&[], 17), pass).0, &want);
    }
}

#[test]
fn a_gate_chooses_between_its_units_and_its_input() {
    // w, b, gate, gate-b of two units, by columns.
    let theta = [0.5, -1.0, 2.0, 0.25, 0.125, -0.5, 1.0, 0.5, -2.0, 0.75, 0.0, -1.0];
    let x = [1.5, -0.5];
    let (y, _) = forward(&Highway::default(), &theta, (&x, 2), (&[], 2), Pass::Train);
    let h = [0.5f64 * 1.5 - 1.0 + 0.125, -1.5 - 0.125 - 0.5].map(f64::tanh);
    let t = [1.5 + 1.0, 0.75 - 0.375 - 1.0].map(|a: f64| 1.0 / (1.0 + (-a).exp()));
    close(&y, &[t[0] * h[0] + (1.0 - t[0]) * 1.5, t[1] * h[1] - (1.0 - t[1]) * 0.5]);
}

#[test]
fn weights_have_the_length_that_is_learnt_and_zeros_none() {
    // Rows (3, 4), (0, 0) and (0, −2) with the lengths 10, 7 and 0.5.
    let theta = [3.0, 0.0, 0.0, 4.0, 0.0, -2.0, 10.0, 7.0, 0.5, 1.0, 2.0, 3.0];
    let (y, _) = forward(&NormedDense::new(3), &theta, (&[1.0, 0.0, 2.0, -1.0], 2), (&[], 3), Pass::Predict);
    assert_eq!(y, [1.0 + 6.0, 2.0, 3.0, 1.0 + 12.0 - 8.0, 2.0, 3.0 + 0.5]);
}

#[test]
fn a_shortcut_goes_through_a_matrix_where_widths_differ() {
    let (x, s) = ([1.0, 2.0], [10.0, 100.0, 1000.0]);
    let projected = Skip { back: 1, projection: true };
    let w = [1.0, 0.5, 2.0, 0.25, -1.0, 0.0];
    let (y, _) = forward(&projected, &w, (&x, 2), (&s, 3), Pass::Train);
    assert_eq!(y, [1.0 + 10.0 + 200.0 - 1000.0, 2.0 + 5.0 + 25.0]);
    let plan = laid_out(&projected, 2, 3);
    let block = &plan.blocks[0];
    assert_eq!((block.name, block.rows, block.cols, block.role, block.init), ("w", 2, 3, Role::Weight, Init::Auto));
    let (y, _) = forward(&Skip::new(1), &[], (&x, 2), (&[10.0, 100.0], 2), Pass::Train);
    assert_eq!(y, [11.0, 102.0]);
    let refused = Skip::new(1).plan(2).unwrap().of_source(3).unwrap_err();
    assert_eq!(refused.to_string(), ": width of the shortcut should be 2, got 3");
}
