//! Giving root away: what needs it is opened first, by the only thread there is, and then nothing of us can have it back.
//!
//! Invariants: after [`become_user`] real, effective and saved ids are the user's, the groups are the user's, and asking for root fails;
//! a gateway that stays root was told to by its configuration or is a trial on loopback.

use nix::unistd::{self, Gid, Uid, User};
use rustix::{
    fs::Mode,
    process::{DumpableBehavior, set_dumpable_behavior, umask},
};
use std::{
    ffi::CString,
    fs, io,
    os::unix::fs::{MetadataExt, lchown},
    path::Path,
};

/// What is done about being root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Plan {
    /// We are not root, and are who we should be.
    Nothing,
    /// We are root and stay it; why that is allowed.
    StayRoot(&'static str),
    /// We are root and become somebody.
    Become(Account),
}

/// Somebody to become.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// The name, for messages and for its groups.
    pub name: String,
    /// User.
    pub user: Uid,
    /// First group.
    pub group: Gid,
}

/// What [`plan`] decides on.
#[derive(Debug, Clone, Copy)]
pub struct Circumstances<'a> {
    /// Who we are now.
    pub now: Uid,
    /// `user` in the configuration.
    pub user: Option<&'a str>,
    /// `allow-root` in the configuration.
    pub allow_root: bool,
    /// Trial mode: loopback only.
    pub trial: bool,
}

/// Decides, before anything is opened.
pub fn plan(about: &Circumstances<'_>) -> Result<Plan, String> {
    decide(about, |name| {
        let found = User::from_name(name)
            .map_err(|error| format!("the user {name:?} cannot be looked up: {error}"))?;
        Ok(found.map(|found| Account { name: found.name, user: found.uid, group: found.gid }))
    })
}

fn decide(
    about: &Circumstances<'_>,
    look_up: impl Fn(&str) -> Result<Option<Account>, String>,
) -> Result<Plan, String> {
    let Some(name) = about.user else {
        return match (about.now.is_root(), about.allow_root, about.trial) {
            (false, _, _) => Ok(Plan::Nothing),
            (true, true, _) => Ok(Plan::StayRoot("allow-root = true")),
            (true, false, true) => Ok(Plan::StayRoot("trial mode listens on loopback only")),
            (true, false, false) => Err("a gateway opens what strangers send and should not be root: write user = \"sluss\" (it binds its ports and then becomes that user), or, in a container, allow-root = true".to_string()),
        };
    };
    let account = look_up(name)?.ok_or_else(|| {
        format!("there is no user {name:?}: make one with useradd --system --shell /usr/sbin/nologin {name}, or write another user")
    })?;
    match (about.now.is_root(), account.user.is_root()) {
        (true, false) => Ok(Plan::Become(account)),
        (true, true) if about.allow_root => Ok(Plan::StayRoot("allow-root = true")),
        (true, true) => Err(format!(
            "user = {name:?} is root itself: name an account without rights, or, in a container, write allow-root = true"
        )),
        (false, _) if account.user == about.now => Ok(Plan::Nothing),
        (false, _) => Err(format!(
            "user = {name:?} cannot be become by user id {}: start as root or as {name}",
            about.now
        )),
    }
}

/// Nothing we make is for others to read, and a crash writes no keys and no mail to disk.
pub fn keep_to_ourselves() {
    umask(Mode::RWXG | Mode::RWXO);
    write_no_cores();
}

fn write_no_cores() {
    if let Err(error) = set_dumpable_behavior(DumpableBehavior::NotDumpable) {
        tracing::warn!(%error, "core dumps cannot be switched off; they would hold keys and mail");
    }
}

