#![no_main]

use sluss::formats::crypto;
use sluss_fuzz::{budget, target};

target!(|bytes| crypto::open(bytes, &mut budget()));
