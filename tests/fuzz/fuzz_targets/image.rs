#![no_main]

use sluss::formats::image;
use sluss_fuzz::{budget, target};

target!(|bytes| image::open(bytes, &mut budget()));
