//! Bytes with their blake3 digest behind them, so that a cut or a flipped bit is found before anything is believed.

use std::io::{self, Read, Seek, SeekFrom, Write};

use super::archive::Source;

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

/// The bytes before the digest, which are those that were sealed.
pub(super) struct Body<'a> {
    source: Box<dyn Source + 'a>,
    bytes: u64,
    at: u64,
}

/// Reads a stream to its end; `None` where its bytes are not what was sealed.
pub(super) fn unsealed<'a>(mut source: Box<dyn Source + 'a>) -> io::Result<Option<Body<'a>>> {
    const BUFFER: usize = 1 << 18;
    let whole = source.seek(SeekFrom::End(0))?;
    let Some(bytes) = whole.checked_sub(blake3::OUT_LEN as u64) else { return Ok(None) };
    source.rewind()?;
    let (mut hasher, mut left, mut buffer) = (blake3::Hasher::new(), bytes, vec![0; BUFFER]);
    while left > 0 {
        let some = &mut buffer[..left.min(BUFFER as u64) as usize];
        source.read_exact(some)?;
        hasher.update(some);
        left -= some.len() as u64;
    }
    let mut seal = [0; blake3::OUT_LEN];
    source.read_exact(&mut seal)?;
    source.rewind()?;
    Ok((hasher.finalize() == seal).then_some(Body { source, bytes, at: 0 }))
}

impl Read for Body<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.bytes.saturating_sub(self.at)).unwrap_or(usize::MAX);
        let most = left.min(into.len());
        let count = self.source.read(&mut into[..most])?;
        self.at += count as u64;
        Ok(count)
    }
}

impl Seek for Body<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let at = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::End(by) => self.bytes.checked_add_signed(by),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
        };
        self.at = self.source.seek(SeekFrom::Start(at.ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?))?;
        Ok(self.at)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    #[test]
    fn what_was_sealed_is_read_from_any_place_and_nothing_behind_it() {
        for count in [0_u32, 1, 300_000] {
            let body: Vec<u8> = (0..count).map(|at| (at % 251) as u8).collect();
            let mut bytes = Vec::new();
            let mut sealed = Sealed::new(&mut bytes);
            sealed.write_all(&body).expect("writing to memory");
            sealed.finish().expect("writing to memory");
            let mut found = unsealed(Box::new(Cursor::new(&bytes))).expect("readable").expect("sealed");
            assert_eq!(found.seek(SeekFrom::End(0)).expect("in memory"), u64::from(count));
            for from in [body.len() / 3, 0] {
                found.seek(SeekFrom::Start(from as u64)).expect("in memory");
                let mut rest = Vec::new();
                found.read_to_end(&mut rest).expect("readable");
                assert!(rest == body[from..], "{count} from {from}");
            }
            for at in [0, bytes.len() / 2, bytes.len() - 1] {
                let mut flipped = bytes.clone();
                flipped[at] ^= 1;
                assert!(unsealed(Box::new(Cursor::new(&flipped))).expect("readable").is_none());
                assert!(unsealed(Box::new(Cursor::new(&bytes[..at]))).expect("readable").is_none());
            }
        }
    }
}
