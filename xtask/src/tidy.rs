//! `cargo xtask tidy`: the rules of the house that neither the compiler nor clippy checks.

mod arrows;
mod catalogs;
mod documents;
mod sources;

use std::fmt;
use std::fs;
use std::path::Path;

use crate::shell::root;
use crate::{Trouble, args};

const HELP: &str = "\
Checks the rules of the house and names each breach by file and line.

Usage: cargo xtask tidy

- arrows       a crate's normal and build dependencies within the workspace have a lower rank
- documents    docs/architecture.md has the ranks and names every external dependency; docs/diagnosis.md has every
               cause; relative links in docs/ and README.md lead somewhere; docs/SUMMARY.md lists every chapter
- heads        every .rs file opens with `//!`
- unsafe       `#![forbid(unsafe_code)]` in every crate root and no `unsafe`, except in layerwise-tensor, where a SAFETY
               comment goes with each use, and in tests that count allocations
- inline       `value` and `slope` of every activation carry `#[inline(always)]`
- catalogs     every component is in the catalog of its crate, every cause in the list of causes
- leftovers    no todo!, unimplemented!, dbg!
- printing     print!, println!, eprint!, eprintln! only in layerwise-cli, xtask, examples, tests and build scripts";

/// A text file of the workspace, by its path from the root.
pub struct File {
    pub path: String,
    pub text: String,
}

/// What the rules look at.
#[derive(Default)]
pub struct Tree {
    /// `Cargo.toml` of the root and of every crate.
    pub manifests: Vec<File>,
    /// Every `.rs` file.
    pub sources: Vec<File>,
    /// `README.md` and everything in `docs/` that is Markdown.
    pub documents: Vec<File>,
    /// Paths of all files, for links.
    pub paths: Vec<String>,
}

/// A breach of a rule.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    pub file: String,
    pub line: usize,
    pub what: String,
}

impl Problem {
    pub fn new(file: &File, line: usize, what: impl Into<String>) -> Problem {
        Problem { file: file.path.clone(), line, what: what.into() }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.file, self.line, self.what)
    }
}

pub fn main(words: &[String]) -> Result<(), Trouble> {
    if args::parse(words, &[], HELP)?.is_none() {
        return Ok(());
    }
    let tree = Tree::read(&root())?;
    let problems = tree.problems();
    for problem in &problems {
        println!("{problem}");
    }
    if problems.is_empty() {
        println!(
            "tidy: {} manifests, {} source files, {} documents: nothing to say",
            tree.manifests.len(),
            tree.sources.len(),
            tree.documents.len()
        );
        Ok(())
    } else {
        Err(Trouble::Failed(format!("{} problem(s)", problems.len())))
    }
}

impl Tree {
    /// Everything below `root`, except what is built and what is hidden.
    ///
    /// Errors: a file that cannot be read.
    fn read(root: &Path) -> Result<Tree, Trouble> {
        let mut tree = Tree::default();
        let mut folders = vec![root.to_path_buf()];
        while let Some(folder) = folders.pop() {
            let at = |e: std::io::Error| Trouble::Failed(format!("{}: {e}", folder.display()));
            for entry in fs::read_dir(&folder).map_err(at)? {
                let path = entry.map_err(at)?.path();
                let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
                let hidden = name.starts_with('.') || name == "target";
                if path.is_dir() {
                    if !hidden {
                        folders.push(path);
                    }
                    continue;
                }
                let Ok(relative) = path.strip_prefix(root) else { continue };
                let relative = relative.to_string_lossy().replace('\\', "/");
                tree.paths.push(relative.clone());
                let is_document = name.ends_with(".md") && (relative.starts_with("docs/") || relative == "README.md");
                // The peers of the benchmarks are workspaces of their own.
                let is_manifest = name == "Cargo.toml" && !relative.starts_with("xtask/peers/");
                let list = if is_manifest {
                    &mut tree.manifests
                } else if name.ends_with(".rs") {
                    &mut tree.sources
                } else if is_document {
                    &mut tree.documents
                } else {
                    continue;
                };
                let text = fs::read_to_string(&path).map_err(|e| Trouble::Failed(format!("{relative}: {e}")))?;
                list.push(File { path: relative, text });
            }
        }
        Ok(tree)
    }

    /// Every breach, sorted by file and line.
    fn problems(&self) -> Vec<Problem> {
        let mut problems =
            [arrows::check(self), documents::check(self), sources::check(self), catalogs::check(self)].concat();
        problems.sort();
        problems
    }
}

/// The crate that a file belongs to, as in `crates/layerwise-core/src/lib.rs`.
pub fn crate_of(path: &str) -> &str {
    let mut parts = path.split('/');
    match (parts.next(), parts.next()) {
        (Some("crates"), Some(name)) => name,
        (Some(first), Some(_)) => first,
        _ => "",
    }
}

#[cfg(test)]
pub mod testing {
    //! Planted trees.
    use super::*;

    pub fn file(path: &str, text: &str) -> File {
        File { path: path.into(), text: text.into() }
    }

    pub fn source(path: &str, text: &str) -> Tree {
        Tree { sources: vec![file(path, text)], ..Tree::default() }
    }

    /// The problems of one rule, a line each.
    pub fn lines(problems: Vec<Problem>) -> String {
        problems.iter().map(Problem::to_string).collect::<Vec<_>>().join("\n")
    }
}
