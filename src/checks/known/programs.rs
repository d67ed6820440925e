//! What `X-Mailer` and `User-Agent` say of programs that are made for spam, as their makers or their users sign them.

/// The name of the tool, if the value names one.
pub(crate) fn bulk_tool(mailer: &str) -> Option<&'static str> {
    let mailer = mailer.to_lowercase();
    BULK_TOOLS.iter().find(|name| mailer.contains(**name)).copied()
}

/// Programs sold or passed around for unasked bulk mail, and kits found on broken-into web sites. Lower case.
/// Honest newsletter programs and libraries (PHPMailer, Mailman, Mailchimp) are not here.
const BULK_TOOLS: &[&str] = &[
    "advanced mass sender",
    "aristotle mail",
    "atomic mail sender",
    "authmailer",
    "bulk mailer",
    "calypso bulk",
    "dark mailer",
    "darkmailer",
    "desktopserver",
    "diffondi",
    "direct email",
    "e-broadcaster",
    "email platinum",
    "emailer platinum",
    "envoymail",
    "extractor pro",
    "floodgate",
    "gamma mailer",
    "globalmailer",
    "gomail",
    "gophish",
    "group mail sender",
    "inet_mail_out",
    "king-phisher",
    "leaf phpmailer",
    "leafmailer",
    "mach10",
    "mass mailer",
    "mass sender",
    "massmail",
    "mmailer",
    "odin mailer",
    "owl mailer",
    "power mailer",
    "powermailer",
    "quick mailer",
    "ratware",
    "rapid mailer",
    "send-safe",
    "sendblaster",
    "smart mailer",
    "stealth mail",
    "super mailer pro",
    "the mailing fast",
    "turbo mailer",
    "turbo-mailer",
    "ultimate mailer",
    "wc mail __ty",
    "xmailer king",
    "yourmailer",
    "zanmax",
    "alexusmailer",
    "priv8 mailer",
    "anonymous mailer",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tools() {
        assert_eq!(bulk_tool("Send-Safe 2.0"), Some("send-safe"));
        for honest in [
            "Microsoft Outlook 16.0",
            "Apple Mail (2.3774)",
            "PHPMailer 6.9",
            "Mozilla Thunderbird",
            "Mailman 2.1",
            "Roundcube Webmail",
            "Evolution 3.4",
            "SuperMailer",
            "iPhone Mail (21A5)",
        ] {
            assert_eq!(bulk_tool(honest), None, "{honest}");
        }
    }
}
