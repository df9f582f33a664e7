//! Bytes with their blake3 digest behind them, so that a cut or a flipped bit is found before anything is believed.

use std::io::{self, Write};

/// Passes bytes on and hashes them.
pub(super) struct Sealed<'a> {
    out: &'a mut dyn Write,
    hasher: blake3::Hasher,
}

impl<'a> Sealed<'a> {
    pub(super) fn new(out: &'a mut dyn Write) -> Self {
        Self { out, hasher: blake3::Hasher::new() }
    }

    /// Writes the digest of all that was passed on.
    pub(super) fn finish(self) -> io::Result<()> {
        self.out.write_all(self.hasher.finalize().as_bytes())
    }
}

impl Write for Sealed<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.out.write(bytes)?;
        self.hasher.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// The bytes before the digest; `None` where they are not what was sealed.
pub(super) fn unsealed(bytes: &[u8]) -> Option<&[u8]> {
    let (body, seal) = bytes.split_last_chunk::<{ blake3::OUT_LEN }>()?;
    (blake3::hash(body).as_bytes() == seal).then_some(body)
}
