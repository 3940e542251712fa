//! [`Target`]: what a sample is an example of, and how the targets of a batch become one tensor.

use cnn_tensor::Tensor;

use crate::{Error, Result};

/// What a sample is an example of.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Target {
    /// One class, by its index.
    Class(usize),
    /// Any number of classes at once, by their indices.
    Classes(Vec<usize>),
    /// Measured values.
    Numbers(Vec<f32>),
}

impl Target {
    /// What kind of target it is, in words.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Class(_) => "a class",
            Self::Classes(_) => "several classes",
            Self::Numbers(_) => "numbers",
        }
    }

    /// The index of the class.
    ///
    /// # Errors
    /// [`Error::Argument`] where the target is not one class.
    pub fn class(&self) -> Result<usize> {
        match self {
            Self::Class(class) => Ok(*class),
            other => Err(Error::argument("target", other.kind(), "a class")),
        }
    }
}

/// The targets of a batch, of one kind. The first decides the kind.
#[derive(Debug)]
pub(crate) enum Labels {
    Class(Vec<i64>),
    /// Rows of 0 and 1, one number for each class.
    Classes(Vec<f32>, usize),
    Numbers(Vec<f32>, usize),
}

impl Labels {
    /// Labels of the kind of `first`, for a batch of samples of `classes` classes.
    pub(crate) fn new(first: &Target, classes: Option<usize>, batch: usize) -> Result<Self> {
        Ok(match first {
            Target::Class(_) => Self::Class(Vec::with_capacity(batch)),
            Target::Classes(_) => {
                let Some(classes) = classes else {
                    let expected = "a data set that names its classes, where samples have several";
                    return Err(Error::argument("classes", "none", expected));
                };
                Self::Classes(Vec::new(), classes)
            }
            Target::Numbers(numbers) => Self::Numbers(Vec::new(), numbers.len()),
        })
    }

    /// Adds the target of a sample.
    pub(crate) fn push(&mut self, target: &Target) -> Result<()> {
        match (self, target) {
            (Self::Class(labels), Target::Class(class)) => {
                let label = i64::try_from(*class)
                    .map_err(|_| Error::argument("class", class, "a number below 2^63"))?;
                labels.push(label);
            }
            (Self::Classes(rows, count), Target::Classes(classes)) => {
                let start = rows.len();
                rows.resize(start + *count, 0.0);
                for &class in classes {
                    let place = rows.get_mut(start + class).filter(|_| class < *count);
                    let expected = || Error::argument("class", class, format!("a number below {count}"));
                    *place.ok_or_else(expected)? = 1.0;
                }
            }
            (Self::Numbers(rows, count), Target::Numbers(numbers)) if numbers.len() == *count => {
                rows.extend_from_slice(numbers);
            }
            (Self::Numbers(_, count), Target::Numbers(numbers)) => {
                let expected = format!("{count}, as many as the first sample of the batch has");
                return Err(Error::argument("numbers of a target", numbers.len(), expected));
            }
            (labels, target) => {
                let expected = format!("{}, as the first sample of the batch has", labels.kind());
                return Err(Error::argument("target", target.kind(), expected));
            }
        }
        Ok(())
    }

    fn kind(&self) -> &'static str {
        match self {
            Self::Class(_) => "a class",
            Self::Classes(..) => "several classes",
            Self::Numbers(..) => "numbers",
        }
    }

    /// The tensor of a batch: `I64 [batch]` of classes; `F32 [batch, classes]` of 0 and 1; `F32 [batch, numbers]`.
    pub(crate) fn into_tensor(self, batch: usize) -> Result<Tensor> {
        Ok(match self {
            Self::Class(labels) => Tensor::from_slice(&[batch], &labels)?,
            Self::Classes(rows, count) | Self::Numbers(rows, count) => {
                Tensor::from_slice(&[batch, count], &rows)?
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(targets: &[Target], classes: Option<usize>) -> Result<Tensor> {
        let mut labels = Labels::new(&targets[0], classes, targets.len())?;
        targets.iter().try_for_each(|target| labels.push(target))?;
        labels.into_tensor(targets.len())
    }

    #[test]
    fn each_kind_has_a_tensor_of_its_own() {
        let classes = labels(&[Target::Class(3), Target::Class(0)], None).unwrap();
        assert_eq!((classes.shape(), classes.to_vec::<i64>().unwrap()), ([2].as_slice(), vec![3, 0]));
        let several = labels(&[Target::Classes(vec![2, 0]), Target::Classes(vec![])], Some(3)).unwrap();
        assert_eq!(several.shape(), [2, 3]);
        assert_eq!(several.to_vec::<f32>().unwrap(), [1.0, 0.0, 1.0, 0.0, 0.0, 0.0]);
        let numbers = labels(&[Target::Numbers(vec![1.5]), Target::Numbers(vec![-2.0])], None).unwrap();
        assert_eq!((numbers.shape(), numbers.to_vec::<f32>().unwrap()), ([2, 1].as_slice(), vec![1.5, -2.0]));
    }

    #[test]
    fn kinds_do_not_mix_and_classes_exist() {
        let message = |targets: &[Target], classes| labels(targets, classes).unwrap_err().to_string();
        assert_eq!(
            message(&[Target::Class(1), Target::Numbers(vec![1.0])], None),
            "target is \"numbers\", expected a class, as the first sample of the batch has"
        );
        assert!(message(&[Target::Classes(vec![3])], Some(3)).contains("a number below 3"));
        assert!(message(&[Target::Classes(vec![0])], None).contains("names its classes"));
        assert!(
            message(&[Target::Numbers(vec![1.0]), Target::Numbers(vec![])], None)
                .contains("as many as the first")
        );
    }
}
