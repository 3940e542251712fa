//! What a run measured, epoch by epoch.

use serde::{Deserialize, Serialize};

/// One epoch of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EpochRecord {
    /// The epoch, counted from 1.
    pub epoch: usize,
    /// The learning rate of its last step.
    pub learning_rate: f64,
    /// Mean loss over the training images as they were seen: augmented, smoothed, by the changing network.
    pub train_loss: f64,
    /// Share of those images classified correctly, 0 to 1.
    pub train_accuracy: f64,
    /// Loss and accuracy on the validation images after the epoch, where there are any.
    pub validation: Option<Validation>,
    /// Time that the epoch's training took, without its validation.
    pub seconds: f64,
    /// Training images per second.
    pub images_per_second: f64,
    /// Of these seconds those in which the step waited for the loader's batch.
    #[serde(default)]
    pub waiting_seconds: f64,
}

/// The network on the validation images, in evaluation mode.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Validation {
    /// Mean cross-entropy without smoothing.
    pub loss: f64,
    /// Share of images classified correctly, 0 to 1.
    pub accuracy: f64,
    /// Mean recall of the classes.
    #[serde(default)]
    pub balanced_accuracy: f64,
    /// Mean F1 of the classes.
    #[serde(default)]
    pub macro_f1: f64,
}

/// What a run measured, and how it ended.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct History {
    /// One record for each finished epoch.
    pub epochs: Vec<EpochRecord>,
    /// How the run ended.
    pub ending: Ending,
    /// What makes one epoch better than another.
    #[serde(default)]
    pub best_by: BestBy,
}

/// What of the validation makes an epoch better than another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BestBy {
    /// A higher accuracy; of equals the lower loss.
    #[default]
    Accuracy,
    /// A lower loss.
    Loss,
    /// A higher mean recall of the classes, for classes of which some are rare; of equals the lower loss.
    BalancedAccuracy,
    /// A higher mean F1 of the classes; of equals the lower loss.
    MacroF1,
}

impl BestBy {
    /// Whether `next` is better than `best`.
    pub fn is_better(self, next: &Validation, best: &Validation) -> bool {
        let figure: fn(&Validation) -> f64 = match self {
            Self::Accuracy => |found| found.accuracy,
            Self::Loss => |found| -found.loss,
            Self::BalancedAccuracy => |found| found.balanced_accuracy,
            Self::MacroF1 => |found| found.macro_f1,
        };
        let (now, before) = (figure(next), figure(best));
        now > before || (now == before && next.loss < best.loss)
    }
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ending {
    /// All epochs were trained.
    #[default]
    Completed,
    /// A callback asked to stop.
    Stopped,
    /// The validation got no better for as long as the run was to wait.
    OutOfPatience,
}

impl History {
    /// The best epoch by [`History::best_by`], of equals the first; `None` without validation.
    pub fn best(&self) -> Option<&EpochRecord> {
        let validated = self.epochs.iter().filter_map(|record| Some((record, record.validation?)));
        let better = |next: &Validation, best: &Validation| self.best_by.is_better(next, best);
        validated
            .reduce(|best, next| if better(&next.1, &best.1) { next } else { best })
            .map(|(record, _)| record)
    }

    /// Epochs since the best one; 0 without validation.
    pub fn waited(&self) -> usize {
        let last = self.last().map_or(0, |record| record.epoch);
        self.best().map_or(0, |best| last.saturating_sub(best.epoch))
    }

    /// The last finished epoch.
    pub fn last(&self) -> Option<&EpochRecord> {
        self.epochs.last()
    }

    /// Time spent training, all epochs together, without validation.
    pub fn train_seconds(&self) -> f64 {
        // Not `sum`, whose start is -0.
        self.epochs.iter().fold(0.0, |sum, record| sum + record.seconds)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn record(epoch: usize, accuracy: Option<f64>) -> EpochRecord {
        EpochRecord {
            epoch,
            learning_rate: 0.1,
            train_loss: 1.0 / 3.0,
            train_accuracy: 0.5,
            validation: accuracy.map(|accuracy| Validation { loss: 0.25, accuracy, ..Validation::default() }),
            seconds: 2.0,
            images_per_second: 100.0,
            waiting_seconds: 0.5,
        }
    }

    #[test]
    fn of_equally_accurate_epochs_the_one_of_lower_loss_is_the_best() {
        let mut epochs: Vec<_> = (1..=3).map(|epoch| record(epoch, Some(0.75))).collect();
        epochs[1].validation = Some(Validation { loss: 0.125, accuracy: 0.75, ..Validation::default() });
        assert_eq!(History { epochs, ..History::default() }.best().unwrap().epoch, 2);
    }

    #[test]
    fn the_best_epoch_is_the_best_by_what_was_asked_for() {
        let found = [(0.9, 0.2, 0.3, 0.6), (0.8, 0.1, 0.5, 0.5), (0.7, 0.3, 0.4, 0.7)];
        let epochs = (1..).zip(found).map(|(epoch, (accuracy, loss, balanced_accuracy, macro_f1))| {
            let validation = Some(Validation { loss, accuracy, balanced_accuracy, macro_f1 });
            EpochRecord { validation, ..record(epoch, None) }
        });
        let mut history = History { epochs: epochs.collect(), ..History::default() };
        for (best_by, epoch) in
            [(BestBy::Accuracy, 1), (BestBy::Loss, 2), (BestBy::BalancedAccuracy, 2), (BestBy::MacroF1, 3)]
        {
            history.best_by = best_by;
            assert_eq!(history.best().unwrap().epoch, epoch, "{best_by:?}");
        }
    }

    #[test]
    fn the_first_of_equally_good_epochs_is_the_best() {
        let epochs = [Some(0.5), None, Some(0.75), Some(0.75)];
        let epochs = (1..).zip(epochs).map(|(epoch, accuracy)| record(epoch, accuracy)).collect();
        let history = History { epochs, ..History::default() };
        assert_eq!(history.best().unwrap().epoch, 3);
        assert_eq!(history.last().unwrap().epoch, 4);
        assert_eq!(history.train_seconds(), 8.0);
        assert_eq!(history.waited(), 1);
        assert_eq!(History::default().best(), None);
        assert!(History::default().train_seconds().is_sign_positive());
    }

    #[test]
    fn a_record_that_says_nothing_of_waiting_is_read() {
        let mut value = serde_json::to_value(record(1, None)).unwrap();
        assert!(value.as_object_mut().unwrap().remove("waiting_seconds").is_some());
        let read: EpochRecord = serde_json::from_value(value).unwrap();
        assert_eq!(read, EpochRecord { waiting_seconds: 0.0, ..record(1, None) });
    }

    #[test]
    fn a_history_survives_json_to_the_last_bit() {
        let history =
            History { epochs: vec![record(1, Some(0.1 + 0.2)), record(2, None)], ..History::default() };
        let text = serde_json::to_string(&history).unwrap();
        assert_eq!(serde_json::from_str::<History>(&text).unwrap(), history);
    }
}
