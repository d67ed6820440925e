#![no_main]

use sluss::formats::report::dmarc;
use sluss_fuzz::{budget, target};

target!(|bytes| dmarc::read(bytes, 1_000, &budget()));
