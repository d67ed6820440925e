#![no_main]

use sluss::formats::mime::sweep;
use sluss_fuzz::{budget, target};

target!(|bytes| sweep::sweep(bytes, &mut budget()));
