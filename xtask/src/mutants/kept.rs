//! Results that are committed: of each file, which code they are of, and what became of its mutants other than being caught. So a
//! run on another machine judges only what has changed since.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::results::{Fate, Mutant, summary};
use crate::Trouble;

/// What is known of a file.
#[derive(Debug, Serialize, Deserialize)]
pub struct Known {
    /// The name of its code, from [`super::tree::fingerprint`].
    pub code: String,
    /// Its mutants.
    pub mutants: usize,
    /// The fates of those that no test caught.
    pub uncaught: BTreeMap<String, String>,
}

/// By file.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Kept(BTreeMap<String, Known>);

impl Kept {
    /// What is kept there; nothing if there is no file.
    ///
    /// Errors: it is written in another way.
    pub fn read(path: &Path) -> Result<Kept, Trouble> {
        if !path.exists() {
            return Ok(Kept::default());
        }
        Ok(serde_json::from_str(&fs::read_to_string(path)?).map_err(|e| format!("{}: {e}", path.display()))?)
    }

    /// The fates of the mutants of a file, as a shard has them, if they are known of this code.
    pub fn fates<'a>(&self, file: &str, code: &str, mutants: impl Iterator<Item = &'a Mutant>) -> Option<String> {
        let known = self.0.get(file).filter(|known| known.code == code)?;
        let caught = summary(Fate::Caught).to_owned();
        let fate = |name: &String| known.uncaught.get(name).unwrap_or(&caught).clone();
        let fates: BTreeMap<&String, String> =
            mutants.filter(|mutant| mutant.file == file).map(|mutant| (&mutant.name, fate(&mutant.name))).collect();
        (fates.len() == known.mutants).then(|| serde_json::json!(fates).to_string())
    }

    /// Keeps the fates of all mutants of a file.
    pub fn put(&mut self, file: &str, code: String, fates: &[(&Mutant, Fate)]) {
        let uncaught = fates.iter().filter(|(_, fate)| *fate != Fate::Caught);
        let uncaught = uncaught.map(|(mutant, fate)| (mutant.name.clone(), summary(*fate).to_owned())).collect();
        self.0.insert(file.to_owned(), Known { code, mutants: fates.len(), uncaught });
    }

    /// Writes what is known of files that are still there.
    pub fn write(mut self, path: &Path, exists: impl Fn(&str) -> bool) -> Result<(), Trouble> {
        self.0.retain(|file, _| exists(file));
        let text = serde_json::to_string_pretty(&self).map_err(|e| e.to_string())?;
        Ok(fs::write(path, text + "\n")?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mutants::results::merge;

    #[test]
    fn what_is_kept_stands_for_its_shards_as_long_as_the_code_is_the_same() {
        let mutant = |name: &str, file: &str| Mutant { name: name.into(), file: file.into(), id: name.to_uppercase() };
        let list = [mutant("a", "x.rs"), mutant("b", "x.rs"), mutant("c", "y.rs")];
        let mut kept = Kept::default();
        kept.put("x.rs", "x-1".into(), &[(&list[0], Fate::Caught), (&list[1], Fate::TimedOut)]);
        let path = std::env::temp_dir().join(format!("kept-{}.json", std::process::id()));
        kept.put("gone.rs", "gone-1".into(), &[]);
        kept.write(&path, |file| file == "x.rs").ok().unwrap();
        let kept = Kept::read(&path).ok().unwrap();
        fs::remove_file(&path).unwrap();
        let fates = kept.fates("x.rs", "x-1", list.iter()).unwrap();
        let merged = merge(&list[..2], &[fates]).ok().unwrap();
        assert_eq!(merged, [("A".to_owned(), Fate::Caught), ("B".to_owned(), Fate::TimedOut)]);
        // Other code, another file, other mutants, nothing.
        assert!(kept.fates("x.rs", "x-2", list.iter()).is_none() && kept.fates("y.rs", "x-1", list.iter()).is_none());
        assert!(
            kept.fates("x.rs", "x-1", list[1..].iter()).is_none()
                && kept.fates("gone.rs", "gone-1", list.iter()).is_none()
        );
        assert!(Kept::read(&path).ok().unwrap().0.is_empty());
    }
}
