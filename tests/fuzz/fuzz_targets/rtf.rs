#![no_main]

use sluss::formats::rtf;
use sluss_fuzz::{budget, target};

target!(|bytes| rtf::open(bytes, &mut budget()));
