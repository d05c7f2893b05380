//! The embedding store: rows that were embedded before, on disk, so that a run that was killed goes
//! on where it stopped, and an unchanged corpus is not embedded again.
//!
//! It is one SQLite file in refrain's cache folder: written in a transaction per batch, readable and
//! writable by several processes at once, and whole after a crash. (redb wrote 72,000 rows in 3.7 to
//! 4.4 s and 191 MB where SQLite took 1.8 s and 143 MB, and shuts out a second process.) A row's key
//! is a digest of everything that decides the row; a checksum stands beside it, because a flipped
//! bit in a row is no error to a database.

use super::{Model, Precision};
use rusqlite::{Connection, ErrorCode, OptionalExtension, params};
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};
use std::time::Duration;

const FILE: &str = "embeddings.sqlite";
/// Another process holds the file for milliseconds at a time; after this long it is taken for stuck.
const PATIENCE: Duration = Duration::from_mins(1);
/// Part of every key: a change of the file's layout or of how rows are made begins a new store.
const LAYOUT: &str = "refrain embedding store 1";

/// What is wrong with the store; none of it stops a run.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The file's content is not what was written.
    #[error("it is damaged ({0})")]
    Damaged(String),
    /// The file cannot be opened, read or written.
    #[error("{0}")]
    Unusable(String),
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            // Unknown: a missing table, say; another program's file, or a damaged one.
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase | ErrorCode::Unknown) => {
                Self::Damaged(error.to_string())
            }
            _ => Self::Unusable(error.to_string()),
        }
    }
}

/// Everything but the text that decides a row.
#[derive(Clone)]
pub(super) struct RowMaker(Sha256);

impl RowMaker {
    pub fn new(model: &Model, precision: Precision) -> Self {
        let mut digest = Sha256::new();
        digest.update(LAYOUT);
        digest.update(model.digest());
        digest.update([precision as u8]);
        Self(digest)
    }

    fn key(&self, text: &str) -> [u8; 16] {
        let digest = self.0.clone().chain_update(text).finalize();
        let mut key = [0; 16];
        key.copy_from_slice(&digest[..16]);
        key
    }
}

/// An open store.
pub struct Store {
    connection: Connection,
    path: PathBuf,
}

impl Store {
    /// The store's file in a cache folder.
    #[must_use]
    pub fn path(cache: &Path) -> PathBuf {
        cache.join(FILE)
    }

    /// Opens the store in a cache folder, making it if there is none.
    ///
    /// # Errors
    /// [`StoreError`]; a damaged one can be [set aside](Self::set_aside).
    pub fn open(cache: &Path) -> Result<Self, StoreError> {
        let path = Self::path(cache);
        std::fs::create_dir_all(cache).map_err(|e| StoreError::Unusable(e.to_string()))?;
        let connection = Connection::open(&path)?;
        connection.busy_timeout(PATIENCE)?;
        // In WAL mode readers and a writer do not wait for each other. NORMAL survives a crash of the
        // process without loss, and a crash of the machine with the loss of the last batches.
        connection.execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;
             CREATE TABLE IF NOT EXISTS rows (id INTEGER PRIMARY KEY, key BLOB NOT NULL UNIQUE, row BLOB NOT NULL, checksum BLOB NOT NULL);",
        )?;
        Ok(Self { connection, path })
    }

    /// Moves a damaged store out of the way and says where it is now.
    ///
    /// # Errors
    /// What the system says if it cannot be moved.
    pub fn set_aside(cache: &Path) -> std::io::Result<PathBuf> {
        let path = Self::path(cache);
        let aside = (1..1000)
            .map(|i| cache.join(format!("{FILE}.damaged-{i}")))
            .find(|aside| !aside.exists())
            .unwrap_or_else(|| cache.join(format!("{FILE}.damaged")));
        std::fs::rename(&path, &aside)?;
        // The log belongs to the file that is gone; a new store must not replay it.
        for suffix in ["-wal", "-shm"] {
            let mut log = path.clone().into_os_string();
            log.push(suffix);
            std::fs::remove_file(log)
                .or_else(|e| if e.kind() == std::io::ErrorKind::NotFound { Ok(()) } else { Err(e) })?;
        }
        Ok(aside)
    }

    /// Gives `receive` the texts (by index) and rows that the store has, all of the same width.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] if a row is not what was written; others may have been given before.
    pub(super) fn find(
        &self,
        maker: &RowMaker,
        texts: &[&str],
        receive: &mut dyn FnMut(usize, &[f32]),
    ) -> Result<(), StoreError> {
        let mut select = self.connection.prepare("SELECT row, checksum FROM rows WHERE key = ?")?;
        let mut width = None;
        // One snapshot for all, and no lock taken anew for each.
        self.connection.execute_batch("BEGIN")?;
        for (i, text) in texts.iter().enumerate() {
            let key = maker.key(text);
            let stored: Option<(Vec<u8>, Vec<u8>)> =
                select.query_row([&key[..]], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
            let Some((row, checksum)) = stored else { continue };
            if checksum != self::checksum(&key, &row) || *width.get_or_insert(row.len()) != row.len() {
                return Err(StoreError::Damaged("a row does not match its checksum".into()));
            }
            let row: Vec<f32> = row.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect();
            receive(i, &row);
        }
        Ok(self.connection.execute_batch("COMMIT")?)
    }

    /// Adds the rows of a batch, all or none of them.
    ///
    /// # Errors
    /// [`StoreError`] if they cannot be written.
    pub(super) fn add<'a>(
        &mut self,
        maker: &RowMaker,
        rows: impl Iterator<Item = (&'a str, &'a [f32])>,
    ) -> Result<(), StoreError> {
        let transaction = self.connection.transaction()?;
        {
            let mut insert =
                transaction.prepare_cached("INSERT OR REPLACE INTO rows (key, row, checksum) VALUES (?, ?, ?)")?;
            for (text, row) in rows {
                let key = maker.key(text);
                let row: Vec<u8> = row.iter().flat_map(|value| value.to_le_bytes()).collect();
                insert.execute(params![&key[..], row, checksum(&key, &row)])?;
            }
        }
        Ok(transaction.commit()?)
    }

    /// Rows in the store.
    ///
    /// # Errors
    /// [`StoreError`] if it cannot be read.
    pub fn n_rows(&self) -> Result<usize, StoreError> {
        let n: i64 = self.connection.query_row("SELECT count(*) FROM rows", [], |row| row.get(0))?;
        Ok(usize::try_from(n).unwrap_or(0))
    }

    /// Bytes of the store's file.
    #[must_use]
    pub fn size_bytes(&self) -> u64 {
        std::fs::metadata(&self.path).map_or(0, |metadata| metadata.len())
    }

    /// Deletes all rows and gives the space back.
    ///
    /// # Errors
    /// [`StoreError`] if it cannot be written.
    pub fn clear(&self) -> Result<(), StoreError> {
        Ok(self.connection.execute_batch("DELETE FROM rows; VACUUM; PRAGMA wal_checkpoint(TRUNCATE);")?)
    }
}

