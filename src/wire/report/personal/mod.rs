//! The letters about mail that did not simply go, or that should not have come so: to whoever sent it, to whoever answers for personal data, and to
//! whoever got it. They say what was found by kind, place and mask, what became of the mail, what to do, and whom to ask; never a value.

mod found;

pub use found::Found;

use crate::{
    base::ids::Id,
    wire::report::{Language, frame::clean},
};

/// Everything such a letter tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// Who sent the mail.
    pub sender: String,
    /// Where it goes: domains or addresses.
    pub to: String,
    /// What became of it.
    pub became: Became,
    /// What was found in it.
    pub found: Vec<Found>,
    /// In the quarantine under this id, for whoever may look there; absent in the letter to its sender.
    pub held: Option<Id>,
    /// The day on which it is deleted if nobody decides: `2026-12-30`.
    pub until: Option<String>,
    /// Whom the sender may ask.
    pub ask: Option<String>,
    /// The page where the sender says yes himself, where he may.
    pub own_yes: Option<String>,
    /// Why its sender says that it is no personal data, where he does.
    pub reason: Option<String>,
}

/// What became of a mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Became {
    /// Held: somebody has to approve it.
    Approval,
    /// Held: its content would have to be encrypted.
    Unprotected,
    /// Held: nobody vouches for the server it goes to.
    Unproven,
    /// It went over a channel that is good enough.
    Sent,
    /// It came to us in clear.
    CameInClear,
    /// It went as it is: its sender said that what was found is no personal data.
    Overridden,
}

impl Became {
    /// One word for bounds and logs; of a letter to whoever is not the sender another.
    pub(super) fn word(self, to_sender: bool) -> &'static str {
        match (self, to_sender) {
            (Became::Approval, true) => "personal-approval-sender",
            (Became::Approval, false) => "personal-approval",
            (Became::Unprotected, true) => "personal-unprotected-sender",
            (Became::Unprotected, false) => "personal-unprotected",
            (Became::Unproven, true) => "unproven-sender",
            (Became::Unproven, false) => "unproven",
            (Became::Sent, _) => "personal-sent",
            (Became::CameInClear, _) => "personal-came-in-clear",
            (Became::Overridden, _) => "personal-overridden",
        }
    }
}

/// Subject and text.
pub(super) fn words(told: &Told, language: Language) -> (String, String) {
    let (sender, to) = (clean(&told.sender), clean(&told.to));
    let words = match told.held {
        _ if told.became == Became::Overridden => {
            overridden(&sender, &to, &clean(told.reason.as_deref().unwrap_or_default()), language)
        }
        None => to_reader(told.became, &sender, &to, language),
        Some(_) => to_responsible(told.became, &sender, &to, language),
    };
    let mut text = format!("{}\n\n", words.happened);
    if !told.found.is_empty() {
        text.push_str(&format!("{}\n\n", found_head(language)));
        told.found.iter().for_each(|one| text.push_str(&one.line(language)));
        text.push('\n');
    }
    if let Some(held) = told.held.filter(|_| told.became != Became::Overridden) {
        let look =
            format!("    sluss quarantine show {held}\n    sluss quarantine release {held}\n");
        text.push_str(&format!("{}\n\n{look}\n", look_head(language)));
    }
    match &told.own_yes {
        Some(url) => text.push_str(&say_yes(url, language)),
        None => text.push_str(&words.to_do),
    }
    text.push('\n');
    if let Some(day) = &told.until {
        text.push_str(&format!("\n{}\n", until(day, language)));
    }
    if let Some(ask) = &told.ask {
        text.push_str(&format!("\n{}\n", whom_to_ask(&clean(ask), language)));
    }
    (words.subject, text)
}

/// What differs from letter to letter.
struct Words {
    subject: String,
    happened: String,
    to_do: String,
}

fn words_of(subject: String, happened: String, to_do: &str) -> Words {
    Words { subject, happened, to_do: to_do.to_string() }
}

