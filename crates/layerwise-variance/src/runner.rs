//! Runs independent trainings, one a core, and keeps what is finished.

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};

use crate::error::VarianceError;
use crate::kept::Kept;

/// How far a study is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Finished trainings, with those that were kept from before.
    pub done: usize,
    /// All of them.
    pub of: usize,
}

/// How trainings are run. The results have the same bits for any number of threads.
#[derive(Clone)]
pub struct Runner<'a> {
    /// Trainings at a time.
    pub threads: usize,
    /// Where finished trainings are kept, if anywhere.
    pub keep: Option<PathBuf>,
    /// Told at the start and after every training, from any thread.
    pub progress: &'a (dyn Fn(Progress) + Sync),
    /// Asked now and then; `true` ends the study, and what is finished is kept.
    pub stop: &'a (dyn Fn() -> bool + Sync),
}

impl Default for Runner<'_> {
    fn default() -> Self {
        Runner { threads: 1, keep: None, progress: &|_| {}, stop: &|| false }
    }
}

impl std::fmt::Debug for Runner<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Runner").field("threads", &self.threads).field("keep", &self.keep).finish_non_exhaustive()
    }
}

/// A training: the name it is kept under, and how many numbers it gives.
pub(crate) struct Job {
    pub name: String,
    pub len: usize,
}

impl Runner<'_> {
    /// The numbers of every job, in their order. `work` gets the place of a job.
    pub(crate) fn run(
        &self,
        plan: &str,
        jobs: &[Job],
        work: &(dyn Fn(usize) -> Result<Vec<f64>, VarianceError> + Sync),
    ) -> Result<Vec<Vec<f64>>, VarianceError> {
        let kept = self.keep.as_deref().map(|folder| Kept::open(folder, plan)).transpose()?;
        let slots: Vec<OnceLock<Vec<f64>>> = jobs
            .iter()
            .map(|job| {
                kept.as_ref().and_then(|kept| kept.read(&job.name, job.len)).map_or_else(OnceLock::new, OnceLock::from)
            })
            .collect();
        let missing: Vec<usize> = (0..jobs.len()).filter(|&i| slots[i].get().is_none()).collect();
        let (next, done) = (AtomicUsize::new(0), AtomicUsize::new(jobs.len() - missing.len()));
        let failed = Mutex::new(None);
        let tell = |done| (self.progress)(Progress { done, of: jobs.len() });
        tell(jobs.len() - missing.len());
        let one = |i: usize| -> Result<(), VarianceError> {
            let numbers = work(i)?;
            // A training that was asked to stop is not what it would have been.
            if (self.stop)() {
                return Ok(());
            }
            if let Some(kept) = &kept {
                kept.write(&jobs[i].name, &numbers)?;
            }
            let _ = slots[i].set(numbers);
            tell(done.fetch_add(1, Ordering::Relaxed) + 1);
            Ok(())
        };
        std::thread::scope(|scope| {
            for _ in 0..self.threads.max(1).min(missing.len()) {
                scope.spawn(|| {
                    while let Some(&i) = missing.get(next.fetch_add(1, Ordering::Relaxed)).filter(|_| !(self.stop)()) {
                        if let Err(e) = one(i) {
                            failed.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(e);
                            next.store(missing.len(), Ordering::Relaxed);
                        }
                    }
                });
            }
        });
        if let Some(e) = failed.into_inner().unwrap_or_else(PoisonError::into_inner) {
            return Err(e);
        }
        let (done, of) = (done.into_inner(), jobs.len());
        let all: Option<Vec<Vec<f64>>> = slots.into_iter().map(OnceLock::into_inner).collect();
        all.ok_or(VarianceError::Stopped { done, of })
    }
}
