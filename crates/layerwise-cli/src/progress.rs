//! What a person sees while waiting: a bar or spinner on a terminal, plain lines otherwise; and Ctrl-C.

use std::io::{IsTerminal, Write};
use std::sync::atomic::{AtomicUsize, Ordering};

use indicatif::{ProgressBar, ProgressStyle};
use layerwise_train::{Epoch, Watch};

use crate::failure::Failure;

static INTERRUPTS: AtomicUsize = AtomicUsize::new(0);

/// Counts Ctrl-C: the first asks the work to end well, the second ends the program at once.
pub fn catch_interrupts() {
    // A handler that cannot be installed leaves the system's own, which ends the program: still safe, as files are whole or absent.
    let _ = ctrlc::set_handler(|| {
        if INTERRUPTS.fetch_add(1, Ordering::Relaxed) > 0 {
            std::process::exit(130);
        }
        eprintln!("\nstopping (Ctrl-C again to end at once)");
    });
}

/// Whether Ctrl-C was pressed.
pub fn interrupted() -> bool {
    INTERRUPTS.load(Ordering::Relaxed) > 0
}

/// Prints to the standard output; a reader that has seen enough (`| head`) is no failure.
pub fn print(text: &str) -> Result<(), Failure> {
    match std::io::stdout().write_all(text.as_bytes()) {
        Err(e) if e.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Failure::failed(format!("standard output cannot be written: {e}")))
        }
        _ => Ok(()),
    }
}

/// Lines about what is being done, on the standard error.
pub struct Teller {
    spinner: Option<ProgressBar>,
}

impl Teller {
    /// A spinner on a terminal.
    pub fn new() -> Teller {
        let spinner = std::io::stderr().is_terminal().then(|| {
            let spinner = ProgressBar::new_spinner();
            spinner.enable_steady_tick(std::time::Duration::from_millis(120));
            spinner
        });
        Teller { spinner }
    }

    /// Says one line.
    pub fn tell(&self, line: &str) {
        match &self.spinner {
            Some(spinner) => {
                spinner.println(format!("  {line}"));
                spinner.set_message(line.to_owned());
            }
            None => eprintln!("  {line}"),
        }
    }
}

impl Drop for Teller {
    fn drop(&mut self) {
        if let Some(spinner) = &self.spinner {
            spinner.finish_and_clear();
        }
    }
}

/// Trainings of a study.
pub struct Trainings {
    bar: Option<ProgressBar>,
    told: AtomicUsize,
}

impl Trainings {
    /// A bar on a terminal.
    pub fn new() -> Trainings {
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::new(0);
            if let Ok(style) = ProgressStyle::with_template("{bar:30} {pos}/{len} trainings  {elapsed}, {eta} left") {
                bar.set_style(style);
            }
            bar.enable_steady_tick(std::time::Duration::from_millis(500));
            bar
        });
        Trainings { bar, told: AtomicUsize::new(0) }
    }

    /// So many are done; the first call says how many were kept from before.
    pub fn tell(&self, done: usize, of: usize) {
        match &self.bar {
            Some(bar) => {
                bar.set_length(of as u64);
                bar.set_position(done as u64);
            }
            None => {
                // About ten lines a study.
                let part = done * 10 / of.max(1);
                if self.told.fetch_max(part, Ordering::Relaxed) < part {
                    eprintln!("  {done}/{of} trainings");
                }
            }
        }
    }
}

impl Drop for Trainings {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// Epochs of one training.
pub struct Epochs {
    bar: Option<ProgressBar>,
    told: usize,
}

impl Epochs {
    /// A bar over `epochs` on a terminal.
    pub fn new(epochs: usize) -> Epochs {
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::new(epochs as u64);
            if let Ok(style) = ProgressStyle::with_template("{bar:30} {pos}/{len} epochs  {msg}") {
                bar.set_style(style);
            }
            bar
        });
        Epochs { bar, told: 0 }
    }
}

impl Watch for Epochs {
    fn epoch(&mut self, row: &Epoch, of: usize) -> bool {
        let held =
            row.validation.map_or(String::new(), |v| format!(", validation loss {:.4} error {:.4}", v.loss, v.error));
        let line = format!("loss {:.4} error {:.4}{held}", row.train.loss, row.train.error);
        match &self.bar {
            Some(bar) => {
                bar.set_position(row.epoch);
                bar.set_message(line);
            }
            None => {
                // About ten lines a training.
                let part = row.epoch as usize * 10 / of.max(1);
                if part > self.told || row.epoch == 1 {
                    self.told = part;
                    eprintln!("  epoch {}/{of}: {line}", row.epoch);
                }
            }
        }
        !interrupted()
    }
}

impl Drop for Epochs {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
