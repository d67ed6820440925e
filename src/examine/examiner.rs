//! Who examines: a seam, so that the work can move into processes of its own without anybody noticing.

use super::{
    Contents, NotViewed, Signatures, View, ViewAsk,
    open::{PersonalData, Tools, Wants, open},
    view::view,
};
use crate::{
    base::clock::Clock,
    formats::budget::{Bounds, Budget},
};
use std::sync::Arc;

/// Examines mails, many at a time.
pub trait Examiner: Send + Sync {
    /// Opens one message, header and body, within the bounds. Always gives what it has; what it has not is in `unscanned`.
    ///
    /// `abroad` are countries far from here ("gb") whose people's numbers are looked for where no word names them, too.
    fn examine_for(&self, message: &[u8], abroad: &[String]) -> Contents;

    /// The same for nobody in particular.
    fn examine(&self, message: &[u8]) -> Contents {
        self.examine_for(message, &[])
    }

    /// Makes one message readable for a person, within the same bounds. Who only examines shows nothing.
    fn view(&self, _message: &[u8], _ask: ViewAsk) -> Result<View, NotViewed> {
        Err(NotViewed::NotOpened("this examiner makes no views".to_string()))
    }
}

/// Examines in the thread that asks.
#[derive(Clone)]
pub struct InProcess {
    /// Recognises known bytes.
    pub signatures: Arc<dyn Signatures>,
    /// Finds personal identifiers.
    pub personal: Arc<dyn PersonalData>,
    /// Where the deadline comes from.
    pub clock: Clock,
    /// What one mail may cost.
    pub bounds: Bounds,
}

impl Examiner for InProcess {
    fn examine_for(&self, message: &[u8], abroad: &[String]) -> Contents {
        let tools = Tools {
            signatures: &*self.signatures,
            personal: &*self.personal,
            wants: Wants::default(),
            abroad,
        };
        open(message, &tools, &mut Budget::new(self.bounds, &self.clock))
    }

    fn view(&self, message: &[u8], ask: ViewAsk) -> Result<View, NotViewed> {
        view(message, ask, &mut Budget::new(self.bounds, &self.clock))
    }
}
