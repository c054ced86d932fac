//! Syncs what steps printed, apart from the journal: a step need not wait for it.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{Sender, channel};
use std::thread::JoinHandle;

/// The thread, from the first step that printed something.
pub(super) struct Syncer {
    queue: Option<Sender<PathBuf>>,
    thread: Option<JoinHandle<()>>,
}

impl Syncer {
    pub(super) fn start() -> Self {
        Self {
            queue: None,
            thread: None,
        }
    }

    pub(super) fn sync(&mut self, path: PathBuf) {
        let queue = self.queue.get_or_insert_with(|| {
            let (queue, paths) = channel::<PathBuf>();
            self.thread = std::thread::Builder::new()
                .name("output-sync".to_owned())
                .spawn(move || paths.iter().for_each(|path| sync_file(&path)))
                .ok();
            queue
        });
        let _ = queue.send(path);
    }

    pub(super) fn finish(&mut self) {
        self.queue = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn sync_file(path: &Path) {
    let _ = std::fs::File::open(path).and_then(|file| file.sync_data());
}
