#![no_main]

use sluss::formats::table;
use sluss_fuzz::target;

target!(|bytes| table::open(bytes));
