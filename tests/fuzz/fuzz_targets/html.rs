#![no_main]

use sluss::formats::html;
use sluss_fuzz::target_over_text;

target_over_text!(|text| html::read(text));
