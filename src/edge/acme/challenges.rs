//! What the authority is to find at our names: a text for each of its tokens, for as long as it looks (RFC 8555 section 8.3).

use crate::base::limits;
use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

/// Texts by token.
#[derive(Debug, Default)]
pub(in crate::edge) struct Challenges(Mutex<HashMap<String, String>>);

impl Challenges {
    /// The text for a token, while an order is under way.
    pub(in crate::edge) fn answer(&self, token: &str) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(token).cloned()
    }

    pub(super) fn put(&self, token: &str, text: &str) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() < limits::ACME_CHALLENGES_MAX {
            all.insert(token.to_string(), text.to_string());
        }
    }

    pub(super) fn clear(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}
