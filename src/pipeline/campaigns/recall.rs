//! What was delivered before its campaign was known to be bad: it is listed, whoever is responsible is told, and the hook is called so that the
//! backend can pull it.
//!
//! Each organisation by itself, by what is bad for it. A mail is listed once; the hook is told of it once, but for a crash between its end and
//! our writing that down. Nothing is pulled where a policy is on trial.

use super::{CampaignId, Campaigns};
use crate::{
    base::{
        clock::{Clock, Tick},
        ids::Id,
        limits,
    },
    config::organisation::Role,
    learn::campaign::standing::Bad,
    mail::Organisation,
    pipeline::{
        Gateway,
        notice::{self, Posted},
    },
    store::{
        StoreError,
        audit::{Actor, Details, Entry, What},
        campaigns::{Recalled, Swept},
    },
    wire::{
        date,
        report::letter::{Kind, KnownBad},
    },
};
use serde_json::json;
use std::{
    collections::{BTreeMap, BTreeSet},
    io::Write,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::sync::Semaphore;

/// Writes campaigns down, and looks for what was delivered of those that turned out bad, for as long as the gateway runs.
pub async fn keep_recalling(gateway: Arc<Gateway>) {
    tokio::join!(keep_saving(&gateway), keep_looking(&gateway));
}

async fn keep_saving(gateway: &Gateway) {
    loop {
        tokio::time::sleep(limits::CAMPAIGNS_SAVE_INTERVAL).await;
        save(gateway).await;
    }
}

async fn keep_looking(gateway: &Arc<Gateway>) {
    let hooks = Hooks::new();
    let mut last: BTreeMap<CampaignId, Tick> = BTreeMap::new();
    let mut looked = gateway.clock.tick();
    loop {
        let more = gateway.campaigns.more.notified();
        let _woken = tokio::time::timeout(LOOK_AGAIN, more).await;
        // What was judged a moment ago is in the trace by then, and who says something of one mail says it of more.
        tokio::time::sleep(limits::TRACE_COMMIT_INTERVAL * 2).await;
        let now = gateway.clock.tick();
        let mut turned = gateway.campaigns.take_turned();
        last.extend(turned.iter().map(|id| (*id, now)));
        if now.since(looked) >= LOOK_AGAIN {
            looked = now;
            // What waited in the spool is delivered by and by.
            last.retain(|_, at| now.since(*at) < LOOK_FOR);
            keep_latest(&mut last, limits::CAMPAIGNS_TURNED_MAX);
            turned = last.keys().copied().collect();
        }
        for id in turned {
            match look(gateway, id, &hooks).await {
                Ok(()) if gateway.campaigns.window().is_bad(id) => (),
                // It comes again when something is said of it.
                Ok(()) => {
                    last.remove(&id);
                }
                Err(error) => {
                    tracing::warn!(%error, campaign = %id, "delivered copies of a campaign could not be looked for");
                }
            }
        }
    }
}

/// Leaves so many, those that changed last.
fn keep_latest(last: &mut BTreeMap<CampaignId, Tick>, most: usize) {
    if last.len() <= most {
        return;
    }
    let mut ticks: Vec<(Tick, CampaignId)> = last.iter().map(|(id, at)| (*at, *id)).collect();
    ticks.sort_unstable();
    let over = last.len().saturating_sub(most);
    for (_, id) in ticks.into_iter().take(over) {
        last.remove(&id);
    }
}

/// How often delivered copies are looked for again.
const LOOK_AGAIN: Duration = Duration::from_secs(60);
/// And for how long after something changed: a next hop that is away for longer is asked about its queue.
const LOOK_FOR: Duration = Duration::from_secs(6 * 3_600);

impl Campaigns {
    fn take_turned(&self) -> Vec<CampaignId> {
        let mut turned = self.turned.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *turned).into_iter().collect()
    }
}

/// Takes up what was known before the start. What turned bad just before it is looked at again.
pub async fn restore(gateway: &Gateway) {
    match gateway.stores.trace.kept_campaigns().await {
        Ok(kept) => {
            let mut window = gateway.campaigns.window();
            window.restore(kept, gateway.clock.now());
            let bad: Vec<CampaignId> = window.bad().collect();
            drop(window);
            bad.into_iter().for_each(|id| gateway.campaigns.turn(id));
        }
        Err(error) => {
            tracing::warn!(%error, "campaigns of before the start are not known; they are counted anew");
        }
    }
}