/// To whoever answers for personal data.
fn overridden(sender: &str, to: &str, reason: &str, language: Language) -> Words {
    let [subject, happened, to_do] = match language {
        Language::En => [
            format!("{sender} says that a mail to {to} carries no personal data"),
            format!(
                "{sender} sent a mail to {to} as it is, saying that what was found in it is no personal data. The reason given: {reason}"
            ),
            "The same values are not found any more in your organisation's mail. If they are personal data, speak with the sender; the audit log has it."
                .to_string(),
        ],
        Language::Sv => [
            format!("{sender} säger att ett brev till {to} inte innehåller personuppgifter"),
            format!(
                "{sender} har skickat ett brev till {to} som det är och säger att det som hittades inte är personuppgifter. Skälet som angavs: {reason}"
            ),
            "Samma värden hittas inte längre i er organisations e-post. Om de är personuppgifter, tala med avsändaren; det står i granskningsloggen."
                .to_string(),
        ],
        Language::Fi => [
            format!("{sender} sanoo, ettei viestissä osoitteeseen {to} ole henkilötietoja"),
            format!(
                "{sender} lähetti viestin osoitteeseen {to} sellaisenaan ja sanoo, etteivät löydetyt tiedot ole henkilötietoja. Annettu syy: {reason}"
            ),
            "Samoja arvoja ei enää löydetä organisaationne sähköpostista. Jos ne ovat henkilötietoja, puhu lähettäjän kanssa; asia on tarkastuslokissa."
                .to_string(),
        ],
        Language::Nb => [
            format!("{sender} sier at en melding til {to} ikke inneholder personopplysninger"),
            format!(
                "{sender} har sendt en melding til {to} som den er, og sier at det som ble funnet, ikke er personopplysninger. Grunnen som ble oppgitt: {reason}"
            ),
            "De samme verdiene blir ikke lenger funnet i e-posten til organisasjonen. Hvis de er personopplysninger, snakk med avsenderen; det står i revisjonsloggen."
                .to_string(),
        ],
        Language::Da => [
            format!("{sender} siger, at en mail til {to} ikke indeholder personoplysninger"),
            format!(
                "{sender} har sendt en mail til {to}, som den er, og siger, at det, der blev fundet, ikke er personoplysninger. Den angivne grund: {reason}"
            ),
            "De samme værdier findes ikke længere i jeres organisations e-mail. Er de personoplysninger, så tal med afsenderen; det står i revisionsloggen."
                .to_string(),
        ],
    };
    Words { subject, happened, to_do }
}

