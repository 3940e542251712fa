//! The well-known data sets: files, origins in order, lengths and sums.
//!
//! Origins and MD5 sums are torchvision's (`torchvision/datasets/mnist.py`), CIFAR's those of the page of its authors
//! (<https://www.cs.toronto.edu/~kriz/cifar.html>). SHA-256 sums and lengths are those that TensorFlow Datasets
//! (`url_checksums`) publishes for the same files. For QMNIST there are MD5 sums only.

use super::{Form, Published, PublishedFile, Sum};

/// A file: its name, length (0 where it is not published) and sum, of which the length tells the kind.
type Row = (&'static str, u64, &'static str);

struct Known {
    name: &'static str,
    /// What stands before a file's name, in the order in which they are tried.
    origins: &'static [&'static str],
    files: &'static [Row],
}

/// A set that is one archive: its name, URL, local name, length, sum, and how it is packed.
struct Packed {
    name: &'static str,
    url: &'static str,
    file: Row,
    form: fn(String) -> Form,
    root: &'static str,
}

const PLAIN: [Known; 4] = [
    Known {
        name: "mnist",
        origins: &["https://ossci-datasets.s3.amazonaws.com/mnist/", "http://yann.lecun.com/exdb/mnist/"],
        files: &[
            (
                "train-images-idx3-ubyte.gz",
                9_912_422,
                "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
            ),
            (
                "train-labels-idx1-ubyte.gz",
                28_881,
                "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
            ),
            (
                "t10k-images-idx3-ubyte.gz",
                1_648_877,
                "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
            ),
            (
                "t10k-labels-idx1-ubyte.gz",
                4_542,
                "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
            ),
        ],
    },
    Known {
        name: "fashion-mnist",
        origins: &["http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/"],
        files: &[
            (
                "train-images-idx3-ubyte.gz",
                26_421_880,
                "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
            ),
            (
                "train-labels-idx1-ubyte.gz",
                29_515,
                "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
            ),
            (
                "t10k-images-idx3-ubyte.gz",
                4_422_102,
                "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
            ),
            (
                "t10k-labels-idx1-ubyte.gz",
                5_148,
                "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
            ),
        ],
    },
    Known {
        name: "kmnist",
        origins: &["http://codh.rois.ac.jp/kmnist/dataset/kmnist/"],
        files: &[
            (
                "train-images-idx3-ubyte.gz",
                18_165_135,
                "51467d22d8cc72929e2a028a0428f2086b092bb31cfb79c69cc0a90ce135fde4",
            ),
            (
                "train-labels-idx1-ubyte.gz",
                29_497,
                "e38f9ebcd0f3ebcdec7fc8eabdcdaef93bb0df8ea12bee65224341c8183d8e17",
            ),
            (
                "t10k-images-idx3-ubyte.gz",
                3_041_136,
                "edd7a857845ad6bb1d0ba43fe7e794d164fe2dce499a1694695a792adfac43c5",
            ),
            (
                "t10k-labels-idx1-ubyte.gz",
                5_120,
                "20bb9a0ef54c7db3efc55a92eef5582c109615df22683c380526788f98e42a1c",
            ),
        ],
    },
    Known {
        name: "qmnist",
        origins: &["https://raw.githubusercontent.com/facebookresearch/qmnist/master/"],
        files: &[
            ("qmnist-train-images-idx3-ubyte.gz", 0, "ed72d4157d28c017586c42bc6afe6370"),
            ("qmnist-train-labels-idx2-int.gz", 0, "0058f8dd561b90ffdd0f734c6a30e5e4"),
            ("qmnist-test-images-idx3-ubyte.gz", 0, "1394631089c404de565df7b7aeaf9412"),
            ("qmnist-test-labels-idx2-int.gz", 0, "5b5b05890a5e13444e108efe57b788aa"),
        ],
    },
];

const PACKED: [Packed; 3] = [
    Packed {
        name: "emnist",
        url: "https://biometrics.nist.gov/cs_links/EMNIST/gzip.zip",
        file: (
            "emnist-gzip.zip",
            561_753_746,
            "fb9bb67e33772a9cc0b895e4ecf36d2cf35be8b709693c3564cea2a019fcda8e",
        ),
        form: |root| Form::Zip { root },
        root: "gzip",
    },
    Packed {
        name: "cifar10",
        url: "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",
        file: (
            "cifar-10-binary.tar.gz",
            170_052_171,
            "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
        ),
        form: |root| Form::TarGz { root },
        root: "cifar-10-batches-bin",
    },
    Packed {
        name: "cifar100",
        url: "https://www.cs.toronto.edu/~kriz/cifar-100-binary.tar.gz",
        file: (
            "cifar-100-binary.tar.gz",
            168_513_733,
            "58a81ae192c23a4be8b1804d68e518ed807d710a4eb253b1f2a199162a40d8ec",
        ),
        form: |root| Form::TarGz { root },
        root: "cifar-100-binary",
    },
];

/// Names of all of them.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    PLAIN.iter().map(|known| known.name).chain(PACKED.iter().map(|known| known.name))
}

/// A data set by its name.
pub(super) fn find(name: &str) -> Option<Published> {
    let plain = PLAIN.iter().find(|known| known.name == name).map(|known| {
        let urls = |file: &str| known.origins.iter().map(|origin| format!("{origin}{file}")).collect();
        known.files.iter().map(|row| file(row, urls(row.0), Form::Plain)).collect()
    });
    let packed = || {
        let known = PACKED.iter().find(|known| known.name == name)?;
        Some(vec![file(&known.file, vec![known.url.to_owned()], (known.form)(known.root.to_owned()))])
    };
    Some(Published { name: name.to_owned(), files: plain.or_else(packed)? })
}

fn file(&(name, bytes, sum): &Row, urls: Vec<String>, form: Form) -> PublishedFile {
    let sum = if sum.len() == 32 { Sum::Md5(sum.to_owned()) } else { Sum::Sha256(sum.to_owned()) };
    PublishedFile { name: name.to_owned(), urls, bytes: (bytes > 0).then_some(bytes), sum, form }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_known_set_has_files_with_an_origin_and_a_whole_sum() {
        assert_eq!(names().count(), 7);
        for name in names() {
            let set = find(name).unwrap();
            assert!(!set.files.is_empty());
            for file in set.files {
                assert!(!file.urls.is_empty() && file.urls.iter().all(|url| url.starts_with("http")));
                let (digits, expected) = match &file.sum {
                    Sum::Sha256(digits) => (digits, 64),
                    Sum::Md5(digits) => (digits, 32),
                };
                assert_eq!(digits.len(), expected, "{name} {}", file.name);
                assert!(digits.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f')));
                assert_eq!(matches!(file.sum, Sum::Md5(_)), name == "qmnist");
            }
        }
        assert_eq!(find("imagenet"), None);
    }
}
