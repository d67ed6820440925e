#![no_main]

use sluss::formats::mime::mbox;
use sluss_fuzz::{budget, target};

target!(|bytes| mbox::open(bytes, &mut budget()));
