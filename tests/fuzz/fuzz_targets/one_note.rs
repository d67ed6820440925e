#![no_main]

use sluss::formats::one_note;
use sluss_fuzz::{budget, target};

target!(|bytes| one_note::open(bytes, &mut budget()));
