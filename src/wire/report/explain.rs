//! What became of a mail, in a few plain sentences for whoever asks the helpdesk: a user, or a sender far away. To be copied, in five languages.
//!
//! Fixed sentences with a few checked values in them. No score, no rule, no name of a check: whoever learns those writes round them.

use crate::{
    base::{clock::UnixMs, ids::Id},
    wire::{
        date,
        report::{Language, frame::clean},
        words::Words,
    },
};

/// A mail and what became of it for one recipient.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// Its transaction, for whoever asks again.
    pub id: Id,
    /// Envelope sender; empty for the null sender.
    pub sender: &'a str,
    /// For whom.
    pub recipient: &'a str,
    /// When it came.
    pub at: UnixMs,
    /// What became of it.
    pub outcome: Outcome,
    /// Why.
    pub cause: Cause,
    /// The same in a sentence, where it is about the mail: the plain reason in the reader's language.
    pub reason: &'a str,
}

/// What became of a mail for one recipient.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The server behind us has it.
    Delivered,
    /// It was held, and let go afterwards.
    Released,
    /// It waits to go on.
    Waiting,
    /// It waits for somebody to look at it.
    Held,
    /// It was held, and whoever looked at it deleted it.
    Deleted,
    /// An operator removed it from the queue.
    Dropped,
    /// It came to a spam trap, which nobody reads.
    Unread,
    /// The sender's server was asked to come again.
    Deferred,
    /// It was refused; the sender's server knows.
    Refused,
    /// It could not be delivered and went back.
    Returned,
}

/// Why something was not delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// Nothing speaks against it.
    Nothing,
    /// Something that is in it, or could not be opened.
    Content,
    /// It could not be shown who sent it. The address is refused for that as well, before anything is judged.
    Unproven,
    /// Anything else that was judged.
    Judged,
    /// The sender is on a block list of the site or of the organisation.
    Blocked,
    /// The sender is on the recipient's own block list.
    BlockedByRecipient,
    /// There is no such recipient.
    NoSuchRecipient,
    /// The server that brought it was turned away.
    Server,
    /// The mail server behind us, or the receiver's, did not take it.
    NextServer,
}

/// Three or four sentences, each on a line of its own.
pub fn explain(asked: &Asked, language: Language) -> String {
    let mut lines = vec![what(asked, language)];
    let stopped = match asked.outcome {
        Outcome::Delivered | Outcome::Waiting | Outcome::Unread => false,
        Outcome::Released
        | Outcome::Held
        | Outcome::Deleted
        | Outcome::Dropped
        | Outcome::Deferred
        | Outcome::Refused
        | Outcome::Returned => true,
    };
    if stopped && asked.cause != Cause::Nothing {
        lines.push(why(asked, language));
    }
    lines.push(then(asked, language).to_string());
    let id = asked.id;
    lines.push(match language {
        Language::En => format!("If you ask again, please give this number: {id}"),
        Language::Sv => format!("Om du frågar igen, ange detta nummer: {id}"),
        Language::Fi => format!("Jos kysyt uudelleen, ilmoita tämä numero: {id}"),
        Language::Nb => format!("Spør du igjen, oppgi dette nummeret: {id}"),
        Language::Da => format!("Spørger du igen, så oplys dette nummer: {id}"),
    });
    lines.join("\n")
}

