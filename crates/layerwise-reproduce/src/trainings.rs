//! Trainings side by side, each kept in a file when it is finished: whoever is interrupted goes on where they were.
//!
//! A file holds the settings that its result was made with; another setting trains again. Files appear whole or not at all, so that
//! a program may be ended at any moment.

use std::fs;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use layerwise_train::write_whole;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Where finished trainings are kept, and how many go on at a time.
#[derive(Clone, Debug)]
pub struct Trainings {
    /// Folder of the files.
    pub folder: PathBuf,
    /// Trainings side by side, each on one thread.
    pub workers: usize,
}

/// A training that is to be done.
pub struct Training<'a, T> {
    /// Name of its file; it tells what is trained.
    pub name: String,
    /// All that its result depends on.
    pub settings: Value,
    /// Does it.
    pub work: Box<dyn FnOnce() -> Result<T, String> + Send + 'a>,
}

/// A training that was done.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Finished<T> {
    settings: Value,
    /// Seconds on a processor.
    pub seconds: f64,
    /// What it gave.
    pub result: T,
}

impl Trainings {
    /// Does what is not kept yet, and returns everything in the order given. `line` puts a result into words, for whoever waits.
    ///
    /// Errors: a training that fails, or a file that cannot be written; what was finished is kept.
    pub fn finish<T: Serialize + DeserializeOwned + Send>(
        &self,
        trainings: Vec<Training<'_, T>>,
        line: &(dyn Fn(&T) -> String + Sync),
    ) -> Result<Vec<Finished<T>>, String> {
        fs::create_dir_all(&self.folder).map_err(|e| format!("{}: {e}", self.folder.display()))?;
        let mut finished: Vec<Option<Finished<T>>> = trainings.iter().map(|training| self.kept(training)).collect();
        let all = trainings.len();
        let missing: Vec<_> = trainings.into_iter().enumerate().filter(|(i, _)| finished[*i].is_none()).collect();
        let (n, begun) = (missing.len(), Instant::now());
        if n < all {
            eprintln!("{} of {all} trainings are kept in {}", all - n, self.folder.display());
        }
        // From the back, so that they are taken in order.
        let (queue, done) = (Mutex::new(missing.into_iter().rev().collect::<Vec<_>>()), Mutex::new(0));
        let (problem, slots) = (Mutex::new(None), Mutex::new(&mut finished));
        std::thread::scope(|scope| {
            for _ in 0..self.workers.min(n) {
                scope.spawn(|| {
                    // Not in the head of the loop, where the queue would stay locked while it trains.
                    let next = || lock(&queue).pop();
                    while let Some((i, training)) = next() {
                        let name = training.name.clone();
                        match self.train(training) {
                            Ok(training) => {
                                let mut done = lock(&done);
                                *done += 1;
                                let left = begun.elapsed().as_secs_f64() / 60.0 * (n - *done) as f64 / *done as f64;
                                let (said, seconds) = (line(&training.result), training.seconds);
                                eprintln!("[{done}/{n}] {name}: {said}; {seconds:.0} s; about {left:.0} min left");
                                lock(&slots)[i] = Some(training);
                            }
                            Err(trouble) => {
                                lock(&queue).clear();
                                *lock(&problem) = Some(format!("{name}: {trouble}"));
                            }
                        }
                    }
                });
            }
        });
        match problem.into_inner().unwrap_or_else(PoisonError::into_inner) {
            Some(problem) => Err(problem),
            None => Ok(finished.into_iter().flatten().collect()),
        }
    }

    fn file<T>(&self, training: &Training<'_, T>) -> PathBuf {
        let words =
            training.name.split(|c: char| !c.is_ascii_alphanumeric() && c != '.').filter(|word| !word.is_empty());
        self.folder.join(format!("{}.json", words.collect::<Vec<_>>().join("-")))
    }

    /// The result of the same training, if there is one.
    fn kept<T: DeserializeOwned>(&self, training: &Training<'_, T>) -> Option<Finished<T>> {
        let text = fs::read_to_string(self.file(training)).ok()?;
        let found: Finished<T> = serde_json::from_str(&text).ok()?;
        (found.settings == training.settings).then_some(found)
    }

