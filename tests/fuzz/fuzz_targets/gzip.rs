#![no_main]

use sluss::formats::archive::gzip;
use sluss_fuzz::{budget, target};

target!(|bytes| gzip::unpack(bytes, &mut budget()));
