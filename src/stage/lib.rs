//! Stages: what an author writes, and what the engine sees.
//!
//! An author declares parameters with [`params!`](macro@crate::params) and implements [`Stage`] for them: one file per kind in
//! `kinds`. The engine sees only the object-safe [`BoundStage`]; [`Kind::of`] is the one adapter between the two, and
//! [`CATALOG`] is the one list of kinds in the crate.
//!
//! A stage gets a [`Context`] and nothing else: its inputs by port, a store for rows and saved state, a device, and a way
//! to say how far it is. It can therefore run on a thread today and in another process tomorrow.

mod catalog;
mod context;
mod derivation;
mod footprint;
mod foreign;
mod foresight;
mod inquiry;
mod kind;
pub mod kinds;
pub mod params;
mod preflight;

pub use catalog::{CATALOG, kind_named};
pub use context::{Arrival, Context, DeviceSlot, Feed, Order, Reach, StageError, Stop};
pub use derivation::Derivation;
pub use footprint::{Footprint, Memory};
pub use foresight::{Coming, Misfit};
pub use inquiry::{Asked, Basis, Estimate, Inquiry};
pub use kind::{BoundStage, Clash, Kind, Slot, Stage};
pub use preflight::{Flaw, Looked};

/// What the declaring macros name.
#[doc(hidden)]
pub mod declared {
    pub use retort_fingerprint as fingerprint;
    pub use retort_source as source;
    pub use serde_json;
}
