//! Whether what is said on stderr may be coloured.

/// Says whether talk may be coloured.
pub(super) fn colour() -> bool {
    anstream::AutoStream::choice(&std::io::stderr()) != anstream::ColorChoice::Never
}
