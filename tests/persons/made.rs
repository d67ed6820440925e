//! Identity numbers that nobody has: of the ranges that each country has published for tests, or of people long dead; and the cards of the networks.

/// Splitmix64: the same numbers every time, on every machine.
pub struct Dice(pub u64);

impl Dice {
    pub fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % sides
    }

    pub fn between(&mut self, first: u64, last: u64) -> u64 {
        first + self.roll(last - first + 1)
    }

    pub fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[usize::try_from(self.roll(u64::try_from(from.len()).unwrap())).unwrap()]
    }

    pub fn digits(&mut self, count: usize) -> String {
        (0..count).map(|_| char::from(b'0' + u8::try_from(self.roll(10)).unwrap())).collect()
    }
}

fn weighted(digits: &str, weights: &[u32]) -> u32 {
    digits.bytes().zip(weights).map(|(digit, weight)| u32::from(digit - b'0') * weight).sum()
}

fn luhn_digit(nine: &str) -> u32 {
    let sum: u32 = nine
        .bytes()
        .rev()
        .zip([2, 1].into_iter().cycle())
        .map(|(digit, times)| {
            let product = u32::from(digit - b'0') * times;
            product / 10 + product % 10
        })
        .sum();
    (10 - sum % 10) % 10
}

/// A number: the kind, as it is usually written, and in one piece of letters and digits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Id {
    pub kind: &'static str,
    pub written: String,
}

impl Id {
    pub fn bare(&self) -> String {
        self.written.chars().filter(char::is_ascii_alphanumeric).collect()
    }
}

fn day(dice: &mut Dice) -> (u64, u64) {
    (dice.between(1, 12), dice.between(1, 28))
}

/// Skatteverket's series for tests: 980 and 981 for the oldest, 238 and 239 for all others.
pub fn personnummer(dice: &mut Dice) -> Id {
    let year = dice.between(1912, 2019);
    let (month, day) = day(dice);
    let nine = format!("{:02}{month:02}{day:02}{}", year % 100, dice.pick(&["238", "239"]));
    let ten = format!("{nine}{}", luhn_digit(&nine));
    let sign = if year <= 1926 { '+' } else { '-' };
    Id { kind: "se.personnummer", written: format!("{}{sign}{}", &ten[..6], &ten[6..]) }
}

pub fn samordningsnummer(dice: &mut Dice) -> Id {
    let year = dice.between(1930, 2019);
    let (month, day) = day(dice);
    let nine = format!("{:02}{month:02}{:02}{}", year % 100, day + 60, dice.pick(&["238", "239"]));
    let ten = format!("{nine}{}", luhn_digit(&nine));
    Id { kind: "se.samordningsnummer", written: format!("{}-{}", &ten[..6], &ten[6..]) }
}

/// Individual numbers from 900.
pub fn henkilotunnus(dice: &mut Dice) -> Id {
    let (month, day) = day(dice);
    let (sign, year) = match dice.roll(3) {
        0 => (dice.pick(&['A', 'B', 'C', 'D', 'E', 'F']), dice.between(0, 25)),
        1 => (dice.pick(&['Y', 'X', 'W', 'V', 'U']), dice.between(30, 99)),
        _ => ('-', dice.between(30, 99)),
    };
    let date = format!("{day:02}{month:02}{year:02}");
    let number = dice.between(900, 999);
    let rest: usize = (format!("{date}{number}").parse::<u64>().unwrap() % 31).try_into().unwrap();
    let check = char::from(b"0123456789ABCDEFHJKLMNPRSTUVWXY"[rest]);
    Id { kind: "fi.henkilotunnus", written: format!("{date}{sign}{number}{check}") }
}

/// Tenor's synthetic persons: the month plus 80.
pub fn fodselsnummer(dice: &mut Dice) -> Id {
    loop {
        let (month, day) = day(dice);
        let d_number = dice.roll(5) == 0;
        let year = dice.between(40, 99);
        let nine = format!(
            "{:02}{:02}{year:02}{:03}",
            day + if d_number { 40 } else { 0 },
            month + 80,
            dice.roll(500)
        );
        let first = (11 - weighted(&nine, &[3, 7, 6, 1, 8, 9, 4, 5, 2]) % 11) % 11;
        let ten = format!("{nine}{first}");
        let second = (11 - weighted(&ten, &[5, 4, 3, 2, 7, 6, 5, 4, 3, 2]) % 11) % 11;
        if first < 10 && second < 10 {
            let kind = if d_number { "no.d-nummer" } else { "no.fodselsnummer" };
            return Id { kind, written: format!("{ten}{second}") };
        }
    }
}

