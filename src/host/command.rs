//! Helper commands of the engine itself: a version probe, the operator's editor.
//! Never a step: those are the keeper's.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

/// Returns the first line that `program --version` prints; `None` where it fails or says nothing.
pub fn version(program: &Path) -> Option<String> {
    let text = duct::cmd!(program, "--version")
        .stdin_null()
        .stderr_to_stdout()
        .unchecked()
        .read()
        .ok()?;
    let line = text.lines().find(|line| !line.trim().is_empty())?.trim();
    Some(line.chars().take(120).collect())
}

/// Returns whether `program -c 'set -o pipefail'` succeeds.
pub fn knows_pipefail(program: &Path) -> bool {
    duct::cmd!(program, "-c", "set -o pipefail")
        .stdin_null()
        .stdout_null()
        .stderr_null()
        .run()
        .is_ok()
}

/// Opens `file` in the operator's editor and waits for it.
///
/// # Errors
/// Where the editor cannot be started or ends with another code than 0.
pub fn edit(editor: &str, file: &Path) -> io::Result<()> {
    // The value may hold arguments (`code --wait`), so a shell splits it, as git does.
    let line = format!("{editor} \"$@\"");
    duct::cmd!("sh", "-c", line, "sh", file).run().map(drop)
}

/// Returns where `program` is in `path` (the value of `PATH`), if it can be executed.
/// A name with a slash is looked up as it is.
pub fn find(program: &str, path: &OsString) -> Option<PathBuf> {
    if program.contains('/') {
        let file = PathBuf::from(program);
        return is_executable(&file).then_some(file);
    }
    std::env::split_paths(path)
        .map(|folder| folder.join(program))
        .find(|file| is_executable(file))
}

fn is_executable(file: &Path) -> bool {
    file.is_file() && rustix::fs::access(file, rustix::fs::Access::EXEC_OK).is_ok()
}
