#![cfg(feature = "testing")]
//! Shift handover.
