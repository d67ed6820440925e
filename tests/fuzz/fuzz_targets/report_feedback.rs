#![no_main]

use sluss::formats::report::feedback;
use sluss_fuzz::target;

target!(|bytes| feedback::read(bytes));
