//! [`AnyOptimizer`]: an optimiser as a configuration file names it.

use serde::{Deserialize, Serialize};

use super::{
    AdadeltaOptions, AdagradOptions, AdamOptions, AdamWOptions, ByParameter, Groups, LambOptions,
    LionOptions, MuonOptions, NAdamOptions, Optimizer, RAdamOptions, RmsPropOptions, SgdOptions,
};
use crate::Result;

macro_rules! any {
    ($($(#[$doc:meta])* $variant:ident($options:ident),)+) => {
        /// Any optimiser of this crate, as a configuration file names it: `kind = "sgd"`, then its arguments.
        ///
        /// ```
        /// let options: cnn_train::optim::AnyOptimizer =
        ///     serde_json::from_str(r#"{"kind": "sgd", "momentum": 0.9, "nesterov": true}"#).unwrap();
        /// let optimizer = options.build()?;
        /// # Ok::<(), cnn_train::Error>(())
        /// ```
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
        #[serde(tag = "kind", rename_all = "lowercase")]
        #[non_exhaustive]
        pub enum AnyOptimizer {
            $($(#[$doc])* $variant($options),)+
        }

        impl AnyOptimizer {
            /// The optimiser, without any state, with the groups.
            ///
            /// # Errors
            /// [`Error::Argument`](crate::Error::Argument) for an option outside its range.
            pub fn build_grouped(&self, groups: Groups) -> Result<Box<dyn Optimizer>> {
                Ok(match self {
                    $(Self::$variant(options) => Box::new(ByParameter::new(*options)?.groups(groups)?),)+
                })
            }
        }
    };
}

any! {
    /// Stochastic gradient descent.
    Sgd(SgdOptions),
    /// Adam; weight decay enters the gradient.
    Adam(AdamOptions),
    /// Adam with decoupled weight decay.
    AdamW(AdamWOptions),
    /// Adam with Nesterov's momentum.
    NAdam(NAdamOptions),
    /// Adam with a rectified variance.
    RAdam(RAdamOptions),
    /// Rates that fall with the squares of the gradients.
    Adagrad(AdagradOptions),
    /// Adagrad with a memory that fades, in the parameter's units.
    Adadelta(AdadeltaOptions),
    /// Gradients over the root of their mean square.
    RmsProp(RmsPropOptions),
    /// Adam for large batches.
    Lamb(LambOptions),
    /// Steps by the sign of a momentum.
    Lion(LionOptions),
    /// Orthogonal steps for matrices and kernels, AdamW for the rest.
    Muon(MuonOptions),
}

impl AnyOptimizer {
    /// The optimiser, without any state.
    ///
    /// # Errors
    /// [`Error::Argument`](crate::Error::Argument) for an option outside its range.
    pub fn build(&self) -> Result<Box<dyn Optimizer>> {
        self.build_grouped(Groups::default())
    }
}

impl Default for AnyOptimizer {
    fn default() -> Self {
        Self::Adam(AdamOptions::default())
    }
}
