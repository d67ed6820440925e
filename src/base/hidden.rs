//! Secrets and personal data in transit through the program. `Debug` shows the kind, never the value.

use std::fmt;
use zeroize::Zeroize;

/// A value that must not reach a log, an error or a page by accident.
///
/// [`Hidden::expose`] is the only way out, and a word to look for in review. The bytes are wiped when it is dropped.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Hidden<T: Zeroize> {
    kind: &'static str,
    value: T,
}

impl<T: Zeroize> Hidden<T> {
    /// Hides a value; `kind` is what logs may say of it ("personnummer", "master key").
    pub fn new(kind: &'static str, value: T) -> Hidden<T> {
        Hidden { kind, value }
    }

    /// The value itself.
    pub fn expose(&self) -> &T {
        &self.value
    }

    /// What it is, in words that may be shown.
    pub fn kind(&self) -> &'static str {
        self.kind
    }
}

impl<T: Zeroize> Drop for Hidden<T> {
    fn drop(&mut self) {
        self.value.zeroize();
    }
}

impl<T: Zeroize> fmt::Debug for Hidden<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}(hidden)", self.kind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_does_not_leak() {
        let id = Hidden::new("personnummer", "191212121212".to_string());
        assert_eq!(
            format!("{id:?} {:?}", Some(&id)),
            "personnummer(hidden) Some(personnummer(hidden))"
        );
        assert_eq!(id.expose().len(), 12);
    }
}
