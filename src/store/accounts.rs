//! Accounts: who may log in, and the proof kept of their password. Used by SMTP AUTH; those for the web are kept alike.
//!
//! A password is never kept, only its argon2id hash (RFC 9106); verifying costs the same whether or not the account is there.

use crate::{
    base::{clock::UnixMs, hidden::Hidden, limits},
    mail::{Domain, Organisation},
    store::scope::Scope,
};
use argon2::{
    Argon2,
    password_hash::{self, PasswordHasher, PasswordVerifier, phc},
};
use data_encoding::{Encoding, Specification};
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};
use unicode_normalization::UnicodeNormalization;
use zeroize::Zeroize;

/// What an account is for. The same name may stand for both, with a password each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Purpose {
    /// SMTP AUTH on outbound listeners.
    Smtp,
    /// The web pages.
    Web,
}

impl Purpose {
    /// The word in commands and rows.
    pub fn word(self) -> &'static str {
        match self {
            Purpose::Smtp => "smtp",
            Purpose::Web => "web",
        }
    }
}

impl FromStr for Purpose {
    type Err = String;

    fn from_str(word: &str) -> Result<Purpose, String> {
        match word {
            "smtp" => Ok(Purpose::Smtp),
            "web" => Ok(Purpose::Web),
            other => Err(format!("{other:?} is neither \"smtp\" nor \"web\"")),
        }
    }
}

/// A user name in the one form it is compared in: RFC 8265 section 3.3 (case mapped, normal form C).
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct UserName(String);

/// Why a text is no user name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a user name has 1 to {max} octets, without spaces and control characters", max = limits::USER_NAME_BYTES_MAX)]
pub struct NotAUserName;

impl UserName {
    /// Checks a name and brings it into its form.
    pub fn parse(text: &str) -> Result<UserName, NotAUserName> {
        // Before the work of folding: a long text grows no longer than three times itself.
        if text.len() > limits::USER_NAME_BYTES_MAX {
            return Err(NotAUserName);
        }
        let folded: String = text.to_lowercase().nfc().collect();
        let odd = |letter: char| letter.is_control() || letter.is_whitespace();
        let fits = (1..=limits::USER_NAME_BYTES_MAX).contains(&folded.len());
        match fits && !folded.contains(odd) {
            true => Ok(UserName(folded)),
            false => Err(NotAUserName),
        }
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for UserName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One account as it is shown. The hash is not part of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Account {
    /// Its name.
    pub name: String,
    /// What it is for.
    pub purpose: Purpose,
    /// Whose it is.
    pub organisation: Organisation,
    /// It may log in.
    pub enabled: bool,
    /// When it was made.
    pub created: UnixMs,
    /// When its password was last set.
    pub password_set: UnixMs,
    /// When it last logged in, to the hour; zero: never.
    pub last_used: UnixMs,
    /// What it may do on the web pages; none for an account of SMTP AUTH.
    pub web: Option<WebAccess>,
}

impl Account {
    /// Whose mail it may see on the web pages.
    pub fn scope(&self) -> Option<Scope> {
        let web = self.web.as_ref()?;
        Some(match (web.everywhere, web.domains.is_empty()) {
            (true, _) => Scope::Everything,
            (false, true) => Scope::Organisation(self.organisation.clone()),
            (false, false) => Scope::Domains(self.organisation.clone(), web.domains.clone()),
        })
    }
}

/// What an account may do on the web pages, and where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WebAccess {
    /// What it does here.
    pub role: Role,
    /// In all organisations, not its own alone.
    pub everywhere: bool,
    /// In these domains of its organisation only; all when empty.
    pub domains: Vec<Domain>,
    /// It shows a second factor at log-in.
    pub second_factor: bool,
}

/// What somebody does here. Which rights follow from it stands in one table, `edge::http::rights`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Everything, accounts included.
    Owner,
    /// Everything but accounts.
    Admin,
    /// Looks at what is held and decides.
    Reviewer,
    /// Answers questions: what happened to a mail, never what stood in it.
    Helpdesk,
    /// Reads what is known of mails, and the audit log; changes nothing.
    Auditor,
    /// An admin of one organisation, or of some of its domains.
    DomainAdmin,
}

