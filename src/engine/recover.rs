//! What a crash left: evidence → events. Reads the keeper's records and `/proc`; starts nothing.

use std::time::Duration;

use crate::event::{Event, EventKind, StepStarting};
use crate::host::clock;
use crate::host::process::{self, Process};
use crate::keeper::link::Link;
use crate::keeper::protocol::{Ask, Say};
use crate::model::StepId;
use crate::state::{Phase, State};
use crate::store::attempts::{AttemptReading, Outcome};

/// What became of an attempt that the journal says is running.
#[derive(Clone, Debug, PartialEq)]
pub enum Evidence {
    /// The keeper holds it; it goes on.
    Running {
        /// Its step.
        step: StepId,
        /// Its name.
        nonce: String,
    },
    /// The keeper's records, or its absence, tell: record this.
    Tells(EventKind),
    /// The keeper is gone, and processes of the attempt live on.
    Orphaned {
        /// Its step.
        step: StepId,
        /// Its name.
        nonce: String,
        /// The processes.
        processes: Vec<Process>,
    },
}

/// The keeper that is still there.
pub struct Survivor {
    /// The connection to it.
    pub link: Link,
    /// The user that it, and so its steps, run as.
    pub uid: u32,
    /// The attempts that it holds.
    pub nonces: Vec<String>,
}

/// Attaches to the keeper of the run, if it lives.
///
/// # Errors
/// Where it lives and does not answer.
pub fn attach(link: Option<Link>) -> std::io::Result<Option<Survivor>> {
    let Some(mut link) = link else {
        return Ok(None);
    };
    if link.ask(&Ask::Attach).is_err() {
        return Ok(None);
    }
    match link.wait(Duration::from_secs(10))? {
        Some(Say::Holding { nonces, uid }) => Ok(Some(Survivor { link, uid, nonces })),
        _ => Ok(None),
    }
}

/// Returns what became of the attempts that `state` says are running, servers included, in the order
/// in which they began. `records` must have been read after the keeper was asked what it holds: what
/// ended in between is in one of the two.
pub fn evidence(
    state: &State,
    survivor: Option<&Survivor>,
    records: &AttemptReading,
) -> Vec<Evidence> {
    let mut running: Vec<(u64, &StepStarting)> = state
        .steps()
        .filter_map(|(_, step)| match &step.phase {
            Phase::Running(starting) | Phase::Serving(starting) => Some((step.began, starting)),
            _ => None,
        })
        .collect();
    running.sort_by_key(|it| it.0);
    let all = running.into_iter();
    all.map(|(_, it)| of_attempt(it, survivor, records))
        .collect()
}

fn of_attempt(
    starting: &StepStarting,
    survivor: Option<&Survivor>,
    records: &AttemptReading,
) -> Evidence {
    let (step, nonce) = (starting.step.clone(), starting.nonce.clone());
    match records.outcome(&nonce) {
        Some(Outcome::Void { because }) => {
            let because = because.clone();
            return Evidence::Tells(EventKind::AttemptVoid {
                step,
                nonce,
                because,
            });
        }
        Some(Outcome::Exited(exited)) => {
            return Evidence::Tells(EventKind::AttemptExited(exited.clone()));
        }
        None => {}
    }
    if survivor.is_some_and(|it| it.nonces.contains(&nonce)) {
        return Evidence::Running { step, nonce };
    }
    let same_boot = starting.identity.boot_id == clock::boot_id();
    let processes = if same_boot {
        living(starting)
    } else {
        Vec::new()
    };
    if !processes.is_empty() {
        return Evidence::Orphaned {
            step,
            nonce,
            processes,
        };
    }
    let because = if same_boot {
        "the process that kept the step is gone, and left no record of its end"
    } else {
        "the machine was restarted while the step was running"
    };
    Evidence::Tells(EventKind::AttemptUnknown {
        step,
        nonce,
        because: because.to_owned(),
    })
}

// The leader may have been killed at its gate, before it carried the nonce: then it is known by
// its number and its start time.
fn living(starting: &StepStarting) -> Vec<Process> {
    let mut found = process::of_attempt(&starting.nonce);
    if process::is_alive(&starting.identity) {
        let leader = starting.identity.pid as i32;
        let family = process::look(leader)
            .into_iter()
            .chain(process::descendants(leader));
        for it in family {
            if !found.iter().any(|known| known.pid == it.pid) {
                found.push(it);
            }
        }
    }
    found
}

/// Returns what is left at `now`, in milliseconds since 1970, of the pauses between tries in which the
/// session before was left. By the wall: the machine may have been restarted since. A clock that
/// was put back makes no pause longer.
pub fn pauses(state: &State, events: &[Event], now: i64) -> Vec<(StepId, u64)> {
    let waiting = state.steps().filter(|(_, it)| it.is_tried_again());
    waiting
        .filter_map(|(planned, _)| {
            let (wall, pause) = events.iter().rev().find_map(|it| match &it.kind {
                EventKind::StepRetrying { step, pause_ms, .. } if *step == planned.id => {
                    Some((&it.wall, *pause_ms))
                }
                _ => None,
            })?;
            let began = wall.parse::<jiff::Timestamp>().ok()?.as_millisecond();
            let waited = u64::try_from(now.saturating_sub(began)).unwrap_or(0);
            let left = pause.saturating_sub(waited);
            (left > 0).then(|| (planned.id.clone(), left))
        })
        .collect()
}

/// Returns the name of an attempt that ended by the keeper's records, and that the journal never
/// began: then a part of the journal is missing.
pub fn unheard_of<'a>(
    events: impl IntoIterator<Item = &'a EventKind>,
    records: &AttemptReading,
) -> Option<String> {
    let begun: std::collections::BTreeSet<&str> = events
        .into_iter()
        .filter_map(|event| match event {
            EventKind::StepStarting(starting) => Some(starting.nonce.as_str()),
            _ => None,
        })
        .collect();
    records
        .records
        .iter()
        .find_map(|record| match &record.outcome {
            Outcome::Exited(exited) if !begun.contains(record.nonce.as_str()) => Some(format!(
                "the keeper recorded the end of an attempt of step `{}`",
                exited.step
            )),
            _ => None,
        })
}