/// Born from 1858 to 1899; `checked`: the sum divisible by eleven.
pub fn cpr(dice: &mut Dice, checked: bool) -> Id {
    loop {
        let (month, day) = day(dice);
        let ten = format!(
            "{day:02}{month:02}{:02}{}{}",
            dice.between(58, 99),
            dice.between(5, 8),
            dice.digits(3)
        );
        if weighted(&ten, &[4, 3, 2, 7, 6, 5, 4, 3, 2, 1]).is_multiple_of(11) == checked {
            return Id { kind: "dk.cpr", written: format!("{}-{}", &ten[..6], &ten[6..]) };
        }
    }
}

/// With the serial numbers 14 and 15.
pub fn kennitala(dice: &mut Dice) -> Id {
    loop {
        let (month, day) = day(dice);
        let eight =
            format!("{day:02}{month:02}{:02}{}", dice.between(40, 99), dice.pick(&["14", "15"]));
        let check = (11 - weighted(&eight, &[3, 2, 7, 6, 5, 4, 3, 2]) % 11) % 11;
        if check < 10 {
            return Id {
                kind: "is.kennitala",
                written: format!("{}-{}{check}9", &eight[..6], &eight[6..]),
            };
        }
    }
}

/// Born in the nineteenth century.
pub fn baltic(dice: &mut Dice, kind: &'static str) -> Id {
    let (month, day) = day(dice);
    if kind == "lv.personas-kods" {
        let ten = format!("{day:02}{month:02}{:02}0{}", dice.roll(100), dice.digits(3));
        let check = (1_101 - weighted(&ten, &[1, 6, 3, 7, 9, 10, 5, 8, 4, 2])) % 11 % 10;
        return Id { kind, written: format!("{}-{}{check}", &ten[..6], &ten[6..]) };
    }
    let ten =
        format!("{}{:02}{month:02}{day:02}{}", dice.between(1, 2), dice.roll(100), dice.digits(3));
    let check = match weighted(&ten, &[1, 2, 3, 4, 5, 6, 7, 8, 9, 1]) % 11 {
        10 => weighted(&ten, &[3, 4, 5, 6, 7, 8, 9, 1, 2, 3]) % 11 % 10,
        check => check,
    };
    Id { kind, written: format!("{ten}{check}") }
}

/// Numbers that stand in leaflets and manuals.
pub const FROM_AFAR: &[(&str, &str)] = &[
    ("de.steuer-id", "86095742719"),
    ("nl.bsn", "999990019"),
    ("pl.pesel", "44051401359"),
    ("es.dni", "12345678Z"),
    ("it.codice-fiscale", "RSSMRA85T10A562S"),
    ("fr.nir", "255081416802538"),
    ("gb.nino", "QQ123456C"),
    ("us.ssn", "078-05-1120"),
];

/// The networks' own numbers for tests.
pub const CARDS: &[&str] = &[
    "4111111111111111",
    "4012888888881881",
    "5555555555554444",
    "5105105105105100",
    "2223003122003222",
    "378282246310005",
    "371449635398431",
    "6011111111111117",
    "3530111333300000",
    "30569309025904",
];

pub fn card(dice: &mut Dice) -> Id {
    let number = dice.pick(CARDS);
    let written = match (number.len(), dice.roll(3)) {
        (16, 0) => {
            format!("{} {} {} {}", &number[..4], &number[4..8], &number[8..12], &number[12..])
        }
        (16, 1) => {
            format!("{}-{}-{}-{}", &number[..4], &number[4..8], &number[8..12], &number[12..])
        }
        (15, 0 | 1) => format!("{} {} {}", &number[..4], &number[4..10], &number[10..]),
        _ => number.to_string(),
    };
    Id { kind: "card", written }
}
