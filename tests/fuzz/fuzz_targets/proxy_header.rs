#![no_main]

use sluss::wire::proxy_protocol;
use sluss_fuzz::target;

target!(|bytes| proxy_protocol::read(bytes));
