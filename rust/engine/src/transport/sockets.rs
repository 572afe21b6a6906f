//! The open sockets, so that a thread that waits in one of them can be called out of it.

use std::collections::BTreeMap;
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;

use parking_lot::Mutex;

/// What a socket is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Use {
    /// Nobody knows yet.
    New,
    /// To a peer.
    To(u64),
    /// From a peer, and which of its links.
    From(u64, &'static str),
}

#[derive(Debug, Default)]
struct Open {
    is_closed: bool,
    next: u64,
    all: BTreeMap<u64, (Use, Arc<TcpStream>)>,
}

/// All sockets of a transport but its listeners.
#[derive(Clone, Debug, Default)]
pub(super) struct Sockets(Arc<Mutex<Open>>);

/// A socket's place among them; gives it back when dropped.
#[derive(Debug)]
pub(super) struct Kept {
    sockets: Sockets,
    number: u64,
    pub tcp: Arc<TcpStream>,
}

fn shut(socket: &TcpStream) {
    // It fails when the other end was faster.
    let _ = socket.shutdown(Shutdown::Both);
}

impl Sockets {
    /// Put a socket under control. If everything was closed already, so is this one.
    pub fn keep(&self, tcp: TcpStream, used: Use) -> Kept {
        let tcp = Arc::new(tcp);
        let mut open = self.0.lock();
        if open.is_closed {
            shut(&tcp);
        }
        open.next += 1;
        let number = open.next;
        open.all.insert(number, (used, tcp.clone()));
        Kept { sockets: self.clone(), number, tcp }
    }

    /// Close those whose use is such.
    pub fn close(&self, is_meant: impl Fn(Use) -> bool) {
        self.0
            .lock()
            .all
            .values()
            .filter(|(used, _)| is_meant(*used))
            .for_each(|(_, tcp)| shut(tcp));
    }

    /// Close all, now and in future.
    pub fn close_all(&self) {
        self.0.lock().is_closed = true;
        self.close(|_| true);
    }
}

impl Kept {
    /// It is known now what it is for.
    pub fn is_for(&self, used: Use) {
        if let Some(entry) = self.sockets.0.lock().all.get_mut(&self.number) {
            entry.0 = used;
        }
    }

    /// Close the older ones for the same: their other end has lost them.
    pub fn replaces(&self, used: Use) {
        let open = self.sockets.0.lock();
        let older = open.all.range(..self.number).map(|(_, entry)| entry);
        older.filter(|(other, _)| *other == used).for_each(|(_, tcp)| shut(tcp));
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        self.sockets.0.lock().all.remove(&self.number);
    }
}
