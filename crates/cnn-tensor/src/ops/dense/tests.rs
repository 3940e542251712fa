//! Tests of the dense product.
