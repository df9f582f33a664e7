//! Teachers behind a server: what is sent, what comes back, and how to keep asking when a server or the way to it fails.
//!
//! | module | holds |
//! |---|---|
//! | `request`, `answer` | the bodies of OpenAI's protocols, which most servers speak, and of Ollama's own |
//! | `keep` | how bodies of answers are made small for keeping |
//! | `body` | what servers and proxies between put around an answer: compression, character sets, event streams |
//! | `ending` | the words of servers for how an answer ended |
//! | `fault` | everything that can go wrong with one request, and what it means for the next |
//! | `hints` | what a server says of its limits in headers |
//! | `server` | one request over HTTP |
//! | `backoff`, `limits`, `breaker` | when to ask again, how fast, and when to pause |
//! | `governor` | the three together: which row is sent next, and when |
//! | `crew` | the threads that send, and the one loop that listens |
//!
//! Everything up to the governor is pure and takes the time as an argument: so long since the asking began. Only `server`
//! touches the network and only `crew` reads a clock. A key is a [`Secret`](retort_hub::Secret): it is never shown, and where a server
//! repeats it, it is struck out before anything else sees the text.
//!
//! The HTTP client is `ureq`, which blocks: a thread for each request in flight is cheap beside what a teacher costs. A
//! client library of one provider's protocol would bring an asynchronous runtime, refuse the small liberties that other
//! servers take with the protocol, and hide the headers that say when to ask again.

mod answer;
mod backoff;
mod body;
mod breaker;
mod crew;
mod ending;
mod fault;
mod governor;
mod hints;
mod keep;
mod limits;
mod request;
mod server;
#[cfg(test)]
mod tests;

pub use answer::Answer;
pub use backoff::Backoff;
pub use crew::{Desk, Ended, News, ask_all};
pub use ending::Ending;
pub use fault::{Fault, FaultKind};
pub use governor::{Rules, Why, spelled};
pub use keep::{packed, unpacked};
pub use request::{Api, LimitField, Settings};
pub use server::{Place, Server, ServerError, check_address};
