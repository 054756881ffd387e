//! Every component is in its catalog: the gradient check and the configuration know it.

use super::{File, Problem, Tree};
use crate::source::{code_only, implementors, snake, without_tests};

/// Crate, the trait of its components, and the file that lists them.
const FAMILIES: [(&str, &str, &str); 7] = [
    ("crates/layerwise-activations/src/", "Activation", "lib.rs"),
    ("crates/layerwise-layers/src/", "Layer", "lib.rs"),
    ("crates/layerwise-losses/src/", "Loss", "lib.rs"),
    ("crates/layerwise-regularizers/src/", "Regularizer", "lib.rs"),
    ("crates/layerwise-regularizers/src/", "Activity", "lib.rs"),
    // Links are chained by configurations; their list is what the crate exports.
    ("crates/layerwise-optimizers/src/", "Link", "lib.rs"),
    ("crates/layerwise-diagnosis/src/causes/", "Cause", "mod.rs"),
];

pub fn check(tree: &Tree) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (folder, kind, list) in FAMILIES {
        let inside = |file: &&File| file.path.starts_with(folder);
        let Some(list) = tree.sources.iter().find(|f| f.path == format!("{folder}{list}")) else { continue };
        let listing = code_only(&list.text);
        for file in tree.sources.iter().filter(inside).filter(|f| f.path != list.path) {
            let stem = file.path[folder.len()..].trim_end_matches(".rs");
            if !listing.contains(&format!("mod {stem};")) {
                problems.push(Problem::new(file, 1, format!("{} should have `mod {stem};`, got none", list.path)));
            }
            let code = without_tests(&code_only(&file.text));
            for (line, name) in implementors(&code, kind) {
                if !listed(&listing, kind, stem, name) {
                    let what = format!("{name} should be in the catalog in {}, got no entry", list.path);
                    problems.push(Problem::new(file, line, what));
                }
            }
        }
        for (line, name) in entries(&listing) {
            let file = format!("{folder}{}.rs", snake(name));
            if !tree.sources.iter().any(|f| f.path == file) {
                problems.push(Problem::new(list, line, format!("{name} should have its own file {file}, got none")));
            }
        }
    }
    problems
}

fn listed(listing: &str, kind: &str, stem: &str, name: &str) -> bool {
    match kind {
        "Cause" => listing.contains(&format!("&{stem}::{name},")),
        "Link" => {
            let exports = listing.lines().filter(|l| l.starts_with(&format!("pub use {stem}::")));
            exports.into_iter().any(|l| l.split(|c: char| !c.is_alphanumeric() && c != '_').any(|word| word == name))
        }
        _ => entries(listing).iter().any(|(_, entry)| *entry == name),
    }
}

/// Catalog lines, `Tanh = "tanh",` (the string is blanked).
fn entries(listing: &str) -> Vec<(usize, &str)> {
    let entry = |line: &'_ str| -> Option<usize> {
        let (name, rest) = line.split_once(" = ")?;
        let component =
            name.chars().all(|c| c.is_ascii_alphanumeric()) && name.starts_with(|c: char| c.is_ascii_uppercase());
        (component && rest.starts_with('"')).then_some(name.len())
    };
    let lines = listing.lines().map(str::trim).enumerate();
    lines.filter_map(|(i, line)| Some((i + 1, &line[..entry(line)?]))).collect()
}

#[cfg(test)]
mod tests {
    use super::super::testing::{file, lines};
    use super::*;

    const LIB: &str = "//! L.\nmod tanh;\nmod math;\ncatalog! {\n    Tanh = \"tanh\",\n}\n";
    const TANH: &str =
        "//! T.\nimpl Activation for Tanh {\n}\n#[cfg(test)]\nmod tests {\nimpl Activation for Odd {}\n}\n";

    fn check_one(lib: &str, more: &[(&str, &str)], expected: &str) {
        let folder = "crates/layerwise-activations/src/";
        let mut sources = vec![file(&format!("{folder}lib.rs"), lib), file(&format!("{folder}math.rs"), "//! M.")];
        sources.extend(more.iter().map(|(name, text)| file(&format!("{folder}{name}"), text)));
        let expected = if expected.is_empty() { String::new() } else { format!("{folder}{expected}") };
        assert_eq!(lines(check(&Tree { sources, ..Tree::default() })), expected);
    }

    #[test]
    fn components_are_registered() {
        check_one(LIB, &[("tanh.rs", TANH)], "");
        let second = format!("{TANH}impl Activation for Tanh2 {{\n}}\n");
        let what = "Tanh2 should be in the catalog in crates/layerwise-activations/src/lib.rs, got no entry";
        check_one(LIB, &[("tanh.rs", &second)], &format!("tanh.rs:8: {what}"));
        check_one(
            &LIB.replace("mod tanh;\n", ""),
            &[("tanh.rs", TANH)],
            "tanh.rs:1: crates/layerwise-activations/src/lib.rs should have `mod tanh;`, got none",
        );
        check_one(
            &LIB.replace("}\n", "    GeluTanh = \"gelu-tanh\",\n}\n"),
            &[("tanh.rs", TANH)],
            "lib.rs:6: GeluTanh should have its own file crates/layerwise-activations/src/gelu_tanh.rs, got none",
        );
    }

    #[test]
    fn causes_and_links_are_registered() {
        let mut sources = vec![
            file(
                "crates/layerwise-diagnosis/src/causes/mod.rs",
                "//! C.\nmod a;\nmod b;\nconst ALL: X = &[\n    &a::A,\n];",
            ),
            file("crates/layerwise-diagnosis/src/causes/a.rs", "//! A.\nimpl Cause for A {"),
            file("crates/layerwise-optimizers/src/lib.rs", "//! O.\nmod c;\npub use c::{Clip, clip};\n"),
            file("crates/layerwise-optimizers/src/c.rs", "//! C.\nimpl Link for Clip {"),
        ];
        assert_eq!(lines(check(&Tree { sources, ..Tree::default() })), "");
        sources = vec![
            file(
                "crates/layerwise-diagnosis/src/causes/mod.rs",
                "//! C.\nmod a;\nmod b;\nconst ALL: X = &[\n    &a::A,\n];",
            ),
            file("crates/layerwise-diagnosis/src/causes/b.rs", "//! B.\n\nimpl Cause for B {"),
            file("crates/layerwise-optimizers/src/lib.rs", "//! O.\nmod c;\npub use c::{Clipped};\n"),
            file("crates/layerwise-optimizers/src/c.rs", "//! C.\nimpl Link for Clip {"),
        ];
        assert_eq!(
            lines(check(&Tree { sources, ..Tree::default() })),
            "crates/layerwise-optimizers/src/c.rs:2: Clip should be in the catalog in crates/layerwise-optimizers/src/lib.rs, got no entry\n\
             crates/layerwise-diagnosis/src/causes/b.rs:3: B should be in the catalog in crates/layerwise-diagnosis/src/causes/mod.rs, got no entry"
        );
    }
}
