//! The one map from Rust errors to Python exceptions.

use pyo3::create_exception;
use pyo3::exceptions::PyException;
use pyo3::prelude::*;

create_exception!(coreos_py._core, EngineError, PyException);

/// An `EngineError` with its `kind`.
pub fn engine_error(py: Python<'_>, kind: &str, message: &str) -> PyErr {
    let error = EngineError::new_err(message.to_owned());
    match error.value(py).setattr("kind", kind) {
        Ok(()) => error,
        Err(failed) => failed,
    }
}

/// The engine stopped because going on would not be safe.
pub fn poisoned(py: Python<'_>, reason: &str) -> PyErr {
    engine_error(py, "poisoned", reason)
}
