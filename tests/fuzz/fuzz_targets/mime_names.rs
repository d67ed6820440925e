#![no_main]

use sluss::formats::mime;
use sluss::formats::mime::names;
use sluss_fuzz::{budget, target};

target!(|bytes| mime::split(bytes, "", &mut budget())
    .leaves
    .iter()
    .for_each(|leaf| drop((names::all(&leaf.fields), names::signs(&leaf.fields, "1")))));
