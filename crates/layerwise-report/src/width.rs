//! Display width of text: terminal columns, and an estimate in pixels for figures.

/// Terminal columns that one character takes: 0 (combining), 1 or 2 (East Asian wide, emoji).
fn columns(character: char) -> usize {
    match character as u32 {
        0x0300..=0x036f | 0x200b..=0x200f | 0x20d0..=0x20ff | 0xfe00..=0xfe0f => 0,
        0x1100..=0x115f
        | 0x2e80..=0xa4cf
        | 0xac00..=0xd7a3
        | 0xf900..=0xfaff
        | 0xfe30..=0xfe6f
        | 0xff00..=0xff60
        | 0xffe0..=0xffe6
        | 0x1f300..=0x1f64f
        | 0x1f680..=0x1f6ff
        | 0x1f900..=0x1f9ff
        | 0x20000..=0x3fffd => 2,
        _ => 1,
    }
}

/// Terminal columns that `text` takes.
pub(crate) fn display_width(text: &str) -> usize {
    text.chars().map(columns).sum()
}

/// Pixels that `text` takes at font size `size`, erring on the wide side.
///
/// The reader's font is unknown; 0.57 em is the mean advance of the widest common sans-serif (DejaVu).
pub(crate) fn pixel_width(text: &str, size: f64) -> f64 {
    display_width(text) as f64 * size * 0.57
}

/// `text` cut with an ellipsis to at most `limit` pixels at font size `size`.
pub(crate) fn fit(text: &str, size: f64, limit: f64) -> String {
    if pixel_width(text, size) <= limit {
        return text.to_owned();
    }
    let mut kept = String::new();
    for character in text.chars() {
        kept.push(character);
        if pixel_width(&kept, size) + size > limit {
            kept.pop();
            break;
        }
    }
    kept.truncate(kept.trim_end().len());
    kept.push('…');
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_wide_and_combining_characters() {
        assert_eq!(display_width("layer"), 5);
        assert_eq!(display_width("層1"), 3);
        assert_eq!(display_width("e\u{301}"), 1);
    }

    #[test]
    fn cuts_long_text_with_an_ellipsis() {
        assert_eq!(fit("short", 12.0, 100.0), "short");
        let cut = fit("a rather long layer name", 12.0, 100.0);
        assert!(cut.ends_with('…') && pixel_width(&cut, 12.0) <= 106.0, "{cut}");
    }
}
