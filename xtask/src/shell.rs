//! Running other programs, and where things are.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Trouble;

/// The root of the workspace.
pub fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_path_buf()
}

/// The cargo that runs this task.
pub fn cargo() -> Command {
    program(&std::env::var("CARGO").unwrap_or_else(|_| "cargo".into()))
}

/// A program that runs at the root and reads nothing.
pub fn program(name: &str) -> Command {
    let mut command = Command::new(name);
    command.current_dir(root()).stdin(std::process::Stdio::null());
    command
}

/// The command as a person would type it.
pub fn line(command: &Command) -> String {
    let name = Path::new(command.get_program()).file_name().unwrap_or_default().to_string_lossy().into_owned();
    let words = command.get_args().map(|word| word.to_string_lossy().into_owned());
    std::iter::once(name).chain(words).collect::<Vec<_>>().join(" ")
}

/// Where cargo builds.
pub fn target_folder() -> Result<PathBuf, Trouble> {
    let text = output(cargo().args(["metadata", "--no-deps", "--format-version", "1"]))?;
    let metadata: serde_json::Value = serde_json::from_str(&text).map_err(|e| e.to_string())?;
    match metadata["target_directory"].as_str() {
        Some(folder) => Ok(folder.into()),
        None => Err(Trouble::Failed("cargo metadata should name a target_directory, got none".into())),
    }
}

/// Removes a file, or a folder with all that is in it; nothing may be there.
pub fn remove(path: &Path) -> Result<(), Trouble> {
    let result = if path.is_dir() { std::fs::remove_dir_all(path) } else { std::fs::remove_file(path) };
    match result {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(Trouble::Failed(format!("{}: {e}", path.display()))),
        _ => Ok(()),
    }
}

/// Every file below a folder; none if it is not there.
pub fn list(folder: &Path, files: &mut Vec<PathBuf>) -> Result<(), Trouble> {
    if !folder.is_dir() {
        return Ok(());
    }
    for entry in std::fs::read_dir(folder).map_err(|e| format!("{}: {e}", folder.display()))? {
        let path = entry?.path();
        if path.is_dir() { list(&path, files)? } else { files.push(path) }
    }
    Ok(())
}

/// Says what runs, and runs it.
///
/// Errors: it cannot be started, or ends with another status than 0.
pub fn run(command: &mut Command) -> Result<(), Trouble> {
    let line = line(command);
    println!("$ {line}");
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(Trouble::Failed(format!("`{line}` ended with {status}"))),
        Err(e) => Err(Trouble::Failed(format!("`{line}` could not be started: {e}"))),
    }
}

/// What a command prints.
///
/// Errors: it cannot be started, or ends with another status than 0; with what it said.
pub fn output(command: &mut Command) -> Result<String, Trouble> {
    let line = line(command);
    let output = command.output().map_err(|e| Trouble::Failed(format!("`{line}` could not be started: {e}")))?;
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    } else {
        let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        Err(Trouble::Failed(format!("`{line}` ended with {}: {said}", output.status)))
    }
}
