//! Small tables that are kept in memory and written down now and then, whole: a file with a row a line, in JSON.
//!
//! The file is the old one or the new one, never half of each. A row that cannot be read is left out: what is remembered here helps, and no
//! mail depends on it.

use crate::{
    base::limits,
    store::{StoreError, private},
};
use serde::{Serialize, de::DeserializeOwned};
use std::{
    fs::{self, OpenOptions},
    io::{self, Read, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

/// Writes all rows in the place of those that the file has.
pub fn write<T: Serialize>(file: &Path, rows: &[T]) -> Result<(), StoreError> {
    let failed = |source| StoreError::File { what: "writing", file: file.into(), source };
    let mut text = Vec::new();
    for row in rows {
        serde_json::to_writer(&mut text, row).map_err(|error| failed(error.into()))?;
        text.push(b'\n');
    }
    replace(file, &text).map_err(failed)
}

fn replace(file: &Path, text: &[u8]) -> io::Result<()> {
    let mut name = file.as_os_str().to_os_string();
    name.push(".new");
    let unfinished = Path::new(&name);
    let mut how = OpenOptions::new();
    let mut out = how.write(true).create(true).truncate(true).mode(0o600).open(unfinished)?;
    out.write_all(text)?;
    out.sync_all()?;
    fs::rename(unfinished, file)?;
    private::sync_names(private::above(file))
}

/// Reads the rows back; there are none while there is no file.
pub fn read<T: DeserializeOwned>(file: &Path) -> Result<Vec<T>, StoreError> {
    let failed = |source| StoreError::File { what: "reading", file: file.into(), source };
    let open = match fs::File::open(file) {
        Ok(open) => open,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failed(error)),
    };
    let mut text = Vec::new();
    open.take(limits::STRANGERS_FILE_BYTES_MAX).read_to_end(&mut text).map_err(failed)?;
    let lines = text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    Ok(lines.filter_map(|line| serde_json::from_slice(line).ok()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_come_back_and_what_is_damaged_is_left_out() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("bans");
        assert_eq!(read::<(String, u64)>(&file).unwrap(), []);
        let rows = [("a".to_string(), 1_u64), ("b".to_string(), 2)];
        write(&file, &[("z", 9)]).unwrap();
        write(&file, &rows).unwrap();
        assert_eq!(read::<(String, u64)>(&file).unwrap(), rows);
        let mut text = fs::read(&file).unwrap();
        text.extend_from_slice(b"{torn");
        fs::write(&file, text).unwrap();
        assert_eq!(read::<(String, u64)>(&file).unwrap(), rows);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
