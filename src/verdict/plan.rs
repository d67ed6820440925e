//! Several recipients, several verdicts, one reply: the table of what becomes of a mail as a whole.
//!
//! All reject → 5xx. All defer → 451 and nothing kept. All delivered alike to one next hop → cut-through.
//! Anything else is committed first and answered 250; after a commit there is never a 4xx.

use crate::config::policy::Action;

/// What becomes of the mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Plan {
    /// Answer 5xx; nothing is kept.
    RefuseAll,
    /// Answer 451; nothing is kept.
    DeferAll,
    /// Pass it to the next hop inside the sender's transaction; its answer is ours.
    CutThrough,
    /// Make it safe here for each recipient, then answer 250.
    Commit(Vec<Fate>),
}

/// What becomes of a committed mail for one recipient.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// Into the spool, to go on.
    Forward,
    /// Into the quarantine.
    Hold,
    /// Into the quarantine as `mixed.rejected`: the sender cannot be told no any more; not in the user's digest.
    HoldRejected,
    /// Into the spool, to be judged again later.
    JudgeAgain,
}

/// One recipient's verdict, and what decides whether it can share a transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line<H> {
    /// The verdict's action.
    pub action: Action,
    /// Where the mail would go.
    pub next_hop: H,
}

/// May the mail go straight through, or only by the spool?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Road {
    /// Cut-through is possible.
    Either,
    /// Outbound, LMTP with several recipients, several hops: the spool.
    SpoolOnly,
}

/// Finds the row of the table. Without recipients there is nothing to do, which is refused: the protocol does not let it come here.
pub fn plan<H: PartialEq>(lines: &[Line<H>], road: Road) -> Plan {
    let all = |action: Action| lines.iter().all(|line| line.action == action);
    if all(Action::Reject) {
        return Plan::RefuseAll;
    }
    if all(Action::Defer) {
        return Plan::DeferAll;
    }
    // "The same bytes": a marked copy has a field more than an unmarked one.
    let one_hop = lines.windows(2).all(|pair| match pair {
        [a, b] => a.next_hop == b.next_hop,
        _ => true,
    });
    if road == Road::Either && one_hop && (all(Action::Deliver) || all(Action::Mark)) {
        return Plan::CutThrough;
    }
    Plan::Commit(lines.iter().map(|line| fate(line.action)).collect())
}

fn fate(action: Action) -> Fate {
    match action {
        Action::Deliver | Action::Mark => Fate::Forward,
        Action::Quarantine => Fate::Hold,
        Action::Reject => Fate::HoldRejected,
        Action::Defer => Fate::JudgeAgain,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(action: Action, next_hop: u8) -> Line<u8> {
        Line { action, next_hop }
    }

    #[test]
    fn every_pair_of_verdicts() {
        use Action::{Defer, Deliver, Mark, Quarantine, Reject};
        use Fate::{Forward, Hold, HoldRejected, JudgeAgain};
        for (a, b, same_hop, other_hop) in [
            (Deliver, Deliver, Plan::CutThrough, Plan::Commit(vec![Forward, Forward])),
            (
                Deliver,
                Mark,
                Plan::Commit(vec![Forward, Forward]),
                Plan::Commit(vec![Forward, Forward]),
            ),
            (
                Deliver,
                Defer,
                Plan::Commit(vec![Forward, JudgeAgain]),
                Plan::Commit(vec![Forward, JudgeAgain]),
            ),
            (
                Deliver,
                Quarantine,
                Plan::Commit(vec![Forward, Hold]),
                Plan::Commit(vec![Forward, Hold]),
            ),
            (
                Deliver,
                Reject,
                Plan::Commit(vec![Forward, HoldRejected]),
                Plan::Commit(vec![Forward, HoldRejected]),
            ),
            (Mark, Mark, Plan::CutThrough, Plan::Commit(vec![Forward, Forward])),
            (
                Mark,
                Defer,
                Plan::Commit(vec![Forward, JudgeAgain]),
                Plan::Commit(vec![Forward, JudgeAgain]),
            ),
            (
                Mark,
                Quarantine,
                Plan::Commit(vec![Forward, Hold]),
                Plan::Commit(vec![Forward, Hold]),
            ),
            (
                Mark,
                Reject,
                Plan::Commit(vec![Forward, HoldRejected]),
                Plan::Commit(vec![Forward, HoldRejected]),
            ),
            (Defer, Defer, Plan::DeferAll, Plan::DeferAll),
            (
                Defer,
                Quarantine,
                Plan::Commit(vec![JudgeAgain, Hold]),
                Plan::Commit(vec![JudgeAgain, Hold]),
            ),
            (
                Defer,
                Reject,
                Plan::Commit(vec![JudgeAgain, HoldRejected]),
                Plan::Commit(vec![JudgeAgain, HoldRejected]),
            ),
            (
                Quarantine,
                Quarantine,
                Plan::Commit(vec![Hold, Hold]),
                Plan::Commit(vec![Hold, Hold]),
            ),
            (
                Quarantine,
                Reject,
                Plan::Commit(vec![Hold, HoldRejected]),
                Plan::Commit(vec![Hold, HoldRejected]),
            ),
            (Reject, Reject, Plan::RefuseAll, Plan::RefuseAll),
        ] {
            assert_eq!(plan(&[line(a, 1), line(b, 1)], Road::Either), same_hop, "{a:?} {b:?}");
            assert_eq!(
                plan(&[line(a, 1), line(b, 2)], Road::Either),
                other_hop,
                "{a:?} {b:?} two hops"
            );
            // The order of recipients changes nothing but the order of the fates.
            let turned = match same_hop {
                Plan::Commit(mut fates) => {
                    fates.reverse();
                    Plan::Commit(fates)
                }
                Plan::RefuseAll | Plan::DeferAll | Plan::CutThrough => same_hop,
            };
            assert_eq!(plan(&[line(b, 1), line(a, 1)], Road::Either), turned, "{b:?} {a:?}");
        }
    }

    #[test]
    fn the_spool_is_the_only_road_outbound() {
        assert_eq!(
            plan(&[line(Action::Deliver, 1)], Road::SpoolOnly),
            Plan::Commit(vec![Fate::Forward])
        );
        assert_eq!(plan(&[line(Action::Reject, 1)], Road::SpoolOnly), Plan::RefuseAll);
    }
}
