#![no_main]

use sluss::formats::disk;
use sluss_fuzz::{budget, target};

target!(|bytes| disk::open(bytes, &mut budget()));