/// To whoever sent the mail, or got it.
fn to_reader(became: Became, sender: &str, to: &str, language: Language) -> Words {
    match (became, language) {
        (Became::Overridden, _) => overridden(sender, to, "", language),
        (Became::Approval, Language::En) => words_of(
            format!("Your mail to {to} was not sent; it waits for approval"),
            format!(
                "Your mail to {to} was not sent. It carries personal data that somebody in your organisation has to approve first. Nothing is lost: it is held, and whoever answers for personal data has been told."
            ),
            "You need do nothing if it is to go. If not everybody in it has to be, send a new mail without them.",
        ),
        (Became::Approval, Language::Sv) => words_of(
            format!("Ditt brev till {to} har inte skickats; det väntar på godkännande"),
            format!(
                "Ditt brev till {to} har inte skickats. Det innehåller personuppgifter som någon i din organisation först måste godkänna. Inget är förlorat: brevet hålls kvar, och den som ansvarar för personuppgifter har fått veta det."
            ),
            "Du behöver inte göra något om brevet ska fram. Om alla uppgifter inte behövs, skicka ett nytt brev utan dem.",
        ),
        (Became::Approval, Language::Fi) => words_of(
            format!("Viestiäsi osoitteeseen {to} ei lähetetty; se odottaa hyväksyntää"),
            format!(
                "Viestiäsi osoitteeseen {to} ei lähetetty. Siinä on henkilötietoja, jotka jonkun organisaatiossasi on ensin hyväksyttävä. Mitään ei ole kadonnut: viesti odottaa, ja henkilötiedoista vastaava on saanut tiedon."
            ),
            "Sinun ei tarvitse tehdä mitään, jos viestin pitää mennä perille. Jos kaikkia tietoja ei tarvita, lähetä uusi viesti ilman niitä.",
        ),
        (Became::Approval, Language::Nb) => words_of(
            format!("Meldingen din til {to} er ikke sendt; den venter på godkjenning"),
            format!(
                "Meldingen din til {to} er ikke sendt. Den inneholder personopplysninger som noen i organisasjonen din først må godkjenne. Ingenting er tapt: meldingen holdes tilbake, og den som har ansvaret for personopplysninger, har fått vite det."
            ),
            "Du trenger ikke gjøre noe hvis meldingen skal fram. Hvis ikke alle opplysningene trengs, send en ny melding uten dem.",
        ),
        (Became::Approval, Language::Da) => words_of(
            format!("Din mail til {to} er ikke sendt; den venter på godkendelse"),
            format!(
                "Din mail til {to} er ikke sendt. Den indeholder personoplysninger, som nogen i din organisation først skal godkende. Intet er gået tabt: mailen holdes tilbage, og den, der har ansvaret for personoplysninger, har fået besked."
            ),
            "Du behøver ikke gøre noget, hvis mailen skal frem. Er alle oplysninger ikke nødvendige, så send en ny mail uden dem.",
        ),
        (Became::Unprotected, Language::En) => words_of(
            format!("Your mail to {to} was not sent; it has to be encrypted"),
            format!(
                "Your mail to {to} was not sent. It carries personal data of a kind that may leave only if the content itself is encrypted for its recipient. Nothing is lost: it is held."
            ),
            "Send it encrypted (S/MIME or OpenPGP), send a new mail without these data, or ask for this one to be let go.",
        ),
        (Became::Unprotected, Language::Sv) => words_of(
            format!("Ditt brev till {to} har inte skickats; det måste krypteras"),
            format!(
                "Ditt brev till {to} har inte skickats. Det innehåller personuppgifter av ett slag som bara får lämna organisationen om själva innehållet är krypterat för mottagaren. Inget är förlorat: brevet hålls kvar."
            ),
            "Skicka det krypterat (S/MIME eller OpenPGP), skicka ett nytt brev utan uppgifterna, eller be att få det här framsläppt.",
        ),
        (Became::Unprotected, Language::Fi) => words_of(
            format!("Viestiäsi osoitteeseen {to} ei lähetetty; se on salattava"),
            format!(
                "Viestiäsi osoitteeseen {to} ei lähetetty. Siinä on sellaisia henkilötietoja, jotka saavat lähteä vain, jos itse sisältö on salattu vastaanottajalle. Mitään ei ole kadonnut: viesti odottaa."
            ),
            "Lähetä se salattuna (S/MIME tai OpenPGP), lähetä uusi viesti ilman näitä tietoja tai pyydä päästämään tämä viesti.",
        ),
        (Became::Unprotected, Language::Nb) => words_of(
            format!("Meldingen din til {to} er ikke sendt; den må krypteres"),
            format!(
                "Meldingen din til {to} er ikke sendt. Den inneholder personopplysninger av et slag som bare kan sendes hvis selve innholdet er kryptert for mottakeren. Ingenting er tapt: meldingen holdes tilbake."
            ),
            "Send den kryptert (S/MIME eller OpenPGP), send en ny melding uten opplysningene, eller be om at denne slippes gjennom.",
        ),
        (Became::Unprotected, Language::Da) => words_of(
            format!("Din mail til {to} er ikke sendt; den skal krypteres"),
            format!(
                "Din mail til {to} er ikke sendt. Den indeholder personoplysninger af en slags, der kun må sendes, hvis selve indholdet er krypteret for modtageren. Intet er gået tabt: mailen holdes tilbage."
            ),
            "Send den krypteret (S/MIME eller OpenPGP), send en ny mail uden oplysningerne, eller bed om, at denne slippes fri.",
        ),
        (Became::Unproven, Language::En) => words_of(
            format!("Your mail to {to} was not sent; it is held"),
            format!(
                "Your mail to {to} was not sent. It may leave only over a proven, encrypted channel, most often because there is personal data in it, and nobody vouches for the mail server of {to}."
            ),
            "Nothing is lost: it is held. Whoever answers for e-mail in your organisation has been told, and can let it go or find another way.",
        ),
        (Became::Unproven, Language::Sv) => words_of(
            format!("Ditt brev till {to} har inte skickats; det hålls kvar"),
            format!(
                "Ditt brev till {to} har inte skickats. Det får bara gå över en bevisat säker, krypterad kanal, oftast för att det innehåller personuppgifter, och ingen går i god för e-postservern hos {to}."
            ),
            "Inget är förlorat: brevet hålls kvar. Den som ansvarar för e-post hos er har fått veta det och kan släppa fram brevet eller hitta en annan väg.",
        ),
        (Became::Unproven, Language::Fi) => words_of(
            format!("Viestiäsi osoitteeseen {to} ei lähetetty; se on pidätetty"),
            format!(
                "Viestiäsi osoitteeseen {to} ei lähetetty. Se saa lähteä vain todistetusti suojattua yhteyttä pitkin, useimmiten siksi, että siinä on henkilötietoja, eikä kukaan takaa vastaanottajan {to} sähköpostipalvelinta."
            ),
            "Mitään ei ole kadonnut: viesti odottaa. Organisaatiosi sähköpostista vastaava on saanut tiedon ja voi päästää viestin eteenpäin tai etsiä toisen tavan.",
        ),
        (Became::Unproven, Language::Nb) => words_of(
            format!("Meldingen din til {to} er ikke sendt; den holdes tilbake"),
            format!(
                "Meldingen din til {to} er ikke sendt. Den kan bare gå over en bevist sikker, kryptert kanal, oftest fordi den inneholder personopplysninger, og ingen går god for e-postserveren til {to}."
            ),
            "Ingenting er tapt: meldingen holdes tilbake. Den som har ansvaret for e-post hos dere, har fått vite det og kan slippe den gjennom eller finne en annen vei.",
        ),
        (Became::Unproven, Language::Da) => words_of(
            format!("Din mail til {to} er ikke sendt; den holdes tilbage"),
            format!(
                "Din mail til {to} er ikke sendt. Den må kun sendes over en bevist sikker, krypteret kanal, oftest fordi den indeholder personoplysninger, og ingen står inde for mailserveren hos {to}."
            ),
            "Intet er gået tabt: mailen holdes tilbage. Den, der har ansvaret for e-mail hos jer, har fået besked og kan slippe mailen fri eller finde en anden vej.",
        ),
        (Became::Sent, Language::En) => words_of(
            format!("There was personal data in your mail to {to}"),
            format!(
                "Your mail to {to} was sent over a channel that is good enough for it. There was personal data in it."
            ),
            "You need do nothing. Send no more of such data than the other side needs.",
        ),
        (Became::Sent, Language::Sv) => words_of(
            format!("Ditt brev till {to} innehöll personuppgifter"),
            format!(
                "Ditt brev till {to} skickades över en kanal som är säker nog för det. Det innehöll personuppgifter."
            ),
            "Du behöver inte göra något. Skicka inte fler sådana uppgifter än mottagaren behöver.",
        ),
        (Became::Sent, Language::Fi) => words_of(
            format!("Viestissäsi osoitteeseen {to} oli henkilötietoja"),
            format!(
                "Viestisi osoitteeseen {to} lähetettiin yhteyttä pitkin, joka on sille riittävän turvallinen. Siinä oli henkilötietoja."
            ),
            "Sinun ei tarvitse tehdä mitään. Älä lähetä tällaisia tietoja enempää kuin vastaanottaja tarvitsee.",
        ),
        (Became::Sent, Language::Nb) => words_of(
            format!("Meldingen din til {to} inneholdt personopplysninger"),
            format!(
                "Meldingen din til {to} ble sendt over en kanal som er sikker nok for den. Den inneholdt personopplysninger."
            ),
            "Du trenger ikke gjøre noe. Send ikke flere slike opplysninger enn mottakeren trenger.",
        ),
        (Became::Sent, Language::Da) => words_of(
            format!("Din mail til {to} indeholdt personoplysninger"),
            format!(
                "Din mail til {to} blev sendt over en kanal, der er sikker nok til den. Den indeholdt personoplysninger."
            ),
            "Du behøver ikke gøre noget. Send ikke flere af den slags oplysninger, end modtageren har brug for.",
        ),
        (Became::CameInClear, Language::En) => words_of(
            format!("A mail from {sender} came unencrypted, with personal data in it"),
            format!(
                "A mail from {sender} to you was delivered. It carries personal data, and on its way to us it was not encrypted: others may have read it."
            ),
            "Ask the sender to use another way next time. Do not answer with the same data in your mail. This was recorded for whoever answers for personal data.",
        ),
        (Became::CameInClear, Language::Sv) => words_of(
            format!("Ett brev från {sender} kom okrypterat, med personuppgifter"),
            format!(
                "Ett brev från {sender} till dig har levererats. Det innehåller personuppgifter, och det var inte krypterat på vägen till oss: andra kan ha läst det."
            ),
            "Be avsändaren använda en annan väg nästa gång. Svara inte med samma uppgifter i brevet. Händelsen har antecknats för den som ansvarar för personuppgifter.",
        ),
        (Became::CameInClear, Language::Fi) => words_of(
            format!("Viesti lähettäjältä {sender} tuli salaamattomana, ja siinä on henkilötietoja"),
            format!(
                "Lähettäjän {sender} viesti sinulle on toimitettu. Siinä on henkilötietoja, eikä sitä ollut salattu matkalla meille: joku muu on voinut lukea sen."
            ),
            "Pyydä lähettäjää käyttämään ensi kerralla toista tapaa. Älä vastaa niin, että samat tiedot ovat viestissäsi. Tapahtuma on kirjattu henkilötiedoista vastaavalle.",
        ),
        (Became::CameInClear, Language::Nb) => words_of(
            format!("En melding fra {sender} kom ukryptert, med personopplysninger"),
            format!(
                "En melding fra {sender} til deg er levert. Den inneholder personopplysninger, og den var ikke kryptert på veien til oss: andre kan ha lest den."
            ),
            "Be avsenderen bruke en annen vei neste gang. Ikke svar med de samme opplysningene i meldingen. Hendelsen er registrert for den som har ansvaret for personopplysninger.",
        ),
        (Became::CameInClear, Language::Da) => words_of(
            format!("En mail fra {sender} kom ukrypteret, med personoplysninger"),
            format!(
                "En mail fra {sender} til dig er leveret. Den indeholder personoplysninger, og den var ikke krypteret på vejen til os: andre kan have læst den."
            ),
            "Bed afsenderen bruge en anden vej næste gang. Svar ikke med de samme oplysninger i mailen. Hændelsen er registreret for den, der har ansvaret for personoplysninger.",
        ),
    }
}

