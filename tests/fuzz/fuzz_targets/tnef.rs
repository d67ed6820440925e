#![no_main]

use sluss::formats::tnef;
use sluss_fuzz::{budget, target};

target!(|bytes| tnef::open(bytes, &mut budget()));
