//! The letters about a mail that is held because nobody vouches for the server it goes to: to whoever sent it, and to whoever answers for
//! personal data.

use super::Language;
use crate::base::ids::Id;

/// What such a letter tells, cleaned already.
#[derive(Debug, Clone, Copy)]
pub(super) struct Told<'a> {
    /// Who sent the mail.
    pub(super) sender: &'a str,
    /// Where it should have gone.
    pub(super) to: &'a str,
    /// In the quarantine under this id; absent in the letter to its sender, who cannot look there.
    pub(super) held: Option<Id>,
}

/// Subject and text.
pub(super) fn words(told: Told, language: Language) -> (String, String) {
    let Told { sender, to, held } = told;
    let Some(held) = held else { return to_sender(to, language) };
    let look = format!("    sluss quarantine show {held}\n    sluss quarantine release {held}\n");
    match language {
        Language::En => (
            format!("A mail from {sender} to {to} is held"),
            format!(
                "A mail that {sender} wanted to send to {to} is held. By your policy it may leave only over a proven channel, and nobody vouches for the mail server of {to}.\n\n\
                 Look at it, and let it go if it may travel all the same:\n\n{look}\n\
                 So that it does not happen again: agree with {to} on a [[partner]] entry, or ask them to set up DANE or MTA-STS.\n"
            ),
        ),
        Language::Sv => (
            format!("Ett brev från {sender} till {to} hålls kvar"),
            format!(
                "Ett brev som {sender} ville skicka till {to} hålls kvar. Enligt er policy får det bara gå över en bevisat säker kanal, och ingen går i god för e-postservern hos {to}.\n\n\
                 Titta på det, och släpp fram det om det ändå får skickas:\n\n{look}\n\
                 För att det inte ska hända igen: kom överens med {to} om en post [[partner]], eller be dem införa DANE eller MTA-STS.\n"
            ),
        ),
        Language::Fi => (
            format!("Viesti lähettäjältä {sender} vastaanottajalle {to} odottaa"),
            format!(
                "Viesti, jonka {sender} halusi lähettää osoitteeseen {to}, on pidätetty. Käytäntönne mukaan se saa lähteä vain todistetusti suojattua yhteyttä pitkin, eikä kukaan takaa vastaanottajan {to} sähköpostipalvelinta.\n\n\
                 Katso sitä, ja päästä se eteenpäin, jos sen saa silti lähettää:\n\n{look}\n\
                 Jotta näin ei kävisi uudelleen: sopikaa osapuolen {to} kanssa [[partner]]-merkinnästä tai pyytäkää heitä ottamaan käyttöön DANE tai MTA-STS.\n"
            ),
        ),
        Language::Nb => (
            format!("En melding fra {sender} til {to} holdes tilbake"),
            format!(
                "En melding som {sender} ville sende til {to}, holdes tilbake. Etter retningslinjene deres kan den bare gå over en bevist sikker kanal, og ingen går god for e-postserveren til {to}.\n\n\
                 Se på den, og slipp den gjennom hvis den likevel kan sendes:\n\n{look}\n\
                 For at det ikke skal skje igjen: bli enig med {to} om en [[partner]]-oppføring, eller be dem innføre DANE eller MTA-STS.\n"
            ),
        ),
        Language::Da => (
            format!("En mail fra {sender} til {to} holdes tilbage"),
            format!(
                "En mail, som {sender} ville sende til {to}, holdes tilbage. Efter jeres politik må den kun sendes over en bevist sikker kanal, og ingen står inde for mailserveren hos {to}.\n\n\
                 Se på den, og slip den fri, hvis den alligevel må sendes:\n\n{look}\n\
                 For at det ikke skal ske igen: aftal en [[partner]]-post med {to}, eller bed dem indføre DANE eller MTA-STS.\n"
            ),
        ),
    }
}

fn to_sender(to: &str, language: Language) -> (String, String) {
    match language {
        Language::En => (
            format!("Your mail to {to} was not sent; it is held"),
            format!(
                "Your mail to {to} was not sent. It may leave only over a proven, encrypted channel, most often because there is personal data in it, and nobody vouches for the mail server of {to}.\n\n\
                 Nothing is lost: it is held. Whoever answers for e-mail in your organisation has been told, and can let it go or find another way.\n"
            ),
        ),
        Language::Sv => (
            format!("Ditt brev till {to} har inte skickats; det hålls kvar"),
            format!(
                "Ditt brev till {to} har inte skickats. Det får bara gå över en bevisat säker, krypterad kanal, oftast för att det innehåller personuppgifter, och ingen går i god för e-postservern hos {to}.\n\n\
                 Inget är förlorat: brevet hålls kvar. Den som ansvarar för e-post hos er har fått veta det och kan släppa fram brevet eller hitta en annan väg.\n"
            ),
        ),
        Language::Fi => (
            format!("Viestiäsi osoitteeseen {to} ei lähetetty; se on pidätetty"),
            format!(
                "Viestiäsi osoitteeseen {to} ei lähetetty. Se saa lähteä vain todistetusti suojattua yhteyttä pitkin, useimmiten siksi, että siinä on henkilötietoja, eikä kukaan takaa vastaanottajan {to} sähköpostipalvelinta.\n\n\
                 Mitään ei ole kadonnut: viesti odottaa. Organisaatiosi sähköpostista vastaava on saanut tiedon ja voi päästää viestin eteenpäin tai etsiä toisen tavan.\n"
            ),
        ),
        Language::Nb => (
            format!("Meldingen din til {to} er ikke sendt; den holdes tilbake"),
            format!(
                "Meldingen din til {to} er ikke sendt. Den kan bare gå over en bevist sikker, kryptert kanal, oftest fordi den inneholder personopplysninger, og ingen går god for e-postserveren til {to}.\n\n\
                 Ingenting er tapt: meldingen holdes tilbake. Den som har ansvaret for e-post hos dere, har fått vite det og kan slippe den gjennom eller finne en annen vei.\n"
            ),
        ),
        Language::Da => (
            format!("Din mail til {to} er ikke sendt; den holdes tilbage"),
            format!(
                "Din mail til {to} er ikke sendt. Den må kun sendes over en bevist sikker, krypteret kanal, oftest fordi den indeholder personoplysninger, og ingen står inde for mailserveren hos {to}.\n\n\
                 Intet er gået tabt: mailen holdes tilbage. Den, der har ansvaret for e-mail hos jer, har fået besked og kan slippe mailen fri eller finde en anden vej.\n"
            ),
        ),
    }
}
