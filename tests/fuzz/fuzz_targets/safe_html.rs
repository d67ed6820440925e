#![no_main]

use sluss::formats::safe_html::{Pictures, safe_page};
use sluss_fuzz::target_over_text;

target_over_text!(|text| safe_page(text, &Pictures::default()));
