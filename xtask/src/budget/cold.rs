//! `cargo xtask budget --cold`: how long a first build takes, of each crate and of what it is compared with, in one run.

use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::time::Instant;

use crate::Trouble;
use crate::date::today;
use crate::ranks::RANKS;
use crate::shell::{cargo, output, program, remove, root, run, target_folder};

/// What no program in this field does without: matrices, random numbers, serialization, and the matrix product.
const BASE: &str = "nalgebra + serde + rand + the matrix product";

/// Other libraries, at the versions that the comparison of speed uses.
const PEERS: [(&str, &str); 2] = [
    ("candle-nn", "candle-core = \"=0.11.1\"\ncandle-nn = \"=0.11.1\"\n"),
    (
        "burn with training",
        "burn = { version = \"=0.22.1\", default-features = false, features = [\"std\", \"train\", \"ndarray\"] }\n",
    ),
];

/// (numerator, denominator, at most): quotients of build times.
const LIMITS: [(&str, &str, f64); 3] =
    [("layerwise", BASE, 1.3), ("layerwise", "candle-nn", 1.0 / 3.0), ("layerwise", "burn with training", 0.1)];

const HEAD: &str = "\
# Build times

How long the first build of a program takes that depends on a crate: `cargo build --release`, everything downloaded, nothing
built. Each build has a folder of its own; they run one after the other. Made by

```sh
cargo xtask budget --cold
```

";

/// A first build.
struct Build {
    name: String,
    packages: usize,
    seconds: f64,
}

/// Builds everything, writes the page, and checks the limits.
pub fn main() -> Result<(), Trouble> {
    let folder = target_folder()?.join("budget");
    let mut subjects = vec![(BASE.to_owned(), base()?)];
    for (name, _) in RANKS.iter().filter(|(name, _)| name.starts_with("layerwise") && !name.ends_with("-bench")) {
        subjects.push(((*name).to_owned(), dependency(name)));
    }
    subjects.extend(PEERS.map(|(name, lines)| (name.to_owned(), lines.to_owned())));
    let mut builds = Vec::new();
    for (name, dependencies) in &subjects {
        let build = build(&folder, name, dependencies)?;
        println!("{:<46} {:>4} packages {:>6.1} s", build.name, build.packages, build.seconds);
        builds.push(build);
    }
    let (page, over) = page(&builds);
    fs::write(root().join("docs/results/builds.md"), page)?;
    if over.is_empty() { Ok(()) } else { Err(Trouble::Failed(over.join("; "))) }
}

fn dependency(name: &str) -> String {
    format!("{name} = {{ path = {:?} }}\n", root().join("crates").join(name))
}

/// The packages that the workspace depends on, as it does.
fn base() -> Result<String, Trouble> {
    let text = fs::read_to_string(root().join("Cargo.toml"))?;
    let manifest: toml::Table = toml::from_str(&text).map_err(|e| format!("Cargo.toml: {e}"))?;
    let all = manifest["workspace"]["dependencies"].as_table().cloned().unwrap_or_default();
    let wanted: toml::Table =
        all.into_iter().filter(|(name, _)| ["nalgebra", "serde", "rand"].contains(&name.as_str())).collect();
    Ok(wanted.iter().map(|(name, value)| format!("{name} = {value}\n")).collect::<String>()
        + &dependency("layerwise-tensor"))
}

/// Builds a program with these dependencies for the first time.
fn build(folder: &Path, name: &str, dependencies: &str) -> Result<Build, Trouble> {
    let here = folder.join(name.replace(' ', "-"));
    remove(&here)?;
    fs::create_dir_all(here.join("src"))?;
    fs::write(here.join("src/main.rs"), "fn main() {}\n")?;
    let head =
        "[package]\nname = \"cold-build\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n[workspace]\n\n[dependencies]\n";
    fs::write(here.join("Cargo.toml"), format!("{head}{dependencies}"))?;
    if dependencies.contains("path =") {
        // The same versions as here.
        fs::copy(root().join("Cargo.lock"), here.join("Cargo.lock"))?;
    }
    let here_cargo = || {
        let mut command = cargo();
        command.current_dir(&here).env("CARGO_TARGET_DIR", here.join("target")).env_remove("RUSTFLAGS");
        command
    };
    output(here_cargo().args(["fetch", "--quiet"]))?;
    let tree = output(here_cargo().args(["tree", "--edges", "normal", "--prefix", "none"]))?;
    let start = Instant::now();
    run(here_cargo().args(["build", "--release", "--quiet", "--offline"]))?;
    let seconds = start.elapsed().as_secs_f64();
    remove(&here.join("target"))?;
    // Without the program itself.
    Ok(Build { name: name.to_owned(), packages: super::packages(&tree).len() - 1, seconds })
}

/// The page, and what is over its limit.
fn page(builds: &[Build]) -> (String, Vec<String>) {
    let mut text = HEAD.to_owned();
    let compiler = output(program("rustc").arg("--version")).unwrap_or_default();
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let _ = writeln!(text, "{}, {cores} cores, {}.\n", today(), compiler.trim());
    let seconds = |name: &str| builds.iter().find(|build| build.name == name).map_or(f64::NAN, |build| build.seconds);
    text += "| a program with | packages | seconds | ÷ base |\n|---|---|---|---|\n";
    for build in builds {
        let Build { name, packages, seconds: own } = build;
        let _ = writeln!(text, "| {name} | {packages} | {own:.1} | {:.2} |", own / seconds(BASE));
    }
    text += "\n| quotient | is | at most |\n|---|---|---|\n";
    let mut over = Vec::new();
    for (a, b, most) in LIMITS {
        let quotient = seconds(a) / seconds(b);
        let _ = writeln!(text, "| {a} ÷ {b} | {quotient:.3} | {most:.3} |");
        if quotient.is_nan() || quotient > most {
            over.push(format!("{a} should build in at most {most:.3} times the time of {b}, took {quotient:.3} times"));
        }
    }
    (text, over)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn builds(facade: f64) -> Vec<Build> {
        let build = |name: &str, seconds| Build { name: name.to_owned(), packages: 3, seconds };
        vec![
            build(BASE, 10.0),
            build("layerwise", facade),
            build("candle-nn", 60.0),
            build("burn with training", 200.0),
        ]
    }

    #[test]
    fn limits_are_quotients() {
        let (text, over) = page(&builds(13.0));
        assert!(over.is_empty(), "{over:?}");
        assert!(text.contains("| layerwise | 3 | 13.0 | 1.30 |\n"), "{text}");
        assert!(text.contains("| layerwise ÷ burn with training | 0.065 | 0.100 |\n"), "{text}");
        assert_eq!(page(&builds(20.5)).1.len(), 3);
        assert_eq!(page(&builds(13.0)[..2]).1.len(), 2, "what was not built is no success");
    }

    #[test]
    fn the_base_is_what_the_workspace_depends_on() {
        let Ok(text) = base() else { panic!("no manifest") };
        let names: Vec<&str> = text.lines().filter_map(|line| line.split(' ').next()).collect();
        assert_eq!(names, ["nalgebra", "rand", "serde", "layerwise-tensor"]);
        assert!(toml::from_str::<toml::Table>(&text).is_ok(), "{text}");
    }
}
