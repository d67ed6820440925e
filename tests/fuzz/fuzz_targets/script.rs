#![no_main]

use sluss::formats::script;
use sluss_fuzz::{budget, target};

target!(|bytes| ["a.js", "a.vbs", "a.ps1", "a.bat", "a"].map(|name| script::open(
    bytes,
    name,
    &mut budget()
)));
