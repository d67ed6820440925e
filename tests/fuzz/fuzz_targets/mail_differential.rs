#![no_main]

use sluss_fuzz::{nothing_is_overlooked, target};

target!(|bytes| nothing_is_overlooked(bytes));