    fn train<T: Serialize>(&self, training: Training<'_, T>) -> Result<Finished<T>, String> {
        let (file, begun) = (self.file(&training), Clock::start());
        let result = (training.work)()?;
        let finished = Finished { settings: training.settings, seconds: begun.seconds(), result };
        let text = serde_json::to_string(&finished).map_err(|e| e.to_string())?;
        write_whole(&file, text.as_bytes()).map_err(|e| format!("{}: {e}", file.display()))?;
        Ok(finished)
    }
}

/// What a thread that panicked left is as good as before: every change is one assignment.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Time of this thread on a processor, where the system tells; else time.
struct Clock {
    on_processor: Option<f64>,
    begun: Instant,
}

impl Clock {
    fn start() -> Clock {
        Clock { on_processor: on_processor(), begun: Instant::now() }
    }

    fn seconds(&self) -> f64 {
        match (self.on_processor, on_processor()) {
            (Some(before), Some(now)) => now - before,
            _ => self.begun.elapsed().as_secs_f64(),
        }
    }
}

/// Seconds that this thread has had a processor (Linux).
fn on_processor() -> Option<f64> {
    let text = fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    Some(text.split_whitespace().next()?.parse::<f64>().ok()? * 1e-9)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc::{Receiver, Sender, channel};
    use std::time::Duration;

    use serde_json::json;

    use super::*;

    fn folder(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("layerwise-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        folder
    }

    #[test]
    fn what_is_finished_is_not_trained_again_unless_its_settings_change() {
        let trainings = Trainings { folder: folder("kept"), workers: 2 };
        let trained = &AtomicUsize::new(0);
        let run = |rates: [f64; 3]| {
            let training = |rate: f64| Training {
                name: format!("a rate/{}", rate.floor()),
                settings: json!({ "rate": rate }),
                work: Box::new(move || {
                    trained.fetch_add(1, Ordering::Relaxed);
                    Ok(rate * 2.0)
                }),
            };
            let all = trainings.finish(rates.map(training).into(), &|x: &f64| x.to_string()).unwrap();
            (all.iter().map(|one| one.result).collect::<Vec<_>>(), trained.swap(0, Ordering::Relaxed))
        };
        assert_eq!(run([1.0, 2.0, 3.0]), (vec![2.0, 4.0, 6.0], 3));
        assert_eq!(run([1.0, 2.0, 3.0]), (vec![2.0, 4.0, 6.0], 0));
        assert_eq!(run([3.0, 2.5, 1.0]), (vec![6.0, 5.0, 2.0], 1));
        fs::write(trainings.folder.join("a-rate-1.json"), "{ half").unwrap();
        assert_eq!(run([1.0, 2.5, 3.0]), (vec![2.0, 5.0, 6.0], 1));
        fs::remove_dir_all(&trainings.folder).unwrap();
    }

    /// Each waits for a word of the other, which one after the other would never hear it.
    #[test]
    fn trainings_go_on_side_by_side() {
        let trainings = Trainings { folder: folder("beside"), workers: 2 };
        let ((to_a, at_a), (to_b, at_b)) = (channel(), channel());
        let training = |(name, to, at): (&str, Sender<()>, Receiver<()>)| Training {
            name: name.to_owned(),
            settings: json!(name),
            work: Box::new(move || Ok(to.send(()).is_ok() && at.recv_timeout(Duration::from_secs(20)).is_ok())),
        };
        let both = [("a", to_b, at_a), ("b", to_a, at_b)].map(training).into();
        let heard = trainings.finish(both, &|heard: &bool| heard.to_string()).unwrap();
        assert!(heard.iter().all(|one| one.result));
        fs::remove_dir_all(&trainings.folder).unwrap();
    }

    #[test]
    fn a_failure_ends_the_rest_and_keeps_what_was_finished() {
        let trainings = Trainings { folder: folder("failed"), workers: 1 };
        let training = |i: usize| Training {
            name: i.to_string(),
            settings: json!(i),
            work: Box::new(move || if i == 1 { Err("no".to_owned()) } else { Ok(i) }),
        };
        let result = trainings.finish((0..3).map(training).collect(), &|x: &usize| x.to_string());
        assert_eq!(result.unwrap_err(), "1: no");
        let kept = [0, 1, 2].map(|i| trainings.kept(&training(i)).map(|one| one.result));
        assert_eq!(kept, [Some(0), None, None]);
        fs::remove_dir_all(&trainings.folder).unwrap();
    }
}
