//! Files that were made to be wrong: no panic, no more memory than the limits allow, no hang.
//!
//! The checks and the files are those that the fuzzer starts from, too (`fuzz` at the top of the repository). Here they run
//! on stable Rust: every file as it is, cut at some forty lengths, and altered at random.

mod targets;

use cnn_tensor::testing::CountingAllocator;
use proptest::prelude::*;
use proptest::sample::Index;

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

/// The most memory that a check may hold beyond its file: what the decoder's limit on pixels comes to.
const MOST_BYTES: usize = (targets::MOST_PIXELS as usize * 8 + (1 << 24)) * 2;

/// Runs a check and looks at the memory that it took.
fn run(check: fn(&[u8]), bytes: &[u8], name: &str) {
    let ((), peak) = CountingAllocator::peak_of(|| check(bytes));
    assert!(peak <= MOST_BYTES, "{name}: {peak} bytes for a file of {}", bytes.len());
}

#[test]
fn the_corpus_holds() {
    for (target, check) in targets::ALL {
        let corpus = targets::corpus(target);
        assert!(corpus.len() > 3, "{target}");
        for (path, bytes) in corpus {
            run(check, &bytes, &path.display().to_string());
        }
    }
}

#[test]
fn the_corpus_cut_short_holds() {
    for (target, check) in targets::ALL {
        for (path, bytes) in targets::corpus(target) {
            // Every length of a small file, some forty of a larger one.
            for len in (0..bytes.len()).step_by(bytes.len().div_ceil(40)) {
                run(check, &bytes[..len], &path.display().to_string());
            }
        }
    }
}

/// One change of a file.
#[derive(Debug, Clone)]
enum Edit {
    /// Bits of a byte turned.
    Flip(Index, u8),
    /// Bytes that may be a length or a count, set to what lengths go wrong at.
    Number(Index, [u8; 4]),
    /// The rest left out.
    Cut(Index),
    /// Bytes of one place put in at another.
    Copy(Index, Index, u8),
}

impl Edit {
    fn apply(&self, bytes: &mut Vec<u8>) {
        if bytes.is_empty() {
            return;
        }
        let place = |at: &Index| at.index(bytes.len());
        match self {
            Self::Flip(at, bits) => {
                let at = place(at);
                bytes[at] ^= bits;
            }
            Self::Number(at, number) => {
                let at = place(at);
                bytes[at..].iter_mut().zip(number).for_each(|(byte, new)| *byte = *new);
            }
            Self::Cut(at) => bytes.truncate(place(at)),
            Self::Copy(from, to, len) => {
                let (from, to) = (place(from), place(to));
                let piece = bytes[from..(from + usize::from(*len)).min(bytes.len())].to_vec();
                bytes.splice(to..to, piece);
            }
        }
    }
}

fn edit() -> impl Strategy<Value = Edit> {
    let number = prop::sample::select(vec![
        [0; 4],
        [255; 4],
        [127, 255, 255, 255],
        [255, 255, 255, 127],
        [0, 0, 1, 0],
    ]);
    prop_oneof![
        4 => (any::<Index>(), 1u8..).prop_map(|(at, bits)| Edit::Flip(at, bits)),
        2 => (any::<Index>(), number).prop_map(|(at, number)| Edit::Number(at, number)),
        1 => any::<Index>().prop_map(Edit::Cut),
        1 => (any::<Index>(), any::<Index>(), any::<u8>()).prop_map(|(from, to, len)| Edit::Copy(from, to, len)),
    ]
}

/// Alters files of a target's corpus.
fn altered(target: usize, file: &Index, edits: &[Edit]) {
    let (name, check) = targets::ALL[target];
    let corpus = targets::corpus(name);
    let (path, mut bytes) = corpus[file.index(corpus.len())].clone();
    edits.iter().for_each(|edit| edit.apply(&mut bytes));
    run(check, &bytes, &path.display().to_string());
}

proptest! {
    #[test]
    fn altered_pictures_hold(file in any::<Index>(), edits in prop::collection::vec(edit(), 1..6)) {
        altered(0, &file, &edits);
    }

    #[test]
    fn altered_data_sets_hold(
        target in 1..targets::ALL.len(),
        file in any::<Index>(),
        edits in prop::collection::vec(edit(), 1..6),
    ) {
        altered(target, &file, &edits);
    }
}
