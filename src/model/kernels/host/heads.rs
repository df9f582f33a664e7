//! How the heads of queries, keys and values lie beside each other.

/// The sizes of an attention block.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Heads {
    /// Number of query heads.
    pub(crate) count: usize,
    /// Number of heads of keys and of values; divides `count`.
    pub(crate) kv_count: usize,
    /// Width of one head.
    pub(crate) width: usize,
    /// Factor on the scores, commonly `1 / √width`.
    pub(crate) scale: f32,
    /// How many positions a query sees, its own included; all earlier ones where there is no such number.
    pub(crate) window: Option<usize>,
    /// The cap `c` of the scores, which become `c · tanh(score / c)`.
    pub(crate) cap: Option<f32>,
}

impl Heads {
    /// Width of all query heads together.
    pub(crate) fn query_width(&self) -> usize {
        self.count * self.width
    }

    /// Width of all heads of keys, and of values.
    pub(crate) fn kv_width(&self) -> usize {
        self.kv_count * self.width
    }

    /// Width of queries, keys and values.
    pub(crate) fn qkv_width(&self) -> usize {
        self.query_width() + 2 * self.kv_width()
    }

    /// Number of query heads that share a head of keys.
    pub(super) fn members(&self) -> usize {
        self.count / self.kv_count
    }

    /// The first column of a query head in `qkv`, and in the output.
    pub(super) fn query_at(&self, group: usize, member: usize) -> usize {
        (group * self.members() + member) * self.width
    }

    /// The first column of a head of keys in `qkv`.
    pub(super) fn key_at(&self, group: usize) -> usize {
        self.query_width() + group * self.width
    }

    /// The first column of a head of values in `qkv`.
    pub(super) fn value_at(&self, group: usize) -> usize {
        self.key_at(group) + self.kv_width()
    }

    /// The first position that a query at `position` sees.
    pub(super) fn first_seen(&self, position: usize) -> usize {
        self.window.map_or(0, |window| (position + 1).saturating_sub(window))
    }

    /// One past the last position that sees a key at `position`, of `len`.
    pub(super) fn seen_until(&self, position: usize, len: usize) -> usize {
        self.window.map_or(len, |window| (position + window).min(len))
    }
}