/// Becomes the account, for good. Every thread of the process is changed, and whoever starts later is as we are.
pub fn become_user(account: &Account) -> Result<(), String> {
    let failed = |what: &str, error: nix::Error| {
        format!("{what} of {:?} could not be taken on: {error}", account.name)
    };
    let name = CString::new(account.name.as_str())
        .map_err(|_| format!("the user name {:?} has a zero byte", account.name))?;
    // The order matters: without root there is no changing of groups.
    unistd::initgroups(&name, account.group).map_err(|error| failed("the groups", error))?;
    unistd::setresgid(account.group, account.group, account.group)
        .map_err(|error| failed("the group", error))?;
    unistd::setresuid(account.user, account.user, account.user)
        .map_err(|error| failed("the user id", error))?;
    is_for_good(account)?;
    // The change of ids has set this back to the system's default.
    keep_to_ourselves();
    Ok(())
}

/// A half given away root is worse than one that everybody knows of.
fn is_for_good(account: &Account) -> Result<(), String> {
    let users = unistd::getresuid().map_err(|error| error.to_string())?;
    let groups = unistd::getresgid().map_err(|error| error.to_string())?;
    let gone = [users.real, users.effective, users.saved].iter().all(|id| *id == account.user)
        && [groups.real, groups.effective, groups.saved].iter().all(|id| *id == account.group);
    let back =
        unistd::setuid(Uid::from_raw(0)).is_ok() || unistd::seteuid(Uid::from_raw(0)).is_ok();
    match (gone, back) {
        (true, false) => Ok(()),
        (false, _) | (_, true) => Err(format!(
            "root could not be given away for good to become {:?}: not serving",
            account.name
        )),
    }
}

/// Gives a data folder to the account: what root made in it by a command or before `user` was set. Links are not followed, and a file
/// with a second name elsewhere is left alone, or whoever may write in the folder could have any file of the machine given to them.
pub fn give_folder(folder: &Path, account: &Account) -> Result<(), String> {
    let failed = |path: &Path, error: io::Error| {
        format!("{}: cannot be given to {:?}: {error}", path.display(), account.name)
    };
    let about = fs::symlink_metadata(folder).map_err(|error| failed(folder, error))?;
    let owner = Uid::from_raw(about.uid());
    if owner != account.user && !owner.is_root() {
        return Err(format!(
            "the data folder {} belongs to user id {owner}, not to {:?}: name another data-dir, or give it over with chown -R {} {}",
            folder.display(),
            account.name,
            account.name,
            folder.display()
        ));
    }
    // A folder that was root's may hold anything of root's; in one that is the account's, root's files lie near the top.
    let depth = if owner.is_root() { DEPTH_MAX } else { DEPTH_NEAR };
    let given = give(folder, account, depth).map_err(|(path, error)| failed(&path, error))?;
    if given > 0 {
        tracing::info!(given, folder = %folder.display(), user = account.name, "what belonged to root in the data folder was given to the user");
    }
    Ok(())
}

fn give(
    path: &Path,
    account: &Account,
    depth: usize,
) -> Result<usize, (std::path::PathBuf, io::Error)> {
    let failed = |error| (path.to_path_buf(), error);
    let about = fs::symlink_metadata(path).map_err(failed)?;
    let mut given = 0;
    if about.is_dir() && depth > 0 {
        for entry in fs::read_dir(path).map_err(failed)? {
            given += give(&entry.map_err(failed)?.path(), account, depth - 1)?;
        }
    }
    let is_ours = about.is_dir() || (about.is_file() && about.nlink() == 1);
    if about.uid() == 0 && is_ours {
        lchown(path, Some(account.user.as_raw()), Some(account.group.as_raw())).map_err(failed)?;
        given += 1;
    }
    Ok(given)
}

/// Folders in folders of a data folder; ours has four.
const DEPTH_MAX: usize = 16;
/// How deep a command run as root may have made something.
const DEPTH_NEAR: usize = 2;

#[cfg(test)]
mod tests {
    use super::*;

    fn account(name: &str, id: u32) -> Account {
        Account { name: name.to_string(), user: Uid::from_raw(id), group: Gid::from_raw(id) }
    }

