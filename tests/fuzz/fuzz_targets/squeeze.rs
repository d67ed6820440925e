#![no_main]

use sluss::formats::archive::squeeze;
use sluss::formats::archive::squeeze::Squeeze;
use sluss_fuzz::{budget, target};

target!(|bytes| Squeeze::of(bytes).map(|kind| squeeze::open(
    bytes,
    kind,
    Some("a.gz"),
    &mut budget()
)));
