//! The program; everything it does is in the library.

mod allocator;

use std::process::ExitCode;

fn main() -> ExitCode {
    allocator::keep_pages();
    retort::cli::main()
}
