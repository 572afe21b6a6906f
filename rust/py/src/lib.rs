//! The bridge `coreos_py._core`: what Python sees of the engine, and nothing else.
//!
//! `python/coreos_py/_core.pyi` is the same list for Python, checked against this binary. Every call that may
//! take long releases the GIL; no engine thread ever takes it.

#![allow(
    missing_docs,
    reason = "documented in python/coreos_py/_core.pyi, which is checked against this"
)]

use pyo3::prelude::*;

mod changes;
mod engine;
mod errors;
mod front;
mod inspect;
mod peers;
mod statistics;

#[pymodule]
fn _core(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    module.add("EngineError", module.py().get_type::<errors::EngineError>())?;
    module.add("AUTH_DOCUMENTS_MAX", coreos_engine::DOCUMENTS_MAX)?;
    module.add("AUTH_DOCUMENT_BYTES_MAX", coreos_engine::DOCUMENT_BYTES_MAX)?;
    module.add("AUTH_LIST_MAX", coreos_engine::LIST_MAX)?;
    module.add_class::<engine::Engine>()?;
    module.add_class::<front::Front>()?;
    module.add_class::<front::Request>()?;
    module.add_function(wrap_pyfunction!(changes::hash_password, module)?)?;
    module.add_function(wrap_pyfunction!(inspect::verify, module)?)?;
    module.add_function(wrap_pyfunction!(inspect::repair, module)?)?;
    Ok(())
}
