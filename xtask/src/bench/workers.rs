//! The workers: how each is built, started and asked.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use crate::Trouble;
use crate::shell::{cargo, output, program, root, run};

/// Who works.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    Layerwise,
    Torch,
    Jax,
    Sklearn,
    OnnxRuntime,
    Candle,
    Burn,
    Tract,
}

impl Kind {
    pub const ALL: [Kind; 8] = [
        Kind::Layerwise,
        Kind::Torch,
        Kind::Jax,
        Kind::Sklearn,
        Kind::OnnxRuntime,
        Kind::Candle,
        Kind::Burn,
        Kind::Tract,
    ];

    /// The Python script, or the folder of the Rust package.
    fn program(self) -> Program {
        match self {
            Kind::Layerwise => Program::Own,
            Kind::Torch => Program::Python("with_torch.py"),
            Kind::Jax => Program::Python("with_jax.py"),
            Kind::Sklearn => Program::Python("with_sklearn.py"),
            Kind::OnnxRuntime => Program::Python("with_onnxruntime.py"),
            Kind::Candle => Program::Rust("candle"),
            Kind::Burn => Program::Rust("burn"),
            Kind::Tract => Program::Rust("tract"),
        }
    }
}

enum Program {
    Own,
    Python(&'static str),
    Rust(&'static str),
}

/// Where everything is built.
pub struct Place {
    /// `target/bench`.
    pub folder: PathBuf,
    /// Whether a process can be held to some cores.
    pinned: bool,
}

/// The scripts of the peers.
fn scripts() -> PathBuf {
    root().join("xtask/peers/python")
}

impl Place {
    pub fn new(target: &Path) -> Result<Place, Trouble> {
        let folder = target.join("bench");
        fs::create_dir_all(folder.join("data"))?;
        let pinned = output(program("taskset").arg("--version")).is_ok();
        Ok(Place { folder, pinned })
    }

    /// Builds what a worker needs. What is there already is not built again.
    ///
    /// Errors: it cannot be built, as without a network.
    pub fn build(&self, kind: Kind) -> Result<(), Trouble> {
        match kind.program() {
            Program::Own => run(cargo().args(["build", "--release", "--quiet", "--package", "layerwise-bench"])),
            Program::Python(_) => self.python(),
            Program::Rust(name) => run(cargo()
                .args(["build", "--release", "--locked", "--quiet", "--manifest-path"])
                .arg(root().join("xtask/peers").join(name).join("Cargo.toml"))
                .arg("--target-dir")
                .arg(self.folder.join(name))),
        }
    }

    /// The packages of the Python peers, in an environment of their own.
    fn python(&self) -> Result<(), Trouble> {
        let wanted = fs::read_to_string(scripts().join("requirements.txt"))?;
        let installed = self.folder.join("python/requirements.txt");
        if fs::read_to_string(&installed).is_ok_and(|text| text == wanted) {
            return Ok(());
        }
        println!("installing the Python peers (gigabytes, once)");
        run(program("python3").args(["-m", "venv"]).arg(self.folder.join("python")))?;
        run(Command::new(self.interpreter())
            .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement"])
            .arg(scripts().join("requirements.txt")))?;
        Ok(fs::write(installed, wanted)?)
    }

    fn interpreter(&self) -> PathBuf {
        self.folder.join("python/bin/python")
    }

    /// Writes data sets and models for those who read them from files.
    pub fn write_data(&self, target: &Path, models: &[String], python: bool) -> Result<(), Trouble> {
        let data = self.folder.join("data");
        for set in ["digits", "blobs"] {
            if !data.join(format!("{set}.test.y")).exists() {
                run(Command::new(target.join("release/layerwise-bench")).args(["export", set]).arg(&data))?;
            }
        }
        let there = models.iter().all(|net| data.join(format!("{}.onnx", net.replace(' ', "-"))).exists());
        if python && !there {
            run(Command::new(self.interpreter()).arg(scripts().join("onnx_models.py")).arg(&data).args(models))?;
        }
        Ok(())
    }

    /// Starts a worker on the first so many cores.
    ///
    /// Errors: it does not start, or ends before it says its name; its complaint is in a file named after it.
    pub fn start(&self, kind: Kind, target: &Path, threads: usize) -> Result<Worker, Trouble> {
        let (file, script) = match kind.program() {
            Program::Own => (target.join("release/layerwise-bench"), None),
            Program::Python(name) => (self.interpreter(), Some(scripts().join(name))),
            Program::Rust(name) => (self.folder.join(name).join("release").join(format!("peer-{name}")), None),
        };
        let mut command = if self.pinned {
            let mut command = program("taskset");
            command.args(["--cpu-list", &format!("0-{}", threads - 1)]).arg(&file);
            command
        } else {
            program(&file.to_string_lossy())
        };
        let threads = threads.to_string();
        for pool in ["OMP", "MKL", "OPENBLAS", "RAYON", "CANDLE"] {
            command.env(format!("{pool}_NUM_THREADS"), &threads);
        }
        let log = self.folder.join(format!("{kind:?}.log").to_lowercase());
        command.args(script).args(["--threads", &threads]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(fs::File::create(&log)?);
        let at = |e: std::io::Error| Trouble::Failed(format!("{}: {e}", file.display()));
        let mut process = command.spawn().map_err(at)?;
        let (Some(to), Some(from)) = (process.stdin.take(), process.stdout.take()) else {
            return Err(Trouble::Failed(format!("{kind:?}: should be asked through pipes")));
        };
        let mut worker = Worker { kind, process, to, from: BufReader::new(from), name: String::new() };
        worker.name = worker.hear().map_err(|e| format!("{e}; see {}", log.display()))?;
        Ok(worker)
    }
}

/// A process that waits for jobs.
pub struct Worker {
    pub kind: Kind,
    process: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
    /// Its name, with versions.
    pub name: String,
}

/// What came of a job.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Answer {
    /// Seconds for a step.
    pub seconds: f64,
    /// What the job returned.
    pub number: f64,
}

impl Worker {
    fn hear(&mut self) -> Result<String, String> {
        let mut line = String::new();
        match self.from.read_line(&mut line) {
            Ok(0) => Err(format!("{:?} ended", self.kind)),
            Ok(_) => Ok(line.trim_end().to_owned()),
            Err(e) => Err(format!("{:?}: {e}", self.kind)),
        }
    }

    fn ask(&mut self, line: &str) -> Result<String, String> {
        writeln!(self.to, "{line}").and_then(|()| self.to.flush()).map_err(|e| format!("{:?}: {e}", self.kind))?;
        self.hear()
    }

    /// Times a job for about so long. `None`: it does no such job.
    ///
    /// Errors: what went wrong; the worker may have ended.
    pub fn time(&mut self, job: &str, seconds: f64) -> Result<Option<Answer>, String> {
        let said = self.ask(&format!("{seconds} {job}"))?;
        answer(&said).map_err(|problem| format!("{:?}, {job}: {problem}", self.kind))
    }

    /// Lets it drop what it prepared.
    pub fn forget(&mut self) -> Result<(), String> {
        self.ask("forget").map(drop)
    }

    /// Seconds of processor time that it has used; `None` where the system does not tell.
    pub fn used(&self) -> Option<f64> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.process.id())).ok()?;
        ticks(&stat).map(|ticks| ticks as f64 / TICKS)
    }

    /// Lets its peak begin anew with what it has now. `false`: the system does not let it.
    pub fn reset_peak(&self) -> bool {
        // 5 resets the peak resident set (Linux, proc_pid_clear_refs(5)).
        fs::write(format!("/proc/{}/clear_refs", self.process.id()), "5").is_ok()
    }

    /// Its peak resident set so far, in MiB; `None` where the system does not tell.
    pub fn peak(&self) -> Option<f64> {
        mebibytes(&fs::read_to_string(format!("/proc/{}/status", self.process.id())).ok()?, "VmHWM:")
    }
}

