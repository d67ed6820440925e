#![no_main]

use sluss::formats::mime;
use sluss_fuzz::{budget, target};

target!(|bytes| mime::split(bytes, "", &mut budget()));
