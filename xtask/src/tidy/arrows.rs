//! Arrows between crates go down: a normal or build dependency has a lower rank. Development dependencies are exempt.

use std::collections::HashMap;

use toml::de::{DeTable, DeValue};

use super::{File, Problem, Tree};
use crate::ranks::{RANKS, rank};

/// A dependency as it stands in a manifest.
pub struct Dependency {
    /// Name of the package, whatever the manifest calls it.
    pub package: String,
    /// Line of the manifest, from 1.
    pub line: usize,
}

pub fn check(tree: &Tree) -> Vec<Problem> {
    let mut problems = Vec::new();
    let renames = renames(tree);
    for manifest in &tree.manifests {
        let name = match package(manifest) {
            Ok(Some(name)) => name,
            Ok(None) => continue,
            Err(problem) => {
                problems.push(problem);
                continue;
            }
        };
        let Some(own) = rank(&name) else {
            problems.push(Problem::new(
                manifest,
                1,
                format!("{name} should have a rank in xtask/src/ranks.rs, got none"),
            ));
            continue;
        };
        for dependency in dependencies(manifest, &renames) {
            let Dependency { package, line } = dependency;
            match rank(&package) {
                Some(other) if other >= own => {
                    let way = if other == own { "sideways" } else { "up" };
                    let what =
                        format!("arrow should go down, got {way}: {name} (rank {own}) to {package} (rank {other})");
                    problems.push(Problem::new(manifest, line, what));
                }
                None if package.starts_with("layerwise") => {
                    let what = format!("{package} should have a rank in xtask/src/ranks.rs, got none");
                    problems.push(Problem::new(manifest, line, what));
                }
                _ => {}
            }
        }
    }
    problems
}

/// The package's name; `None` for a manifest of a workspace only.
fn package(manifest: &File) -> Result<Option<String>, Problem> {
    let table = DeTable::parse(&manifest.text)
        .map_err(|e| Problem::new(manifest, 1, format!("manifest should be TOML, got {}", e.message())))?;
    let name = table.get_ref().get("package").and_then(|p| p.get_ref().as_table()).and_then(|p| p.get("name"));
    Ok(name.and_then(|n| n.get_ref().as_str()).map(str::to_owned))
}

/// Packages that the workspace knows under another name.
pub fn renames(tree: &Tree) -> HashMap<String, String> {
    let Some(root) = tree.manifests.iter().find(|m| m.path == "Cargo.toml") else { return HashMap::new() };
    let Ok(table) = DeTable::parse(&root.text) else { return HashMap::new() };
    let known =
        table.get_ref().get("workspace").and_then(|w| w.get_ref().as_table()).and_then(|w| w.get("dependencies"));
    let Some(known) = known.and_then(|d| d.get_ref().as_table()) else { return HashMap::new() };
    known.iter().filter_map(|(key, value)| Some((key.get_ref().to_string(), renamed(value.get_ref())?))).collect()
}

fn renamed(value: &DeValue<'_>) -> Option<String> {
    value.as_table()?.get("package")?.get_ref().as_str().map(str::to_owned)
}

/// Every normal and build dependency, for all targets.
pub fn dependencies(manifest: &File, renames: &HashMap<String, String>) -> Vec<Dependency> {
    let Ok(table) = DeTable::parse(&manifest.text) else { return Vec::new() };
    let table = table.get_ref();
    let mut places: Vec<&DeTable<'_>> = vec![table];
    if let Some(targets) = table.get("target").and_then(|t| t.get_ref().as_table()) {
        places.extend(targets.values().filter_map(|t| t.get_ref().as_table()));
    }
    let mut found = Vec::new();
    for place in places {
        for kind in ["dependencies", "build-dependencies"] {
            let Some(list) = place.get(kind).and_then(|d| d.get_ref().as_table()) else { continue };
            for (key, value) in list {
                let name = key.get_ref().to_string();
                let package = renamed(value.get_ref()).or_else(|| renames.get(&name).cloned()).unwrap_or(name);
                let line = manifest.text[..key.span().start].matches('\n').count() + 1;
                found.push(Dependency { package, line });
            }
        }
    }
    found.sort_by_key(|d| d.line);
    found
}

/// Names of the crates that the tree has and of those that have a rank.
pub fn strays(tree: &Tree) -> Vec<&'static str> {
    let there: Vec<String> = tree.manifests.iter().filter_map(|m| package(m).ok().flatten()).collect();
    RANKS.iter().map(|(name, _)| *name).filter(|name| !there.iter().any(|t| t == name)).collect()
}

#[cfg(test)]
mod tests {
    use super::super::testing::{file, lines};
    use super::*;

    fn check_one(name: &str, rest: &str, expected: &str) {
        let manifest = file("crates/x/Cargo.toml", &format!("[package]\nname = \"{name}\"\n{rest}"));
        let root = "[workspace.dependencies]\ncalc = { path = \"x\", package = \"layerwise-train\" }\n";
        let tree = Tree { manifests: vec![file("Cargo.toml", root), manifest], ..Tree::default() };
        assert_eq!(lines(check(&tree)), expected, "{rest}");
    }

    #[test]
    fn arrows_go_down() {
        let down = "[dependencies]\nlayerwise-core.workspace = true\nserde = \"1\"\n";
        check_one("layerwise-layers", down, "");
        check_one(
            "layerwise-layers",
            "[dependencies]\nlayerwise-core.workspace = true\nlayerwise-losses = { path = \"../l\" }\n",
            "crates/x/Cargo.toml:5: arrow should go down, got sideways: layerwise-layers (rank 2) to layerwise-losses (rank 2)",
        );
        let up = "arrow should go down, got up: layerwise-network (rank 3) to layerwise-train (rank 5)";
        for (line, rest) in [
            (4, "[build-dependencies]\nlayerwise-train.workspace = true\n"),
            (3, "[dependencies.layerwise-train]\nworkspace = true\n"),
            (4, "[target.'cfg(unix)'.dependencies]\nlayerwise-train.workspace = true\n"),
            (4, "[dependencies]\nother = { package = \"layerwise-train\", version = \"1\" }\n"),
            (4, "[dependencies]\ncalc.workspace = true\n"),
        ] {
            check_one("layerwise-network", rest, &format!("crates/x/Cargo.toml:{line}: {up}"));
        }
        check_one("layerwise-network", "[dev-dependencies]\nlayerwise-train.workspace = true\n", "");
        check_one(
            "layerwise-other",
            "",
            "crates/x/Cargo.toml:1: layerwise-other should have a rank in xtask/src/ranks.rs, got none",
        );
        check_one(
            "xtask",
            "[dependencies]\nlayerwise-new = \"1\"",
            "crates/x/Cargo.toml:4: layerwise-new should have a rank in xtask/src/ranks.rs, got none",
        );
    }
}
