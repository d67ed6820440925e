#![no_main]

use sluss::formats::office;
use sluss_fuzz::{budget, passwords, target};

target!(|bytes| office::open(bytes, "a.doc", &passwords(), &mut budget()));