impl Drop for Worker {
    /// Nobody is left behind.
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Ticks a second of the kernel's clock, as it tells them to programs: 100 on every Linux.
const TICKS: f64 = 100.0;

/// Seconds of processor time that all processes have used, the host's included; `None` where the system does not tell.
pub fn used_by_all() -> Option<f64> {
    busy(&fs::read_to_string("/proc/stat").ok()?).map(|ticks| ticks as f64 / TICKS)
}

/// The value of a line `VmHWM:   1234 kB`, in MiB.
fn mebibytes(text: &str, name: &str) -> Option<f64> {
    let value = text.lines().find_map(|line| line.strip_prefix(name))?;
    value.trim().strip_suffix(" kB")?.parse::<f64>().ok().map(|kibibytes| kibibytes / 1024.0)
}

/// The first line of `/proc/stat`: user, nice, system, idle, iowait, irq, softirq, steal, and more that is in these already.
fn busy(stat: &str) -> Option<u64> {
    let numbers: Option<Vec<u64>> = stat.lines().next()?.split_whitespace().skip(1).map(|n| n.parse().ok()).collect();
    let numbers = numbers.filter(|numbers| numbers.len() >= 8)?;
    Some([0, 1, 2, 5, 6, 7].map(|i| numbers[i]).iter().sum())
}

fn answer(said: &str) -> Result<Option<Answer>, String> {
    if said == "none" {
        return Ok(None);
    }
    let numbers =
        said.split_once(' ').and_then(|(seconds, number)| Some((seconds.parse().ok()?, number.parse().ok()?)));
    match numbers {
        Some((seconds, number)) if seconds > 0.0 => Ok(Some(Answer { seconds, number })),
        _ => Err(format!("answer should be a time and a number, got `{said}`")),
    }
}

/// User and system time of a line of `/proc/PID/stat`, in hundredths of a second. The name of the program, in parentheses, may
/// have any characters.
fn ticks(stat: &str) -> Option<u64> {
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    Some(fields.get(11)?.parse::<u64>().ok()? + fields.get(12)?.parse::<u64>().ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_read() {
        assert_eq!(answer("2.5e-3 0.9"), Ok(Some(Answer { seconds: 2.5e-3, number: 0.9 })));
        assert_eq!(answer("none"), Ok(None));
        assert!(answer("1e-3 NaN").is_ok_and(|a| a.is_some_and(|a| a.number.is_nan())));
        for wrong in ["", "error it broke", "1e-3", "0 1", "-1 1", "NaN 1"] {
            assert!(answer(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn used_time_is_found_behind_any_name() {
        let stat = "12 (a) b (c)) S 1 2 3 4 5 6 7 8 9 10 250 50 0 0 20 0 1";
        assert_eq!(ticks(stat), Some(300));
        assert_eq!(ticks("12 (a) S 1"), None);
    }

    #[test]
    fn memory_is_found_by_its_name() {
        let status = "Name:\ta\nVmPeak:\t  999999 kB\nVmHWM:\t  3072 kB\nVmRSS:\t    1024 kB\n";
        assert_eq!(mebibytes(status, "VmHWM:"), Some(3.0));
        assert_eq!([mebibytes(status, "VmSwap:"), mebibytes("VmHWM: lots", "VmHWM:")], [None, None]);
    }

    #[test]
    fn waiting_is_no_use_of_the_processor() {
        assert_eq!(busy("cpu  1 20 300 9999 9999 4000 50000 600000 7 7\ncpu0 1\n"), Some(654_321));
        assert_eq!(busy("cpu 1 2"), None);
    }
}
