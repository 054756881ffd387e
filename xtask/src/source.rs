//! Enough of Rust's lexical grammar to look for words in code and not in comments, strings or test modules.

/// The text with the insides of comments, strings and characters blanked; lines and columns stay where they are.
pub fn code_only(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut out = String::with_capacity(text.len());
    let at = |i: usize| chars.get(i).copied().unwrap_or('\0');
    let blank = |out: &mut String, from: usize, to: usize| {
        out.extend(chars[from..to.min(chars.len())].iter().map(|c| if *c == '\n' { '\n' } else { ' ' }));
    };
    let mut i = 0;
    while i < chars.len() {
        let c = chars[i];
        let start = i;
        if c == '/' && at(i + 1) == '/' {
            while i < chars.len() && chars[i] != '\n' {
                i += 1;
            }
            blank(&mut out, start, i);
        } else if c == '/' && at(i + 1) == '*' {
            let mut depth = 0;
            while i < chars.len() {
                match (chars[i], at(i + 1)) {
                    ('/', '*') => (depth, i) = (depth + 1, i + 2),
                    ('*', '/') => (depth, i) = (depth - 1, i + 2),
                    _ => i += 1,
                }
                if depth == 0 {
                    break;
                }
            }
            blank(&mut out, start, i);
        } else if let Some(hashes) = raw_string(&chars, i) {
            out.push('"');
            i += hashes + 1;
            let inside = i + 1;
            let closes = |i: usize| at(i) == '"' && (1..=hashes).all(|k| at(i + k) == '#');
            i = inside;
            while i < chars.len() && !closes(i) {
                i += 1;
            }
            blank(&mut out, start + 1, i);
            out.push('"');
            i += 1;
            blank(&mut out, i, i + hashes);
            i += hashes;
        } else if c == '"' {
            i += 1;
            while i < chars.len() && chars[i] != '"' {
                i += if chars[i] == '\\' { 2 } else { 1 };
            }
            out.push('"');
            blank(&mut out, start + 1, i);
            if i < chars.len() {
                out.push('"');
            }
            i += 1;
        } else if c == '\'' && (at(i + 1) == '\\' || at(i + 2) == '\'') {
            i += if at(i + 1) == '\\' { 3 } else { 2 };
            while i < chars.len() && chars[i] != '\'' {
                i += 1;
            }
            i += 1;
            blank(&mut out, start, i);
        } else {
            out.push(c);
            i += 1;
        }
    }
    out
}

/// If a raw string starts at `i`, its number of hashes.
fn raw_string(chars: &[char], i: usize) -> Option<usize> {
    let in_word = |i: usize| i > 0 && is_word(chars[i - 1]);
    let starts = chars[i] == 'r' && (!in_word(i) || (matches!(chars[i - 1], 'b' | 'c') && !in_word(i - 1)));
    let hashes = chars[i + 1..].iter().take_while(|c| **c == '#').count();
    (starts && chars.get(i + 1 + hashes) == Some(&'"')).then_some(hashes)
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Code in which the items under `#[cfg(test)]` are blanked too.
pub fn without_tests(code: &str) -> String {
    let mut out = code.to_owned();
    while let Some(start) = out.find("#[cfg(test)]") {
        let mut depth = 0usize;
        let mut end = out.len();
        for (i, c) in out[start..].char_indices() {
            match c {
                '{' => depth += 1,
                '}' => depth = depth.saturating_sub(1),
                _ => {}
            }
            if depth == 0 && (c == '}' || c == ';') {
                end = start + i + 1;
                break;
            }
        }
        let blanked: String = out[start..end].chars().map(|c| if c == '\n' { '\n' } else { ' ' }).collect();
        out.replace_range(start..end, &blanked);
    }
    out
}

/// The lines, from 1, on which a word stands. A word that ends in `!` is a macro's name.
pub fn lines_with(code: &str, word: &str) -> Vec<usize> {
    let whole = |line: &str| {
        line.match_indices(word).any(|(i, _)| {
            let before = line[..i].chars().next_back().is_none_or(|c| !is_word(c));
            let after = word.ends_with('!') || line[i + word.len()..].chars().next().is_none_or(|c| !is_word(c));
            before && after
        })
    };
    code.lines().enumerate().filter(|(_, line)| whole(line)).map(|(i, _)| i + 1).collect()
}

/// The types `X` of `impl Name for X` with their lines, from 1. Generic implementations (`impl<T> … for T`) are left out.
pub fn implementors<'a>(code: &'a str, name: &str) -> Vec<(usize, &'a str)> {
    let of_line = |line: &'a str| {
        let (head, rest) = line.trim_start().strip_prefix("impl")?.split_once(" for ")?;
        let head = head.trim().rsplit("::").next().unwrap_or_default();
        let kind = rest.split(|c: char| !is_word(c)).next().unwrap_or_default();
        (head == name && !kind.is_empty()).then_some(kind)
    };
    code.lines().enumerate().filter_map(|(i, line)| Some((i + 1, of_line(line)?))).collect()
}

/// `GeluTanh` as `gelu_tanh`.
pub fn snake(name: &str) -> String {
    let mut out = String::new();
    for (i, c) in name.chars().enumerate() {
        if c.is_uppercase() && i > 0 {
            out.push('_');
        }
        out.extend(c.to_lowercase());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &str) {
        let got = code_only(text);
        assert_eq!(got.trim_end(), expected.trim_end(), "{text}");
        assert_eq!(got.chars().count(), text.chars().count(), "{text}");
    }

    #[test]
    fn comments_strings_and_characters_are_blanked() {
        check("a // todo!\nb", "a         \nb");
        check("a /* x /* y */ z */ b", "a                   b");
        check(r#"f("unsafe \" x") g"#, r#"f("           ") g"#);
        check(r##"f(r#"a " b"#) g"##, r##"f("       " ) g"##);
        check(r#"f(b"ab", br"cd")"#, r#"f(b"  ", b"   ")"#);
        check("'a' '\\'' '\\u{1F}' <'a> &'static str", "                  <'a> &'static str");
        check("r#type", "r#type");
    }

    #[test]
    fn words_are_whole() {
        assert_eq!(lines_with("unsafe_code\nunsafe {\n", "unsafe"), [2]);
        assert_eq!(lines_with("eprintln!(x)\nprintln!(x)", "println!"), [2]);
    }

    #[test]
    fn test_modules_do_not_count() {
        let code =
            "fn a() {}\n#[cfg(test)]\nmod tests {\n    fn b() { c() }\n}\nfn d() {}\n#[cfg(test)]\nmod e;\nfn f() {}";
        let left = without_tests(code);
        assert_eq!(left.split_whitespace().collect::<Vec<_>>().join(" "), "fn a() {} fn d() {} fn f() {}");
        assert_eq!(left.lines().count(), code.lines().count());
    }

    #[test]
    fn implementors_are_found_by_trait() {
        let code = "impl Layer for Dense {\nimpl<S: Scalar> LayerKernel<S> for Dense {\nimpl layerwise_core::Layer for Skip<3> {";
        assert_eq!(implementors(code, "Layer"), [(1, "Dense"), (3, "Skip")]);
        assert_eq!(["GeluTanh", "L1", "Dense"].map(snake), ["gelu_tanh", "l1", "dense"]);
    }
}
