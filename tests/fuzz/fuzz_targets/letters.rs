#![no_main]

use sluss::formats::letters;
use sluss_fuzz::target_over_text;

target_over_text!(|text| letters::as_seen(text).signs());
