//! The allocator of the program and of its benches.

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// `mi_option_purge_delay` of `mimalloc.h`, which the bindings leave out.
const PURGE_DELAY: libmimalloc_sys::mi_option_t = 15;

/// Tells the allocator to keep pages it was given: training frees and takes the same big buffers at every step, and a
/// fifth of its time went into the kernel's zeroing them again.
///
/// Huge pages are turned off. The allocator rounds large blocks up and never touches what it adds, but a huge page takes
/// that too: a sixth of the memory of a training, for no time that could be measured on the CPU.
#[expect(
    unsafe_code,
    reason = "the allocator's options are set through its C interface, before any other thread starts"
)]
pub(crate) fn keep_pages() {
    // Where the kernel has no such switch, more memory is taken, and nothing else changes.
    #[cfg(target_os = "linux")]
    let _ = nix::sys::prctl::set_thp_disable(true);
    // SAFETY: the option exists, takes any integer, and no other thread runs yet.
    unsafe { libmimalloc_sys::mi_option_set(PURGE_DELAY, -1) }
}
