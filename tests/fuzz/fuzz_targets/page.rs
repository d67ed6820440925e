#![no_main]

use sluss::formats::page;
use sluss_fuzz::{budget, target};

target!(|bytes| page::open(bytes, &mut budget()));
