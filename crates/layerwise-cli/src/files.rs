//! Output files: a folder of their own, never over something that is there.

use std::fs;
use std::path::{Path, PathBuf};

use crate::failure::Failure;

/// Makes the folder that results go to, before any work is done. Without a name the first free one of `default`,
/// `default-2`, … is taken.
pub fn output_folder(asked: Option<&Path>, default: &str) -> Result<PathBuf, Failure> {
    let folder = match asked {
        Some(path) if path.is_dir() && fs::read_dir(path).is_ok_and(|mut files| files.next().is_none()) => {
            return Ok(path.to_owned());
        }
        Some(path) if path.exists() => {
            let message = "should be a new or empty folder, got one that holds files (nothing is overwritten)";
            return Err(Failure::usage(format!("{}: {message}", path.display())));
        }
        Some(path) => path.to_owned(),
        None => {
            let numbered = (2..).map(|i| format!("{default}-{i}"));
            std::iter::once(default.to_owned())
                .chain(numbered)
                .map(PathBuf::from)
                .find(|p| !p.exists())
                .unwrap_or_default()
        }
    };
    fs::create_dir_all(&folder)
        .map_err(|e| Failure::usage(format!("{}: folder cannot be made: {e}", folder.display())))?;
    Ok(folder)
}

/// The folder of work that may have been stopped: a new or empty one, or the one that `goes_on` says is of the same work and unfinished.
pub fn resumable_folder(
    asked: Option<&Path>,
    default: &str,
    goes_on: &dyn Fn(&Path) -> bool,
) -> Result<PathBuf, Failure> {
    let unfinished = match asked {
        Some(path) => Some(path.to_owned()),
        // The last of the numbered ones that are there.
        None => std::iter::once(default.to_owned())
            .chain((2..).map(|i| format!("{default}-{i}")))
            .map(PathBuf::from)
            .take_while(|path| path.exists())
            .last(),
    };
    match unfinished.filter(|path| goes_on(path)) {
        Some(path) => Ok(path),
        None => output_folder(asked, default),
    }
}

/// Writes a whole file or none.
pub fn write(path: &Path, text: &str) -> Result<(), Failure> {
    layerwise_train::write_whole(path, text.as_bytes())
        .map_err(|e| Failure::failed(format!("{}: cannot be written: {e}", path.display())))
}

/// Refuses a file that is there already, before any work is done.
pub fn must_be_new(path: &Path) -> Result<(), Failure> {
    if path.exists() {
        return Err(Failure::usage(format!(
            "{}: should not exist yet, got a file (nothing is overwritten)",
            path.display()
        )));
    }
    Ok(())
}
