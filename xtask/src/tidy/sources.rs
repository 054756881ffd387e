//! Rules for single source files.

use super::{File, Problem, Tree, crate_of};
use crate::source::{code_only, lines_with, without_tests};

/// The only crate with `unsafe` code.
const UNSAFE: &str = "layerwise-tensor";
/// Lines within which its safety argument stands.
const NEAR: usize = 8;
/// The crates that talk to a person.
const PRINTERS: [&str; 5] = crate::site::PROGRAMS;

pub fn check(tree: &Tree) -> Vec<Problem> {
    let mut problems = Vec::new();
    for file in &tree.sources {
        let code = code_only(&file.text);
        head(file, &mut problems);
        unsafe_code(file, &code, &mut problems);
        inline(file, &code, &mut problems);
        leftovers(file, &code, &mut problems);
        printing(file, &code, &mut problems);
    }
    problems
}

fn head(file: &File, problems: &mut Vec<Problem>) {
    let first = file.text.lines().next().unwrap_or_default();
    let says = first.strip_prefix("//!").map(str::trim);
    if says.is_none_or(str::is_empty) {
        problems.push(Problem::new(file, 1, format!("first line should be `//! …`, got `{first}`")));
    }
}

/// `src/lib.rs`, `src/main.rs`, `src/bin/*.rs`.
fn is_root(path: &str) -> bool {
    path.ends_with("/src/lib.rs") || path.ends_with("/src/main.rs") || path.contains("/src/bin/")
}

fn in_tests(path: &str) -> bool {
    path.contains("/tests/") || path.contains("/benches/")
}

fn unsafe_code(file: &File, code: &str, problems: &mut Vec<Problem>) {
    let allowed = crate_of(&file.path) == UNSAFE;
    if is_root(&file.path) && !allowed && !code.contains("#![forbid(unsafe_code)]") {
        problems.push(Problem::new(file, 1, "crate root should have `#![forbid(unsafe_code)]`, got none"));
    }
    let counts = in_tests(&file.path) && code.contains("GlobalAlloc");
    let lines: Vec<&str> = file.text.lines().collect();
    for line in lines_with(code, "unsafe") {
        let near = &lines[line.saturating_sub(NEAR + 1)..lines.len().min(line + NEAR)];
        let trusted = near.iter().any(|l| l.to_lowercase().contains("safety:"));
        if !allowed && !counts {
            problems.push(Problem::new(file, line, format!("`unsafe` should be in {UNSAFE} only, got it here")));
        } else if allowed && !in_tests(&file.path) && !trusted {
            problems.push(Problem::new(
                file,
                line,
                "`unsafe` should have a `SAFETY:` comment within 8 lines, got none",
            ));
        }
    }
}

fn inline(file: &File, code: &str, problems: &mut Vec<Problem>) {
    if !file.path.starts_with("crates/layerwise-activations/src/") {
        return;
    }
    let lines: Vec<&str> = code.lines().map(str::trim).collect();
    for name in ["value", "slope"] {
        for line in lines_with(code, name).into_iter().filter(|&l| lines[l - 1].contains(&format!("fn {name}<"))) {
            // Attributes and (blanked) comments just above.
            let above = lines[..line - 1].iter().rev().take_while(|l| l.is_empty() || l.starts_with("#["));
            if !above.into_iter().any(|l| *l == "#[inline(always)]") {
                let what =
                    format!("`{name}` should carry `#[inline(always)]` (scalar code is 8 times slower), got none");
                problems.push(Problem::new(file, line, what));
            }
        }
    }
}

fn leftovers(file: &File, code: &str, problems: &mut Vec<Problem>) {
    for word in ["todo!", "unimplemented!", "dbg!"] {
        for line in lines_with(code, word) {
            problems.push(Problem::new(file, line, format!("`{word}` should be gone, got it here")));
        }
    }
}

