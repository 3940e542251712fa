//! The number of threads changes no bit, on a setting of each member whose work is split.

use cnn_layers::Mode;
use cnn_tensor::testing::{assert_threads_change_nothing, on_each_level, same_bits};
use cnn_tensor::{DType, Tensor, parallel};

use crate::draw::Scale;
use crate::precision::run;
use crate::{Member, SETTINGS};

/// Output and gradients of a large setting.
fn results(member: &Member, number: u64) -> Vec<Tensor> {
    let mut setting = member.setting(number, Scale::Large).unwrap();
    let results = run(&mut setting, DType::F32, Mode::Train, None).unwrap();
    results.into_iter().map(|(_, tensor)| tensor).collect()
}

#[test]
fn the_number_of_threads_changes_no_bit() {
    crate::each_member(|member| {
        if member.alone.is_none() {
            // A setting may have nothing to do, as random zeros without any.
            let is_split = |&number: &u64| {
                let before = parallel::splits();
                parallel::with_threads(2, || results(member, number)).unwrap();
                parallel::splits() > before
            };
            let number = (0..SETTINGS).find(is_split).ok_or("threads share the work of no setting")?;
            assert_threads_change_nothing(member.name, || results(member, number));
            return Ok(());
        }
        on_each_level(|level| {
            let [first, second] = [0, 0].map(|number| results(member, number));
            assert!(
                first.iter().zip(&second).all(|(a, b)| same_bits(a, b)),
                "{} differs from run to run on {level}",
                member.name
            );
        });
        Ok(())
    });
}
