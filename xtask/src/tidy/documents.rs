//! The documents are true to the tree: ranks, external dependencies, causes, chapters, links.

use std::collections::BTreeMap;

use super::arrows::{dependencies, renames, strays};
use super::{File, Problem, Tree};
use crate::ranks::{RANKS, rank};

const ARCHITECTURE: &str = "docs/architecture.md";
const DIAGNOSIS: &str = "docs/diagnosis.md";
const CAUSES: &str = "crates/layerwise-diagnosis/src/causes/";

pub fn check(tree: &Tree) -> Vec<Problem> {
    let mut problems = Vec::new();
    if let Some(file) = tree.documents.iter().find(|f| f.path == ARCHITECTURE) {
        ranks(tree, file, &mut problems);
        reasons(tree, file, &mut problems);
    }
    if let Some(file) = tree.documents.iter().find(|f| f.path == DIAGNOSIS) {
        causes(tree, file, &mut problems);
    }
    if let Some(summary) = tree.documents.iter().find(|f| f.path == "docs/SUMMARY.md") {
        for file in tree.documents.iter().filter(|f| f.path.starts_with("docs/") && f.path != summary.path) {
            if !summary.text.contains(&format!("({})", &file.path["docs/".len()..])) {
                problems.push(Problem::new(file, 1, "chapter should be in docs/SUMMARY.md, got no link"));
            }
        }
    }
    for file in &tree.documents {
        links(tree, file, &mut problems);
    }
    problems
}

/// Rows `| 2 | `crate` | …` are those of the table of ranks.
fn ranks(tree: &Tree, file: &File, problems: &mut Vec<Problem>) {
    let mut written = BTreeMap::new();
    for (i, line) in file.text.lines().enumerate() {
        let mut cells = line.split('|').map(str::trim).skip(1);
        if let (Some(number), Some(name)) = (cells.next().and_then(|c| c.parse::<u8>().ok()), cells.next()) {
            written.insert(name.trim_matches('`').to_owned(), (i + 1, number));
        }
    }
    for (name, (line, number)) in &written {
        if rank(name) != Some(*number) {
            let expected = rank(name).map_or("absent".to_owned(), |r| r.to_string());
            problems.push(Problem::new(file, *line, format!("rank of {name} should be {expected}, got {number}")));
        }
    }
    for (name, rank) in RANKS.iter().filter(|(name, _)| !written.contains_key(*name)) {
        problems.push(Problem::new(file, 1, format!("{name} should be in the table with rank {rank}, got no row")));
    }
    for name in strays(tree) {
        problems.push(Problem::new(file, 1, format!("{name} has a rank and should be a crate, got none")));
    }
}

/// Each external dependency stands in a table row with its reason.
fn reasons(tree: &Tree, file: &File, problems: &mut Vec<Problem>) {
    let renames = renames(tree);
    for manifest in &tree.manifests {
        for dependency in dependencies(manifest, &renames) {
            let name = &dependency.package;
            let named = file.text.lines().any(|l| l.starts_with(&format!("| `{name}` |")));
            if rank(name).is_none() && !named {
                let what = format!("{name} should be named with its reason in {ARCHITECTURE}, got no row");
                problems.push(Problem::new(manifest, dependency.line, what));
            }
        }
    }
}

/// Each cause has a row in the table of causes.
fn causes(tree: &Tree, file: &File, problems: &mut Vec<Problem>) {
    for source in tree.sources.iter().filter(|s| s.path.starts_with(CAUSES) && !s.path.ends_with("/mod.rs")) {
        let name = source.path[CAUSES.len()..].trim_end_matches(".rs").replace('_', "-");
        if !file.text.lines().any(|l| l.starts_with(&format!("| `{name}` |"))) {
            problems.push(Problem::new(source, 1, format!("{name} should have a row in {DIAGNOSIS}, got none")));
        }
    }
}

