//! What the learners know and do not know, and what they do not look at.

use super::*;
use crate::mail::Header;

const CONFIRMED: Lesson =
    Lesson { label: Label::Spam, views: Views::All, sureness: Sureness::Confirmed };

fn sketch(reader: &mut Reader, mail: &str) -> Sketch {
    let header = Header::read(mail.as_bytes()).expect("small");
    let text = mail.get(header.body_at()..).unwrap_or_default();
    let own = |name: &str| name == "ours.example" || name.ends_with(".ours.example");
    reader.read(&Seen { header: &header, message: mail.as_bytes(), text, own: &own })
}

fn mail(number: usize, label: Label) -> String {
    // Differs from mail to mail in all but what its kind always says.
    let (from, says) = match label {
        Label::Spam => ("prize", "claim the winnings that await you now"),
        Label::Ham => ("anna", "the minutes of our meeting are attached"),
    };
    format!(
        "From: {from}{number}@host{number}.example\nSubject: number {number}\n\n{number} {says} {number}\n"
    )
}

/// A model that learned that many mails of each kind.
fn taught(mails: usize) -> Model {
    let (mut model, mut reader) = (Model::default(), Reader::default());
    for number in 0..mails {
        for label in [Label::Spam, Label::Ham] {
            model.learn(&sketch(&mut reader, &mail(number, label)), Lesson { label, ..CONFIRMED });
        }
    }
    model
}

#[test]
fn a_model_that_learned_nothing_says_nothing() {
    let (model, mut reader) = (Model::default(), Reader::default());
    for text in ["", "\n", &mail(1, Label::Spam)] {
        assert_eq!(model.judge(&sketch(&mut reader, text)), Said::default(), "{text}");
    }
    assert_eq!(taught(3).judge(&Sketch::default()).score, 0.0, "an empty mail is like nothing");
}

#[test]
fn it_tells_kinds_apart_after_a_few() {
    let mut reader = Reader::default();
    for mails in [5, 50, 500] {
        let model = taught(mails);
        let said = |label| model.judge(&sketch(&mut Reader::default(), &mail(9_999, label)));
        let (spam, ham) = (said(Label::Spam), said(Label::Ham));
        assert!(spam.score > 0.2 && ham.score < -0.2, "{mails}: {spam:?} {ham:?}");
        // Each of them, not only their sum.
        for (spam, ham) in [
            (spam.three.logistic, ham.three.logistic),
            (spam.three.margin, ham.three.margin),
            (spam.three.counts, ham.three.counts),
            (spam.mixed, ham.mixed),
            (spam.body, ham.body),
        ] {
            assert!(spam > 0.0 && ham < 0.0, "{mails}: {spam} {ham}");
        }
        assert_eq!(model.taught().spam, model.taught().ham);
    }
    assert!(sketch(&mut reader, &mail(1, Label::Ham)) != sketch(&mut reader, &mail(2, Label::Ham)));
}

#[test]
fn our_own_mail_teaches_the_text_alone() {
    let (mut model, mut reader) = (taught(20), Reader::default());
    let before = model.clone();
    let ours = sketch(
        &mut reader,
        "From: kim@ours.example\nSubject: x\n\nthe offer that you asked us for comes tomorrow\n",
    );
    model.learn(&ours, Lesson { label: Label::Ham, views: Views::Body, sureness: Sureness::Said });
    let (was, is) = (before.judge(&ours), model.judge(&ours));
    assert_eq!((was.three, was.mixed), (is.three, is.mixed));
    assert!(is.body < was.body);
    assert_eq!((before.taught(), &before.calibration), (model.taught(), &model.calibration));
}

#[test]
fn what_is_said_is_counted_for_longer_than_what_is_confirmed() {
    let mut reader = Reader::default();
    let known = sketch(&mut reader, &mail(3, Label::Spam));
    for (sureness, until) in [(Sureness::Confirmed, 5.0), (Sureness::Said, 10.0)] {
        let mut model = taught(500);
        let counts = |model: &Model| model.judge(&known).three.counts;
        // It is counted until counting is that sure, and then no more.
        for _ in 0..5_000 {
            let before = counts(&model);
            model.learn(&known, Lesson { sureness, ..CONFIRMED });
            assert_eq!(counts(&model) != before, before < until, "{sureness:?} {before}");
            if before >= until {
                break;
            }
        }
        assert!(counts(&model) >= until, "{sureness:?}");
    }
}