impl Role {
    /// All, the most powerful first.
    pub const ALL: [Role; 6] = [
        Role::Owner,
        Role::Admin,
        Role::Reviewer,
        Role::Helpdesk,
        Role::Auditor,
        Role::DomainAdmin,
    ];

    /// The word in commands, rows and on pages.
    pub fn word(self) -> &'static str {
        match self {
            Role::Owner => "owner",
            Role::Admin => "admin",
            Role::Reviewer => "reviewer",
            Role::Helpdesk => "helpdesk",
            Role::Auditor => "auditor",
            Role::DomainAdmin => "domain-admin",
        }
    }
}

impl FromStr for Role {
    type Err = String;

    fn from_str(word: &str) -> Result<Role, String> {
        Role::ALL.into_iter().find(|role| role.word() == word).ok_or_else(|| {
            let words: Vec<&str> = Role::ALL.iter().map(|role| role.word()).collect();
            format!("{word:?} is no role; there are {}", words.join(", "))
        })
    }
}

/// A password's argon2id hash, in the form that every other program reads: `$argon2id$v=19$m=19456,t=2,p=1$salt$hash`.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash(String);

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("password hash(hidden)")
    }
}

/// Why a password could not be hashed or compared.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PasswordError {
    /// It is too short, too long, or has control characters.
    #[error(
        "a password has at least {min} letters and at most {max} octets, and no control characters",
        min = limits::PASSWORD_LETTERS_MIN,
        max = limits::PASSWORD_BYTES_MAX
    )]
    Unfit,
    /// The system has no random bytes for us.
    #[error("no random bytes for a salt: {0}")]
    NoRandom(String),
    /// The hash in the store cannot be used.
    #[error("the stored password hash cannot be used: {0}")]
    Hash(String),
}

impl PasswordHash {
    /// Hashes a new password. Takes some hundredths of a second and 19 MiB.
    pub fn make(password: &Hidden<String>) -> Result<PasswordHash, PasswordError> {
        let letters = password.expose().chars().count();
        let odd = password.expose().chars().any(char::is_control);
        if odd
            || letters < limits::PASSWORD_LETTERS_MIN
            || password.expose().len() > limits::PASSWORD_BYTES_MAX
        {
            return Err(PasswordError::Unfit);
        }
        let mut salt = [0; 16];
        getrandom::fill(&mut salt).map_err(|error| PasswordError::NoRandom(error.to_string()))?;
        let hash: phc::PasswordHash = Argon2::default()
            .hash_password_with_salt(prepared(password).expose(), &salt)
            .map_err(|error| PasswordError::Hash(error.to_string()))?;
        Ok(PasswordHash(hash.to_string()))
    }

    /// One read from a row.
    pub fn stored(text: String) -> PasswordHash {
        PasswordHash(text)
    }

    /// As it is written in a row.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What a password is compared with when there is no account: nobody's hash, with the cost of everybody's.
    pub fn nobodys() -> PasswordHash {
        PasswordHash(NOBODYS.to_string())
    }

    /// Is this the password? Takes as long as [`PasswordHash::make`].
    pub fn fits(&self, password: &Hidden<String>) -> Result<bool, PasswordError> {
        let broken = |error: &dyn fmt::Display| PasswordError::Hash(error.to_string());
        let hash = phc::PasswordHash::new(&self.0).map_err(|error| broken(&error))?;
        // Half a row is no wrong password.
        if hash.salt.is_none() || hash.hash.is_none() {
            return Err(broken(&"there is no salt or no hash in it"));
        }
        match Argon2::default().verify_password(prepared(password).expose(), &hash) {
            Ok(()) => Ok(true),
            Err(password_hash::Error::PasswordInvalid) => Ok(false),
            Err(error) => Err(broken(&error)),
        }
    }
}

/// RFC 8265 section 4.2: one form for what different keyboards send for the same letters, and any space is a plain one.
fn prepared(password: &Hidden<String>) -> Hidden<Vec<u8>> {
    let plain_space = |letter: char| if letter.is_whitespace() { ' ' } else { letter };
    let mut text: String = password.expose().nfc().map(plain_space).collect();
    let bytes = text.as_bytes().to_vec();
    text.zeroize();
    Hidden::new("password", bytes)
}

