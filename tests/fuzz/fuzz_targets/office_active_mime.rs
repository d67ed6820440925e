#![no_main]

use sluss::formats::office::active_mime;
use sluss_fuzz::{budget, target};

target!(|bytes| active_mime::open(bytes, &mut budget()));
