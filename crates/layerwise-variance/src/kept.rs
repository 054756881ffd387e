//! A folder that keeps finished trainings, so that a study that was stopped goes on.
//!
//! `plan.txt` says in words and numbers what the trainings are; a folder with another plan is refused. Each training is one file:
//! eight bytes of format, how many numbers, the numbers, their hash, little-endian. It is written beside its place and renamed. A file
//! of another size or hash counts as absent: that training is run again.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use layerwise_train::write_whole;

use crate::error::VarianceError;
use crate::source::hash;

const FORMAT: &[u8; 8] = b"lwkept 1";
const PLAN: &str = "plan.txt";
/// Plans larger than this are not read further.
const MAX_PLAN: u64 = 1 << 24;

/// A folder of finished trainings of one plan.
#[derive(Clone, Debug)]
pub struct Kept {
    folder: PathBuf,
}

impl Kept {
    /// The folder for the trainings of `plan`; it is made if it is not there.
    ///
    /// Errors: a folder of another plan, or one that cannot be read or made.
    pub fn open(folder: &Path, plan: &str) -> Result<Kept, VarianceError> {
        let file = folder.join(PLAN);
        let io = |cause| VarianceError::Io { file: file.clone(), cause };
        match read_plan(&file) {
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
                fs::create_dir_all(folder).map_err(io)?;
                write_whole(&file, plan.as_bytes()).map_err(io)?;
            }
            Err(e) => return Err(io(e)),
            Ok(found) if found == plan => {}
            Ok(found) => {
                let (mut wanted, mut got) = (plan.lines(), found.lines());
                let pairs = std::iter::repeat_with(|| (wanted.next(), got.next()));
                let most = 1 + plan.lines().count().max(found.lines().count());
                let differ = pairs.take(most).enumerate().find(|(_, (wanted, got))| wanted != got);
                let (line, (expected, got)) = differ.unwrap_or_default();
                let text = |line: Option<&str>| line.unwrap_or("nothing").trim().to_owned();
                return Err(VarianceError::Other { file, line: line + 1, expected: text(expected), got: text(got) });
            }
        }
        Ok(Kept { folder: folder.to_owned() })
    }

    /// Whether the folder keeps trainings of just this plan.
    pub fn fits(folder: &Path, plan: &str) -> bool {
        read_plan(&folder.join(PLAN)).is_ok_and(|found| found == plan)
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}.numbers"))
    }

    /// The `n` numbers of a training, if it is kept and whole.
    pub fn read(&self, name: &str, n: usize) -> Option<Vec<f64>> {
        let mut file = File::open(self.file(name)).ok()?;
        let size = FORMAT.len() + 8 + 8 * n + 8;
        if file.metadata().ok()?.len() != size as u64 {
            return None;
        }
        let mut bytes = vec![0; size];
        file.read_exact(&mut bytes).ok()?;
        let (head, rest) = bytes.split_at(FORMAT.len());
        let mut words = rest.chunks_exact(8).map(|word| word.try_into().map_or(0, u64::from_le_bytes));
        let count = words.next()?;
        let numbers: Vec<f64> = words.by_ref().take(n).map(f64::from_bits).collect();
        let whole = head == FORMAT && count == n as u64 && words.next()? == hash(&numbers);
        whole.then_some(numbers)
    }

    /// Keeps the numbers of a training.
    ///
    /// Errors: a file that cannot be written.
    pub fn write(&self, name: &str, numbers: &[f64]) -> Result<(), VarianceError> {
        let mut bytes = FORMAT.to_vec();
        bytes.extend((numbers.len() as u64).to_le_bytes());
        numbers.iter().for_each(|v| bytes.extend(v.to_bits().to_le_bytes()));
        bytes.extend(hash(numbers).to_le_bytes());
        let file = self.file(name);
        write_whole(&file, &bytes).map_err(|cause| VarianceError::Io { file, cause })
    }
}

fn read_plan(file: &Path) -> std::io::Result<String> {
    let mut bytes = Vec::new();
    File::open(file)?.take(MAX_PLAN).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_back_and_damaged_files_do_not() {
        let folder = std::env::temp_dir().join(format!("layerwise-kept-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        let kept = Kept::open(&folder, "seed 1\nrows 5\n").unwrap();
        let numbers = [1.5, -0.0, f64::MIN_POSITIVE, f64::NAN];
        kept.write("a", &numbers).unwrap();
        let bits = |numbers: &[f64]| numbers.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
        assert_eq!(bits(&kept.read("a", 4).unwrap()), bits(&numbers));
        assert!(kept.read("a", 3).is_none() && kept.read("a", 5).is_none() && kept.read("b", 4).is_none());
        let path = kept.file("a");
        let good = fs::read(&path).unwrap();
        for at in 0..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 4;
            fs::write(&path, &bad).unwrap();
            assert!(kept.read("a", 4).is_none(), "byte {at}");
        }
        fs::write(&path, &good[..good.len() - 1]).unwrap();
        assert!(kept.read("a", 4).is_none());
        // Only the plan and one file: no drafts are left.
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 2);

        assert!(Kept::fits(&folder, "seed 1\nrows 5\n") && !Kept::fits(&folder, "seed 1\nrows 6\n"));
        Kept::open(&folder, "seed 1\nrows 5\n").unwrap();
        let say = |plan: &str| Kept::open(&folder, plan).unwrap_err().to_string();
        assert!(say("seed 1\nrows 6\n").contains("plan.txt: line 2 should be `rows 6`, got `rows 5`"));
        assert!(say("seed 1\nrows 5\nmore\n").contains("plan.txt: line 3 should be `more`, got `nothing`"));
        assert!(say("seed 1\n").contains("plan.txt: line 2 should be `nothing`, got `rows 5`"));
        fs::remove_dir_all(&folder).unwrap();
    }
}
