//! Short tables of what the world is like: names, endings, programs. Data, not code; a row is added with its reason.
//!
//! Nothing here is a list of bad senders: such lists age, and are asked for over DNS.

pub(crate) mod brands;
pub(crate) mod endings;
pub(crate) mod hosts;
pub(crate) mod programs;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::read;

    #[test]
    fn our_users_stand_in_no_table() {
        for domain in [
            "kommun.se",
            "xn--rksmrgs-5wao1o.se",
            "yhdistys.fi",
            "forening.no",
            "firma.dk",
            "felag.is",
            "firma.ax",
            "club.nu",
            "post-norden.se",
            "norden.eu",
            "bolag.com",
            "foretag.io",
            "sebastian.se",
            "nordeamuseet.se",
            "hantverk-norden.se",
        ] {
            assert!(!hosts::is_freemail(domain), "{domain}");
            assert!(!hosts::is_shortener(domain), "{domain}");
            assert!(!hosts::is_free_host(domain), "{domain}");
            assert!(!hosts::is_rewriter(domain), "{domain}");
            assert!(!hosts::is_doubtful_top(domain), "{domain}");
            assert!(brands::imitated_by(domain).is_none(), "{domain}");
        }
        for name in [
            "Åsa Öberg",
            "Öberg, Åsa",
            "Päivi Mäkelä",
            "Bjørn Ødegård",
            "Søren Kjær",
            "Guðrún Jónsdóttir",
            "Elisa",
            "Vera Post",
            "Kundtjänst",
            "Brf Måsen 4",
            "Kommunstyrelsen",
            "Sami Netsman",
            "Nordeas vänner",
            "Swish-gruppen i Lund",
            "DNB-rådet Åsa",
        ] {
            assert!(brands::claimed_by(name).is_none(), "{name}");
            assert!(!read::letters::is_disguised(name), "{name}");
        }
    }
}