fn checksum(key: &[u8; 16], row: &[u8]) -> Vec<u8> {
    Sha256::new().chain_update(key).chain_update(row).finalize()[..8].to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rusqlite::TransactionBehavior;

    fn maker() -> RowMaker {
        RowMaker(Sha256::new())
    }

    fn add(store: &mut Store, rows: &[(&str, [f32; 2])]) {
        store.add(&maker(), rows.iter().map(|(text, row)| (*text, &row[..]))).unwrap();
    }

    fn found(store: &Store, maker: &RowMaker, texts: &[&str]) -> Result<Vec<(usize, Vec<f32>)>, StoreError> {
        let mut found = Vec::new();
        store.find(maker, texts, &mut |i, row| found.push((i, row.to_vec()))).map(|()| found)
    }

    #[test]
    fn what_was_added_is_found_by_two_at_once() {
        let cache = tempfile::tempdir().unwrap();
        let mut one = Store::open(cache.path()).unwrap();
        let two = Store::open(cache.path()).unwrap();
        add(&mut one, &[("a", [1.0, 0.0]), ("b", [0.0, 1.0])]);
        add(&mut one, &[("a", [1.0, 0.0])]);
        assert_eq!(found(&two, &maker(), &["b", "c", "a"]).unwrap(), [(0, vec![0.0, 1.0]), (2, vec![1.0, 0.0])]);
        assert_eq!((two.n_rows().unwrap(), two.size_bytes() > 0), (2, true));
        assert_eq!(found(&two, &RowMaker(Sha256::new().chain_update("other")), &["a"]).unwrap(), []);
        two.clear().unwrap();
        assert_eq!(one.n_rows().unwrap(), 0);
    }

    #[test]
    fn one_waits_for_the_batch_of_another() {
        let cache = tempfile::tempdir().unwrap();
        let (mut one, mut other) = (Store::open(cache.path()).unwrap(), Store::open(cache.path()).unwrap());
        let (begun, has_begun) = std::sync::mpsc::channel();
        std::thread::scope(|scope| {
            scope.spawn(move || {
                let batch = one.connection.transaction_with_behavior(TransactionBehavior::Immediate).unwrap();
                begun.send(()).unwrap();
                // Much longer than the other takes to find it under way.
                for i in 0..20_000u32 {
                    let insert = "INSERT INTO rows (key, row, checksum) VALUES (?, x'00', x'00')";
                    batch.execute(insert, [&i.to_le_bytes()[..]]).unwrap();
                }
                batch.commit().unwrap();
            });
            has_begun.recv().unwrap();
            add(&mut other, &[("a", [1.0, 0.0])]);
        });
        assert_eq!(other.n_rows().unwrap(), 20_001);
    }

    #[test]
    fn a_flipped_byte_anywhere_is_noticed_or_harmless() {
        let cache = tempfile::tempdir().unwrap();
        let texts: Vec<String> = (0..200).map(|i| format!("text {i}")).collect();
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let mut store = Store::open(cache.path()).unwrap();
        store.add(&maker(), texts.iter().map(|text| (*text, &[0.5f32; 64][..]))).unwrap();
        store.connection.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
        drop(store);
        let path = Store::path(cache.path());
        let whole = std::fs::read(&path).unwrap();
        let mut n_noticed = 0;
        for at in (0..whole.len()).step_by(97) {
            let mut bytes = whole.clone();
            bytes[at] ^= 0x40;
            std::fs::write(&path, bytes).unwrap();
            match Store::open(cache.path()).and_then(|store| found(&store, &maker(), &texts)) {
                Err(_) => n_noticed += 1,
                Ok(found) => assert!(found.iter().all(|(_, row)| *row == [0.5; 64]), "byte {at}"),
            }
        }
        assert!(n_noticed > 100, "{n_noticed}");
    }

    #[test]
    fn a_file_that_is_no_store_is_damaged_and_can_be_set_aside() {
        let cache = tempfile::tempdir().unwrap();
        std::fs::write(Store::path(cache.path()), vec![7; 5000]).unwrap();
        assert!(matches!(Store::open(cache.path()), Err(StoreError::Damaged(_))));
        let aside = Store::set_aside(cache.path()).unwrap();
        assert!(aside.is_file() && Store::open(cache.path()).is_ok());
    }
}
