//! Backward against finite differences, in train mode and in eval mode by turns.

use cnn_layers::{Mode, gradcheck};

use crate::draw::Scale;

#[test]
fn backward_agrees_with_finite_differences() {
    crate::each_setting(|member, number| {
        let mode = if number.is_multiple_of(2) { Mode::Train } else { Mode::Eval };
        let mut setting = member.setting(number, Scale::Small)?;
        let inputs = setting.inputs;
        let report = gradcheck::check(&mut setting.subject, &inputs, mode, |subject, inputs, cx| {
            subject.run(inputs, cx)
        });
        let shapes: Vec<_> = inputs.iter().map(|input| input.shape().to_vec()).collect();
        let report = report.map_err(|error| format!("inputs {shapes:?}, {mode:?}: {error}"))?;
        if report.elements == 0 {
            return Err(format!("inputs {shapes:?}: nothing was compared"));
        }
        Ok(())
    });
}