/// To whoever answers for personal data.
fn to_responsible(became: Became, sender: &str, to: &str, language: Language) -> Words {
    let why = |texts: [&str; 3]| {
        let [approval, unprotected, unproven] = texts;
        match became {
            Became::Approval | Became::Sent | Became::CameInClear | Became::Overridden => {
                approval.to_string()
            }
            Became::Unprotected => unprotected.to_string(),
            Became::Unproven => unproven.to_string(),
        }
    };
    match language {
        Language::En => {
            let why = why([
                "Your policy has it approved first",
                "Your policy lets it leave encrypted for its reader only, and it is not",
                "By your policy it may leave only over a proven channel, and nobody vouches for the mail server there",
            ]);
            words_of(
                format!("A mail from {sender} to {to} is held"),
                format!("A mail that {sender} wanted to send to {to} is held. {why}."),
                "So that it does not happen again: agree with the other side on a [[partner]] entry, or ask them to set up DANE or MTA-STS.",
            )
        }
        Language::Sv => {
            let why = why([
                "Enligt er policy ska det godkännas först",
                "Enligt er policy får det bara skickas krypterat för mottagaren, och det är det inte",
                "Enligt er policy får det bara gå över en bevisat säker kanal, och ingen går i god för e-postservern där",
            ]);
            words_of(
                format!("Ett brev från {sender} till {to} hålls kvar"),
                format!("Ett brev som {sender} ville skicka till {to} hålls kvar. {why}."),
                "För att det inte ska hända igen: kom överens med mottagaren om en post [[partner]], eller be dem införa DANE eller MTA-STS.",
            )
        }
        Language::Fi => {
            let why = why([
                "Käytäntönne mukaan se on ensin hyväksyttävä",
                "Käytäntönne mukaan se saa lähteä vain vastaanottajalle salattuna, eikä sitä ole salattu",
                "Käytäntönne mukaan se saa lähteä vain todistetusti suojattua yhteyttä pitkin, eikä kukaan takaa sikäläistä sähköpostipalvelinta",
            ]);
            words_of(
                format!("Viesti lähettäjältä {sender} vastaanottajalle {to} odottaa"),
                format!(
                    "Viesti, jonka {sender} halusi lähettää osoitteeseen {to}, on pidätetty. {why}."
                ),
                "Jotta näin ei kävisi uudelleen: sopikaa vastaanottajan kanssa [[partner]]-merkinnästä tai pyytäkää heitä ottamaan käyttöön DANE tai MTA-STS.",
            )
        }
        Language::Nb => {
            let why = why([
                "Etter retningslinjene deres må den godkjennes først",
                "Etter retningslinjene deres kan den bare sendes kryptert for mottakeren, og det er den ikke",
                "Etter retningslinjene deres kan den bare gå over en bevist sikker kanal, og ingen går god for e-postserveren der",
            ]);
            words_of(
                format!("En melding fra {sender} til {to} holdes tilbake"),
                format!("En melding som {sender} ville sende til {to}, holdes tilbake. {why}."),
                "For at det ikke skal skje igjen: bli enig med mottakeren om en [[partner]]-oppføring, eller be dem innføre DANE eller MTA-STS.",
            )
        }
        Language::Da => {
            let why = why([
                "Efter jeres politik skal den godkendes først",
                "Efter jeres politik må den kun sendes krypteret for modtageren, og det er den ikke",
                "Efter jeres politik må den kun sendes over en bevist sikker kanal, og ingen står inde for mailserveren der",
            ]);
            words_of(
                format!("En mail fra {sender} til {to} holdes tilbage"),
                format!("En mail, som {sender} ville sende til {to}, holdes tilbage. {why}."),
                "For at det ikke skal ske igen: aftal en [[partner]]-post med modtageren, eller bed dem indføre DANE eller MTA-STS.",
            )
        }
    }
}

