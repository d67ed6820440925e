#![no_main]

use sluss::formats::office_xml;
use sluss_fuzz::{budget, target};

target!(|bytes| office_xml::open(bytes, "a.docx", &mut budget()));
