//! The `sluss` program; everything it does lives in the library.

use std::process::ExitCode;

/// Small, fast with many threads, and gives memory back: the gateway's resident size is a promise.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    sluss::edge::cli::run()
}
