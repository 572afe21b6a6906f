//! Traffic between members, as /v2/stats shows it.

use coreos_engine::Now;
use coreos_engine::replica::{FollowerStats, Latency, Statistics, Traffic};
use pyo3::prelude::*;
use pyo3::types::PyDict;

/// `sent`, `received` and `followers`, see the stub.
pub fn shown<'py>(py: Python<'py>, statistics: &Statistics) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(py);
    dict.set_item("sent", traffic(&statistics.sent))?;
    dict.set_item("received", traffic(&statistics.received))?;
    let followers = PyDict::new(py);
    for (id, stats) in &statistics.followers {
        followers.set_item(id, follower(py, stats)?)?;
    }
    dict.set_item("followers", followers)?;
    Ok(dict)
}

fn traffic(traffic: &Traffic) -> (u64, f64, f64) {
    let (appends, bytes) = traffic.rates(Now::real());
    (traffic.count, appends, bytes)
}

fn follower<'py>(py: Python<'py>, stats: &FollowerStats) -> PyResult<Bound<'py, PyDict>> {
    let Latency { current_ms, average_ms, deviation_ms, minimum_ms, maximum_ms } = stats.latency;
    let dict = PyDict::new(py);
    dict.set_item("success", stats.success)?;
    dict.set_item("fail", stats.fail)?;
    dict.set_item("latency_ms", (current_ms, average_ms, deviation_ms, minimum_ms, maximum_ms))?;
    Ok(dict)
}
