//! Loops and choices whose number is a constant in their body.
//!
//! An array that is indexed by constants alone stays in registers; indexed by anything else it lives in memory, which
//! costs a register tile more than half of its speed. The compiler does not unroll a loop with a long body by itself.

/// Repeats a body with each constant below `$count`, which is no more than the number that it is told.
macro_rules! each {
    (up to 3, $count:expr, $index:ident, $body:block) => { each!(@ $count, $index, $body, 0 1 2) };
    (up to 7, $count:expr, $index:ident, $body:block) => { each!(@ $count, $index, $body, 0 1 2 3 4 5 6) };
    (up to 8, $count:expr, $index:ident, $body:block) => { each!(@ $count, $index, $body, 0 1 2 3 4 5 6 7) };
    (up to 14, $count:expr, $index:ident, $body:block) => {
        each!(@ $count, $index, $body, 0 1 2 3 4 5 6 7 8 9 10 11 12 13)
    };
    (up to 22, $count:expr, $index:ident, $body:block) => {
        each!(@ $count, $index, $body, 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21)
    };
    (@ $count:expr, $index:ident, $body:block, $($value:literal)+) => {
        $(if $value < $count {
            const $index: usize = $value;
            $body
        })+
    };
}
pub(crate) use each;

/// The body with the constant that `$size` is: from 1 to `$most`, which is a constant too and no more than the number
/// that the macro is told.
macro_rules! choose {
    (up to 8, $size:expr, $most:expr, $constant:ident, $body:block) => {
        choose!(@ $size, $most, $constant, $body, 1 2 3 4 5 6 7 8)
    };
    (up to 14, $size:expr, $most:expr, $constant:ident, $body:block) => {
        choose!(@ $size, $most, $constant, $body, 14 13 12 11 10 9 8 7 6 5 4 3 2 1)
    };
    (@ $size:expr, $most:expr, $constant:ident, $body:block, $($value:literal)+) => {
        'chosen: {
            $(if $value <= $most && $size == $value {
                const $constant: usize = $value;
                break 'chosen ($body);
            })+
            unreachable!("nothing is compiled for a size of {}", $size)
        }
    };
}
pub(crate) use choose;
