//! An archive or disk image that holds one thing, and that one is a program: the usual parcel of malware. Somebody who sends a program
//! on purpose sends a read-me, a library or an installer's many files with it. Inbound only.

use super::{Case, Check, Finding, attachment_runs};
use crate::{
    config::policy::Category,
    examine::{Part, PartKind},
};

pub(super) const CHECK: Check = Check {
    ids: &["archive.only_program"],
    about: "An archive holds nothing but one program or script.",
    plain: "An attached archive holds nothing but a program.",
    run,
};

fn run(case: &Case, findings: &mut Vec<Finding>) {
    if !case.is_inbound() {
        return;
    }
    // Programs are few in mail, so asking for each of them who lies beside it is cheap.
    let parts = &case.contents.parts;
    let lonely = parts
        .iter()
        .filter(|part| attachment_runs::runs(part).is_some())
        .take(PROGRAMS_LOOKED_AT_MAX)
        .find(|part| is_alone(part, parts));
    findings.extend(lonely.map(|part| {
        Finding::new("archive.only_program", Category::Virus, 3.0, "one program and nothing else")
            .in_part(&part.id, &part.path)
    }));
}

/// A mail with more programs than this is no parcel with one.
const PROGRAMS_LOOKED_AT_MAX: usize = 10;

fn is_alone(program: &Part, parts: &[Part]) -> bool {
    let Some((archive, _)) = program.path.rsplit_once('/') else { return false };
    let within =
        |part: &&Part| part.path.strip_prefix(archive).is_some_and(|rest| rest.starts_with('/'));
    let holder = parts.iter().find(|part| part.path == archive);
    // A mail inside the mail is no archive.
    holder.is_none_or(|holder| holder.kind != PartKind::Message)
        && parts.iter().filter(within).count() == 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::{expect_in, parts};

    #[test]
    fn finds() {
        use PartKind::{Executable, Message, Script, Text, Zip};
        for (attached, want) in [
            (
                &[(Zip, "", "a.zip"), (Executable, "", "a.zip/a.exe")][..],
                &["archive.only_program"][..],
            ),
            (&[(Zip, "", "a.zip"), (Script, "", "a.zip/a.js")], &["archive.only_program"]),
            (
                &[(Zip, "", "a.zip"), (Executable, "", "a.zip/a.exe"), (Text, "", "a.zip/read.me")],
                &[],
            ),
            (&[(Executable, "", "a.exe")], &[]),
            (&[(Message, "", "a.eml"), (Executable, "", "a.eml/a.exe")], &[]),
            (
                &[
                    (Zip, "", "a.zip"),
                    (Zip, "", "a.zip/b.zip"),
                    (Executable, "", "a.zip/b.zip/c.exe"),
                ],
                &["archive.only_program"],
            ),
        ] {
            expect_in(&CHECK, parts(attached), want);
        }
    }
}