/// Who wrote to whom, when, and what became of it.
fn what(asked: &Asked, language: Language) -> String {
    let (sender, recipient) = (clean(asked.sender), clean(asked.recipient));
    let at: String = date::write_iso(asked.at).replace('T', " ").chars().take(16).collect();
    let is_null = sender.is_empty() || sender == "<>";
    let (who, became) = match language {
        Language::En => {
            let who = match is_null {
                true => format!("The notice from a mail server to {recipient} of {at} (UTC)"),
                false => format!("The mail from {sender} to {recipient} of {at} (UTC)"),
            };
            (who, became_en(asked.outcome))
        }
        Language::Sv => {
            let who = match is_null {
                true => format!("Meddelandet från en e-postserver till {recipient} den {at} (UTC)"),
                false => format!("Brevet från {sender} till {recipient} den {at} (UTC)"),
            };
            (who, became_sv(asked.outcome))
        }
        Language::Fi => {
            let who = match is_null {
                true => {
                    format!("Postipalvelimen ilmoitus osoitteeseen {recipient} {at} (UTC)")
                }
                false => format!("Viesti osoitteesta {sender} osoitteeseen {recipient} {at} (UTC)"),
            };
            (who, became_fi(asked.outcome))
        }
        Language::Nb => {
            let who = match is_null {
                true => format!("Meldingen fra en e-postserver til {recipient} den {at} (UTC)"),
                false => format!("E-posten fra {sender} til {recipient} den {at} (UTC)"),
            };
            (who, became_nb(asked.outcome))
        }
        Language::Da => {
            let who = match is_null {
                true => format!("Beskeden fra en mailserver til {recipient} den {at} (UTC)"),
                false => format!("Mailen fra {sender} til {recipient} den {at} (UTC)"),
            };
            (who, became_da(asked.outcome))
        }
    };
    format!("{who} {became}.")
}

fn became_en(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Delivered => "was handed to the recipient's mail server",
        Outcome::Released => "was held at first and has been delivered since",
        Outcome::Waiting => "was accepted and is on its way",
        Outcome::Held => "was accepted and is held for review",
        Outcome::Deleted => "was held at first and has been deleted since",
        Outcome::Unread => "was accepted, and nobody reads the address that it was sent to",
        Outcome::Dropped => {
            "was accepted, and an operator removed it from the queue before it was delivered"
        }
        Outcome::Deferred => "was not accepted yet; the sending server was asked to try again",
        Outcome::Refused => "was refused, and the sending server was told so",
        Outcome::Returned => "could not be delivered and was returned to its sender",
    }
}

fn became_sv(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Delivered => "har lämnats till mottagarens e-postserver",
        Outcome::Released => "hölls först kvar och har sedan levererats",
        Outcome::Waiting => "togs emot och är på väg",
        Outcome::Held => "togs emot och hålls kvar för granskning",
        Outcome::Deleted => "hölls först kvar och har sedan raderats",
        Outcome::Unread => "togs emot, och ingen läser adressen som det skickades till",
        Outcome::Dropped => {
            "togs emot, och en driftansvarig tog bort det ur kön innan det levererades"
        }
        Outcome::Deferred => "har inte tagits emot än; den sändande servern ombads försöka igen",
        Outcome::Refused => "avvisades, och den sändande servern fick veta det",
        Outcome::Returned => "kunde inte levereras och skickades tillbaka till avsändaren",
    }
}

fn became_fi(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Delivered => "on toimitettu vastaanottajan postipalvelimelle",
        Outcome::Released => "pidätettiin ensin ja on sittemmin toimitettu",
        Outcome::Waiting => "otettiin vastaan ja on matkalla",
        Outcome::Held => "otettiin vastaan ja on pidätetty tarkistettavaksi",
        Outcome::Deleted => "pidätettiin ensin ja on sittemmin poistettu",
        Outcome::Unread => "otettiin vastaan, mutta kukaan ei lue osoitetta, johon se lähetettiin",
        Outcome::Dropped => "otettiin vastaan, ja ylläpitäjä poisti sen jonosta ennen toimitusta",
        Outcome::Deferred => {
            "ei ole vielä otettu vastaan; lähettävää palvelinta pyydettiin yrittämään uudelleen"
        }
        Outcome::Refused => "hylättiin, ja siitä ilmoitettiin lähettävälle palvelimelle",
        Outcome::Returned => "ei mennyt perille ja palautettiin lähettäjälle",
    }
}

