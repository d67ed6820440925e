#![no_main]

use sluss_fuzz::{open_mail, target};

target!(|bytes| open_mail(bytes));
