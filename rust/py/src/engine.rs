//! `Engine`: one member.

use std::collections::BTreeMap;
use std::os::fd::RawFd;
use std::path::PathBuf;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{SystemTime, UNIX_EPOCH};

use coreos_engine::transport::VersionTexts;
use coreos_engine::{
    AuthChange, Body, COMMANDS_VERSION, EngineError, HistogramValue, Joining, Member, MemberConfig,
    RaftRole, new_member_id,
};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};

use crate::changes::{self, Wanted};
use crate::errors::engine_error;
use crate::peers;
use crate::statistics;

#[pyclass(frozen, module = "coreos_py._core")]
pub struct Engine {
    pub member: Member,
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.member.close();
    }
}

fn raise(py: Python<'_>, error: &EngineError) -> PyErr {
    engine_error(py, error.kind.as_str(), &error.message)
}

fn histogram<'py>(py: Python<'py>, value: HistogramValue) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(py);
    dict.set_item("buckets", value.buckets)?;
    dict.set_item("sum", value.sum)?;
    dict.set_item("count", value.count)?;
    Ok(dict)
}

#[pymethods]
impl Engine {
    #[staticmethod]
    #[pyo3(signature = (data_dir, *, name, initial_cluster, token, peer_urls, client_urls, joining=None,
        force_new_cluster=false, heartbeat_ms=100, election_ms=1000, snapshot_count=None, max_snapshots=2,
        history_bytes=16_777_216, upstream=false, fsync=true))]
    #[expect(clippy::too_many_arguments, reason = "keyword arguments of a constructor")]
    fn open(
        py: Python<'_>,
        data_dir: PathBuf,
        name: String,
        initial_cluster: Vec<(String, Vec<String>)>,
        token: Option<String>,
        peer_urls: Vec<String>,
        client_urls: Vec<String>,
        joining: Option<(u64, u64)>,
        force_new_cluster: bool,
        heartbeat_ms: u64,
        election_ms: u64,
        snapshot_count: Option<u64>,
        max_snapshots: usize,
        history_bytes: usize,
        upstream: bool,
        fsync: bool,
    ) -> PyResult<Self> {
        if heartbeat_ms == 0 || election_ms < heartbeat_ms.saturating_mul(5) {
            let message = format!(
                "-election-timeout[{election_ms}ms] should be at least as 5 times as \
                 -heartbeat-interval[{heartbeat_ms}ms]"
            );
            return Err(engine_error(py, "config", &message));
        }
        let config = MemberConfig {
            data_dir,
            name,
            initial_cluster,
            token,
            joining: joining.map(|(member_id, cluster_id)| Joining { member_id, cluster_id }),
            force_new_cluster,
            heartbeat_ms,
            election_ms,
            peer_urls,
            client_urls,
            snapshot_count,
            max_snapshots,
            history_bytes,
            upstream,
            limits: Default::default(),
            wal: Default::default(),
            speaks: COMMANDS_VERSION.to_owned(),
        };
        match py.detach(|| Member::open(&config, fsync)) {
            Ok(member) => Ok(Self { member }),
            Err(error) => Err(raise(py, &error)),
        }
    }

    fn status<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let status = self.member.status();
        let dict = PyDict::new(py);
        let state = match status.role {
            RaftRole::Leader => "StateLeader",
            RaftRole::Follower => "StateFollower",
            RaftRole::PreCandidate | RaftRole::Candidate => "StateCandidate",
        };
        dict.set_item("member_id", status.member_id)?;
        dict.set_item("cluster_id", status.cluster_id)?;
        dict.set_item("leader_id", status.leader_id)?;
        dict.set_item("term", status.term)?;
        dict.set_item("raft_index", status.raft_index)?;
        dict.set_item("applied", status.applied)?;
        dict.set_item("commit", status.commit)?;
        dict.set_item("etcd_index", status.etcd_index)?;
        dict.set_item("state", state)?;
        dict.set_item("name", status.name)?;
        dict.set_item("start_time_ns", status.start_time_ns)?;
        dict.set_item("leader_since_ns", status.leader_since_ns)?;
        dict.set_item("is_removed", status.is_removed)?;
        dict.set_item("is_current", self.member.is_current())?;
        dict.set_item("read_only", status.read_only)?;
        dict.set_item("poisoned", status.poisoned)?;
        dict.set_item("oldest_proposal_ms", status.oldest_in_flight_ns / 1_000_000)?;
        dict.set_item("cluster_version", status.cluster_version)?;
        dict.set_item("wal_segments", status.segments)?;
        dict.set_item("keys", status.keys)?;
        dict.set_item("watchers", status.watchers)?;
        Ok(dict)
    }

    fn members<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let list = PyList::empty(py);
        for member in self.member.members() {
            let dict = PyDict::new(py);
            dict.set_item("id", member.id)?;
            dict.set_item("name", member.name)?;
            dict.set_item("peer_urls", member.peer_urls)?;
            dict.set_item("client_urls", member.client_urls)?;
            dict.set_item("is_learner", member.is_learner)?;
            list.append(dict)?;
        }
        Ok(list)
    }

    fn removed_members(&self) -> Vec<u64> {
        self.member.removed_members()
    }

    #[pyo3(signature = (id, peer_urls, *, timeout_ms))]
    fn update_member(
        &self,
        py: Python<'_>,
        id: u64,
        peer_urls: Vec<String>,
        timeout_ms: u64,
    ) -> PyResult<u16> {
        changes::execute(py, &self.member, Body::UpdateMember { id, peer_urls }, timeout_ms)
    }

    #[pyo3(signature = (peer_urls, *, timeout_ms))]
    fn add_member(
        &self,
        py: Python<'_>,
        peer_urls: Vec<String>,
        timeout_ms: u64,
    ) -> PyResult<(u64, u16)> {
        let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let id = new_member_id(&peer_urls, since_1970.as_secs());
        let body = Body::AddMember { id, peer_urls, is_learner: true };
        Ok((id, changes::execute(py, &self.member, body, timeout_ms)?))
    }

    #[pyo3(signature = (id, *, timeout_ms))]
    fn remove_member(&self, py: Python<'_>, id: u64, timeout_ms: u64) -> PyResult<u16> {
        changes::execute(py, &self.member, Body::RemoveMember { id }, timeout_ms)
    }

    #[pyo3(signature = (sockets, *, known, tls, server_version, cluster_version, program_version))]
    #[expect(clippy::too_many_arguments, reason = "keyword arguments")]
    fn serve_peers(
        &self,
        py: Python<'_>,
        sockets: Vec<(RawFd, bool)>,
        known: Vec<(u64, Vec<String>)>,
        tls: Option<peers::Tls>,
        server_version: String,
        cluster_version: String,
        program_version: Option<String>,
    ) -> PyResult<()> {
        let texts = VersionTexts {
            server: server_version,
            cluster: cluster_version,
            program: program_version,
        };
        py.detach(|| peers::serve(&self.member, &sockets, tls, texts, known))?
            .map_err(|why| engine_error(py, "config", &why))
    }

    fn hand_over(&self, py: Python<'_>) {
        py.detach(|| self.member.hand_over());
    }

    fn statistics<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        statistics::shown(py, &self.member.statistics())
    }

    fn auth<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        changes::auth(py, &self.member, Wanted::All)
    }

    fn auth_of_user<'py>(&self, py: Python<'py>, name: &str) -> PyResult<Bound<'py, PyDict>> {
        changes::auth(py, &self.member, Wanted::User(name))
    }

    fn auth_of_role<'py>(&self, py: Python<'py>, name: &str) -> PyResult<Bound<'py, PyDict>> {
        changes::auth(py, &self.member, Wanted::Role(name))
    }

    fn auth_switch<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        changes::auth(py, &self.member, Wanted::Nothing)
    }

    #[pyo3(signature = (on, *, timeout_ms))]
    fn switch_auth(&self, py: Python<'_>, on: bool, timeout_ms: u64) -> PyResult<u16> {
        let body = Body::Auth(AuthChange::Switch { on });
        changes::execute(py, &self.member, body, timeout_ms)
    }

    #[pyo3(signature = (name, password_hash, roles, *, expected_index, timeout_ms))]
    fn put_user(
        &self,
        py: Python<'_>,
        name: String,
        password_hash: Option<String>,
        roles: Option<Vec<String>>,
        expected_index: Option<u64>,
        timeout_ms: u64,
    ) -> PyResult<u16> {
        let body = changes::user(name, password_hash, roles, expected_index)?;
        changes::execute(py, &self.member, body, timeout_ms)
    }

    #[pyo3(signature = (name, *, timeout_ms))]
    fn delete_user(&self, py: Python<'_>, name: String, timeout_ms: u64) -> PyResult<u16> {
        let body = Body::Auth(AuthChange::DeleteUser { name });
        changes::execute(py, &self.member, body, timeout_ms)
    }

    #[pyo3(signature = (name, read, write, *, expected_index, timeout_ms))]
    fn put_role(
        &self,
        py: Python<'_>,
        name: String,
        read: Option<Vec<String>>,
        write: Option<Vec<String>>,
        expected_index: Option<u64>,
        timeout_ms: u64,
    ) -> PyResult<u16> {
        let body = changes::role(name, read, write, expected_index);
        changes::execute(py, &self.member, body, timeout_ms)
    }

    #[pyo3(signature = (name, *, timeout_ms))]
    fn delete_role(&self, py: Python<'_>, name: String, timeout_ms: u64) -> PyResult<u16> {
        let body = Body::Auth(AuthChange::DeleteRole { name });
        changes::execute(py, &self.member, body, timeout_ms)
    }

    fn store_stats<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let dict = PyDict::new(py);
        for (name, value) in self.member.with_store(|store, _| store.stats()) {
            dict.set_item(name, value)?;
        }
        Ok(dict)
    }

    fn metrics<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let stats: BTreeMap<&str, u64> =
            self.member.with_store(|store, _| store.stats()).into_iter().collect();
        let sum = |names: &[&str]| names.iter().filter_map(|name| stats.get(name)).sum::<u64>();
        let status = self.member.status();
        let metrics = self.member.metrics();
        let dict = PyDict::new(py);
        let writes = [
            "setsSuccess",
            "createSuccess",
            "updateSuccess",
            "deleteSuccess",
            "compareAndSwapSuccess",
            "compareAndDeleteSuccess",
        ];
        dict.set_item("store_reads_total", sum(&["getsSuccess", "getsFail"]))?;
        dict.set_item("store_writes_total", sum(&writes))?;
        dict.set_item("store_expires_total", sum(&["expireCount"]))?;
        dict.set_item("store_watchers", status.watchers)?;
        dict.set_item("store_keys", status.keys)?;
        dict.set_item("server_pending_proposal_total", status.in_flight)?;
        dict.set_item("server_proposal_failed_total", metrics.proposals_failed.load(Relaxed))?;
        dict.set_item("server_read_only", u64::from(status.read_only.is_some()))?;
        dict.set_item(
            "server_proposal_durations_seconds",
            histogram(py, metrics.proposals.value())?,
        )?;
        dict.set_item("wal_fsync_durations_seconds", histogram(py, metrics.syncs.value())?)?;
        dict.set_item("wal_last_index_saved", status.raft_index)?;
        dict.set_item("wal_segments", status.segments)?;
        dict.set_item("wal_syncs_total", status.syncs)?;
        dict.set_item("wal_written_bytes_total", metrics.log_bytes.load(Relaxed))?;
        dict.set_item(
            "snapshot_save_total_durations_seconds",
            histogram(py, metrics.snapshots.value())?,
        )?;
        Ok(dict)
    }

    fn recovery_notes(&self) -> Vec<String> {
        self.member.recovery_notes().to_vec()
    }

    fn take_log_lines(&self) -> Vec<String> {
        self.member.take_log_lines()
    }

    fn close(&self, py: Python<'_>) {
        py.detach(|| self.member.close());
    }
}
