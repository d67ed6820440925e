#![no_main]

use sluss::wire::smtp::command;
use sluss_fuzz::{offers, target};

target!(|bytes| command::parse(bytes, &offers()));
