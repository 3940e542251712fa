//! Named files out of a `.tar.gz`, read as it streams by. Nothing is written to the disk.
//!
//! Only ordinary files count, under a path of ordinary names; links, devices and paths that lead upwards or start at
//! the root are passed over. Sizes are limited, that of the whole included, so that a small archive that unpacks
//! to an enormous one ends in an error.

use std::io::{self, BufReader, Read};
use std::path::{Component, Path, PathBuf};

use flate2::bufread::MultiGzDecoder;

use crate::{Error, Result};

/// Most bytes that an archive unpacks to: those that are read here come to 180 MB.
const MOST_BYTES: u64 = 1 << 30;

/// The files of these names, in this order, with what each is called in messages.
///
/// # Errors
/// [`Error::Io`]; [`Error::Malformed`] where the archive is damaged, cut short or too large, or a name is not there
/// or there twice.
pub(super) fn read(archive: &Path, names: &[&str], most: u64) -> Result<Vec<(PathBuf, Vec<u8>)>> {
    let malformed = |problem: String| Error::malformed(archive, problem);
    let damaged =
        |error: io::Error| malformed(format!("is no whole `.tar.gz` archive, or it is damaged: {error}"));
    let file = std::fs::File::open(archive).map_err(|source| Error::io(archive, source))?;
    let mut stream = MultiGzDecoder::new(BufReader::with_capacity(1 << 16, file)).take(MOST_BYTES);
    let mut found: Vec<Option<Vec<u8>>> = vec![None; names.len()];
    // Raw entries: long names, which the reader would hold in memory, are of no use here.
    let mut tar = tar::Archive::new(&mut stream);
    for entry in tar.entries().map_err(damaged)?.raw(true) {
        let mut entry = entry.map_err(damaged)?;
        let Some(place) = wanted(&entry, names) else { continue };
        if found[place].is_some() {
            return Err(malformed(format!("holds two files {}", names[place])));
        }
        let size = entry.size();
        if size > most {
            let problem = format!("{} is larger than the limit of {most} bytes", names[place]);
            return Err(malformed(problem));
        }
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).map_err(damaged)?;
        if bytes.len() as u64 != size {
            return Err(malformed(format!("ends within {}: it is cut short", names[place])));
        }
        found[place] = Some(bytes);
    }
    // The check sum of the compressed data stands at its end.
    io::copy(&mut stream, &mut io::sink()).map_err(damaged)?;
    if stream.limit() == 0 {
        return Err(malformed(format!("unpacks to more than the limit of {MOST_BYTES} bytes")));
    }
    let whole = |(bytes, name): (Option<Vec<u8>>, &&str)| {
        let missing = || malformed(format!("holds no file {name}"));
        Ok((archive.join(name), bytes.ok_or_else(missing)?))
    };
    found.into_iter().zip(names).map(whole).collect()
}

/// Which of the names an entry has, if it is an ordinary file under an ordinary path.
fn wanted<R: Read>(entry: &tar::Entry<'_, R>, names: &[&str]) -> Option<usize> {
    let path = entry.path().ok().filter(|_| entry.header().entry_type().is_file())?;
    let ordinary = |part: Component<'_>| matches!(part, Component::Normal(_) | Component::CurDir);
    let name = path.file_name().filter(|_| path.components().all(ordinary))?;
    names.iter().position(|wanted| name == *wanted)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;
    use proptest::prelude::*;
    use tar::EntryType;

    use super::*;

    fn packed(entries: &[(&str, EntryType, &[u8])]) -> Vec<u8> {
        let mut tar = tar::Builder::new(Vec::new());
        for (path, kind, bytes) in entries {
            let mut header = tar::Header::new_ustar();
            // `set_path` refuses the odd paths.
            header.as_old_mut().name[..path.len()].copy_from_slice(path.as_bytes());
            header.set_size(bytes.len() as u64);
            header.set_entry_type(*kind);
            header.set_cksum();
            tar.append(&header, *bytes).unwrap();
        }
        gzip(&tar.into_inner().unwrap())
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn read_bytes(bytes: &[u8], names: &[&str]) -> Result<Vec<Vec<u8>>> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), bytes).unwrap();
        Ok(read(file.path(), names, 1000)?.into_iter().map(|(_, bytes)| bytes).collect())
    }

    #[test]
    fn files_come_in_the_order_of_the_names_and_odd_entries_are_passed_over() {
        let archive = packed(&[
            ("set/", EntryType::Directory, b""),
            ("../b.bin", EntryType::Regular, b"up"),
            ("/b.bin", EntryType::Regular, b"root"),
            ("set/a.bin", EntryType::Symlink, b""),
            ("set/b.bin", EntryType::Regular, b"second"),
            ("./a.bin", EntryType::Regular, b"first"),
            ("set/readme", EntryType::Regular, b"text"),
        ]);
        assert_eq!(read_bytes(&archive, &["a.bin", "b.bin"]).unwrap(), [&b"first"[..], b"second"]);
        let message = read_bytes(&archive, &["c.bin"]).unwrap_err().to_string();
        assert!(message.ends_with("holds no file c.bin"), "{message}");
    }

    #[test]
    fn files_there_twice_too_large_or_cut_short_are_errors() {
        let message = |bytes: &[u8]| read_bytes(bytes, &["a"]).unwrap_err().to_string();
        let twice = [("a", EntryType::Regular, &b"1"[..]), ("x/a", EntryType::Regular, b"2")];
        assert!(message(&packed(&twice)).contains("holds two files a"));
        let large = [("a", EntryType::Regular, &[0; 1001][..])];
        assert!(message(&packed(&large)).contains("a is larger than the limit of 1000 bytes"));
        let whole = packed(&[("a", EntryType::Regular, &[7; 900])]);
        for len in 0..whole.len() {
            assert!(read_bytes(&whole[..len], &["a"]).is_err(), "{len} of {} bytes", whole.len());
        }
        assert!(message(b"no archive").contains("no whole `.tar.gz` archive"));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn altered_archives_never_panic(at in 0usize..1536, by in any::<u8>(), rest in any::<[u8; 16]>()) {
            let mut tar = Vec::new();
            flate2::read::GzDecoder::new(&packed(&[("a", EntryType::Regular, b"1")])[..])
                .read_to_end(&mut tar)
                .unwrap();
            tar[at] ^= by;
            let _ = read_bytes(&gzip(&tar), &["a"]);
            let _ = read_bytes(&rest, &["a"]);
        }
    }
}
