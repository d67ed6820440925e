//! A database that cannot be used any more is moved aside under a name that says so, never written over. One that a newer version of this
//! program wrote is not damaged: it stays where it is, and whoever opens it is refused.

use crate::{
    base::{clock::UnixMs, limits},
    store::{StoreError, embedded::db, private},
};
use rusqlite::{Connection, ErrorCode};
use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::mpsc,
    thread,
};

/// A database that was moved aside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetAside {
    /// Where it is now.
    pub file: PathBuf,
    /// What is wrong with it.
    pub why: String,
}

/// Looks whether a database can be used, for a bounded time, and moves it aside if it cannot. `None` if it is well or missing; an error,
/// and nothing touched, if its schema is newer than these migrations.
pub(super) fn look(
    file: &Path,
    migrations: &[&str],
    now: UnixMs,
) -> Result<Option<SetAside>, StoreError> {
    let failed = |source| StoreError::File { what: "looking at", file: file.to_path_buf(), source };
    match fs::metadata(file) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
        // SQLite takes an empty file for a new database; who opens it knows whether there should have been something.
        Ok(about) if about.len() == 0 => return Ok(None),
        Ok(_) => (),
    }
    db::refuse_newer(file, migrations)?;
    let Some(why) = what_is_wrong(file)? else { return Ok(None) };
    let aside = beside(file, &format!(".damaged-{}", now.0));
    fs::rename(file, &aside).map_err(failed)?;
    for ending in ["-wal", "-shm"] {
        match fs::rename(beside(file, ending), beside(&aside, ending)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
            Ok(()) | Err(_) => (),
        }
    }
    private::sync_names(private::above(file)).map_err(failed)?;
    Ok(Some(SetAside { file: aside, why }))
}

fn what_is_wrong(file: &Path) -> Result<Option<String>, StoreError> {
    let looked = Connection::open(file).and_then(|connection| {
        let (looked, wait) = mpsc::channel::<()>();
        let interrupt = connection.get_interrupt_handle();
        let watch = thread::spawn(move || {
            // A large one is not read to its end: what is damaged further on shows when it is used.
            if wait.recv_timeout(limits::DATABASE_LOOK_TIME_MAX)
                == Err(mpsc::RecvTimeoutError::Timeout)
            {
                interrupt.interrupt();
            }
        });
        let answer =
            connection.query_row("PRAGMA quick_check(1)", [], |row| row.get::<_, String>(0));
        drop(looked);
        // It only waits for the sender that has just gone.
        let _ended = watch.join();
        answer
    });
    match looked {
        Ok(answer) if answer == "ok" => Ok(None),
        Ok(answer) => Ok(Some(answer)),
        Err(error) => match error.sqlite_error_code() {
            Some(ErrorCode::OperationInterrupted) => Ok(None),
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
                Ok(Some(error.to_string()))
            }
            Some(_) | None => {
                Err(StoreError::Database { what: "looking for damage", source: error })
            }
        },
    }
}

fn beside(file: &Path, ending: &str) -> PathBuf {
    let mut name = file.as_os_str().to_os_string();
    name.push(ending);
    PathBuf::from(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_damaged_database_is_moved_aside_and_a_good_one_is_not() {
        let root = tempfile::tempdir().unwrap();
        let file = root.path().join("t.db");
        assert_eq!(look(&file, &[], UnixMs(1)).unwrap(), None);
        let connection = Connection::open(&file).unwrap();
        connection.execute_batch("CREATE TABLE t (n); INSERT INTO t VALUES (1);").unwrap();
        drop(connection);
        assert_eq!(look(&file, &[], UnixMs(1)).unwrap(), None);
        let good = fs::read(&file).unwrap();
        for (now, harm) in [
            (7, b"not a database".to_vec()),
            (8, {
                // The root page of the table.
                let mut bent = good.clone();
                bent[4_096..4_196].fill(0x55);
                bent
            }),
        ] {
            fs::write(&file, &harm).unwrap();
            fs::write(root.path().join("t.db-wal"), "").unwrap();
            let aside = look(&file, &[], UnixMs(now)).unwrap().unwrap();
            assert_eq!(aside.file, root.path().join(format!("t.db.damaged-{now}")));
            assert!(!aside.why.is_empty() && !file.exists());
            assert_eq!(
                fs::read(&aside.file).unwrap(),
                harm,
                "it is all there for somebody to look at"
            );
        }
    }
    #[test]
    fn what_a_newer_version_wrote_is_refused_by_name_and_not_touched() {
        let root = tempfile::tempdir().unwrap();
        let file = root.path().join("t.db");
        let connection = Connection::open(&file).unwrap();
        connection
            .execute_batch(
                "PRAGMA journal_mode = WAL; CREATE TABLE t (n); PRAGMA user_version = 3;",
            )
            .unwrap();
        // Also one that was killed, whose last pages are beside it.
        for closed in [false, true] {
            let wal = beside(&file, "-wal");
            let bytes = || (fs::read(&file).unwrap(), fs::read(&wal).unwrap_or_default());
            let before = bytes();
            let refused = look(&file, &["", ""], UnixMs(1)).unwrap_err().to_string();
            let told = ["t.db was written by a newer sluss", "its schema is 3", "knows up to 2"];
            assert!(told.iter().all(|part| refused.contains(part)), "{refused}");
            assert!(!refused.contains("damaged"), "{refused}");
            assert_eq!(bytes(), before, "closed: {closed}");
            assert_eq!(look(&file, &["", "", ""], UnixMs(1)).unwrap(), None);
            if closed {
                break;
            }
            // The last one closes it.
            connection.execute_batch("PRAGMA wal_checkpoint(TRUNCATE);").unwrap();
        }
    }
}
