//! `sluss proof`: by what way a mail came and went, signed; and whether such a sheet is right, which takes no gateway and no network.

use super::{Failure, Place, desk, print};
use crate::{
    base::ids::Id,
    edge::{control::Request, proof_desk},
    store::{
        proof::{NoProof, Seal, Sheet},
        signer::Fingerprint,
    },
};
use clap::{Args, Subcommand};
use serde_json::{Value, json};
use std::{
    fs::{self, File},
    io::{self, BufRead, BufReader, Read},
    path::{Path, PathBuf},
    process::ExitCode,
};

#[derive(Debug, Args)]
pub(super) struct Prove {
    #[command(subcommand)]
    verb: Option<Verb>,
    #[command(flatten)]
    show: Show,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Every proof of a mail: who had it, who took it, over what channel, when.
    #[command(
        after_help = "Examples:\n  sluss proof show 01K9ZQ4T6X8M4V0R2S5W7Y9ABC\n  sluss proof show 01K9ZQ4T6X8M4V0R2S5W7Y9ABC --json > sheet.json"
    )]
    Show(Show),
    /// Is a sheet as the gateway signed it? Exit code 1 and the reason if not. Needs no gateway and no data of one.
    #[command(
        after_help = "Examples:\n  sluss proof verify sheet.json --key 9f86d081884c7d65…\n  sluss proof verify sheet.json --key 9f86d081884c7d65… --log audit.jsonl\n\nA sheet that is right was signed by the key that it names. That this is the gateway's key says --key, with a fingerprint that the\ngateway's owner has given you (\"sluss keys signing\"). With --log the root must also stand in that copy of the audit log."
    )]
    Verify(Verify),
}

#[derive(Debug, Args)]
struct Show {
    #[command(flatten)]
    place: Place,
    /// The id from a reply, a log line or the trace.
    #[arg(required = true)]
    id: Option<Id>,
    /// The sheets, as JSON: this is what somebody else can verify.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct Verify {
    /// The sheet, or several; "-": from standard input.
    file: PathBuf,
    /// Believe this key alone. May be given several times.
    #[arg(long = "key", value_name = "FINGERPRINT")]
    keys: Vec<Fingerprint>,
    /// A copy of the audit log, as exported or as a log server has it: the root must stand in it.
    #[arg(long, value_name = "FILE")]
    log: Option<PathBuf>,
    /// JSON, one object for each sheet.
    #[arg(long)]
    json: bool,
}

impl Prove {
    pub(super) fn run(self) -> Result<ExitCode, Failure> {
        match self.verb {
            Some(Verb::Verify(verify)) => verify.run(),
            Some(Verb::Show(show)) => show.run(),
            None => self.show.run(),
        }
    }
}

impl Show {
    fn run(self) -> Result<ExitCode, Failure> {
        let Some(id) = self.id else {
            return Err(Failure::BadInput("which mail? sluss proof ID".to_string()));
        };
        let found = desk::ask(&self.place, Request::Proof { id })?;
        if self.json {
            let text = serde_json::to_string_pretty(&found).map_err(|error| error.to_string())?;
            print::line(&text)?;
            return Ok(ExitCode::SUCCESS);
        }
        let sheets: Vec<Sheet> =
            serde_json::from_value(found).map_err(|error| error.to_string())?;
        for (at, sheet) in sheets.iter().enumerate() {
            if at > 0 {
                print::line("")?;
            }
            tell(sheet)?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn tell(sheet: &Sheet) -> Result<(), Failure> {
    let Some(told) = proof_desk::told(sheet) else {
        return Ok(print::line("a proof in a form that this version cannot show; --json has it")?);
    };
    print::line(&format!("{}: {}", told.heading, told.grade.word()))?;
    for (name, value) in told.facts.iter().chain(&told.seal) {
        print::line(&format!("  {name}: {value}"))?;
    }
    Ok(())
}

impl Verify {
    fn run(self) -> Result<ExitCode, Failure> {
        let text = read(&self.file)?;
        let sheets = sheets(&text)?;
        let mut all_right = true;
        for sheet in &sheets {
            let verified = sheet.verify(&self.keys).and_then(|key| match &self.log {
                Some(log) => stands_in(log, sheet.seal.as_ref()).map(|()| key),
                None => Ok(key),
            });
            let id = sheet.proof.get("id").and_then(Value::as_str).unwrap_or("without an id");
            all_right &= verified.is_ok();
            let line = match (&verified, self.json) {
                (Ok(key), true) => json!({ "id": id, "right": true, "key": key }).to_string(),
                (Err(why), true) => {
                    json!({ "id": id, "right": false, "why": why.to_string() }).to_string()
                }
                (Ok(key), false) if self.keys.is_empty() => format!(
                    "proof {id} is as it was signed, by the key {key}; whether that is the gateway's key, ask its owner, and name it with --key"
                ),
                (Ok(key), false) => {
                    format!("proof {id} is as the gateway signed it, with the key {key}")
                }
                (Err(why), false) => format!("proof {id}: {why}"),
            };
            print::line(&line)?;
            if verified.is_ok() && !self.json {
                tell(sheet)?;
            }
        }
        Ok(if all_right { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

fn read(file: &Path) -> Result<String, Failure> {
    let failed =
        |error: io::Error| Failure::BadInput(format!("{} cannot be read: {error}", file.display()));
    if file == Path::new("-") {
        let mut text = String::new();
        io::stdin().read_to_string(&mut text).map_err(failed)?;
        return Ok(text);
    }
    fs::read_to_string(file).map_err(failed)
}

/// One sheet, a list of them, or an answer of the API.
fn sheets(text: &str) -> Result<Vec<Sheet>, Failure> {
    let bad = |why: NoProof| Failure::BadInput(why.to_string());
    let value: Value =
        serde_json::from_str(text).map_err(|error| bad(NoProof::NotASheet(error.to_string())))?;
    let listed = value.as_array().or_else(|| value.get("items").and_then(Value::as_array));
    let items = listed.cloned().unwrap_or_else(|| vec![value.clone()]);
    if items.is_empty() {
        return Err(bad(NoProof::NotASheet("there is none in it".to_string())));
    }
    items.iter().map(|one| Sheet::read(&one.to_string()).map_err(bad)).collect()
}

/// Does the root stand in this copy of the audit log? Whether the copy is whole, `sluss audit verify` says.
fn stands_in(log: &Path, seal: Option<&Seal>) -> Result<(), NoProof> {
    let root = seal.map(|seal| seal.root.as_str()).unwrap_or_default();
    let wanted = [format!("\"root\":\"{root}\""), "\"what\":\"proofs-sealed\"".to_string()];
    let failed = |why: String| NoProof::NotInLog(format!("{}: {why}", log.display()));
    let file = File::open(log).map_err(|error| failed(error.to_string()))?;
    for line in BufReader::new(file).split(b'\n') {
        let line = line.map_err(|error| failed(error.to_string()))?;
        if wanted.iter().all(|part| memchr::memmem::find(&line, part.as_bytes()).is_some()) {
            return Ok(());
        }
    }
    Err(failed("the root stands in no record of it".to_string()))
}
