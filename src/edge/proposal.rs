//! A change of the stored configuration that somebody has in mind: it can be tried first, and be put in force as it was tried.

use crate::{
    config::{
        layers::{
            Kind, NotAValue, Target, Written, from_json, is_beside_file, to_json, with_key,
            without_key,
        },
        lists::Entry,
    },
    edge::{
        stored::{self, Refused},
        undo::{changed_since, in_words},
    },
    store::embedded::Edit,
};

/// Values that are to be stored together, as one version.
#[derive(Debug, Clone, PartialEq)]
pub struct Proposal {
    /// What it is, one sentence.
    pub what: String,
    /// Why; may be empty.
    pub comment: String,
    /// The version that whoever proposes it has seen: values that were changed later are not written over.
    pub seen: u32,
    /// What is to be stored.
    pub values: Vec<Wanted>,
}

/// One value of a proposal.
#[derive(Debug, Clone, PartialEq)]
pub struct Wanted {
    /// Where it belongs.
    pub target: Target,
    /// What is done there.
    pub act: Act,
}

/// What is done with a stored value.
#[derive(Debug, Clone, PartialEq)]
pub enum Act {
    /// It is this.
    Set(toml::Value),
    /// It is not said any more; nothing to do where it was not.
    Forget,
    /// The entry is there, if only with nothing in it.
    Make,
    /// The list has this line.
    Add(String),
    /// The list has it no more.
    TakeOut(String),
}

impl Proposal {
    /// The comment; where there is none, what the proposal is.
    pub fn reason(&self) -> &str {
        if self.comment.is_empty() { &self.what } else { &self.comment }
    }

    /// Writes it into a change, if nobody was there before and the file says nothing of it.
    pub fn write(&self, edit: &mut Edit<'_>, written: &Written) -> Result<(), Refused> {
        for Wanted { target, act } in &self.values {
            if !matches!(act, Act::Make | Act::Forget) {
                stored::not_locked(written, target)?;
            }
            match act {
                Act::Add(line) => self.line(edit, target, line, true)?,
                Act::TakeOut(line) => self.line(edit, target, line, false)?,
                Act::Set(value) => {
                    self.nobody_was_there(edit, target)?;
                    stored::put(edit, written, target, value.clone())?;
                }
                Act::Make => {
                    self.nobody_was_there(edit, target)?;
                    let before = edit.get(target.kind, &target.name).map_err(Refused::stored)?;
                    if before.as_deref().is_none_or(is_beside_file) {
                        stored::put_checked(edit, target.kind, &target.name, "{}")?;
                    }
                }
                Act::Forget => {
                    self.nobody_was_there(edit, target)?;
                    forget(edit, target)?;
                }
            }
        }
        Ok(())
    }

    fn nobody_was_there(&self, edit: &Edit<'_>, target: &Target) -> Result<(), Refused> {
        match changed_since(edit, target, self.seen)? {
            Some(later) => Err(Refused::BadInput(format!(
                "{} changed {} with version {} since this page was made; look at it again",
                later.author,
                in_words(target),
                later.version
            ))),
            None => Ok(()),
        }
    }

    /// A list is read where it is written, so two who add to it at the same time both find their line in it.
    fn line(
        &self,
        edit: &mut Edit<'_>,
        target: &Target,
        line: &str,
        is_to_be_there: bool,
    ) -> Result<(), Refused> {
        let before = edit.get(target.kind, &target.name).map_err(Refused::stored)?;
        let whole = before.as_deref().map(from_json).transpose();
        let whole = whole.map_err(|why| Refused::Failed(why.to_string()))?;
        let within = target.keys.iter().try_fold(whole.as_ref(), |value, key| {
            value.map(|value| value.get(key)).map_or(Some(None), Some)
        });
        let list = within.flatten().and_then(toml::Value::as_array);
        let mut list = list.cloned().unwrap_or_default();
        // An entry may have been written in another form: 192.0.2.1 is 192.0.2.1/32.
        let form = |text: &str| match Entry::try_from(text.to_string()) {
            Ok(entry) => entry.to_string().to_lowercase(),
            Err(_) => text.to_string(),
        };
        let wanted = form(line);
        let is_it = |value: &toml::Value| value.as_str().is_some_and(|text| form(text) == wanted);
        match (list.iter().any(is_it), is_to_be_there) {
            (true, true) => {
                return Err(Refused::BadInput(format!("{line} stands in this list already")));
            }
            (false, false) => {
                return Err(Refused::BadInput(format!("{line} does not stand in this list")));
            }
            (false, true) => list.push(toml::Value::String(line.to_string())),
            (true, false) => list.retain(|value| !is_it(value)),
        }
        if list.is_empty() {
            return forget(edit, target);
        }
        let bad = |why: NotAValue| Refused::BadInput(why.to_string());
        let list = toml::Value::Array(list);
        let after = match target.keys.is_empty() {
            true => to_json(&list).map_err(bad)?,
            false => with_key(before.as_deref(), &target.keys, list).map_err(bad)?,
        };
        stored::put_checked(edit, target.kind, &target.name, &after)
    }
}

