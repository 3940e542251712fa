//! Tests of the register kernels on their own.
