//! argv → keeper or cli → exit code.

fn main() {}