/// Takes a value out, and leaves the entry that it was in.
fn forget(edit: &mut Edit<'_>, target: &Target) -> Result<(), Refused> {
    let Target { kind, name, keys } = target;
    let Some(before) = edit.get(*kind, name).map_err(Refused::stored)? else { return Ok(()) };
    if keys.is_empty() || *kind == Kind::Setting {
        return edit.put(*kind, name, None).map_err(Refused::stored);
    }
    let after = without_key(&before, keys).map_err(|why| Refused::Failed(why.to_string()))?;
    match after {
        Some(after) => edit.put(*kind, name, Some(&after)).map_err(Refused::stored),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        base::clock::UnixMs,
        edge::{
            source::Source,
            stored::{Earnest, Layers, Signature},
        },
        store::{audit::Actor, embedded::ConfigDb},
    };

    fn wanted(path: &str, act: Act) -> Wanted {
        Wanted { target: Target::parse(path).unwrap(), act }
    }

    #[test]
    fn what_somebody_else_changed_meanwhile_is_not_written_over() {
        let folder = tempfile::tempdir().unwrap();
        let layers = Layers { source: Source::Trial(folder.path().into()), data_dir: None };
        let store = |seen: u32, values: Vec<Wanted>| {
            let proposal =
                Proposal { what: "a change".into(), comment: String::new(), seen, values };
            let who = Actor::Account { name: "eva".into(), role: "admin".into() };
            let comment = proposal.reason().to_string();
            let signature = Signature { who, author: "eva".into(), comment, at: UnixMs(1) };
            let change = |edit: &mut Edit<'_>, written: &Written| proposal.write(edit, written);
            let made = stored::change::<Refused>(&layers, &signature, Earnest::Yes, change);
            made.map(|changed| changed.version).map_err(|why| why.to_string())
        };
        let held = |kind, name: &str| {
            let mut db = ConfigDb::open(folder.path()).unwrap();
            let edit = db.edit().unwrap();
            edit.get(kind, name).unwrap()
        };
        let mark = |value: f64| wanted("policy.mild.mark", Act::Set(toml::Value::Float(value)));
        assert_eq!(store(0, vec![wanted("policy.mild", Act::Make), mark(4.0)]), Ok(Some(1)));
        assert_eq!(store(1, vec![mark(4.5)]), Ok(Some(2)));
        let late = store(1, vec![mark(3.0)]).unwrap_err();
        assert!(late.contains("eva changed mark of policy mild with version 2"), "{late}");
        let other = wanted("policy.mild.reject", Act::Set(toml::Value::Float(30.0)));
        assert_eq!(store(1, vec![other]), Ok(Some(3)), "another value is another's");
        // What was never said needs no forgetting, and what was is gone.
        let forget = |path| wanted(path, Act::Forget);
        let both = vec![forget("policy.mild.mark"), forget("policy.mild.actions.bulk")];
        assert_eq!(store(2, both), Ok(Some(4)));
        assert_eq!(held(Kind::Policy, "mild").as_deref(), Some("{\"reject\":30.0}"));
        // Lines of a list: each change reads it anew.
        let line = |act| vec![wanted("lists.block", act)];
        assert_eq!(store(0, line(Act::Add("far.example".into()))), Ok(Some(5)));
        assert_eq!(store(0, line(Act::Add(".bad.example".into()))), Ok(Some(6)));
        assert!(store(9, line(Act::Add("far.example".into()))).is_err());
        let list = held(Kind::Setting, "lists.block");
        assert_eq!(list.as_deref(), Some("[\"far.example\",\".bad.example\"]"));
        assert!(store(9, line(Act::Add("no sender".into()))).unwrap_err().contains("no sender"));
        for one in ["far.example", ".bad.example"] {
            assert!(store(0, line(Act::TakeOut(one.into()))).is_ok());
        }
        assert_eq!(held(Kind::Setting, "lists.block"), None);
        // What the file says stays as it is.
        let locked = wanted("domain.ours.example.next-hop", Act::Set("mx".into()));
        assert!(store(9, vec![locked]).unwrap_err().contains("locked"));
        let open = wanted("domain.ours.example.policy", Act::Set("mild".into()));
        assert!(store(9, vec![open]).is_ok());
    }
}
