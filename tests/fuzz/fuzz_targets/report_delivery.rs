#![no_main]

use sluss::formats::report::delivery;
use sluss_fuzz::target;

target!(|bytes| delivery::read(bytes));
