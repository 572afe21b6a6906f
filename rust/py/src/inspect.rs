//! `verify` and `repair` of a data directory that no member runs on.

use std::path::PathBuf;

use coreos_engine::{EngineError, RealDisk};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::errors::engine_error;

#[pyfunction]
pub fn verify(py: Python<'_>, data_dir: PathBuf) -> PyResult<Bound<'_, PyDict>> {
    let report = py
        .detach(|| coreos_engine::verify(RealDisk::new(true), &data_dir))
        .map_err(|error| raise(py, error.into()))?;
    let dict = PyDict::new(py);
    dict.set_item("ok", report.ok)?;
    dict.set_item("cluster_id", report.cluster_id)?;
    dict.set_item("member_id", report.member_id)?;
    dict.set_item("segments", report.segments)?;
    dict.set_item("snapshots", report.snapshots)?;
    dict.set_item("first_index", report.first_index)?;
    dict.set_item("last_index", report.last_index)?;
    dict.set_item("commit", report.commit)?;
    dict.set_item("problems", report.problems)?;
    dict.set_item("torn_tail_bytes", report.torn_tail_bytes)?;
    dict.set_item("would_lose", report.would_lose)?;
    Ok(dict)
}

#[pyfunction]
pub fn repair(py: Python<'_>, data_dir: PathBuf) -> PyResult<Vec<String>> {
    py.detach(|| coreos_engine::repair(RealDisk::new(true), &data_dir))
        .map_err(|error| raise(py, error.into()))
}

fn raise(py: Python<'_>, error: EngineError) -> PyErr {
    engine_error(py, error.kind.as_str(), &error.message)
}
