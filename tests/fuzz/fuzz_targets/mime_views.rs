#![no_main]

use sluss::formats::mime;
use sluss_fuzz::{budget, target};

target!(|bytes| mime::views(bytes, "", &mut budget()));
