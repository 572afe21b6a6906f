//! What all threads of a transport know.

use std::sync::Arc;
use std::time::Instant;

use parking_lot::Mutex;

use super::config::{Timeouts, TransportConfig, VersionTexts};
use super::hello::{Hello, Purpose, Welcome};
use super::inbox::{Inbox, PeerVersions};
use super::lines::Lines;
use super::news::{Desk, News};
use super::snapshot_in::Partial;
use super::sockets::Sockets;
use super::threads::{Places, Threads};
use super::tls::Tls;

/// Connections to the peer port that are no links yet. Others wait to be accepted.
const PEERS_MAX: usize = 64;

pub(super) struct Shared {
    pub cluster_id: u64,
    pub member_id: u64,
    pub versions: PeerVersions,
    pub texts: VersionTexts,
    pub timeouts: Timeouts,
    pub tls: Option<Tls>,
    pub inbox: Arc<dyn Inbox>,
    pub desk: Desk,
    pub sockets: Sockets,
    pub threads: Threads,
    pub places: Places,
    /// Of a snapshot that a peer sends. Held by the thread that receives it.
    pub partial: Mutex<Option<Partial>>,
    /// Said of those who call.
    pub lines: Lines,
}

impl Shared {
    pub fn new(
        config: &TransportConfig,
        inbox: Arc<dyn Inbox>,
        desk: Desk,
    ) -> Result<Self, String> {
        Ok(Self {
            cluster_id: config.cluster_id,
            member_id: config.member_id,
            versions: config.versions.clone(),
            texts: config.texts.clone(),
            timeouts: config.timeouts,
            tls: config.tls.clone().map(Tls::new).transpose()?,
            inbox,
            desk,
            sockets: Sockets::default(),
            threads: Threads::default(),
            places: Places::new(PEERS_MAX),
            partial: Mutex::new(None),
            lines: Lines::default(),
        })
    }

    pub fn tell(&self, news: News) {
        // After the end nobody wants to know.
        let _ = self.desk.send(news);
    }

    pub fn log_once(&self, line: &str) {
        if self.lines.is_new(line) {
            self.inbox.log(line);
        }
    }

    /// When a request or a hello that begins now has to be complete.
    pub fn hello_deadline(&self) -> Instant {
        Instant::now() + self.timeouts.hello
    }

    pub fn hello(&self, to: u64, purpose: Purpose) -> Hello {
        let versions = self.versions.clone();
        Hello { cluster_id: self.cluster_id, from: self.member_id, to, versions, purpose }
    }

    pub fn welcome(&self, have: u64) -> Welcome {
        let versions = self.versions.clone();
        Welcome { cluster_id: self.cluster_id, member_id: self.member_id, versions, have }
    }

    /// The certificates, as they are in their files now.
    pub fn fresh_tls(&self) -> Option<&Tls> {
        let tls = self.tls.as_ref()?;
        if let Err(why) = tls.refresh() {
            self.inbox.log(&format!("the new certificates of the peer port are not used: {why}"));
        }
        Some(tls)
    }
}
