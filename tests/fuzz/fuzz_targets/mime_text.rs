#![no_main]

use sluss::formats::mime::{self, Flow};
use sluss_fuzz::target;

target!(|bytes| {
    // The first byte chooses among charsets that have a reader of their own.
    let charsets = ["ibm037", "cp500", "hz-gb-2312", "iso-2022-kr", "utf-7", "iso-2022-jp", ""];
    let chosen = bytes.first().map_or(0, |byte| usize::from(*byte)) % charsets.len();
    let texts = mime::text_readings(bytes, &[charsets.get(chosen).copied().unwrap_or_default()]);
    let flows = [Flow::Blanks, Flow::NoBlanks];
    let text = texts.first().map(String::as_str).unwrap_or_default();
    flows.map(|flow| mime::unfold_flowed(text, flow).len())
});
