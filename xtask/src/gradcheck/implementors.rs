//! Which types implement the traits of the trait layer, from rustdoc's lists: the gradient check is complete if it has a case
//! for each of them. Nobody keeps these lists, so nobody forgets an entry; types that are private or come out of a macro are in
//! them too. Left out are only items under `#[doc(hidden)]` and those that this platform does not compile.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};

use crate::Trouble;
use crate::shell::{cargo, list, output, remove, root, target_folder};
use crate::site::PROGRAMS;

/// The traits of components, and the folder of the crate whose catalog lists them; without one, the gradient check lists them.
const TRAITS: [(&str, Option<&str>); 8] = [
    ("Activation", Some("layerwise-activations")),
    ("Layer", Some("layerwise-layers")),
    ("Loss", Some("layerwise-losses")),
    ("Regularizer", Some("layerwise-regularizers")),
    ("Activity", Some("layerwise-regularizers")),
    ("Link", None),
    ("Schedule", None),
    ("Objective", None),
];

/// The crate of the traits, as rustdoc writes it.
const HOME: &str = "layerwise_core";

/// Trait, and the types that implement it, each behind the crate that says so: `layerwise_activations::Tanh`.
pub type Implementors = BTreeMap<&'static str, BTreeSet<String>>;

/// What is wrong with a list of cases (trait and type): an implementor without a case, a case without an implementor.
///
/// Errors: rustdoc fails, or writes what cannot be read.
pub fn problems(registered: &[(&'static str, String)]) -> Result<Vec<String>, Trouble> {
    Ok(compare(registered, &implementors()?))
}

/// Every implementor in the libraries of the workspace.
///
/// Errors: rustdoc fails, or writes what cannot be read.
pub fn implementors() -> Result<Implementors, Trouble> {
    // A place of its own: the pages of `cargo xtask docs` show public items only, and come and go.
    let folder = target_folder()?.join("implementors");
    fs::create_dir_all(&folder)?;
    // Another run may be at work here.
    let lock = fs::File::create(folder.join("lock"))?;
    lock.lock()?;
    let (doc, stamp, now) = (folder.join("doc"), folder.join("stamp"), fingerprint()?);
    if fs::read_to_string(&stamp).is_ok_and(|then| then == now) {
        return read(&doc);
    }
    remove(&stamp)?;
    // rustdoc does not touch a list to which a crate has nothing to add any more: all pages are made anew.
    remove(&doc)?;
    let programs = PROGRAMS.map(|name| ["--exclude", name]);
    document(&root(), &folder, &[&["--workspace"], programs.as_flattened()].concat())?;
    fs::write(&stamp, now)?;
    read(&doc)
}

/// Writes the pages of some packages of a workspace to `folder/doc`.
fn document(workspace: &Path, folder: &Path, packages: &[&str]) -> Result<(), Trouble> {
    let doc = ["doc", "--lib", "--no-deps", "--document-private-items", "--quiet"];
    output(
        cargo()
            .current_dir(workspace)
            .args(doc)
            .args(packages)
            .arg("--target-dir")
            .arg(folder)
            // Links are none of this check's business.
            .env("RUSTDOCFLAGS", "--cap-lints allow"),
    )?;
    Ok(())
}

/// A number that changes with the manifests and with any file of the crates.
fn fingerprint() -> Result<String, Trouble> {
    let mut files = vec![root().join("Cargo.toml"), root().join("Cargo.lock")];
    list(&root().join("crates"), &mut files)?;
    files.sort();
    let mut hasher = DefaultHasher::new();
    for file in files {
        fs::read(&file).map_err(|e| format!("{}: {e}", file.display()))?.hash(&mut hasher);
        file.hash(&mut hasher);
    }
    Ok(format!("{:016x}\n", hasher.finish()))
}

/// The implementors that a folder of pages shows: those in the crate of the trait stand on its page, all others in a script.
fn read(doc: &Path) -> Result<Implementors, Trouble> {
    let (mut pages, mut scripts) = (Vec::new(), Vec::new());
    list(&doc.join(HOME), &mut pages)?;
    list(&doc.join("trait.impl").join(HOME), &mut scripts)?;
    let text = |files: &[PathBuf], name: String| {
        let file = files.iter().find(|file| file.file_name().is_some_and(|n| *n == *name));
        file.map(|file| fs::read_to_string(file).map_err(|e| Trouble::Failed(format!("{}: {e}", file.display()))))
    };
    let mut found = Implementors::new();
    for (kind, _) in TRAITS {
        let page = text(&pages, format!("trait.{kind}.html")).transpose()?;
        let page = page.ok_or(format!("{}: {HOME} should have a page of {kind}, got none", doc.display()))?;
        let mut types = of_page(&page, kind);
        if let Some(script) = text(&scripts, format!("trait.{kind}.js")).transpose()? {
            types.extend(of_script(&script, kind)?);
        }
        found.insert(kind, types);
    }
    Ok(found)
}

/// The implementors on a trait's page; other headings are passed over.
fn of_page(page: &str, kind: &str) -> BTreeSet<String> {
    let headings = page.split("<h3 class=\"code-header\">").skip(1);
    let headings = headings.map(|rest| rest.split("</h3>").next().unwrap_or_default());
    headings.filter_map(|heading| implementor(heading, kind)).map(|name| format!("{HOME}::{name}")).collect()
}

/// The implementors in a trait's script, `… = Object.fromEntries([["crate", [["impl …", 0], …]], …]); …`.
///
/// Errors: it is written in another way.
fn of_script(script: &str, kind: &str) -> Result<BTreeSet<String>, Trouble> {
    let strange =
        |what: &str| format!("rustdoc's list of the implementors of {kind} should hold {what}, got `{script}`");
    let (_, table) = script.split_once("Object.fromEntries(").ok_or_else(|| strange("a table"))?;
    // What follows the table is none of it.
    let table = serde_json::Deserializer::from_str(table).into_iter::<Vec<(String, Vec<serde_json::Value>)>>().next();
    let table = table.and_then(Result::ok).ok_or_else(|| strange("a table of crates"))?;
    let mut found = BTreeSet::new();
    for (krate, entries) in table {
        for entry in entries {
            let name = entry[0].as_str().and_then(|heading| implementor(heading, kind));
            let name = name.ok_or_else(|| strange("an `impl` in each entry"))?;
            found.insert(format!("{krate}::{name}"));
        }
    }
    Ok(found)
}

/// `Pointwise` of the heading `impl<A: Activation> Layer for Pointwise<A> where …`; `None` if it is not about the trait.
fn implementor(heading: &str, kind: &str) -> Option<String> {
    let text = text(heading);
    let rest = after_generics(text.strip_prefix("impl")?).trim_start();
    let name = after_generics(rest.strip_prefix(kind)?).strip_prefix(" for ")?;
    let end = name.find("where").unwrap_or(name.len());
    let end = name[..end].find('<').unwrap_or(end);
    Some(name[..end].trim().to_owned())
}

/// The text behind the generic parameters that it may begin with.
fn after_generics(text: &str) -> &str {
    let mut depth = 0;
    let mut before = ' ';
    for (i, c) in text.char_indices() {
        match c {
            '<' => depth += 1,
            // The arrow of a function's type closes nothing.
            '>' if before != '-' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return if i == 0 { text } else { &text[i + 1..] };
        }
        before = c;
    }
    text
}

/// What a person sees of a piece of a page.
fn text(html: &str) -> String {
    let mut pieces = html.split('<');
    let mut out = pieces.next().unwrap_or_default().to_owned();
    pieces.for_each(|piece| out += piece.split_once('>').map_or("", |(_, after)| after));
    out.replace("&lt;", "<").replace("&gt;", ">").replace("&#39;", "'").replace("&quot;", "\"").replace("&amp;", "&")
}

/// One line for each implementor without a case, for each case without an implementor, and for names that stand for two types.
pub fn compare(registered: &[(&'static str, String)], found: &Implementors) -> Vec<String> {
    let name_of = |path: &str| path.split_once("::").map_or(path, |(_, name)| name).to_owned();
    let mut problems = Vec::new();
    for (kind, catalog) in TRAITS {
        let none = BTreeSet::new();
        let types = found.get(kind).unwrap_or(&none);
        let cases: BTreeSet<&String> = registered.iter().filter(|(k, _)| *k == kind).map(|(_, name)| name).collect();
        let mut names = BTreeSet::new();
        for path in types {
            let name = name_of(path);
            let list = catalog.filter(|krate| path.starts_with(&format!("{}::", krate.replace('-', "_"))));
            let list = list.map_or("the cases in xtask/src/gradcheck.rs".to_owned(), |krate| {
                format!("the catalog in crates/{krate}/src/lib.rs")
            });
            if !cases.contains(&name) {
                problems.push(format!(
                    "`{path}` implements {kind}, but the gradient check has no case for it: add it to {list}"
                ));
            }
            if !names.insert(name) {
                problems.push(format!("`{path}` implements {kind}, as does another type of that name: rename one"));
            }
        }
        for case in cases.into_iter().filter(|case| !names.contains(*case)) {
            problems.push(format!(
                "the gradient check has a case for `{case}`, but no type of that name implements {kind}"
            ));
        }
    }
    problems
}

#[cfg(test)]
#[path = "implementors_tests.rs"]
mod tests;
