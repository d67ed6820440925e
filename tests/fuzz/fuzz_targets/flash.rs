#![no_main]

use sluss::formats::flash;
use sluss_fuzz::{budget, target};

target!(|bytes| flash::open(bytes, &mut budget()));