fn became_nb(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Delivered => "er overlevert til mottakerens e-postserver",
        Outcome::Released => "ble først holdt tilbake og er siden levert",
        Outcome::Waiting => "ble tatt imot og er på vei",
        Outcome::Held => "ble tatt imot og holdes tilbake for kontroll",
        Outcome::Deleted => "ble først holdt tilbake og er siden slettet",
        Outcome::Unread => "ble tatt imot, og ingen leser adressen den ble sendt til",
        Outcome::Dropped => {
            "ble tatt imot, og en driftsansvarlig fjernet den fra køen før den ble levert"
        }
        Outcome::Deferred => "er ikke tatt imot ennå; avsenderens server ble bedt om å prøve igjen",
        Outcome::Refused => "ble avvist, og avsenderens server fikk beskjed om det",
        Outcome::Returned => "kunne ikke leveres og ble sendt tilbake til avsenderen",
    }
}

fn became_da(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Delivered => "er afleveret til modtagerens mailserver",
        Outcome::Released => "blev først holdt tilbage og er siden leveret",
        Outcome::Waiting => "blev modtaget og er på vej",
        Outcome::Held => "blev modtaget og holdes tilbage til gennemgang",
        Outcome::Deleted => "blev først holdt tilbage og er siden slettet",
        Outcome::Unread => "blev modtaget, og ingen læser den adresse, som den blev sendt til",
        Outcome::Dropped => {
            "blev modtaget, og en driftsansvarlig fjernede den fra køen, før den blev leveret"
        }
        Outcome::Deferred => {
            "er ikke modtaget endnu; afsenderens server blev bedt om at prøve igen"
        }
        Outcome::Refused => "blev afvist, og afsenderens server fik besked om det",
        Outcome::Returned => "kunne ikke leveres og blev sendt tilbage til afsenderen",
    }
}

fn why(asked: &Asked, language: Language) -> String {
    let words = Words::of(language);
    match asked.cause {
        Cause::Nothing => String::new(),
        Cause::Content | Cause::Judged | Cause::Blocked | Cause::BlockedByRecipient => {
            clean(asked.reason)
        }
        Cause::Unproven => words.say("reason.unproven", &[]),
        Cause::NoSuchRecipient => words.say("reason.no-such-recipient", &[]),
        Cause::Server => words.say("reason.server", &[]),
        Cause::NextServer => words.say("reason.next-server", &[]),
    }
}