pub(super) fn found_head(language: Language) -> &'static str {
    match language {
        Language::En => "In it was found:",
        Language::Sv => "I brevet hittades:",
        Language::Fi => "Viestistä löytyi:",
        Language::Nb => "I meldingen ble det funnet:",
        Language::Da => "I mailen blev fundet:",
    }
}

fn look_head(language: Language) -> &'static str {
    match language {
        Language::En => "Look at it, and let it go if it may travel all the same:",
        Language::Sv => "Titta på det, och släpp fram det om det ändå får skickas:",
        Language::Fi => "Katso sitä, ja päästä se eteenpäin, jos sen saa silti lähettää:",
        Language::Nb => "Se på den, og slipp den gjennom hvis den likevel kan sendes:",
        Language::Da => "Se på den, og slip den fri, hvis den alligevel må sendes:",
    }
}

fn say_yes(url: &str, language: Language) -> String {
    let says = match language {
        Language::En => {
            "Look whether everybody in it has to be there, and say yes or no on your own page:"
        }
        Language::Sv => "Se efter om alla behöver vara med, och säg ja eller nej på din egen sida:",
        Language::Fi => {
            "Tarkista, tarvitaanko kaikkia tietoja, ja vastaa kyllä tai ei omalla sivullasi:"
        }
        Language::Nb => "Se etter om alle må være med, og si ja eller nei på din egen side:",
        Language::Da => "Se efter, om alle skal være med, og sig ja eller nej på din egen side:",
    };
    format!("{says}\n\n    {url}\n")
}

