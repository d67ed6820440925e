#![no_main]

use sluss::formats::report::returned;
use sluss_fuzz::target_over_text;

target_over_text!(|text| returned::in_text(text));
