#![no_main]

use sluss_fuzz::{read_report, target};

target!(|bytes| read_report(bytes));
