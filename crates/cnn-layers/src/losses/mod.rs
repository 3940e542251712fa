//! Losses: functions of a network's output and a target, to a scalar.

pub(crate) mod cross_entropy;
