//! The number of threads changes no bit.

use cnn_layers::Mode;
use cnn_tensor::DType;
use cnn_tensor::testing::{assert_threads_change_nothing, on_each_level, same_bits};

use crate::draw::Scale;
use crate::precision::run;

#[test]
fn the_number_of_threads_changes_no_bit() {
    crate::each_member(|member| {
        let results = || {
            let mut setting = member.setting(0, Scale::Large).unwrap();
            let results = run(&mut setting, DType::F32, Mode::Train, None).unwrap();
            results.into_iter().map(|(_, tensor)| tensor).collect::<Vec<_>>()
        };
        if member.alone.is_none() {
            assert_threads_change_nothing(member.name, results);
            return Ok(());
        }
        on_each_level(|level| {
            let [first, second] = [results(), results()];
            assert!(
                first.iter().zip(&second).all(|(a, b)| same_bits(a, b)),
                "{} differs from run to run on {level}",
                member.name
            );
        });
        Ok(())
    });
}
