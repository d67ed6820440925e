//! Files to typed values: parse, don't validate. A value that exists here makes sense.

pub mod policy;
