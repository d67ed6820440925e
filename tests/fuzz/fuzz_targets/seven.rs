#![no_main]

use sluss::formats::archive::seven;
use sluss_fuzz::{budget, passwords, target};

target!(|bytes| seven::open(bytes, &passwords(), &mut budget()));
