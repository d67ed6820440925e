#![no_main]

use sluss_fuzz::{open_tar, target};

target!(|bytes| open_tar(bytes));
