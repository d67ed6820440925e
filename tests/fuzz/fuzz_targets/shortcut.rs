#![no_main]

use sluss::formats::shortcut;
use sluss_fuzz::{budget, target};

target!(|bytes| ["a.lnk", "a.url", "a.rdp", "a"].map(|name| shortcut::open(
    bytes,
    name,
    &mut budget()
)));
