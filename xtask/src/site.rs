//! `cargo xtask docs`: the book and the API documentation as one site that opens without a network.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::Path;

use crate::ranks::RANKS;
use crate::shell::{cargo, program, remove, root, run, target_folder};
use crate::tools::MDBOOK;
use crate::{Trouble, args};

const HELP: &str = "\
Builds the book (docs/) and the API documentation (all libraries) as one site in target/site, and checks that no page loads
anything from a network and that every local link leads to a file (in the book, to its anchor too). Open
target/site/index.html.

An installed mdbook is used; if there is none, it is built once into target/tools.

Usage: cargo xtask docs";

/// Crates that are no libraries for users; the first has the facade's name, and its pages would lie over the facade's.
pub const PROGRAMS: [&str; 5] =
    ["layerwise-cli", "layerwise-bench", "layerwise-reproduce", "layerwise-theory", "xtask"];

pub fn main(words: &[String]) -> Result<(), Trouble> {
    if args::parse(words, &[], HELP)?.is_none() {
        return Ok(());
    }
    let site = root().join("target/site");
    remove(&site)?;
    let mdbook = MDBOOK.get()?;
    run(program(&mdbook).args(["build", "docs", "--dest-dir"]).arg(&site))?;
    // The book's own settings are copied along with its pictures.
    remove(&site.join("book.toml"))?;

    let built = target_folder()?.join("doc");
    // Pages of crates that are gone would stay.
    remove(&built)?;
    // rustdoc links to a crate if its folder is there. Cargo removes the folder of the crate at work and takes the crates in any
    // order: so all folders are there first, and one crate is at work at a time.
    let libraries = RANKS.iter().map(|(name, _)| *name).filter(|name| !PROGRAMS.contains(name));
    for name in libraries {
        fs::create_dir_all(built.join(name.replace('-', "_")))?;
    }
    let flags = std::env::var("RUSTDOCFLAGS").unwrap_or_default();
    run(cargo()
        .args(["doc", "--workspace", "--lib", "--no-deps", "--jobs", "1", "--quiet"])
        .args(PROGRAMS.map(|name| ["--exclude", name]).as_flattened())
        .env("RUSTDOCFLAGS", format!("{flags} -D warnings")))?;
    copy(&built, &site.join("api"))?;
    let start = "<!doctype html><meta charset=\"utf-8\"><title>API of layerwise</title>\
        <meta http-equiv=\"refresh\" content=\"0; url=layerwise/index.html\">\
        <a href=\"layerwise/index.html\">API of layerwise</a>\n";
    fs::write(site.join("api/index.html"), start)?;

    let (pages, problems) = check(&site)?;
    for problem in problems.iter().take(50) {
        println!("{problem}");
    }
    if problems.is_empty() {
        println!(
            "docs: {pages} pages, no resource from a network, no dead link: {}",
            site.join("index.html").display()
        );
        Ok(())
    } else {
        Err(Trouble::Failed(format!("{} problem(s) in {pages} pages", problems.len())))
    }
}

fn copy(from: &Path, to: &Path) -> Result<(), Trouble> {
    let at = |e: std::io::Error| Trouble::Failed(format!("{}: {e}", from.display()));
    fs::create_dir_all(to).map_err(at)?;
    for entry in fs::read_dir(from).map_err(at)? {
        let path = entry.map_err(at)?.path();
        let Some(name) = path.file_name() else { continue };
        if path.is_dir() {
            copy(&path, &to.join(name))?;
        } else if name != ".lock" {
            fs::copy(&path, to.join(name)).map_err(at)?;
        }
    }
    Ok(())
}

