//! The part of `sluss quarantine show` that looks inside a held mail: its text, its page made safe, one of its parts.

use super::{Failure, Place, desk, print};
use crate::{
    base::ids::Id,
    edge::control::Request,
    examine::{Overview, PageView, ViewAsk, ViewedPart},
    pipeline::view,
};
use clap::Args;
use serde_json::Value;
use std::{
    fs::OpenOptions,
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

#[derive(Debug, Args)]
pub(super) struct Look {
    /// Print what a person would read, and then the list of parts. The mail is opened in the locked room, and that it was is noted.
    #[arg(long, conflicts_with_all = ["content", "part", "html"])]
    text: bool,
    /// Write the decoded bytes of this part of the list to the file of --out. They may be malware.
    #[arg(long, value_name = "NUMBER", requires = "out", conflicts_with_all = ["content", "html"])]
    part: Option<u32>,
    /// The file for --part; it must not exist yet.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// With --part: write a ZIP that this password opens, which no program scans or runs on its way.
    #[arg(long, value_name = "PASSWORD", requires = "part")]
    zip: Option<String>,
    /// Write the mail's page, made safe for a browser, to this file: no scripts, nothing fetched, links that lead nowhere.
    #[arg(long, value_name = "FILE", conflicts_with = "content")]
    html: Option<PathBuf>,
}

impl Look {
    /// Does what was asked for. False: nothing was.
    pub(super) fn at(self, place: &Place, id: Id, reason: Option<String>) -> Result<bool, Failure> {
        let what = What { place, id, reason };
        match self {
            Look { text: true, .. } => text(what)?,
            Look { part: Some(number), out: Some(out), zip, .. } => {
                let value = ask(what, ViewAsk::Part(number))?;
                part(&value, &out, zip.as_deref())?;
            }
            Look { html: Some(out), .. } => html(what, &out)?,
            Look { .. } => return Ok(false),
        }
        Ok(true)
    }
}

/// Which mail, and why somebody looks: the audit log has it.
struct What<'a> {
    place: &'a Place,
    id: Id,
    reason: Option<String>,
}

fn ask(what: What, ask: ViewAsk) -> Result<Value, Failure> {
    desk::ask_because(what.place, Request::QuarantineView { id: what.id, ask }, what.reason)
}

fn text(what: What) -> Result<(), Failure> {
    let value = ask(what, ViewAsk::Overview)?;
    let seen: Overview = serde_json::from_value(value).map_err(|error| error.to_string())?;
    for line in seen.text.lines() {
        print::line(&print::tame(line))?;
    }
    print::line("")?;
    let rows: Vec<Vec<String>> = seen.parts.iter().map(row).collect();
    print::table(&["number", "part", "name", "says", "is", "bytes", "sha256"], &rows)?;
    for one in &seen.unscanned {
        print::line(&print::tame(&format!("not looked into: {} {}", one.path, one.because)))?;
    }
    if let Some(number) = seen.page {
        print::line(&format!("Part {number} is a page: --html FILE makes it safe to look at."))?;
    }
    Ok(())
}

fn row(part: &ViewedPart) -> Vec<String> {
    let locked = if part.encrypted { " (locked)" } else { "" };
    vec![
        part.number.to_string(),
        part.part.clone(),
        print::short(&part.path, 50),
        print::short(&part.declared, 30),
        format!("{}{locked}", part.kind.word()),
        print::number(part.bytes),
        part.sha256.clone(),
    ]
}

fn part(value: &Value, out: &Path, zip: Option<&str>) -> Result<(), Failure> {
    let text = |field: &str| value.get(field).and_then(Value::as_str);
    let encoded = text("content_base64").unwrap_or_default().as_bytes();
    let bytes = data_encoding::BASE64.decode(encoded).map_err(|error| error.to_string())?;
    let bytes = match zip {
        None => bytes,
        Some(password) => view::sealed_zip(text("name").unwrap_or_default(), &bytes, password)
            .map_err(|error| error.to_string())?,
    };
    write(out, &bytes)?;
    if value.get("whole") == Some(&Value::Bool(false)) {
        print::line("This is not all of it: a bound was met, or it is locked or damaged.")?;
    }
    Ok(())
}

fn html(what: What, out: &Path) -> Result<(), Failure> {
    let value = ask(what, ViewAsk::Page(None))?;
    let page: PageView = serde_json::from_value(value).map_err(|error| error.to_string())?;
    write(out, page.document.as_bytes())?;
    if page.pictures_not_fetched > 0 {
        let count = page.pictures_not_fetched;
        print::line(&format!("{count} pictures are elsewhere and were not fetched."))?;
    }
    if page.cut {
        print::line("The page goes on; this is its beginning.")?;
    }
    Ok(())
}

/// For the owner's eyes, and never over something that is there.
fn write(out: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let say = |error: io::Error| Failure::Failed(format!("{}: {error}", out.display()));
    let mut file =
        OpenOptions::new().write(true).create_new(true).mode(0o600).open(out).map_err(say)?;
    file.write_all(bytes).map_err(say)
}
