//! Which engines there are and how each is started.

use std::path::PathBuf;
use std::process::Command;

use crate::engine::Engine;
use crate::failure::{Result, failure};
use crate::machine::root;

/// Ours, in every table.
pub(crate) const OURS: &str = "ours";

/// Another process of ours, which measures the machine's limit of multiply-adds.
pub(crate) const MULTIPLY_ADDS: &str = "limit of multiply-adds";

/// Another process of ours, which measures a plain copy, the reference for what memory limits.
pub(crate) const COPY: &str = "plain copy";

/// Something that ours is compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Peer {
    /// The name under which `--against` asks for it.
    pub(crate) name: &'static str,
    /// Its engines: the comparison is with the better of them.
    pub(crate) engines: &'static [&'static str],
}

/// Every peer.
pub(crate) const PEERS: [Peer; 4] = [
    Peer { name: "torch", engines: &["torch", "torch-channels-last"] },
    Peer { name: "gemm", engines: &["gemm"] },
    Peer { name: "burn", engines: &["burn"] },
    Peer { name: "candle", engines: &["candle"] },
];

impl Peer {
    /// The peer of this name, or the peer with the one engine of this name.
    pub(crate) fn named(name: &str) -> std::result::Result<Self, String> {
        let one_engine = |peer: Peer| {
            let place = peer.engines.iter().position(|engine| *engine == name)?;
            Some(Peer { engines: &peer.engines[place..=place], ..peer })
        };
        let whole = PEERS.into_iter().find(|peer| peer.name == name);
        whole.or_else(|| PEERS.into_iter().find_map(one_engine)).ok_or_else(|| {
            let known: Vec<&str> = PEERS.iter().map(|peer| peer.name).collect();
            format!("unknown peer `{name}`; there are {}", known.join(", "))
        })
    }
}

/// Starts engines.
#[derive(Debug, Clone)]
pub(crate) struct Starter {
    /// The Python that has PyTorch.
    pub(crate) python: PathBuf,
}

impl Starter {
    /// Starts the engine of this name.
    pub(crate) fn start(&self, engine: &str) -> Result<Engine> {
        match engine {
            OURS | MULTIPLY_ADDS | COPY => {
                let mut command = Command::new(std::env::current_exe()?);
                Engine::start(engine, command.arg("serve"), "")
            }
            "torch" | "torch-channels-last" => self.torch(engine),
            "gemm" | "burn" | "candle" => rust_peer(engine),
            _ => failure(format!("no engine `{engine}`")),
        }
    }

    fn torch(&self, engine: &str) -> Result<Engine> {
        let folder = root().join("benches/peers/torch");
        let advice = format!(
            "PyTorch is needed for `--against torch`: run\n  \
             python3 -m venv ENV && ENV/bin/pip install -r {}\n\
             and give --python ENV/bin/python (or set CNN_BENCH_PYTHON)",
            folder.join("requirements.txt").display()
        );
        let format = if engine == "torch" { "contiguous" } else { "channels-last" };
        let mut command = Command::new(&self.python);
        command.arg("-B").arg(folder.join("runner.py")).arg(format);
        command.envs(bench_common::ALLOCATOR);
        Engine::start(engine, &mut command, &advice)
    }
}

fn rust_peer(engine: &str) -> Result<Engine> {
    let folder = root().join("benches/peers/rust");
    let program = folder.join("target/release").join(format!("{engine}-runner"));
    // Cargo looks for `.cargo/config.toml` where it is called.
    let advice =
        format!("build it with\n  (cd {} && cargo build --release --bin {engine}-runner)", folder.display());
    Engine::start(engine, &mut Command::new(program), &advice)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_peer_is_told_with_the_known_ones() {
        assert_eq!(Peer::named("torch").unwrap().engines.len(), 2);
        assert_eq!(
            Peer::named("torhc").unwrap_err(),
            "unknown peer `torhc`; there are torch, gemm, burn, candle"
        );
        let one = Peer::named("torch-channels-last").unwrap();
        assert_eq!((one.name, one.engines), ("torch", ["torch-channels-last"].as_slice()));
    }

    #[test]
    fn a_missing_python_says_what_to_do() {
        let starter = Starter { python: "/nowhere/python".into() };
        let error = starter.start("torch").err().unwrap().to_string();
        assert!(error.contains("/nowhere/python") && error.contains("requirements.txt"), "{error}");
    }
}
