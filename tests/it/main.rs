//! The program from outside: one binary, so that it links once.
#![allow(
    clippy::unwrap_used,
    clippy::format_push_string,
    missing_docs,
    reason = "a test that meets what it did not expect ends there"
)]

#[cfg(feature = "testing")]
mod bad_input;
#[cfg(feature = "testing")]
mod checks;
#[cfg(feature = "testing")]
mod config;
#[cfg(feature = "testing")]
mod corpora;
#[cfg(feature = "testing")]
mod docs;
#[cfg(feature = "testing")]
mod files;
#[cfg(feature = "testing")]
mod fixture;
#[cfg(feature = "testing")]
mod floors;
#[cfg(feature = "testing")]
mod flow;
#[cfg(feature = "testing")]
mod handover;
#[cfg(feature = "testing")]
mod init;
#[cfg(feature = "testing")]
mod interactive;
#[cfg(feature = "testing")]
mod judging;
#[cfg(feature = "testing")]
mod kills;
#[cfg(feature = "testing")]
mod labels;
#[cfg(feature = "testing")]
mod lint;
#[cfg(feature = "testing")]
mod list;
#[cfg(feature = "testing")]
mod model;
#[cfg(feature = "testing")]
mod plan;
#[cfg(feature = "testing")]
mod pty;
#[cfg(feature = "testing")]
mod recovery;
#[cfg(feature = "testing")]
mod rows;
#[cfg(feature = "testing")]
mod running;
#[cfg(feature = "testing")]
mod sandbox;
#[cfg(feature = "testing")]
mod secrets;
#[cfg(feature = "testing")]
mod starts;
#[cfg(feature = "testing")]
mod systems;
#[cfg(feature = "testing")]
mod templates;
#[cfg(feature = "testing")]
mod terminal;
#[cfg(feature = "testing")]
mod values;
#[cfg(feature = "testing")]
mod walk;

#[cfg(not(feature = "testing"))]
#[test]
fn these_tests_need_the_feature_testing() {
    panic!("faults, barriers and the clock are handed in: `cargo test --features testing`");
}
