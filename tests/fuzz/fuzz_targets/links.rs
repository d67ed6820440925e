#![no_main]

use sluss::formats::links;
use sluss_fuzz::target_over_text;

target_over_text!(|text| (
    links::in_text(text).count(),
    links::signs(text),
    links::defanged(text),
    links::unwrapped(text)
));
