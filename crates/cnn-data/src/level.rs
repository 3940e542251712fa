//! What 8-bit and 16-bit levels have in common, so that each transform is written once.

/// One level of one channel: `u8` or `u16`.
pub(crate) trait Level: Copy + Default + Ord + 'static {
    /// The highest level.
    const WHITE: f32;

    /// The level as a number from 0 to [`Level::WHITE`].
    fn to_f32(self) -> f32;

    /// The nearest level; a number outside the range becomes its end.
    fn from_f32(value: f32) -> Self;

    /// How many levels there are.
    const COUNT: usize;

    /// The level as an index below [`Level::COUNT`].
    fn to_index(self) -> usize;

    /// The level of an index; one that is too large becomes white.
    fn from_index(index: usize) -> Self;

    /// The whole part of a number; one outside the range becomes its end, and NaN 0.
    fn truncate(value: f32) -> Self;

    /// The luma of a colour.
    fn luma(red: Self, green: Self, blue: Self) -> Self;

    /// The level at a share of white, from 0 to 1.
    fn from_share(share: f32) -> Self {
        Self::from_f32(share * Self::WHITE)
    }
}

macro_rules! level {
    ($type:ty, $wide:ty) => {
        impl Level for $type {
            const WHITE: f32 = <$type>::MAX as f32;
            const COUNT: usize = <$type>::MAX as usize + 1;

            #[inline(always)]
            fn to_index(self) -> usize {
                usize::from(self)
            }

            #[inline(always)]
            fn from_index(index: usize) -> Self {
                index.min(usize::from(<$type>::MAX)) as $type
            }

            #[inline(always)]
            fn truncate(value: f32) -> Self {
                value as $type
            }

            #[inline(always)]
            fn to_f32(self) -> f32 {
                f32::from(self)
            }

            #[inline(always)]
            fn from_f32(value: f32) -> Self {
                (value + 0.5) as $type
            }

            #[inline(always)]
            fn luma(red: Self, green: Self, blue: Self) -> Self {
                // 65,536 times 0.299, 0.587 and 0.114; their sum is 65,536, so white stays white.
                let [red, green, blue] = [red, green, blue].map(<$wide>::from);
                ((red * 19_595 + green * 38_470 + blue * 7_471 + 0x8000) >> 16) as $type
            }
        }
    };
}

level!(u8, u32);
level!(u16, u64);

/// Calls `$body` with `$levels` bound to the levels of either depth, for code that is generic over [`Level`].
macro_rules! each_depth {
    ($pixels:expr, $levels:ident => $body:expr) => {
        match $pixels {
            $crate::image::Pixels::U8($levels) => $crate::image::Pixels::U8($body),
            $crate::image::Pixels::U16($levels) => $crate::image::Pixels::U16($body),
        }
    };
}
pub(crate) use each_depth;