/// Writes down what changed.
pub async fn save(gateway: &Gateway) {
    if let Err(error) = write_down_changes(gateway).await {
        tracing::warn!(%error, "campaigns were not written down; it is tried again, and a restart before that counts them anew");
    }
}

/// Writes down what changed. What could not be written is still to be written.
async fn write_down_changes(gateway: &Gateway) -> Result<(), StoreError> {
    let _alone = gateway.campaigns.writing.lock().await;
    let changed = gateway.campaigns.window().changed();
    if changed.is_empty() {
        return Ok(());
    }
    let ids: Vec<CampaignId> = changed.iter().map(|(id, ..)| *id).collect();
    let written = gateway.stores.trace.save_campaigns(changed).await;
    if written.is_err() {
        gateway.campaigns.window().not_written(ids);
    }
    written
}

/// Judges a campaign for each organisation that it came to, and does for each what follows.
async fn look(gateway: &Arc<Gateway>, id: CampaignId, hooks: &Hooks) -> Result<(), StoreError> {
    let trace = &gateway.stores.trace;
    for owner in trace.campaign_owners(id).await? {
        let bad = gateway.campaigns.standing(id, &owner);
        let Some(swept) = trace.judge_campaign(id, &owner, bad).await? else { continue };
        if swept.untold > 0 && tell(gateway, id, &owner, &swept).await {
            trace.campaign_told(id, &owner).await?;
        }
        call_hook(gateway, id, &owner, swept, hooks);
    }
    Ok(())
}

/// Writes to whoever is responsible; true when that is done, or nobody is named.
async fn tell(gateway: &Gateway, id: CampaignId, owner: &Organisation, swept: &Swept) -> bool {
    tracing::warn!(
        campaign = %id,
        organisation = %owner,
        delivered = swept.all,
        because = swept.bad.word(),
        "delivered mails belong to a campaign that is now known to be bad"
    );
    metrics::counter!("sluss_campaigns_recalled_total").increment(1);
    let settings = gateway.settings.load_full();
    let hosted = settings.organisation(owner);
    let contact = hosted.and_then(|hosted| {
        let contacts = &hosted.entry.contacts;
        [Role::Security, Role::Postmaster, Role::Abuse].iter().find_map(|role| contacts.get(role))
    });
    let Some(contact) = contact else {
        tracing::warn!(organisation = %owner, campaign = %id, "nobody is told of it: the organisation has no contact for security or postmaster");
        return true;
    };
    let kind = Kind::CampaignBad {
        campaign: id.to_string(),
        delivered: swept.all,
        known: match swept.bad {
            Bad::Malware | Bad::Phish => KnownBad::Found,
            Bad::Trap => KnownBad::Trapped,
            Bad::Staff | Bad::Recipients | Bad::Operator | Bad::Others => KnownBad::Said,
        },
        since: date::write_iso(swept.first),
    };
    let language = notice::language_of(&settings, owner);
    match notice::letter(gateway, owner, contact, language, &kind).await {
        Posted::Spooled(_) | Posted::NobodyToTell => true,
        Posted::TooMany | Posted::NotSpooled => false,
    }
}

/// The calls of the hook that run or wait for their turn.
#[derive(Debug)]
struct Hooks {
    turns: Arc<Semaphore>,
    /// Whose mails are being called for: no second time meanwhile, what comes to them is found by the next look.
    busy: Arc<Mutex<BTreeSet<(CampaignId, Organisation)>>>,
}

impl Hooks {
    fn new() -> Hooks {
        let turns = Arc::new(Semaphore::new(limits::CAMPAIGN_HOOKS_AT_ONCE));
        Hooks { turns, busy: Arc::default() }
    }

    /// None: they are being called for, or too many others are.
    fn begin(&self, id: CampaignId, owner: &Organisation) -> Option<Busy> {
        let mut busy = self.busy.lock().unwrap_or_else(PoisonError::into_inner);
        let whose = (id, owner.clone());
        let has_room = busy.len() < limits::CAMPAIGN_HOOKS_WAITING_MAX;
        let begins = has_room && busy.insert(whose.clone());
        begins.then(|| Busy { all: self.busy.clone(), whose })
    }
}

/// As long as it is there, nobody else calls for these.
struct Busy {
    all: Arc<Mutex<BTreeSet<(CampaignId, Organisation)>>>,
    whose: (CampaignId, Organisation),
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.all.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.whose);
    }
}