/// The number of pages, and what is wrong with them.
fn check(site: &Path) -> Result<(usize, Vec<String>), Trouble> {
    let mut files = Vec::new();
    list(site, site, &mut files)?;
    let all: HashSet<&str> = files.iter().map(String::as_str).collect();
    let mut texts = HashMap::new();
    for file in files.iter().filter(|f| f.ends_with(".html") || f.ends_with(".css")) {
        texts.insert(file.as_str(), fs::read_to_string(site.join(file)).map_err(|e| format!("{file}: {e}"))?);
    }
    let anchors: HashMap<&str, HashSet<String>> = texts
        .iter()
        .filter(|(file, _)| file.ends_with(".html") && !file.starts_with("api/"))
        .map(|(file, text)| (*file, tags(text).flat_map(|tag| attribute(tag, "id")).collect()))
        .collect();
    let mut problems = Vec::new();
    for (file, text) in &texts {
        if file.ends_with(".css") {
            problems.extend(foreign_in_style(text).map(|url| format!("{file}: style loads {url}")));
            continue;
        }
        for tag in tags(text) {
            problems.extend(foreign_in_tag(tag).map(|url| format!("{file}: page loads {url}")));
            for target in attribute(tag, "href").into_iter().chain(attribute(tag, "src")) {
                problems.extend(dead(file, &target, &all, &anchors));
            }
        }
    }
    problems.sort();
    problems.dedup();
    Ok((files.iter().filter(|f| f.ends_with(".html")).count(), problems))
}

/// Paths of all files, from the site, with `/`.
fn list(site: &Path, folder: &Path, files: &mut Vec<String>) -> Result<(), Trouble> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            list(site, &path, files)?;
        } else if let Ok(relative) = path.strip_prefix(site) {
            files.push(relative.to_string_lossy().replace('\\', "/"));
        }
    }
    Ok(())
}

/// The insides of the tags of a page; scripts and comments hold none.
fn tags(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        loop {
            rest = &rest[rest.find('<')? + 1..];
            if let Some(comment) = rest.strip_prefix("!--") {
                rest = comment.split_once("-->").map_or("", |(_, after)| after);
                continue;
            }
            let end = tag_end(rest)?;
            let tag = &rest[..end];
            rest = &rest[end..];
            if tag.starts_with("script") {
                rest = rest.find("</script").map_or("", |i| &rest[i..]);
            }
            return Some(tag);
        }
    })
}

/// The `>` that is not inside quotes.
fn tag_end(text: &str) -> Option<usize> {
    let mut quote = None;
    for (i, c) in text.char_indices() {
        match (quote, c) {
            (None, '>') => return Some(i),
            (None, '"' | '\'') => quote = Some(c),
            (Some(q), c) if q == c => quote = None,
            _ => {}
        }
    }
    None
}

/// The value of an attribute of a tag, if it has it.
fn attribute(tag: &str, name: &str) -> Option<String> {
    let mut rest = tag;
    loop {
        let at = rest.find(name)?;
        let starts = rest[..at].ends_with(|c: char| c.is_whitespace() || c == '"' || c == '\'');
        rest = &rest[at + name.len()..];
        let Some(value) = rest.strip_prefix('=').filter(|_| starts) else { continue };
        let value = match value.chars().next() {
            Some(q @ ('"' | '\'')) => value[1..].split(q).next(),
            _ => value.split(|c: char| c.is_whitespace()).next(),
        };
        return value.map(|v| v.replace("&amp;", "&"));
    }
}

/// `scheme://…` or `//…`; a `data:` address is all there.
fn is_foreign(url: &str) -> bool {
    let url = url.trim();
    let after = url.trim_start_matches(|c: char| c.is_ascii_alphanumeric() || "+-.".contains(c));
    url.starts_with("//") || (after.len() < url.len() && after.starts_with("://"))
}

/// What a tag would load from a network: anything but a link that a person follows.
fn foreign_in_tag(tag: &str) -> Option<String> {
    let element = tag.split(|c: char| c.is_whitespace() || c == '/').next().unwrap_or_default();
    let names: &[&str] = match element {
        "link" => &["href"],
        "script" | "img" | "iframe" | "source" | "audio" | "video" | "embed" | "object" | "input" | "image" | "use" => {
            &["src", "srcset", "data", "poster", "href", "xlink:href"]
        }
        _ => &[],
    };
    names.iter().filter_map(|name| attribute(tag, name)).find(|url| is_foreign(url))
}

