#![no_main]

use sluss::formats::mime::embedded;
use sluss_fuzz::target;

target!(|bytes| embedded::find(bytes));