/// Relative links `](path)` lead to a file.
fn links(tree: &Tree, file: &File, problems: &mut Vec<Problem>) {
    let folder = file.path.rsplit_once('/').map_or("", |(folder, _)| folder);
    for (i, line) in file.text.lines().enumerate() {
        for rest in line.split("](").skip(1) {
            let target = rest.split([')', '#', ' ']).next().unwrap_or_default();
            // `api/` is there in the built site only.
            if target.is_empty()
                || target.contains("://")
                || target.starts_with("mailto:")
                || target.starts_with("api/")
            {
                continue;
            }
            if !tree.paths.contains(&resolve(folder, target)) {
                problems.push(Problem::new(file, i + 1, format!("link should lead to a file, got `{target}`")));
            }
        }
    }
}

/// `docs` and `../README.md` as `README.md`.
fn resolve(folder: &str, target: &str) -> String {
    let mut parts: Vec<&str> = folder.split('/').filter(|p| !p.is_empty()).collect();
    for part in target.split('/') {
        match part {
            "." | "" => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::super::testing::{file, lines};
    use super::*;

    fn tree(table: &str, more: &str) -> Tree {
        let documents =
            vec![file(ARCHITECTURE, &format!("{table}\n{more}")), file("README.md", "[a](docs/architecture.md#x)")];
        let manifest =
            |name: &str| file(&format!("crates/{name}/Cargo.toml"), &format!("[package]\nname = \"{name}\"\n"));
        let mut manifests: Vec<File> = RANKS.iter().map(|(name, _)| manifest(name)).collect();
        manifests[0].text += "[dependencies]\nserde = \"1\"\n";
        let paths = documents.iter().map(|f| f.path.clone()).collect();
        Tree { manifests, documents, paths, ..Tree::default() }
    }

    #[test]
    fn what_the_documents_say_is_so() {
        let good: String = RANKS.iter().map(|(name, rank)| format!("| {rank} | `{name}` | x |\n")).collect();
        let serde = "| `serde` | configuration |";
        assert_eq!(lines(check(&tree(&good, serde))), "");
        assert_eq!(
            lines(check(&tree(&good, "serde"))),
            "crates/layerwise-tensor/Cargo.toml:4: serde should be named with its reason in docs/architecture.md, got no row"
        );
        assert_eq!(
            lines(check(&tree(&good.replace("| 3 |", "| 4 |"), serde))),
            "docs/architecture.md:11: rank of layerwise-network should be 3, got 4"
        );
        assert_eq!(
            lines(check(&tree(&good.replace("| 3 | `layerwise-network` | x |\n", ""), serde))),
            "docs/architecture.md:1: layerwise-network should be in the table with rank 3, got no row"
        );
        let mut fewer = tree(&good, serde);
        fewer.manifests.retain(|m| !m.path.contains("report"));
        assert_eq!(
            lines(check(&fewer)),
            "docs/architecture.md:1: layerwise-report has a rank and should be a crate, got none"
        );
        let mut caused = tree(&good, serde);
        caused.documents.push(file(DIAGNOSIS, "| `dead-units` | a |"));
        caused.sources = ["dead_units", "sad_units", "mod"].map(|s| file(&format!("{CAUSES}{s}.rs"), "//! A.")).into();
        assert_eq!(
            lines(check(&caused)),
            "crates/layerwise-diagnosis/src/causes/sad_units.rs:1: sad-units should have a row in docs/diagnosis.md, got none"
        );
        let mut linked = tree(&good, serde);
        linked.documents.push(file("docs/style.md", "see [a](../README.md), [b](https://x.y) and\n[c](adding.md)"));
        linked.documents.push(file("docs/SUMMARY.md", "- [A](architecture.md)"));
        linked.paths.push("docs/style.md".into());
        assert_eq!(
            lines(check(&linked)),
            "docs/style.md:1: chapter should be in docs/SUMMARY.md, got no link\n\
             docs/style.md:2: link should lead to a file, got `adding.md`"
        );
    }
}