/// What whoever asks can do.
fn then(asked: &Asked, language: Language) -> &'static str {
    let words: [&'static str; 5] = match (asked.outcome, asked.cause) {
        (Outcome::Delivered | Outcome::Released, _) => [
            "If it is not in the mailbox, please look in its folder for spam, and ask whoever runs that server.",
            "Finns det inte i brevlådan, titta i mappen för skräppost och fråga den som sköter den servern.",
            "Jos sitä ei ole postilaatikossa, katso roskapostikansioon ja kysy palvelimen ylläpitäjältä.",
            "Er den ikke i postkassen, se i mappen for søppelpost og spør den som driver den serveren.",
            "Er den ikke i postkassen, så se i mappen med uønsket mail, og spørg den, der driver serveren.",
        ],
        (Outcome::Waiting | Outcome::Deferred, _) => [
            "There is nothing to do: it is tried again by itself.",
            "Inget behöver göras: ett nytt försök görs automatiskt.",
            "Mitään ei tarvitse tehdä: sitä yritetään automaattisesti uudelleen.",
            "Ingenting må gjøres: det prøves igjen av seg selv.",
            "Der skal intet gøres: det forsøges igen af sig selv.",
        ],
        (Outcome::Held, Cause::BlockedByRecipient) => [
            "The recipient can let it go and take the sender off that list, both on the own page; the administrators can let it go too.",
            "Mottagaren kan släppa fram det och ta bort avsändaren från listan, båda på sin egen sida; även administratörerna kan släppa fram det.",
            "Vastaanottaja voi päästää sen läpi ja poistaa lähettäjän listalta omalla sivullaan; myös ylläpitäjät voivat päästää sen läpi.",
            "Mottakeren kan slippe den gjennom og fjerne avsenderen fra listen, begge deler på sin egen side; også administratorene kan slippe den gjennom.",
            "Modtageren kan slippe den igennem og fjerne afsenderen fra listen, begge dele på sin egen side; også administratorerne kan slippe den igennem.",
        ],
        (Outcome::Held, _) => [
            "The recipient, or the administrators of the receiving organisation, can look at it and let it go.",
            "Mottagaren, eller administratörerna hos den mottagande organisationen, kan granska det och släppa fram det.",
            "Vastaanottaja tai vastaanottavan organisaation ylläpitäjät voivat tarkistaa sen ja päästää sen läpi.",
            "Mottakeren, eller administratorene hos mottakerens organisasjon, kan se på den og slippe den gjennom.",
            "Modtageren, eller administratorerne hos modtagerens organisation, kan se på den og slippe den igennem.",
        ],
        (Outcome::Deleted | Outcome::Dropped, _) => [
            "If it was wanted after all, please ask the sender to send it again.",
            "Var det ändå önskat, be avsändaren att skicka det igen.",
            "Jos viesti oli sittenkin toivottu, pyydä lähettäjää lähettämään se uudelleen.",
            "Var den likevel ønsket, be avsenderen om å sende den på nytt.",
            "Var den alligevel ønsket, så bed afsenderen om at sende den igen.",
        ],
        (Outcome::Refused | Outcome::Returned, Cause::Content) => [
            "The sender can have the attachment checked, and send it again in another form or without it.",
            "Avsändaren kan låta kontrollera bilagan och skicka den igen i annan form eller utan den.",
            "Lähettäjä voi tarkistuttaa liitteen ja lähettää viestin uudelleen toisessa muodossa tai ilman sitä.",
            "Avsenderen kan få vedlegget kontrollert og sende på nytt i en annen form eller uten det.",
            "Afsenderen kan få den vedhæftede fil kontrolleret og sende igen i en anden form eller uden den.",
        ],
        (Outcome::Refused | Outcome::Returned, Cause::Blocked | Cause::BlockedByRecipient) => [
            "If it is wanted, the recipient asks an administrator here to take that line off the list or to allow the sender; then the sender sends it again.",
            "Är det önskat ber mottagaren en administratör här att ta bort raden från listan eller tillåta avsändaren; sedan skickar avsändaren det igen.",
            "Jos viesti on toivottu, vastaanottaja pyytää täkäläistä ylläpitäjää poistamaan rivin listalta tai sallimaan lähettäjän; sitten lähettäjä lähettää sen uudelleen.",
            "Er den ønsket, ber mottakeren en administrator her om å fjerne linjen fra listen eller tillate avsenderen; så sender avsenderen den på nytt.",
            "Er den ønsket, beder modtageren en administrator her om at fjerne linjen fra listen eller tillade afsenderen; så sender afsenderen den igen.",
        ],
        (Outcome::Unread, _) | (Outcome::Refused | Outcome::Returned, Cause::NoSuchRecipient) => [
            "The sender should look at the address: a letter may be wrong, or the person has left.",
            "Avsändaren bör kontrollera adressen: en bokstav kan vara fel, eller så har personen slutat.",
            "Lähettäjän kannattaa tarkistaa osoite: kirjain voi olla väärin tai henkilö on lähtenyt.",
            "Avsenderen bør se over adressen: en bokstav kan være feil, eller personen har sluttet.",
            "Afsenderen bør se på adressen: et bogstav kan være forkert, eller personen er stoppet.",
        ],
        (Outcome::Refused | Outcome::Returned, Cause::Unproven | Cause::Server) => [
            "Whoever runs the sender's mail server can mend it with the reply that it got from us.",
            "Den som sköter avsändarens e-postserver kan rätta till det med hjälp av vårt svar till den.",
            "Lähettäjän postipalvelimen ylläpitäjä voi korjata asian palvelimelle antamamme vastauksen avulla.",
            "Den som driver avsenderens e-postserver, kan rette det ved hjelp av svaret den fikk fra oss.",
            "Den, der driver afsenderens mailserver, kan rette det ved hjælp af det svar, den fik fra os.",
        ],
        (
            Outcome::Refused | Outcome::Returned,
            Cause::Nothing | Cause::Judged | Cause::NextServer,
        ) => [
            "If it is wanted, the recipient can ask the administrators of the receiving organisation to let this sender through.",
            "Om det är önskat kan mottagaren be administratörerna hos den mottagande organisationen att släppa fram avsändaren.",
            "Jos viesti on toivottu, vastaanottaja voi pyytää vastaanottavan organisaation ylläpitäjiä sallimaan lähettäjän.",
            "Er den ønsket, kan mottakeren be administratorene hos mottakerens organisasjon om å slippe avsenderen gjennom.",
            "Er den ønsket, kan modtageren bede administratorerne hos modtagerens organisation om at slippe afsenderen igennem.",
        ],
    };
    let [en, sv, fi, nb, da] = words;
    match language {
        Language::En => en,
        Language::Sv => sv,
        Language::Fi => fi,
        Language::Nb => nb,
        Language::Da => da,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OUTCOMES: [Outcome; 10] = [
        Outcome::Delivered,
        Outcome::Released,
        Outcome::Waiting,
        Outcome::Held,
        Outcome::Deleted,
        Outcome::Dropped,
        Outcome::Unread,
        Outcome::Deferred,
        Outcome::Refused,
        Outcome::Returned,
    ];
    const CAUSES: [Cause; 9] = [
        Cause::Nothing,
        Cause::Content,
        Cause::Unproven,
        Cause::Judged,
        Cause::Blocked,
        Cause::BlockedByRecipient,
        Cause::NoSuchRecipient,
        Cause::Server,
        Cause::NextServer,
    ];

    fn asked(outcome: Outcome, cause: Cause) -> Asked<'static> {
        Asked {
            id: Id::new(UnixMs(1), [1; 10]),
            sender: "a@shop.example\r\nBcc: x",
            recipient: "b@ours.example",
            at: UnixMs(86_400_000),
            outcome,
            cause,
            reason: "It contains something harmful.",
        }
    }

    #[test]
    fn a_refusal_is_told_with_its_reason_and_what_to_do() {
        let told = explain(&asked(Outcome::Refused, Cause::Content), Language::En);
        let lines: Vec<&str> = told.lines().collect();
        assert_eq!(
            lines,
            [
                "The mail from a@shop.example  Bcc: x to b@ours.example of 1970-01-02 00:00 (UTC) was refused, and the sending server was told so.",
                "It contains something harmful.",
                "The sender can have the attachment checked, and send it again in another form or without it.",
                "If you ask again, please give this number: 0000000001040G2081040G2081",
            ]
        );
    }

    #[test]
    fn everything_is_told_in_every_language_in_three_or_four_sentences() {
        for outcome in OUTCOMES {
            for cause in CAUSES {
                let told = Language::ALL.map(|language| explain(&asked(outcome, cause), language));
                for (at, one) in told.iter().enumerate() {
                    assert!((3..=4).contains(&one.lines().count()), "{one}");
                    assert!(one.lines().all(|line| !line.is_empty()), "{one}");
                    assert!(told.iter().skip(at + 1).all(|other| other != one), "{one}");
                }
            }
        }
        let bounce = Asked { sender: "<>", ..asked(Outcome::Delivered, Cause::Nothing) };
        assert!(
            explain(&bounce, Language::Sv).starts_with("Meddelandet från en e-postserver till")
        );
    }
}