/// What a style sheet would load from a network.
fn foreign_in_style(text: &str) -> impl Iterator<Item = &str> {
    let inside = |part: &'static str| text.split(part).skip(1);
    let urls = inside("url(").map(|rest| rest.split(')').next().unwrap_or_default());
    let imports = inside("@import").map(|rest| rest.split(';').next().unwrap_or_default());
    urls.chain(imports).map(|url| url.trim().trim_matches(['"', '\''])).filter(|url| is_foreign(url))
}

/// What is wrong with a local link.
fn dead(file: &str, target: &str, all: &HashSet<&str>, anchors: &HashMap<&str, HashSet<String>>) -> Option<String> {
    let scheme = target.split(['/', '?', '#']).next().unwrap_or_default().contains(':');
    if scheme || target.starts_with("//") {
        return None;
    }
    let (path, anchor) = target.split_once('#').unwrap_or((target, ""));
    let path = path.split('?').next().unwrap_or_default();
    let path = if path.is_empty() { file.to_owned() } else { resolve(file, path) };
    if !all.contains(path.as_str()) {
        // rustdoc asks for lists of implementors that it writes only if there are some.
        if file.starts_with("api/") && path.starts_with("api/trait.impl/") {
            return None;
        }
        return Some(format!("{file}: dead link `{target}`"));
    }
    let known = anchors.get(path.as_str())?;
    let lost = !anchor.is_empty() && !file.starts_with("api/") && !known.contains(anchor);
    lost.then(|| format!("{file}: link `{target}` leads to no anchor"))
}

/// The file that a link on a page means.
fn resolve(file: &str, path: &str) -> String {
    let folder = file.rsplit_once('/').map_or("", |(folder, _)| folder);
    let mut parts: Vec<&str> = folder.split('/').filter(|p| !p.is_empty()).collect();
    for part in path.split('/') {
        match part {
            "." | "" => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    if path.ends_with('/') {
        parts.push("index.html");
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_loaded_from_a_network_is_found() {
        let found = |page: &str| tags(page).filter_map(foreign_in_tag).collect::<Vec<_>>().join(" ");
        assert_eq!(found("<a href=\"https://x.y/\">x</a> <script>let a = '<img src=\"https://x\">'</script>"), "");
        assert_eq!(found("<!-- <img src=\"https://x\"> --><img alt=\"a > b\" src=\"a.png\">"), "");
        assert_eq!(
            found("<script src=\"https://cdn/a.js\"></script><link rel=x href='//cdn/a.css'>"),
            "https://cdn/a.js //cdn/a.css"
        );
        assert_eq!(found("<img src=https://x/a.png>"), "https://x/a.png");
        let style =
            "a { b: url(\"https://x/f.woff\") } @import 'http://y/z.css'; c { d: url(data:a,b://c) url(e.svg) }";
        assert_eq!(foreign_in_style(style).collect::<Vec<_>>(), ["https://x/f.woff", "http://y/z.css"]);
    }

    #[test]
    fn dead_links_are_found() {
        let all = HashSet::from(["index.html", "a/b.html", "api/index.html"]);
        let anchors = HashMap::from([("index.html", HashSet::from(["top".to_owned()])), ("a/b.html", HashSet::new())]);
        let check = |file: &str, target: &str, expected: Option<&str>| {
            assert_eq!(dead(file, target, &all, &anchors).as_deref(), expected);
        };
        check("index.html", "a/b.html", None);
        check("index.html", "https://x.y/z", None);
        check("index.html", "api/", None);
        check("a/b.html", "../index.html#top", None);
        check("index.html", "#top", None);
        check("a/b.html", "b.html?search=x", None);
        check("a/b.html", "index.html", Some("a/b.html: dead link `index.html`"));
        check("index.html", "#end", Some("index.html: link `#end` leads to no anchor"));
    }
}
