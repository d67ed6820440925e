#![no_main]

use sluss_fuzz::{read_stream, target};

target!(|bytes| read_stream(bytes));
