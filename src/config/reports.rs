//! `[reports]`: reports of others about our mail that are read here, and those that others get of us.

use crate::{base::limits, mail::Address};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// Reports of others about our mail: DMARC aggregate reports, complaints (ARF), delivery notices (DSN).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Reports {
    /// Addresses in domains of ours whose mail is read here and not passed on: those that you name with `rua=` and `ruf=` in your DMARC
    /// records, and where complaints come. What stands behind a `+` in the local part is the sender's. Default none; a domain whose
    /// next hop is "internal:" has `reports@` in any case. `postmaster` and `abuse` cannot stand here: people write to them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub addresses: Vec<Address>,
    /// Days a report is kept. Default 400: a year, and the month before it to compare with. Complaints and delivery notices name people's
    /// addresses and are kept 90 days at most.
    #[serde(default = "default_days")]
    pub days: u64,
    /// When the daily report is written, by the clock of UTC: "06:00". Each organisation's `postmaster` contact is told of its mail of
    /// yesterday. Default: never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub daily: Option<TimeOfDay>,
    /// Who gets that report over all organisations, with what is not as it should be. Default none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub daily_to: Vec<Address>,
    /// Whether domains that ask for it (`_smtp._tls` TXT) are told each day how many of our TLS sessions with their mail hosts went well and
    /// how the others failed (RFC 8460): "send", from the first of `addresses`, or "off". Default: "send" where there is such an address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<TlsReports>,
}

/// Are domains told of TLS sessions with their mail hosts?
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TlsReports {
    /// Those that ask for it.
    Send,
    /// No.
    Off,
}

impl Reports {
    /// Who writes to domains of the TLS sessions with their mail hosts; nobody where that is off.
    pub fn sends_tls(&self) -> Option<&Address> {
        match self.tls {
            Some(TlsReports::Off) => None,
            Some(TlsReports::Send) | None => self.addresses.first(),
        }
    }
}

/// A time of day: "07:30".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeOfDay {
    minutes: u64,
}

impl TimeOfDay {
    /// Hours and minutes, each with two digits.
    pub fn parse(text: &str) -> Option<TimeOfDay> {
        let (hours, minutes) = text.split_once(':')?;
        let two = |digits: &str, end: u64| {
            let is_number = digits.len() == 2 && digits.bytes().all(|one| one.is_ascii_digit());
            digits.parse::<u64>().ok().filter(|number| is_number && *number < end)
        };
        Some(TimeOfDay { minutes: two(hours, 24)? * 60 + two(minutes, 60)? })
    }

    /// How long the day is old then.
    pub fn since_midnight_ms(self) -> u64 {
        self.minutes * 60_000
    }
}

impl Serialize for TimeOfDay {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{:02}:{:02}", self.minutes / 60, self.minutes % 60))
    }
}

impl<'de> Deserialize<'de> for TimeOfDay {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<TimeOfDay, D::Error> {
        let text = String::deserialize(deserializer)?;
        TimeOfDay::parse(&text).ok_or_else(|| {
            de::Error::custom(format!("{text:?} is no time of day such as \"07:00\""))
        })
    }
}

impl Default for Reports {
    fn default() -> Reports {
        Reports {
            addresses: Vec::new(),
            days: default_days(),
            daily: None,
            daily_to: Vec::new(),
            tls: None,
        }
    }
}

fn default_days() -> u64 {
    limits::REPORT_DAYS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_of_day_has_two_digits_on_both_sides() {
        for (text, want) in [
            ("00:00", Some(0)),
            ("07:30", Some(27_000_000)),
            ("23:59", Some(86_340_000)),
            ("24:00", None),
            ("7:30", None),
            ("07:60", None),
            ("+7:30", None),
            ("0730", None),
        ] {
            let time = TimeOfDay::parse(text);
            assert_eq!(time.map(TimeOfDay::since_midnight_ms), want, "{text}");
            if let Some(time) = time {
                assert_eq!(serde_json::to_value(time).unwrap(), text);
            }
        }
    }
}