/// Tells the program of each mail that it was not told of. Nobody waits for it.
fn call_hook(
    gateway: &Arc<Gateway>,
    id: CampaignId,
    owner: &Organisation,
    swept: Swept,
    hooks: &Hooks,
) {
    let mails: Vec<Recalled> =
        swept.found.into_iter().filter(|one| one.may_call).map(|one| one.mail).collect();
    if mails.is_empty() || hook_of(gateway).is_none() {
        return;
    }
    let Some(busy) = hooks.begin(id, owner) else { return };
    let (gateway, owner, turns) = (gateway.clone(), owner.clone(), hooks.turns.clone());
    tokio::spawn(async move {
        let _busy = busy;
        for some in mails.chunks(limits::CAMPAIGN_HOOK_LINES_MAX) {
            let Ok(turn) = turns.acquire().await else { return };
            // It may have waited for an hour, and somebody may have said meanwhile that it is no spam.
            let bad = gateway.campaigns.standing(id, &owner).filter(|bad| bad.may_pull());
            let (Some(bad), Some(program)) = (bad, hook_of(&gateway)) else { return };
            if let Err(error) = call_for(&gateway, (id, &owner), some, (program, bad)).await {
                tracing::warn!(%error, campaign = %id, "the hook is not called: that could not be written down");
                return;
            }
            drop(turn);
        }
    });
}

fn hook_of(gateway: &Gateway) -> Option<PathBuf> {
    gateway.settings.load().config.campaign.hook.clone()
}

/// One call, and what is written down before and after it.
async fn call_for(
    gateway: &Gateway,
    (id, owner): (CampaignId, &Organisation),
    some: &[Recalled],
    (program, bad): (PathBuf, Bad),
) -> Result<(), StoreError> {
    let trace = &gateway.stores.trace;
    // Another look may have found them, too: each is called for once.
    let claimed = trace.claim_for_hook(id, some.to_vec(), CALLED).await?;
    if claimed.is_empty() {
        return Ok(());
    }
    let call = Call { program, lines: claimed.iter().map(|one| line(id, one, bad)).collect() };
    let clock = gateway.clock.clone();
    let said = tokio::task::spawn_blocking(move || call.run(&clock)).await;
    let said = said.unwrap_or_else(|_| "failed".to_string());
    let count = claimed.len();
    let named = |one: Recalled| (one.organisation, one.mail, one.recipient);
    write_down(gateway, id, owner, claimed.into_iter().map(named).collect(), (count, said)).await;
    Ok(())
}

/// What stands with a mail while the hook runs, and after a crash during it.
const CALLED: &str = "called";

/// Keeps what the hook said, with the mails and in the audit log.
async fn write_down(
    gateway: &Gateway,
    id: CampaignId,
    owner: &Organisation,
    mails: Vec<(String, Id, String)>,
    (count, said): (usize, String),
) {
    let details = Details::default()
        .number("mails", u64::try_from(count).unwrap_or(u64::MAX))
        .word("result", &said);
    let entry =
        Entry::new(Actor::System, What::HookCalled).about(id).of(Some(owner.clone())).with(details);
    if let Err(error) = gateway.stores.audit.append(entry).await {
        tracing::error!(%error, "that the hook was called could not be recorded");
    }
    tracing::info!(campaign = %id, organisation = %owner, mails = count, said, "the hook was called for delivered mails");
    if let Err(error) = gateway.stores.trace.hook_said(id, mails, said).await {
        tracing::warn!(%error, campaign = %id, "what the hook said was not written down");
    }
}

fn line(id: CampaignId, mail: &Recalled, bad: Bad) -> String {
    json!({
        "campaign": id, "id": mail.mail, "organisation": mail.organisation, "recipient": mail.recipient,
        "message_id": mail.message_id, "delivered_ms": mail.delivered_ms, "next_hop": mail.next_hop, "reason": bad,
    })
    .to_string()
}

/// One run of the hook.
struct Call {
    program: PathBuf,
    lines: Vec<String>,
}

impl Call {
    /// Runs it to its end, or ends it; gives what it said: "exit 0", "timed out" …
    fn run(self, clock: &Clock) -> String {
        match start(&self.program) {
            Ok(child) => self.feed_and_wait(child, clock),
            Err(error) => format!("not started: {error}"),
        }
    }

