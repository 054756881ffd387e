//! Every critical point of a linear network but the global minima is a saddle, whose Hessian is known: see the tests of
//! layerwise-curvature for the whole spectrum. Here, index and extreme eigenvalues over all subsets of modes.

use layerwise_curvature::{Hessian, Spectral};
use layerwise_network::Workspace;

use crate::nets::{linear, squared};
use crate::{Finding, Size};

pub fn findings(size: Size) -> Vec<Finding> {
    let modes: Vec<f64> = (1..=size.pick(4, 6)).rev().map(|s| s as f64).collect();
    let (d, h) = (modes.len(), modes.len() - 1);
    let network = linear(d, &[h, d]);
    // Inputs ±√d eᵢ: mean 0, second moments I.
    let root = (d as f64).sqrt();
    let (mut x, mut targets) = (vec![0.0; 2 * d * d], vec![0.0; 2 * d * d]);
    for i in 0..d {
        for (column, sign) in [(2 * i, root), (2 * i + 1, -root)] {
            x[column * d + i] = sign;
            targets[column * d + i] = sign * modes[i];
        }
    }
    let (mut wrong, mut worst, mut points) = (0usize, 0.0f64, 0);
    for subset in 0..1usize << d {
        let kept: Vec<usize> = (0..d).filter(|i| subset >> i & 1 == 1).collect();
        if kept.len() > h {
            continue;
        }
        points += 1;
        let mut theta = vec![0.0; network.n_theta()];
        let blocks: Vec<_> = network.blocks().map(|(_, block)| block.clone()).collect();
        for (unit, &mode) in kept.iter().enumerate() {
            theta[blocks[0].range()][mode * h + unit] = modes[mode].sqrt();
            theta[blocks[2].range()][unit * d + mode] = modes[mode].sqrt();
        }
        let mut workspace = Workspace::new(&network, 2 * d);
        let risk = squared(&network, &mut workspace, (&x, d), (&targets, d));
        let Ok(exact) = Hessian::new(risk, &theta).exact() else { continue };
        let (mut expected, down) = spectrum(&modes, &kept, h);
        expected.sort_by(f64::total_cmp);
        wrong += usize::from(exact.index() != down);
        for (value, expected) in exact.eigenvalues.iter().zip(&expected) {
            worst = worst.max((value - expected).abs());
        }
    }
    let of = format!("{points} critical points of a {d}-{h}-{d} network");
    vec![
        Finding::absolute(
            format!("wrong indices of {of}"),
            "#{i kept, j not: sⱼ > sᵢ} + (h − |I|) #{j not}",
            wrong as f64,
            0.0,
            0.0,
        ),
        Finding::absolute(format!("worst eigenvalue of {of}"), "sᵢ ± sⱼ, 2sᵢ, sᵢ + sᵢ′, ± sⱼ, 0", worst, 0.0, 1e-12),
    ]
}

/// All eigenvalues, with those of the biases, and how many are negative.
fn spectrum(modes: &[f64], kept: &[usize], h: usize) -> (Vec<f64>, usize) {
    let left: Vec<f64> = (0..modes.len()).filter(|i| !kept.contains(i)).map(|i| modes[i]).collect();
    let kept: Vec<f64> = kept.iter().map(|&i| modes[i]).collect();
    let unused = h - kept.len();
    let mut all = vec![0.0; kept.len() * kept.len() + 2 * unused * kept.len() + h];
    for &i in &kept {
        all.extend([2.0 * i, 1.0 + i]);
        left.iter().for_each(|j| all.extend([i + j, i - j]));
        kept.iter().filter(|other| **other < i).for_each(|other| all.extend([i + other; 2]));
    }
    for j in &left {
        all.push(1.0);
        all.extend([*j, -j].repeat(unused));
    }
    let down = kept.iter().map(|i| left.iter().filter(|j| *j > i).count()).sum::<usize>();
    (all, down + unused * left.len())
}
