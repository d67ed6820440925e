#![no_main]

use sluss::formats::apple;
use sluss_fuzz::{budget, target};

target!(|bytes| apple::open(bytes, &mut budget()));
