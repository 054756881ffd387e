//! The files of the workspace: a copy in which code can be changed, and a number that tells whether results still hold.

use std::collections::BTreeSet;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;

use crate::Trouble;
use crate::shell::{list, output, program, remove, root};

/// Makes `to` the same as `from`, in the files that git does not ignore. What is the same already is not touched, so that
/// nothing is built without need; what a stopped run left changed becomes what it was.
pub fn copy(from: &Path, to: &Path) -> Result<(), Trouble> {
    let names = output(program("git").current_dir(from).args([
        "-c",
        "core.quotePath=false",
        "ls-files",
        "--cached",
        "--others",
        "--exclude-standard",
    ]))?;
    let names: BTreeSet<&str> = names.lines().filter(|name| from.join(name).is_file()).collect();
    for name in &names {
        let at = |e: std::io::Error| format!("{name}: {e}");
        let (text, copy) = (fs::read(from.join(name)).map_err(at)?, to.join(name));
        if fs::read(&copy).is_ok_and(|old| old == text) {
            continue;
        }
        fs::create_dir_all(copy.parent().unwrap_or(to)).map_err(at)?;
        fs::write(&copy, text).map_err(at)?;
    }
    let mut files = Vec::new();
    list(to, &mut files)?;
    for file in files {
        let name = file.strip_prefix(to).unwrap_or(&file).to_string_lossy().replace('\\', "/");
        if !names.contains(name.as_str()) {
            remove(&file)?;
        }
    }
    Ok(())
}

/// A name for the code of a file as it is, the same on every machine: results may come from another one. Unit tests at its end do
/// not count.
pub fn fingerprint(name: &str) -> Result<String, Trouble> {
    let mut hasher = DefaultHasher::new();
    let text = fs::read_to_string(root().join(name)).map_err(|e| format!("{name}: {e}"))?;
    text.split("\n#[cfg(test)]\nmod tests").next().hash(&mut hasher);
    let stem = Path::new(name).file_stem().unwrap_or_default().to_string_lossy();
    Ok(format!("{stem}-{:016x}", hasher.finish()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shell::target_folder;

    #[test]
    fn a_copy_becomes_the_same_again() {
        let folder = target_folder().ok().unwrap().join("copied");
        let same = |a: &str| fs::read(folder.join(a)).ok() == fs::read(root().join(a)).ok();
        remove(&folder).ok().unwrap();
        copy(&root(), &folder).ok().unwrap();
        fs::write(folder.join("Cargo.toml"), "changed").unwrap();
        fs::write(folder.join("xtask/src/more.rs"), "more").unwrap();
        let time = |a: &str| fs::metadata(folder.join(a)).unwrap().modified().unwrap();
        let before = time("Cargo.lock");
        copy(&root(), &folder).ok().unwrap();
        assert!(same("Cargo.toml") && same("xtask/src/main.rs") && !folder.join("xtask/src/more.rs").exists());
        assert_eq!(time("Cargo.lock"), before);
        remove(&folder).ok().unwrap();
    }
}
