//! How much memory this process has, and had at the most.

use std::error::Error;

/// Sets the peak back to what is in use now, and returns that in MB.
pub(crate) fn forget_peak() -> Result<f64, Box<dyn Error>> {
    fs_err::write("/proc/self/clear_refs", "5")?;
    status_mb("VmRSS:")
}

/// Returns the most that was in use since the peak was set back, in MB.
pub(crate) fn peak_mb() -> Result<f64, Box<dyn Error>> {
    status_mb("VmHWM:")
}

fn status_mb(field: &str) -> Result<f64, Box<dyn Error>> {
    let status = fs_err::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix(field)).ok_or("no such line in /proc/self/status")?;
    let kib: f64 = line.split_whitespace().next().ok_or("no number in /proc/self/status")?.parse()?;
    Ok(kib * 1024.0 / 1e6)
}
