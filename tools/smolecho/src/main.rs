//! The host program of smolecho.

fn main() -> std::process::ExitCode {
    smolecho_cli::main()
}
