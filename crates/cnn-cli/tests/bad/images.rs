//! Pictures that are corrupt, empty, enormous, of 16 bits, or no pictures.

use image::{DynamicImage, ImageBuffer, Luma};

use crate::common::{cnn_in, trained, write_digit};

#[test]
fn unreadable_images_are_each_told_and_the_others_answered() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    trained(here);
    write_digit(&here.join("good.png"), 0);
    let good = std::fs::read(here.join("good.png")).unwrap();
    let ran = |name: &str, bytes: &[u8]| {
        std::fs::write(here.join(name), bytes).unwrap();
        cnn_in(here, &format!("predict trained/best.safetensors {name} good.png --format json"))
            .bad(1, &[name])
    };
    let answered = ran("empty.png", b"");
    assert_eq!(answered.json().as_array().unwrap().len(), 1);
    assert_eq!(answered.json()[0]["file"], "good.png");
    ran("text.png", b"not a picture");
    ran("cut.png", &good[..good.len() / 2]);
    let mut corrupt = good.clone();
    let middle = corrupt.len() / 2;
    corrupt[middle] ^= 0xff;
    ran("corrupt.png", &corrupt);
    ran("cut.jpg", &[0xff, 0xd8, 0xff, 0xe0, 0, 16]);
    cnn_in(here, "predict trained/best.safetensors absent.png").bad(1, &["absent.png"]);
}

#[test]
fn an_image_that_says_it_is_enormous_is_refused_from_its_header() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    trained(here);
    write_digit(&here.join("huge.png"), 0);
    let mut bytes = std::fs::read(here.join("huge.png")).unwrap();
    // Width and height stand behind the signature, the chunk's length and its name; then the checksum is wrong
    // too, but nothing may be allocated before that is seen.
    bytes[16..24].copy_from_slice(&[0, 0x0f, 0xff, 0xff, 0, 0x0f, 0xff, 0xff]);
    std::fs::write(here.join("huge.png"), bytes).unwrap();
    cnn_in(here, "predict trained/best.safetensors huge.png").bad(1, &["huge.png"]);
}

#[test]
fn an_image_of_16_bits_means_what_it_says() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    trained(here);
    write_digit(&here.join("eight.png"), 3);
    let eight = image::open(here.join("eight.png")).unwrap().to_luma8();
    let sixteen: ImageBuffer<Luma<u16>, Vec<u16>> =
        ImageBuffer::from_fn(28, 28, |x, y| Luma([u16::from(eight.get_pixel(x, y).0[0]) * 257]));
    DynamicImage::ImageLuma16(sixteen).save(here.join("sixteen.png")).unwrap();
    let line = "predict trained/best.safetensors eight.png sixteen.png --format json --top 10";
    let answers = cnn_in(here, line).good().json();
    for (eight, sixteen) in
        answers[0]["top"].as_array().unwrap().iter().zip(answers[1]["top"].as_array().unwrap())
    {
        assert_eq!(eight["class"], sixteen["class"]);
        let difference = eight["probability"].as_f64().unwrap() - sixteen["probability"].as_f64().unwrap();
        assert!(difference.abs() < 1e-4, "{eight} {sixteen}");
    }
}

#[test]
fn a_folder_with_unreadable_pictures_lists_them_all_before_training() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    for class in ["a", "b"] {
        std::fs::create_dir_all(here.join("photos").join(class)).unwrap();
        for index in 0..4 {
            write_digit(&here.join(format!("photos/{class}/{index}.png")), index);
        }
        std::fs::write(here.join(format!("photos/{class}/broken.png")), b"").unwrap();
    }
    cnn_in(here, "train --data photos --out a").bad(1, &["a/broken.png", "b/broken.png"]);
    assert!(!here.join("a").exists());
}