    fn feed_and_wait(self, mut child: Child, clock: &Clock) -> String {
        let began = clock.tick();
        let input = child.stdin.take();
        // A program that does not read must not keep us: the lines are written beside the waiting.
        let feeding = std::thread::spawn(move || {
            let Some(mut input) = input else { return };
            for line in self.lines {
                // One that has read enough, or has ended, says so by its exit.
                if writeln!(input, "{line}").is_err() {
                    return;
                }
            }
        });
        let said = loop {
            match child.try_wait() {
                Ok(Some(status)) => {
                    break status.code().map_or_else(
                        || "ended by a signal".to_string(),
                        |code| format!("exit {code}"),
                    );
                }
                Ok(None) if clock.tick().since(began) < limits::CAMPAIGN_HOOK_TIME_MAX => {
                    std::thread::sleep(LOOK_EVERY);
                }
                Ok(None) => {
                    let ended = child.kill().and_then(|()| child.wait());
                    break match ended {
                        Ok(_) => "timed out".to_string(),
                        Err(error) => format!("timed out, and cannot be ended: {error}"),
                    };
                }
                Err(error) => break format!("lost: {error}"),
            }
        };
        drop(feeding);
        said
    }
}

/// How often it is looked whether the hook has ended.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Without a shell, and without anything of our environment: what it needs it knows itself.
fn start(program: &Path) -> std::io::Result<Child> {
    Command::new(program)
        .env_clear()
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::clock::UnixMs;
    use std::{fs, os::unix::fs::PermissionsExt};

    fn run(script: &str, clock: &Clock) -> (String, String) {
        let folder = tempfile::tempdir().unwrap();
        let (program, out) = (folder.path().join("hook"), folder.path().join("out"));
        fs::write(
            &program,
            format!("#!/bin/sh\n{}\n", script.replace("OUT", out.to_str().unwrap())),
        )
        .unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o700)).unwrap();
        let lines = vec!["{\"one\":1}".to_string(), "{\"two\":2}".to_string()];
        let said = Call { program, lines }.run(clock);
        (said, fs::read_to_string(out).unwrap_or_default())
    }

    #[test]
    fn the_hook_reads_a_line_for_each_mail_and_its_exit_is_told() {
        let clock = Clock::system();
        let (said, out) = run("/bin/cat > OUT; exit 3", &clock);
        assert_eq!((said.as_str(), out.as_str()), ("exit 3", "{\"one\":1}\n{\"two\":2}\n"));
        // One that reads nothing.
        assert_eq!(run("exit 0", &clock).0, "exit 0");
        // Nothing of our environment: PATH for one.
        assert!(!run("/usr/bin/env > OUT", &clock).1.contains("CARGO"));
        let missing = Call { program: "/nowhere/at/all".into(), lines: Vec::new() };
        assert!(missing.run(&clock).starts_with("not started: "));
    }

    #[test]
    fn nobody_is_called_for_twice_at_once_and_the_latest_are_looked_at_again() {
        let (hooks, acme) = (Hooks::new(), Organisation::named("acme"));
        let first = hooks.begin(CampaignId(1), &acme);
        assert!(first.is_some() && hooks.begin(CampaignId(1), &acme).is_none());
        assert!(hooks.begin(CampaignId(1), &Organisation::named("berg")).is_some());
        drop(first);
        let all: Vec<_> =
            (0..1_000).map_while(|number| hooks.begin(CampaignId(number), &acme)).collect();
        assert_eq!(all.len(), limits::CAMPAIGN_HOOKS_WAITING_MAX);
        drop(all);
        assert!(hooks.begin(CampaignId(1), &acme).is_some());
        let at = |second| Tick::default().plus(Duration::from_secs(second));
        let mut last = BTreeMap::from([(CampaignId(1), at(5)), (CampaignId(2), at(3))]);
        keep_latest(&mut last, 2);
        assert_eq!(last.len(), 2);
        keep_latest(&mut last, 1);
        assert_eq!(last.into_keys().collect::<Vec<_>>(), [CampaignId(1)]);
    }

    #[test]
    fn a_line_says_which_mail_and_nothing_of_its_text() {
        let mail = Recalled {
            mail: Id::new(UnixMs(5), [1; 10]),
            organisation: "acme".to_string(),
            recipient: "anna@acme.example".to_string(),
            delivered_ms: 7,
            next_hop: "smtp://192.0.2.5:25".to_string(),
            message_id: "<1@far.example>".to_string(),
            subject: "Ditt paket".to_string(),
            hook: String::new(),
            seen: false,
        };
        let told = line(CampaignId(9), &mail, Bad::Staff);
        let told: serde_json::Value = serde_json::from_str(&told).unwrap();
        assert_eq!(told["campaign"], "0000000000000009");
        assert_eq!(
            (&told["reason"], &told["recipient"]),
            (&"staff".into(), &"anna@acme.example".into())
        );
        assert_eq!(
            (told["subject"].clone(), told.as_object().unwrap().len()),
            (serde_json::Value::Null, 8)
        );
    }
}
