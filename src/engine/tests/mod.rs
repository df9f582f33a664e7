//! Whole runs of kinds that look like the real ones and take no time, in stores whose blobs are damaged.

#![expect(unreachable_pub, reason = "parameters are declared `pub`, here within tests")]

mod bench;
mod damaged;
mod passing;
