//! Mail into files, for trials: `tmp`, synced, then renamed to `new`, one file for each mail.

use crate::{
    base::clock::Clock,
    pipeline::courier::{Attempt, Delivery, Job, Outcome, Said},
    wire::tls::{Channel, InClear},
};
use std::{
    fs::{self, File},
    io::{self, Write},
    path::Path,
    sync::atomic::{AtomicU64, Ordering},
};

/// Writes one mail; all its recipients share the file.
pub(super) async fn deliver(folder: &Path, job: Job<'_>, clock: &Clock) -> Delivery {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let name = format!("{}.{}_{number}.sluss", clock.now().0, std::process::id());
    let to: Vec<String> =
        job.envelope.recipients.iter().map(|one| one.address.to_string()).collect();
    let first =
        format!("Return-Path: <{}>\r\nDelivered-To: {}\r\n", job.envelope.sender, to.join(", "));
    let (folder, message) = (folder.to_path_buf(), job.message.clone());
    let (target, shown) = (folder.join("new").join(&name), folder.display().to_string());
    let written = tokio::task::spawn_blocking(move || {
        for inner in ["tmp", "new", "cur"] {
            fs::create_dir_all(folder.join(inner))?;
        }
        let draft = folder.join("tmp").join(&name);
        let mut file = io::BufWriter::new(File::create(&draft)?);
        file.write_all(first.as_bytes())?;
        for piece in message.pieces() {
            file.write_all(&piece?)?;
        }
        file.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
        fs::rename(&draft, &target)?;
        File::open(folder.join("new"))?.sync_all()
    });
    let attempt = match written.await.unwrap_or_else(|error| Err(io::Error::other(error))) {
        Ok(()) => {
            let said = Said {
                code: 250,
                enhanced: Some("2.0.0".to_string()),
                line: "250 2.0.0 written".to_string(),
            };
            Attempt::Finished(vec![Outcome::Accepted(said); job.envelope.recipients.len()])
        }
        Err(error) => Attempt::Away(format!("maildir {shown}: {error}")),
    };
    Delivery {
        attempt,
        server: format!("maildir:{shown}"),
        channel: Some(Channel::clear(InClear::Local)),
        dsn_handed_on: false,
    }
}
