//! Work that is done on several threads: none of it depends on how many there are.

use std::panic::resume_unwind;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// So many chunks for each thread: a long one holds up nobody else.
const CHUNKS: usize = 16;

/// Less than this is not worth asking for.
const SHORTEST_CHUNK: usize = 16;

/// Does `one` and `other`, at the same time where there are two threads for it.
pub(super) fn both<A: Send, B>(
    threads: usize,
    one: impl FnOnce() -> A + Send,
    other: impl FnOnce() -> B,
) -> (A, B) {
    if threads < 2 {
        return (one(), other());
    }
    std::thread::scope(|scope| {
        let one = scope.spawn(one);
        let other = other();
        let one = one.join();
        (one.unwrap_or_else(|panic| resume_unwind(panic)), other)
    })
}

/// Does `work` with each of `all`, on up to `threads` threads; returns what comes of it, in order.
pub(super) fn each<'i, T: Sync, R: Send>(
    all: &'i [T],
    threads: usize,
    work: impl Fn(usize, &'i T) -> R + Sync,
) -> Vec<R> {
    if threads < 2 {
        let all = all.iter().enumerate();
        return all.map(|(index, it)| work(index, it)).collect();
    }
    let size = (all.len() / (threads * CHUNKS)).max(SHORTEST_CHUNK);
    let chunks: Vec<&[T]> = all.chunks(size).collect();
    let done: Vec<Mutex<Vec<R>>> = chunks.iter().map(|_| Mutex::default()).collect();
    let next = AtomicUsize::new(0);
    let take = || {
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let Some(chunk) = chunks.get(number) else {
                break;
            };
            let chunk = chunk.iter().enumerate();
            let results = chunk
                .map(|(index, it)| work(number * size + index, it))
                .collect();
            *done[number].lock().expect("nobody else has this number") = results;
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..threads {
            scope.spawn(take);
        }
        take();
    });
    let mut results = Vec::with_capacity(all.len());
    for chunk in done {
        results.extend(chunk.into_inner().expect("no reader panics with the lock"));
    }
    results
}

/// Gives back what many small pieces of memory hold, on up to `threads` threads.
pub(super) fn release<T: Send>(mut all: Vec<T>, threads: usize) {
    std::thread::scope(|scope| {
        for left in (2..=threads).rev() {
            let part = all.split_off(all.len() - all.len() / left);
            scope.spawn(move || drop(part));
        }
        drop(all);
    });
}
