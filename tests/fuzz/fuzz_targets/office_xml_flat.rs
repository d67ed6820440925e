#![no_main]

use sluss::formats::office_xml;
use sluss_fuzz::{budget, target};

target!(|bytes| office_xml::open_flat(bytes, "a.xml", &mut budget()));