#[test]
fn a_wrong_label_does_not_turn_what_many_said() {
    let (mut model, mut reader) = (taught(200), Reader::default());
    let spam = sketch(&mut reader, &mail(4, Label::Spam));
    for _ in 0..3 {
        let wrong = Lesson { label: Label::Ham, views: Views::All, sureness: Sureness::Said };
        model.learn(&spam, wrong);
    }
    let other = model.judge(&sketch(&mut reader, &mail(5, Label::Spam)));
    assert!(other.score > 0.1, "{other:?}");
}

#[test]
fn what_is_easily_forged_is_not_looked_at() {
    let mut reader = Reader::default();
    let plain =
        "Received: from a.example by b.example\nFrom: a@a.example\nSubject: hello\n\ntext of it\n";
    let want = sketch(&mut reader, plain);
    for added in [
        "X-Spam-Status: No, score=-5\n",
        "X-Ours-AntiSpam: clean\n",
        "X-Virus-Scanned: yes\n",
        "List-Id: <linux.lists.example>\n",
        "In-Reply-To: <1@ours.example>\nReferences: <1@ours.example>\n\t<2@ours.example>\n",
        "Authentication-Results: mx.ours.example; dmarc=pass\n",
        "ARC-Seal: i=1; cv=none\n",
        "Precedence: list\nSender: list@lists.example\nUser-Agent: Mutt\n",
        "Thread-Index: abcd\nX-Mailman-Version: 2\nResent-From: x@x.example\n",
        "Status: RO\nLines: 4\nX-UID: 9\n",
    ] {
        let forged = format!("{added}{plain}");
        assert!(sketch(&mut reader, &forged) == want, "{added}");
    }
    let seen = format!("X-Mailer: Bulk 2000\n{plain}");
    assert!(sketch(&mut reader, &seen) != want, "what a program says of itself is looked at");
}

#[test]
fn names_of_ours_that_a_stranger_writes_are_blank() {
    let mut reader = Reader::default();
    let with = |name: &str| {
        format!(
            "Received: from mail.{name} (x [192.0.2.1]) by mx.{name}\nMessage-ID: <1@{name}>\nFrom: A <a@{name}>\nSubject: from {name}\n\nhello from us\n"
        )
    };
    let ours = sketch(&mut reader, &with("OURS.example"));
    let blank = with("OURS.example")
        .replace("mail.OURS.example", "@")
        .replace("mx.OURS.example", "@")
        .replace("@OURS.example", "@@");
    assert!(ours == sketch(&mut reader, &blank));
    assert!(ours != sketch(&mut reader, &with("theirs.example")));
}

#[test]
fn line_ends_make_no_difference_nor_does_the_middle_of_a_long_text() {
    let mut reader = Reader::default();
    let short = mail(1, Label::Ham);
    assert!(
        sketch(&mut reader, &short.replace('\n', "\r\n")).whole
            == sketch(&mut reader, &short).whole
    );
    let long = format!("{short}{}", "word ".repeat(2_000));
    let middle = format!("{short}{0}something else {0}", "word ".repeat(1_000));
    assert!(sketch(&mut reader, &long) == sketch(&mut reader, &middle));
    let end = format!("{long}something else at the end\n");
    assert!(sketch(&mut reader, &long) != sketch(&mut reader, &end));
}

/// What is written before, behind and around spam does not hide it.
#[test]
fn spam_among_words_of_wanted_mail_shows_in_a_piece() {
    let mut reader = Reader::default();
    let model = taught(300);
    let spam = mail(9_999, Label::Spam);
    let (header, says) = spam.split_once("\n\n").unwrap();
    let ham: String = (1..60)
        .map(|number| format!("{number} the minutes of our meeting are attached {number}\n"))
        .collect();
    let quoted: String = ham.lines().map(|line| format!("> {line}\n")).collect();
    let says = says.repeat(30);
    let alone = model.judge(&sketch(&mut reader, &format!("{header}\n\n{says}"))).score;
    for (how, text) in [
        ("before", format!("{ham}{says}")),
        ("behind", format!("{says}{ham}")),
        ("around", format!("{quoted}\n{says}\n{quoted}")),
    ] {
        let sketch = sketch(&mut reader, &format!("{header}\n\n{text}"));
        assert!(!sketch.parts.is_empty(), "{how}");
        let whole = Sketch { parts: Vec::new(), ..sketch.clone() };
        let (parts, whole) = (model.judge(&sketch).score, model.judge(&whole).score);
        assert!(parts > whole && parts > alone / 2.0, "{how}: {parts} of {alone}, {whole} at once");
        let back = Sketch::from_bytes(&sketch.to_bytes()).unwrap();
        assert!((model.judge(&back).score - parts).abs() < 1e-3, "{how}");
    }
}
