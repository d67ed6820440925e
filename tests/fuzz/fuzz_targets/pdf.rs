#![no_main]

use sluss::formats::pdf;
use sluss_fuzz::{budget, passwords, target};

target!(|bytes| pdf::open(bytes, &passwords(), &mut budget()));
