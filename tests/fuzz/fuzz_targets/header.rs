#![no_main]

use sluss::mail::Header;
use sluss_fuzz::target;

target!(
    |bytes| Header::read(bytes).map(|header| (header.mailboxes("From"), header.text("Subject")))
);