/// A password that nobody has to think of: 100 bits in letters that can be read out by telephone.
pub fn made_up_password() -> Result<Hidden<String>, PasswordError> {
    let mut specification = Specification::new();
    specification.symbols.push_str("abcdefghijkmnpqrstuvwxyz23456789");
    let failed = |error: &dyn fmt::Display| PasswordError::NoRandom(error.to_string());
    let letters: Encoding = specification.encoding().map_err(|error| failed(&error))?;
    let mut random = [0; limits::PASSWORD_MADE_LETTERS];
    getrandom::fill(&mut random).map_err(|error| failed(&error))?;
    let mut text = letters.encode(&random);
    text.truncate(limits::PASSWORD_MADE_LETTERS);
    random.zeroize();
    Ok(Hidden::new("password", text))
}

/// Salt and hash are random bytes; no password is known for it.
const NOBODYS: &str = "$argon2id$v=19$m=19456,t=2,p=1$jm7ZkUB5TSZZXvnJoSUN7g$Hgs/nDyw8Wl0EUa2W0V4TQOJxy3tGvI8nvSHuEYf1Ns";

#[cfg(test)]
mod tests {
    use super::*;

    fn password(text: &str) -> Hidden<String> {
        Hidden::new("password", text.to_string())
    }

    #[test]
    fn names_have_one_form() {
        for (text, want) in [
            ("Anna@Ours.Example", Some("anna@ours.example")),
            ("ÅSA", Some("åsa")),
            ("A\u{30a}sa", Some("åsa")),
            ("", None),
            ("a b", None),
            ("a\u{0}", None),
            (&"a".repeat(255), Some(&*"a".repeat(255))),
            (&"a".repeat(256), None),
        ] {
            assert_eq!(UserName::parse(text).ok().as_ref().map(UserName::as_str), want, "{text:?}");
        }
    }

    #[test]
    fn a_password_fits_itself_alone_and_hashes_differ() {
        let (one, two) = (
            PasswordHash::make(&password("rätt häst batteri")).unwrap(),
            PasswordHash::make(&password("rätt häst batteri")).unwrap(),
        );
        assert_ne!(one, two, "each has a salt of its own");
        assert!(one.as_str().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{one:?}");
        for (text, fits) in [
            ("rätt häst batteri", true),
            ("ra\u{308}tt ha\u{308}st\u{a0}batteri", true),
            ("rätt häst batteri ", false),
            ("Rätt häst batteri", false),
            ("", false),
        ] {
            assert_eq!(one.fits(&password(text)), Ok(fits), "{text:?}");
        }
    }

    #[test]
    fn nobody_costs_what_everybody_costs() {
        let cost = |hash: &PasswordHash| {
            let parsed = phc::PasswordHash::new(hash.as_str()).unwrap();
            let lengths = (parsed.salt.unwrap().len(), parsed.hash.unwrap().len());
            (parsed.algorithm, parsed.version, parsed.params, lengths)
        };
        let made = PasswordHash::make(&password("long enough")).unwrap();
        assert_eq!(cost(&PasswordHash::nobodys()), cost(&made));
        assert_eq!(PasswordHash::nobodys().fits(&password("long enough")), Ok(false));
    }

    #[test]
    fn passwords_that_are_not_taken() {
        for text in ["", "short", "seven77", "line\nbreak in it", &"x".repeat(513)] {
            assert_eq!(PasswordHash::make(&password(text)), Err(PasswordError::Unfit), "{text:?}");
        }
        let broken = PasswordHash::stored("$argon2id$".to_string()).fits(&password("long enough"));
        assert!(matches!(broken, Err(PasswordError::Hash(_))), "{broken:?}");
    }

    #[test]
    fn made_up_passwords_are_long_and_differ() {
        let (one, two) = (made_up_password().unwrap(), made_up_password().unwrap());
        assert_eq!(one.expose().chars().count(), limits::PASSWORD_MADE_LETTERS);
        assert_ne!(one, two);
        assert!(one.expose().chars().all(|letter| letter.is_ascii_alphanumeric()));
    }
}
