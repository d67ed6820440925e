//! `sluss demo`: the gateway in trial mode, and the sample mails through its own port.

use super::{Failure, Place, print, runtime};
use crate::{
    base::{ids::Id, limits},
    edge::{
        control::Desk,
        log,
        serve::{self, Source},
    },
};
use clap::Args;
use rust_embed::RustEmbed;
use std::{
    io::{BufRead, BufReader, Write},
    net::{SocketAddr, TcpStream},
    path::PathBuf,
    process::ExitCode,
    time::Duration,
};

/// The sample mails: the same files that the tests judge.
#[derive(RustEmbed)]
#[folder = "tests/mails/"]
struct Samples;

#[derive(Debug, Args)]
pub(super) struct Demo {
    /// The data folder. Default: ./sluss-trial
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// End after the table instead of staying up.
    #[arg(long)]
    once: bool,
}

impl Demo {
    pub(super) fn run(self) -> Result<ExitCode, Failure> {
        log::start();
        let place = Place { config: None, data: self.data.clone() };
        let data = match place.source() {
            Source::Trial(folder) | Source::File(folder) => folder,
        };
        let prepared = serve::prepare(Source::Trial(data.clone()), None)?;
        runtime()?.block_on(async {
            let running = serve::start(prepared).await?;
            serve::say_ready().map_err(|error| error.to_string())?;
            let sent = tokio::task::spawn_blocking(send_all).await.map_err(|error| error.to_string())??;
            // The trace gathers rows for a moment, and the spool needs one too.
            tokio::time::sleep(limits::TRACE_COMMIT_INTERVAL * 4).await;
            let mut rows = Vec::with_capacity(sent.len());
            for one in sent {
                let (fate, why) = became(&running.desk, &one.answer).await;
                rows.push(vec![one.name, print::short(&one.about, 55), fate, print::short(&why, 80)]);
            }
            print::table(&["mail", "what it is", "what happened", "why"], &rows)?;
            print::line(&format!(
                "\nDelivered mail: {}\nHeld mail:      sluss quarantine list --data {}\nAdmin pages:    http://127.0.0.1:8025/",
                data.join("maildir/new").display(),
                data.display()
            ))?;
            if let Some(password) = serve::first_account(&running.desk.gateway).await? {
                print::line(&print::first_log_in(&password))?;
            }
            if !self.once {
                print::line("The gateway stays up; end it with Ctrl-C.")?;
                running.until_told_to_end().await?;
            }
            Ok(ExitCode::SUCCESS)
        })
    }
}

/// A sample that was sent, and the last thing the gateway said to it.
struct Sent {
    name: String,
    about: String,
    answer: String,
}

fn send_all() -> Result<Vec<Sent>, String> {
    let mut all = Vec::new();
    let mut names: Vec<_> = Samples::iter().collect();
    names.sort();
    for name in names {
        let Some(file) = Samples::get(&name) else { continue };
        let sample = Sample::read(&file.data)
            .ok_or_else(|| format!("{name}: no empty line between directives and mail"))?;
        let answer = sample.send().map_err(|error| format!("{name}: {error}"))?;
        all.push(Sent {
            name: name.trim_end_matches(".mail").to_string(),
            about: sample.about,
            answer,
        });
    }
    Ok(all)
}

/// What became of a mail, and why, by the id in the answer; the answer itself where the trace knows nothing.
async fn became(desk: &Desk, answer: &str) -> (String, String) {
    let id =
        answer.split_once("(id ").and_then(|(_, rest)| Id::parse(rest.trim_end_matches(')')).ok());
    let Some(id) = id else { return (answer.to_string(), String::new()) };
    let shown = desk.gateway.stores.trace.show(id, None).await.unwrap_or_default();
    let Some(trace) = shown.first() else {
        return (answer.to_string(), String::new());
    };
    let text =
        |at: &str| trace.pointer(at).and_then(serde_json::Value::as_str).unwrap_or("").to_string();
    let recipients =
        trace.get("recipients").and_then(serde_json::Value::as_array).map_or(0, Vec::len);
    let fate = text(&format!("/recipients/{}/status", recipients.saturating_sub(1)));
    let marked = if text("/action") == "mark" { ", marked" } else { "" };
    (format!("{fate}{marked}"), text("/reason"))
}

/// A sample's envelope and bytes.
struct Sample {
    about: String,
    from: String,
    to: String,
    outbound: bool,
    mail: Vec<u8>,
}

impl Sample {
    fn read(file: &[u8]) -> Option<Sample> {
        let split = memchr::memmem::find(file, b"\n\n")?;
        let (directives, mail) = file.split_at_checked(split)?;
        let mut sample = Sample {
            about: String::new(),
            from: "sender@example.org".to_string(),
            to: "anna@ours.example".to_string(),
            outbound: false,
            mail: mail.get(2..)?.to_vec(),
        };
        for line in String::from_utf8_lossy(directives).lines() {
            match line.split_once(' ') {
                Some(("#", text)) if sample.about.is_empty() => sample.about = text.to_string(),
                Some(("from", address)) => sample.from = address.to_string(),
                Some(("to", address)) => sample.to = address.to_string(),
                Some(("direction", "outbound")) => sample.outbound = true,
                _ => (),
            }
        }
        Some(sample)
    }

    /// Sends it the plain way and gives the reply after the dot.
    fn send(&self) -> std::io::Result<String> {
        let port = if self.outbound { 2587 } else { 2525 };
        let mut stream = TcpStream::connect(SocketAddr::from(([127, 0, 0, 1], port)))?;
        stream.set_read_timeout(Some(Duration::from_secs(150)))?;
        let mut replies = BufReader::new(stream.try_clone()?);
        read_reply(&mut replies)?;
        let from = if self.from == "<>" { "" } else { &self.from };
        for line in [
            "EHLO demo.example.org".to_string(),
            format!("MAIL FROM:<{from}>"),
            format!("RCPT TO:<{}>", self.to),
            "DATA".to_string(),
        ] {
            stream.write_all(format!("{line}\r\n").as_bytes())?;
            let reply = read_reply(&mut replies)?;
            if !reply.starts_with(['2', '3']) {
                return Ok(reply);
            }
        }
        let mut wire = Vec::new();
        let mut writer = crate::wire::smtp::stream::DataWriter::default();
        writer.feed(&crlf(&self.mail), &mut wire);
        writer.finish(&mut wire);
        stream.write_all(&wire)?;
        let reply = read_reply(&mut replies)?;
        stream.write_all(b"QUIT\r\n")?;
        Ok(reply)
    }
}

/// The samples are files with plain line ends; on the wire lines end with CR LF.
fn crlf(mail: &[u8]) -> Vec<u8> {
    let lines: Vec<&[u8]> = mail
        .split(|byte| *byte == b'\n')
        .map(|line| line.strip_suffix(b"\r").unwrap_or(line))
        .collect();
    lines.join(b"\r\n".as_slice())
}

fn read_reply(replies: &mut impl BufRead) -> std::io::Result<String> {
    loop {
        let mut line = String::new();
        if replies.read_line(&mut line)? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        if line.as_bytes().get(3) != Some(&b'-') {
            return Ok(line.trim_end().to_string());
        }
    }
}
