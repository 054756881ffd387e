//! Escaping of text for HTML and SVG, and the tag balancer the tests check all markup with.

/// Replaces the five markup characters by entities, and characters XML forbids by U+FFFD.
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            '\n' | '\t' => escaped.push(character),
            '\u{fffe}' | '\u{ffff}' => escaped.push(char::REPLACEMENT_CHARACTER),
            control if control.is_control() => escaped.push(char::REPLACEMENT_CHARACTER),
            other => escaped.push(other),
        }
    }
    escaped
}

/// Panics unless every tag is closed in order, attributes are quoted and entities are known.
#[cfg(test)]
pub(crate) fn assert_well_formed(markup: &str) {
    let mut open: Vec<&str> = Vec::new();
    let mut rest = markup.strip_prefix("<!doctype html>").unwrap_or(markup);
    while let Some(start) = rest.find('<') {
        assert_text(&rest[..start]);
        let end = start + rest[start..].find('>').expect("a tag is not closed by >");
        let tag = &rest[start + 1..end];
        rest = &rest[end + 1..];
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop(), Some(name), "a tag is closed out of order");
            continue;
        }
        let empty = tag.ends_with('/');
        let tag = tag.trim_end_matches('/').trim_end();
        let (name, attributes) = tag.split_once(' ').unwrap_or((tag, ""));
        assert!(
            name.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '-') && !name.is_empty(),
            "odd tag name {name:?}"
        );
        assert_attributes(attributes);
        if !empty {
            open.push(name);
        }
    }
    assert_text(rest);
    assert!(open.is_empty(), "left open: {open:?}");
}

#[cfg(test)]
fn assert_attributes(attributes: &str) {
    let pieces: Vec<&str> = attributes.split('"').collect();
    assert_eq!(pieces.len() % 2, 1, "an unbalanced quote in {attributes:?}");
    let mut seen = Vec::new();
    for pair in pieces[..pieces.len() - 1].chunks(2) {
        let name = pair[0].trim().strip_suffix('=').expect("an attribute without =");
        assert!(!name.contains(' '), "odd attribute {name:?}");
        assert!(!seen.contains(&name), "attribute {name:?} given twice");
        seen.push(name);
        assert_text(pair[1]);
    }
    assert_eq!(pieces[pieces.len() - 1].trim(), "");
}

#[cfg(test)]
fn assert_text(text: &str) {
    for piece in text.split('&').skip(1) {
        let known = ["amp;", "lt;", "gt;", "quot;", "#39;"];
        assert!(known.iter().any(|entity| piece.starts_with(entity)), "a bare & before {piece:?}");
    }
    assert!(!text.contains("NaN\""), "NaN in an attribute");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_every_markup_character_and_drops_controls() {
        assert_eq!(
            escape("<a href=\"x\">Tom & 'Jerry'</a>"),
            "&lt;a href=&quot;x&quot;&gt;Tom &amp; &#39;Jerry&#39;&lt;/a&gt;"
        );
        assert_eq!(escape("a\u{1b}[31mb\0"), "a\u{fffd}[31mb\u{fffd}");
        assert_eq!(escape("σ(x) ≥ 0"), "σ(x) ≥ 0");
    }

    #[test]
    fn balancer_accepts_and_refuses() {
        assert_well_formed("<a b=\"1\"><c/>x &amp; y</a>");
        for broken in ["<a><b></a></b>", "<a>", "<a b=\"1></a>", "<a>x & y</a>", "<a b=\"1\" b=\"2\"/>"] {
            assert!(std::panic::catch_unwind(|| assert_well_formed(broken)).is_err(), "{broken}");
        }
    }
}