fn until(day: &str, language: Language) -> String {
    match language {
        Language::En => format!("If nobody decides, it is deleted on {day}."),
        Language::Sv => format!("Om ingen bestämmer sig raderas det {day}."),
        Language::Fi => format!("Jos kukaan ei päätä siitä, se poistetaan {day}."),
        Language::Nb => format!("Hvis ingen bestemmer seg, slettes den {day}."),
        Language::Da => format!("Hvis ingen beslutter noget, slettes den {day}."),
    }
}

fn whom_to_ask(ask: &str, language: Language) -> String {
    match language {
        Language::En => {
            format!("Ask {ask} if you have questions, or if these are no personal data.")
        }
        Language::Sv => {
            format!("Fråga {ask} om du undrar något, eller om det inte är personuppgifter.")
        }
        Language::Fi => format!(
            "Kysy osoitteesta {ask}, jos sinulla on kysyttävää tai jos nämä eivät ole henkilötietoja."
        ),
        Language::Nb => {
            format!("Spør {ask} hvis du lurer på noe, eller hvis dette ikke er personopplysninger.")
        }
        Language::Da => {
            format!("Spørg {ask}, hvis du er i tvivl, eller hvis det ikke er personoplysninger.")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::clock::UnixMs;

    const ALL: [Became; 5] = [
        Became::Approval,
        Became::Unprotected,
        Became::Unproven,
        Became::Sent,
        Became::CameInClear,
    ];

    fn told(became: Became, held: Option<Id>) -> Told {
        Told {
            sender: "anna@ours.example".to_string(),
            to: "far.example".to_string(),
            became,
            found: vec![Found {
                kind: "register".to_string(),
                count: 40,
                file: "m\r\nembers.xlsx".to_string(),
                mask: String::new(),
            }],
            held,
            until: Some("2026-12-30".to_string()),
            ask: Some("dpo@ours.example".to_string()),
            own_yes: None,
            reason: None,
        }
    }

    #[test]
    fn each_letter_says_what_was_found_and_whom_to_ask_in_each_language() {
        let mut subjects = std::collections::BTreeSet::new();
        for became in ALL {
            for language in Language::ALL {
                let (subject, text) = words(&told(became, None), language);
                for part in ["40, ", "m  embers.xlsx", "2026-12-30", "dpo@ours.example"] {
                    assert!(text.contains(part), "{part} {text}");
                }
                assert!(!text.contains("quarantine release"), "{text}");
                assert!(subjects.insert(subject));
            }
        }
    }

    #[test]
    fn who_may_look_is_told_where() {
        for language in Language::ALL {
            let (subject, text) =
                words(&told(Became::Approval, Some(Id::new(UnixMs(5), [1; 10]))), language);
            assert!(subject.contains("anna@ours.example"), "{subject}");
            assert!(text.contains("quarantine release"), "{text}");
        }
    }
}