    #[test]
    fn root_is_given_away_or_refused() {
        let look_up = |name: &str| {
            Ok([account("root", 0), account("sluss", 900), account("kim", 1000)]
                .into_iter()
                .find(|known| known.name == name))
        };
        let told = |now: u32, user, allow_root, trial| {
            let about = Circumstances { now: Uid::from_raw(now), user, allow_root, trial };
            decide(&about, look_up)
        };
        let sluss = account("sluss", 900);
        let loopback = Plan::StayRoot("trial mode listens on loopback only");
        let allowed = Plan::StayRoot("allow-root = true");
        for (now, user, allow_root, trial, want) in [
            (1000, None, false, false, Ok(Plan::Nothing)),
            (1000, Some("kim"), false, false, Ok(Plan::Nothing)),
            (1000, Some("sluss"), false, false, Err("cannot be become by user id 1000")),
            (0, Some("sluss"), false, false, Ok(Plan::Become(sluss.clone()))),
            (0, Some("sluss"), true, false, Ok(Plan::Become(sluss.clone()))),
            (0, Some("sluss"), false, true, Ok(Plan::Become(sluss.clone()))),
            (0, Some("nobody-such"), false, false, Err("useradd --system")),
            (0, Some("root"), false, false, Err("is root itself")),
            (0, Some("root"), true, false, Ok(allowed.clone())),
            (0, None, false, false, Err("write user = \"sluss\"")),
            (0, None, true, false, Ok(allowed)),
            (0, None, false, true, Ok(loopback)),
        ] {
            let place = format!("{now} {user:?} allow-root {allow_root} trial {trial}");
            match (told(now, user, allow_root, trial), want) {
                (Ok(plan), Ok(want)) => assert_eq!(plan, want, "{place}"),
                (Err(said), Err(part)) => assert!(said.contains(part), "{place}: {said}"),
                (got, want) => panic!("{place}: {got:?}, not {want:?}"),
            }
        }
    }

    #[test]
    fn a_crash_writes_nothing_to_disk() {
        write_no_cores();
        let behavior = rustix::process::dumpable_behavior().unwrap();
        assert_eq!(behavior, DumpableBehavior::NotDumpable);
    }

    #[test]
    fn a_folder_of_somebody_else_is_not_taken() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("file"), "").unwrap();
        let owner = fs::metadata(folder.path()).unwrap().uid();
        // Given to its owner, or, of root's, to somebody; a folder of a third user stays that user's.
        match owner {
            0 => {
                lchown(folder.path(), Some(901), Some(901)).unwrap();
                let said = give_folder(folder.path(), &account("sluss", 900)).unwrap_err();
                assert!(said.contains("belongs to user id 901"), "{said}");
                lchown(folder.path(), Some(0), Some(0)).unwrap();
                give_folder(folder.path(), &account("sluss", 900)).unwrap();
                let about = fs::metadata(folder.path().join("file")).unwrap();
                assert_eq!((about.uid(), about.gid()), (900, 900));
            }
            own => {
                give_folder(folder.path(), &account("sluss", own)).unwrap();
                let said = give_folder(folder.path(), &account("sluss", own + 1)).unwrap_err();
                assert!(said.contains(&format!("belongs to user id {own}")), "{said}");
            }
        }
    }

    #[test]
    fn links_out_of_the_folder_are_not_followed() {
        let (folder, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let secret = outside.path().join("secret");
        fs::write(&secret, "").unwrap();
        std::os::unix::fs::symlink(&secret, folder.path().join("soft")).unwrap();
        fs::hard_link(&secret, folder.path().join("hard")).unwrap();
        let owner = fs::metadata(&secret).unwrap().uid();
        let to = if owner == 0 { 900 } else { owner };
        give_folder(folder.path(), &account("sluss", to)).unwrap();
        assert_eq!(fs::metadata(&secret).unwrap().uid(), owner);
    }
}
