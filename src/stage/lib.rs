//! Stages: what an author writes, and what the engine sees.
//!
//! An author declares parameters with [`params!`](macro@crate::params) and implements [`Stage`] for them. The engine sees
//! only the object-safe [`BoundStage`]; [`Kind::of`] is the one adapter between the two. The kinds themselves are in
//! another room: nothing here knows what they compute, or on what.
//!
//! A stage gets a [`Context`] and nothing else: its inputs by port, a store for rows and saved state, a device, and a way
//! to say how far it is. It can therefore run on a thread today and in another process tomorrow.

mod context;
mod derivation;
mod footprint;
pub mod foreign;
mod foresight;
mod inquiry;
mod kind;
pub mod params;
mod posed;
mod preflight;

pub use context::{Arrival, Context, DeviceSlot, Feed, Job, Reach, StageError, Stop};
pub use derivation::Derivation;
pub use footprint::{Footprint, Memory};
pub use foresight::{Coming, Misfit};
pub use inquiry::{Asked, Basis, Estimate, Exceeded, Inquiry};
pub use kind::{BoundStage, Clash, Kind, Slot, Stage};
pub use posed::Posed;
pub use preflight::{Flaw, Looked};

/// What the declaring macros name.
#[doc(hidden)]
pub mod declared {
    pub use retort_fingerprint as fingerprint;
    pub use retort_source as source;
    pub use serde_json;
}
