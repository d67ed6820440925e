#![no_main]

use sluss::formats::archive::rare;
use sluss_fuzz::{budget, passwords, target};

target!(|bytes| rare::of(bytes).map(|kind| rare::open(kind, bytes, &passwords(), &mut budget())));
