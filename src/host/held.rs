//! The secrets that this process holds, so that whatever it says of itself, its last words included,
//! is said without them.

use std::sync::RwLock;

use crate::redact::Texts;

static HELD: RwLock<Option<Texts>> = RwLock::new(None);

/// From now on these secrets are masked in what this process says.
pub fn conceal(secrets: &Texts) {
    let mut held = match HELD.write() {
        Ok(held) => held,
        Err(poisoned) => poisoned.into_inner(),
    };
    *held = Some(secrets.clone());
}

/// Returns `text` with every secret that this process holds masked.
pub fn concealed(mut text: String) -> String {
    // While they are being changed nothing can be said safely.
    match HELD.try_read() {
        Ok(held) => {
            if let Some(secrets) = held.as_ref() {
                secrets.clean(&mut text);
            }
            text
        }
        Err(_) => crate::redact::MASK.to_owned(),
    }
}
