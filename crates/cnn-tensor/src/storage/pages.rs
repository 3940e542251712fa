//! Large pages for large blocks.
//!
//! A loop over tensors of some megabytes touches more pages of 4 KiB than the processor remembers the places of, and
//! looking one up costs most in a virtual machine, whose tables are looked up in other tables. Linux gives pages of
//! 2 MiB to whoever asks for them; other systems are left to themselves.

/// Asks for large pages for the part of fresh memory that they can hold. It is a wish: a system that does not grant it
/// gives small ones.
#[cfg(all(target_os = "linux", not(miri)))]
pub(super) fn prefer_large(memory: &mut [u8]) {
    /// Bytes of a large page; where the system's are larger, the advice does nothing for what is smaller than they are.
    const LARGE: usize = 2 << 20;
    let skip = memory.as_ptr().addr().wrapping_neg() % LARGE;
    let Some(memory) = memory.get_mut(skip..) else { return };
    let whole = memory.len() / LARGE * LARGE;
    if whole > 0 {
        // SAFETY: the range is inside memory that the caller owns, and the advice changes no byte of it.
        unsafe {
            libc::madvise(memory.as_mut_ptr().cast(), whole, libc::MADV_HUGEPAGE);
        }
    }
}

/// Leaves fresh memory as it is.
#[cfg(not(all(target_os = "linux", not(miri))))]
pub(super) fn prefer_large(_memory: &mut [u8]) {}

// Emulators of other processors pass the advice over.
#[cfg(all(test, target_os = "linux", target_arch = "x86_64", not(miri)))]
mod tests {
    use crate::storage::Buffer;

    /// The flags of the mapping that holds an address, as `/proc/self/smaps` has them.
    fn flags(address: usize) -> Option<String> {
        let maps = std::fs::read_to_string("/proc/self/smaps").ok()?;
        let mut inside = false;
        for line in maps.lines() {
            let range = line.split(' ').next().and_then(|range| range.split_once('-'));
            let ends = range.map(|(start, end)| [start, end].map(|end| usize::from_str_radix(end, 16)));
            if let Some([Ok(start), Ok(end)]) = ends {
                inside = (start..end).contains(&address);
            } else if inside && let Some(flags) = line.strip_prefix("VmFlags:") {
                return Some(flags.into());
            }
        }
        None
    }

    #[test]
    fn a_block_of_megabytes_is_advised_to_have_large_pages() {
        let (buffer, _) = Buffer::new(16 << 20).unwrap();
        let middle = buffer.slice::<u8>(8 << 20, 1).as_ptr().addr();
        // A system that has no such pages has no such flag, and some show nobody any.
        let large = std::path::Path::new("/sys/kernel/mm/transparent_hugepage").is_dir();
        if let Some(flags) = flags(middle).filter(|_| large) {
            assert!(flags.split_whitespace().any(|flag| flag == "hg"), "{flags}");
        }
    }
}
