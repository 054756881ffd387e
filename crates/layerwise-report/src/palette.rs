//! Colors and dash patterns that survive grayscale printing and color-vision deficiency.

/// Ink of titles and labels.
pub(crate) const INK: &str = "#1a1a1a";
/// Ink of axes, ticks and notes.
pub(crate) const SOFT_INK: &str = "#555555";
/// Ink of grid lines.
pub(crate) const GRID: &str = "#e2e2e2";
/// Fill of bars.
pub(crate) const BAR: &str = "#9db8dd";
/// Outline of bars.
pub(crate) const BAR_EDGE: &str = "#0b3c8c";

/// Series colors, each dark enough to be read as text on white (contrast over 4.5).
const SERIES: [&str; 8] = ["#0b3c8c", "#b3400a", "#00695c", "#7a1f6b", "#4d4d4d", "#7d5700", "#1f6f1f", "#a3123f"];

/// Dash patterns; nine of them against eight colors make 72 distinct series styles.
const DASHES: [&str; 9] = ["none", "7 4", "2 3", "10 3 2 3", "14 4", "5 2 1 2 1 2", "1 2", "12 3 2 3 2 3", "3 6"];

/// Anchors of the sequential palette (mako, light to dark), evenly spaced in lightness.
const SEQUENTIAL: [[f64; 3]; 7] = [
    [222.0, 245.0, 229.0],
    [138.0, 217.0, 177.0],
    [64.0, 183.0, 173.0],
    [52.0, 143.0, 167.0],
    [55.0, 101.0, 158.0],
    [65.0, 61.0, 123.0],
    [46.0, 30.0, 60.0],
];

/// Color of the series with this index.
pub(crate) fn series_color(index: usize) -> &'static str {
    SERIES[index % SERIES.len()]
}

/// Dash pattern (`stroke-dasharray`) of the series with this index.
pub(crate) fn series_dash(index: usize) -> &'static str {
    DASHES[index % DASHES.len()]
}

/// Palette color at `position` from 0 (light) to 1 (dark), positions outside being clamped.
pub(crate) fn sequential(position: f64) -> String {
    let [red, green, blue] = sequential_rgb(position);
    format!("#{red:02x}{green:02x}{blue:02x}")
}

fn sequential_rgb(position: f64) -> [u8; 3] {
    let last = SEQUENTIAL.len() - 1;
    let along = position.clamp(0.0, 1.0) * last as f64;
    let index = (along as usize).min(last - 1);
    let share = along - index as f64;
    let (from, to) = (SEQUENTIAL[index], SEQUENTIAL[index + 1]);
    std::array::from_fn(|channel| (from[channel] + share * (to[channel] - from[channel])).round() as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Relative luminance of an sRGB color (WCAG).
    fn luminance(rgb: [u8; 3]) -> f64 {
        let linear = rgb.map(|byte| {
            let value = f64::from(byte) / 255.0;
            if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
        });
        0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    }

    fn parse(color: &str) -> [u8; 3] {
        std::array::from_fn(|i| u8::from_str_radix(&color[1 + 2 * i..3 + 2 * i], 16).expect("hexadecimal"))
    }

    #[test]
    fn sequential_palette_darkens_evenly() {
        let lightness: Vec<f64> =
            (0..=60).map(|i| 116.0 * luminance(sequential_rgb(f64::from(i) / 60.0)).cbrt() - 16.0).collect();
        let mean = (lightness[0] - lightness[60]) / 60.0;
        for pair in lightness.windows(2) {
            let step = pair[0] - pair[1];
            assert!(step > 0.4 * mean && step < 1.6 * mean, "{step} against {mean}");
        }
        assert_eq!(sequential(f64::NEG_INFINITY), "#def5e5");
    }

    #[test]
    fn series_colors_are_readable_as_text_on_white() {
        for color in SERIES {
            assert!(1.05 / (luminance(parse(color)) + 0.05) > 4.5, "{color}");
        }
        let styles: std::collections::HashSet<_> = (0..72).map(|i| (series_color(i), series_dash(i))).collect();
        assert_eq!(styles.len(), 72);
    }
}
