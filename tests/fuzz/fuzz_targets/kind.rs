#![no_main]

use sluss::formats::kind;
use sluss_fuzz::target;

target!(|bytes| kind::of(bytes, "a.bin"));
