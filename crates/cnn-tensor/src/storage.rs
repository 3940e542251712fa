//! Storage: aligned buffers that come from, and return to, one process-wide pool.
//!
//! A training loop asks for the same sizes again and again; the pool gives back what the last step released,
//! so that in the steady state no step asks the operating system for memory.
//! Fresh buffers come zeroed from the system. Recycled ones hold stale but initialised values: no slice is
//! ever uninitialised, and none is cleared without need.
//! Copy-on-write lives one level up, in [`Tensor`](crate::Tensor).

use std::alloc::{Layout, alloc_zeroed, dealloc};
use std::ptr::NonNull;

mod pages;

use crate::pool::{self, Class};
use crate::{Element, Result};

/// Every buffer starts on a cache line, which is also the widest vector.
pub(crate) const ALIGNMENT: usize = 64;

/// Bytes before and after each buffer that hold [`CANARY`] in builds with debug assertions: a kernel that writes past
/// either end is found out when the buffer is released.
const GUARD: usize = if cfg!(debug_assertions) { 64 } else { 0 };

/// No byte of a common number.
const CANARY: u8 = 0xA7;

/// A block of initialised bytes, aligned to [`ALIGNMENT`], owned by one tensor or shared by several.
pub(crate) struct Buffer {
    block: Block,
    bytes: usize,
}

impl Buffer {
    /// A buffer of `bytes` bytes whose contents are unspecified but initialised, and whether they are zero.
    pub(crate) fn new(bytes: usize) -> Result<(Self, bool)> {
        let (block, fresh) = pool::take(bytes)?;
        let mut buffer = Self { block, bytes };
        for guard in buffer.guards_mut() {
            guard.fill(CANARY);
        }
        Ok((buffer, fresh))
    }

    /// The bytes just before the buffer and just after it.
    fn guards_mut(&mut self) -> [&mut [u8]; 2] {
        if GUARD == 0 || self.block.class() == Class::EMPTY {
            return [&mut [], &mut []];
        }
        let start = self.block.pointer();
        // SAFETY: the block begins GUARD bytes before its usable bytes.
        let before = unsafe { start.sub(GUARD) };
        // SAFETY: the buffer's bytes are among the usable ones.
        let after = unsafe { start.add(self.bytes) };
        [before, after].map(|guard| {
            // SAFETY: GUARD bytes from here are inside the block, which has as many after its usable ones; no slice of
            // elements reaches them, the two do not meet, and both live as long as the exclusive borrow.
            unsafe { std::slice::from_raw_parts_mut(guard.as_ptr(), GUARD) }
        })
    }

    /// `len` elements that begin `offset` elements into the buffer.
    pub(crate) fn slice<E: Element>(&self, offset: usize, len: usize) -> &[E] {
        self.check::<E>(offset, len);
        // SAFETY: `check` showed that offset + len elements lie inside the block.
        let start = unsafe { self.block.pointer().cast::<E>().add(offset) };
        // SAFETY: inside the block; aligned, since the block is aligned to 64 and offsets count elements;
        // initialised, since blocks are born zeroed; every bit pattern is a value of `E` (`Element` promises it).
        unsafe { std::slice::from_raw_parts(start.as_ptr(), len) }
    }

    /// As [`Buffer::slice`], to write.
    pub(crate) fn slice_mut<E: Element>(&mut self, offset: usize, len: usize) -> &mut [E] {
        self.check::<E>(offset, len);
        // SAFETY: `check` showed that offset + len elements lie inside the block.
        let start = unsafe { self.block.pointer().cast::<E>().add(offset) };
        // SAFETY: as in `slice`; the exclusive borrow of the buffer makes the slice unique.
        unsafe { std::slice::from_raw_parts_mut(start.as_ptr(), len) }
    }

    fn check<E: Element>(&self, offset: usize, len: usize) {
        let end = offset.checked_add(len).and_then(|end| end.checked_mul(size_of::<E>()));
        assert!(end.is_some_and(|end| end <= self.bytes), "tensor view outside its buffer");
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        let whole = self.guards_mut().iter().all(|guard| guard.iter().all(|&byte| byte == CANARY));
        debug_assert!(whole || std::thread::panicking(), "written past an end of {} bytes", self.bytes);
        pool::give_back(std::mem::replace(&mut self.block, Block::EMPTY));
    }
}

/// Memory from the system, zeroed at birth, released when dropped.
pub(crate) struct Block {
    base: NonNull<u8>,
    class: Class,
}

// SAFETY: a block is plain memory with one owner; nothing about it belongs to a thread.
unsafe impl Send for Block {}
// SAFETY: shared access only reads.
unsafe impl Sync for Block {}

impl Block {
    pub(crate) const EMPTY: Block =
        Block { base: NonNull::<Aligned>::dangling().cast(), class: Class::EMPTY };

    /// A zeroed block of a size class, or `None` where the system refuses.
    pub(crate) fn zeroed(class: Class) -> Option<Self> {
        if class == Class::EMPTY {
            return Some(Self::EMPTY);
        }
        let layout = Self::layout(class)?;
        // The system's zeroed pages cost nothing until they are touched, but only `calloc` asks for them, and
        // the global allocator uses it only for its own small alignment; so align by hand.
        // SAFETY: the layout has a size above zero.
        let base = NonNull::new(unsafe { alloc_zeroed(layout) })?;
        // SAFETY: the allocation has so many bytes, all zero, and nothing else knows of it yet.
        pages::prefer_large(unsafe { std::slice::from_raw_parts_mut(base.as_ptr(), layout.size()) });
        Some(Self { base, class })
    }

    pub(crate) fn class(&self) -> Class {
        self.class
    }

    /// Start of the block's `class.bytes()` usable bytes.
    fn pointer(&self) -> NonNull<u8> {
        if self.class == Class::EMPTY {
            return self.base;
        }
        let misalignment = (self.base.as_ptr().addr() + GUARD) % ALIGNMENT;
        // SAFETY: the allocation is longer than the class by two guards and ALIGNMENT, and this skips at most one guard
        // and ALIGNMENT.
        unsafe { self.base.add(GUARD + (ALIGNMENT - misalignment) % ALIGNMENT) }
    }

    fn layout(class: Class) -> Option<Layout> {
        Layout::from_size_align(class.bytes().checked_add(ALIGNMENT + 2 * GUARD)?, 16).ok()
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        if self.class == Class::EMPTY {
            return;
        }
        if let Some(layout) = Self::layout(self.class) {
            // SAFETY: `zeroed` allocated the block with this very layout, and nothing else frees it.
            unsafe { dealloc(self.base.as_ptr(), layout) };
        }
    }
}

#[repr(align(64))]
struct Aligned(#[expect(dead_code, reason = "only the alignment of this type is used")] u8);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_byte_written_past_an_end_is_found_out() {
        let found = |index: isize| {
            std::panic::catch_unwind(|| {
                let (mut buffer, _) = Buffer::new(100).unwrap();
                let [before, after] = buffer.guards_mut();
                match usize::try_from(index) {
                    Ok(index) => after[index] = 0,
                    Err(_) => before[before.len().wrapping_add_signed(index)] = 0,
                }
            })
            .is_err()
        };
        assert!([-1, -64, 0, 63].into_iter().all(found));
    }

    #[test]
    fn buffers_begin_at_cache_lines() {
        for bytes in [1, 64, 100, 4097, 1 << 20] {
            let (buffer, _) = Buffer::new(bytes).unwrap();
            assert_eq!(buffer.slice::<u8>(0, bytes).as_ptr().addr() % ALIGNMENT, 0);
        }
    }
}
