//! Which instruction set is used: the best that the machine has, unless `CNN_ISA` names another.

use std::cell::Cell;
use std::fmt;
use std::sync::LazyLock;

#[cfg(target_arch = "aarch64")]
use super::isa::Neon;
#[cfg(target_arch = "x86_64")]
use super::isa::{Avx2, Avx512};
use super::isa::{Isa, Kernel, Portable};
use crate::{Error, Result};

/// An instruction set that this machine has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Level(Token);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Token {
    Portable(Portable),
    #[cfg(target_arch = "x86_64")]
    Avx2(Avx2),
    #[cfg(target_arch = "x86_64")]
    Avx512(Avx512),
    #[cfg(target_arch = "aarch64")]
    Neon(Neon),
}

thread_local! {
    static OVERRIDE: Cell<Option<Level>> = const { Cell::new(None) };
}

static DEFAULT: LazyLock<Result<Level>> = LazyLock::new(|| match std::env::var("CNN_ISA") {
    Err(std::env::VarError::NotPresent) => Ok(Level::best()),
    value => Level::named(&value.unwrap_or_else(|error| error.to_string())),
});

/// A constant of the instruction set of a level.
macro_rules! constant {
    ($level:expr, $name:ident) => {
        match $level.0 {
            Token::Portable(_) => Portable::$name,
            #[cfg(target_arch = "x86_64")]
            Token::Avx2(_) => Avx2::$name,
            #[cfg(target_arch = "x86_64")]
            Token::Avx512(_) => Avx512::$name,
            #[cfg(target_arch = "aarch64")]
            Token::Neon(_) => Neon::$name,
        }
    };
}

impl Level {
    /// Every instruction set that this machine has, best first. This is the one place that ranks them.
    pub fn available() -> Vec<Level> {
        let mut levels = Vec::new();
        #[cfg(target_arch = "x86_64")]
        {
            levels.extend(Avx512::detect().map(|token| Level(Token::Avx512(token))));
            levels.extend(Avx2::detect().map(|token| Level(Token::Avx2(token))));
        }
        #[cfg(target_arch = "aarch64")]
        levels.extend(Neon::detect().map(|token| Level(Token::Neon(token))));
        levels.push(Level(Token::Portable(Portable)));
        levels
    }

    /// The name by which `CNN_ISA` asks for it.
    pub fn name(self) -> &'static str {
        constant!(self, NAME)
    }

    /// Numbers of `f32` in a vector.
    pub(crate) fn lanes(self) -> usize {
        constant!(self, LANES)
    }

    fn best() -> Level {
        Self::available()[0]
    }

    fn named(name: &str) -> Result<Level> {
        let available = Self::available();
        available.iter().copied().find(|level| level.name() == name).ok_or_else(|| Error::Environment {
            variable: "CNN_ISA",
            value: name.into(),
            problem: format!(
                "this machine has {}",
                available.iter().map(|level| level.name()).collect::<Vec<_>>().join(", ")
            ),
        })
    }

    /// Runs a kernel compiled for this instruction set.
    #[inline]
    pub(crate) fn run<K: Kernel>(self, kernel: K) -> K::Output {
        match self.0 {
            Token::Portable(token) => token.enter(kernel),
            #[cfg(target_arch = "x86_64")]
            Token::Avx2(token) => token.enter(kernel),
            #[cfg(target_arch = "x86_64")]
            Token::Avx512(token) => token.enter(kernel),
            #[cfg(target_arch = "aarch64")]
            Token::Neon(token) => token.enter(kernel),
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// The instruction set that operations started from this thread use.
///
/// # Errors
/// [`Error::Environment`] where `CNN_ISA` asks for one that the machine has not.
pub fn active() -> Result<Level> {
    OVERRIDE.get().map_or_else(|| DEFAULT.clone(), Ok)
}

/// Runs `work` with another instruction set, for operations started from this thread.
pub fn with_level<R>(level: Level, work: impl FnOnce() -> R) -> R {
    struct Restore(Option<Level>);
    impl Drop for Restore {
        fn drop(&mut self) {
            OVERRIDE.set(self.0);
        }
    }
    let _restore = Restore(OVERRIDE.replace(Some(level)));
    work()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_impossible_request_names_what_there_is() {
        let message = Level::named("sse9").unwrap_err().to_string();
        assert!(
            message.starts_with("CNN_ISA=sse9: this machine has ") && message.ends_with("portable"),
            "{message}"
        );
    }

    #[test]
    fn the_override_ends_with_its_scope() {
        let before = active().unwrap();
        let portable = Level::named("portable").unwrap();
        assert_eq!(with_level(portable, || active().unwrap()), portable);
        assert_eq!(active().unwrap(), before);
    }
}
