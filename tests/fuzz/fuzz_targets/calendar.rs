#![no_main]

use sluss::formats::calendar;
use sluss_fuzz::{budget, target};

target!(|bytes| calendar::open(bytes, &mut budget()));
