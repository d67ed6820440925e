//! A disk image or a OneNote section by mail. Both were taken up by attackers because what lies inside loses the mark "from the internet";
//! hardly anybody else mails them. Inbound only; whatever runs inside them is also found by itself.

use super::{Case, Check, Finding};
use crate::{config::policy::Category, examine::PartKind};

pub(super) const CHECK: Check = Check {
    ids: &["attachment.disk_image", "attachment.onenote"],
    about: "A disk image or a OneNote section is attached, which attackers use to carry programs past other guards.",
    plain: "An attachment is of a kind that mostly carries programs.",
    run,
};

fn run(case: &Case, findings: &mut Vec<Finding>) {
    if !case.is_inbound() {
        return;
    }
    for (kind, id, weight, because) in [
        (PartKind::DiskImage, "attachment.disk_image", 3.0, "a disk image"),
        (PartKind::OneNote, "attachment.onenote", 2.0, "a OneNote section"),
    ] {
        let part = case.contents.parts.iter().find(|part| part.kind == kind);
        findings.extend(part.map(|part| {
            Finding::new(id, Category::Virus, weight, because).in_part(&part.id, &part.path)
        }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::{Setting, expect, expect_in, mail, parts};

    #[test]
    fn finds() {
        for (kind, want) in [
            (PartKind::DiskImage, &["attachment.disk_image"][..]),
            (PartKind::OneNote, &["attachment.onenote"]),
            (PartKind::Zip, &[]),
        ] {
            expect_in(&CHECK, parts(&[(kind, "", "a.bin")]), want);
        }
        let outbound = Setting::holding(parts(&[(PartKind::OneNote, "", "a.one")])).outbound();
        expect(&CHECK, &outbound, &mail("a@ours.example", "hi"), &[]);
    }
}
