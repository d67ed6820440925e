#![no_main]

use sluss::formats::office::xlm;
use sluss_fuzz::{budget, target};

target!(|bytes| xlm::bare_workbook(bytes, &mut budget()));