fn printing(file: &File, code: &str, problems: &mut Vec<Problem>) {
    let path = &file.path;
    let stem = path.rsplit('/').next().unwrap_or_default().trim_end_matches(".rs");
    let tests = in_tests(path) || stem == "tests" || stem == "testing" || stem.ends_with("_tests");
    if PRINTERS.contains(&crate_of(path)) || tests || path.contains("/examples/") || stem == "build" {
        return;
    }
    let code = without_tests(code);
    for word in ["print!", "println!", "eprint!", "eprintln!"] {
        for line in lines_with(&code, word) {
            problems.push(Problem::new(file, line, format!("`{word}` should be in a program, got it in a library")));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{lines, source};
    use super::*;

    fn check_one(path: &str, text: &str, expected: &str) {
        let expected = if expected.is_empty() { String::new() } else { format!("{path}:{expected}") };
        assert_eq!(lines(check(&source(path, text))), expected, "{text}");
    }

    const CORE: &str = "crates/layerwise-core/src/layer.rs";

    #[test]
    fn files_open_with_a_sentence() {
        check_one(CORE, "//! A layer.\n", "");
        check_one(CORE, "use std::fmt;\n//! A layer.\n", "1: first line should be `//! …`, got `use std::fmt;`");
        check_one(CORE, "//!\n", "1: first line should be `//! …`, got `//!`");
        check_one(CORE, "", "1: first line should be `//! …`, got ``");
    }

    #[test]
    fn unsafe_is_in_one_crate() {
        let missing = "1: crate root should have `#![forbid(unsafe_code)]`, got none";
        for root in ["crates/layerwise-core/src/lib.rs", "crates/layerwise-cli/src/main.rs", "crates/x/src/bin/y.rs"] {
            check_one(root, "//! A crate.\n#![forbid(unsafe_code)]\n", "");
            check_one(root, "//! A crate, `#![forbid(unsafe_code)]`.\n", missing);
        }
        check_one("crates/layerwise-tensor/src/lib.rs", "//! A crate.\n", "");
        let text = "//! A file; nothing unsafe.\nfn f() { g(\"unsafe\") }\nfn h() { unsafe { k() } }\n";
        check_one(CORE, text, "3: `unsafe` should be in layerwise-tensor only, got it here");
        check_one(
            "crates/layerwise-tensor/src/simd.rs",
            text,
            "3: `unsafe` should have a `SAFETY:` comment within 8 lines, got none",
        );
        check_one(
            "crates/layerwise-tensor/src/simd.rs",
            "//! A file.\n// SAFETY: k is.\nfn h() { unsafe { k() } }\n",
            "",
        );
        check_one(
            "crates/x/tests/a.rs",
            "//! Counts.\nuse std::alloc::GlobalAlloc;\nunsafe impl GlobalAlloc for C {}\n",
            "",
        );
        check_one(
            "crates/x/tests/a.rs",
            "//! Not.\nunsafe fn f() {}\n",
            "2: `unsafe` should be in layerwise-tensor only, got it here",
        );
    }

    #[test]
    fn activations_are_inlined() {
        let path = "crates/layerwise-activations/src/tanh.rs";
        let good = "//! T.\n#[inline(always)]\n/// g.\nfn value<S: Scalar>(&self, x: S) -> S {\n}\n";
        check_one(path, good, "");
        let what = "`slope` should carry `#[inline(always)]` (scalar code is 8 times slower), got none";
        check_one(path, &good.replace("value", "slope").replace("(always)", ""), &format!("4: {what}"));
        check_one(path, "//! T.\n// #[inline(always)]\nfn slope<S>() {}\n", &format!("3: {what}"));
        check_one(path, "//! T.\n#[inline(always)]\nfn value<S>() {}\nfn slope<S>() {}\n", &format!("4: {what}"));
        check_one(CORE, "//! T.\nfn slope<S>() {}\n", "");
    }

    #[test]
    fn nothing_is_left_over() {
        check_one(CORE, "//! A todo!() in words.\n/* dbg!(x) */ let s = \"todo!()\";\n", "");
        check_one(CORE, "//! F.\nfn f() { todo!() }\n", "2: `todo!` should be gone, got it here");
        check_one("crates/x/tests/a.rs", "//! F.\n\nlet x = dbg!(y);\n", "3: `dbg!` should be gone, got it here");
        check_one(
            "xtask/src/a.rs",
            "//! F.\nstd::unimplemented!();\n",
            "2: `unimplemented!` should be gone, got it here",
        );
    }

    #[test]
    fn libraries_do_not_print() {
        let text = "//! F.\nfn f() { println!() }\n";
        check_one(CORE, text, "2: `println!` should be in a program, got it in a library");
        check_one(
            CORE,
            &text.replace("println!", "std::eprint!"),
            "2: `eprint!` should be in a program, got it in a library",
        );
        check_one(CORE, "//! F.\n#[cfg(test)]\nmod tests {\n fn f() { println!() }\n}\n", "");
        check_one(CORE, "//! println!()\n/// println!()\nfn f() {}\n", "");
        for path in [
            "xtask/src/a.rs",
            "crates/layerwise-cli/src/a.rs",
            "crates/x/examples/a.rs",
            "crates/x/build.rs",
            "crates/x/src/line_tests.rs",
        ] {
            check_one(path, text, "");
        }
    }
}
