#![no_main]

use sluss_fuzz::{open_zip, target};

target!(|bytes| open_zip(bytes));
