#![no_main]

use sluss::formats::encodings;
use sluss_fuzz::target_over_text;

target_over_text!(|text| (encodings::runs(text), encodings::decode_whole(text)));
