//! Reports that we write. Reading those of others is `formats`' business.

pub mod dsn;
