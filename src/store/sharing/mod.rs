//! What goes between the cache and its remotes: what is not here is fetched and kept, and what is made here is brought to them.

mod pusher;
mod put;
mod rows;
mod selection;
mod through;
mod transfer;

pub(super) use pusher::{Pusher, PusherHandle};
pub use selection::Selection;
pub use transfer::{Compare, Moved, Moving};
pub(super) use transfer::{Parcel, pull, push};
