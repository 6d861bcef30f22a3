//! Run inputs through a target without libFuzzer: `cargo run --example replay target file-or-folder…`. Soon
//! built, and at home in a debugger.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let Some(check) = arguments.next().as_deref().and_then(quinde_fuzz::target) else {
        eprintln!("name a target, then files or folders of inputs");
        return ExitCode::from(2);
    };
    for input in arguments.flat_map(|argument| files(Path::new(&argument))) {
        println!("{}", input.display());
        match std::fs::read(&input) {
            Ok(data) => check(&data),
            Err(error) => {
                eprintln!("{error}");
                return ExitCode::FAILURE;
            }
        }
    }
    ExitCode::SUCCESS
}

/// The file itself, or what lies in the folder.
fn files(path: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(path) else {
        return vec![path.to_owned()];
    };
    let mut files: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
    files.sort();
    files
}
