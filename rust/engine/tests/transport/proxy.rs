//! Something between two members that harms what passes.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;

use parking_lot::Mutex;

/// What is done to a connection's way to its target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Harm {
    /// One bit of the first of these.
    Flip(&'static [u8]),
    /// After so many bytes.
    Cut(usize),
}

/// Passes connections on. What it does to one that has been asked for with `path` is done once each, in order.
pub struct Proxy {
    pub port: u16,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    path: &'static str,
    harms: Vec<Harm>,
    /// Bytes towards the target, of each connection that asked for `path`.
    passed: Vec<usize>,
}

impl Proxy {
    /// Before `target`. `harms` come to those who ask for `path`, the first to the first.
    pub fn before(target: u16, path: &'static str, mut harms: Vec<Harm>) -> Self {
        harms.reverse();
        let listener = super::rig::listen(0);
        let port = listener.local_addr().expect("bound").port();
        let state = Arc::new(Mutex::new(State { path, harms, passed: Vec::new() }));
        let on_thread = state.clone();
        // It ends with the test program.
        thread::spawn(move || serve(&listener, target, &on_thread));
        Self { port, state }
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    pub fn passed(&self) -> Vec<usize> {
        self.state.lock().passed.clone()
    }
}

fn serve(listener: &TcpListener, target: u16, state: &Arc<Mutex<State>>) {
    for caller in listener.incoming() {
        let Ok(caller) = caller else { continue };
        let Ok(called) = TcpStream::connect(("127.0.0.1", target)) else { continue };
        let back = (called.try_clone().expect("socket"), caller.try_clone().expect("socket"));
        thread::spawn(move || pass(back.0, back.1, |_| true));
        let state = state.clone();
        thread::spawn(move || there(caller, called, &state));
    }
}

/// Towards the target, with harm.
fn there(caller: TcpStream, called: TcpStream, state: &Mutex<State>) {
    let mut first = true;
    let mut counted = None;
    let mut harm = None;
    pass(caller, called, |piece| {
        if std::mem::take(&mut first) {
            let mut state = state.lock();
            if piece.windows(state.path.len()).any(|part| part == state.path.as_bytes()) {
                state.passed.push(0);
                counted = Some(state.passed.len() - 1);
                harm = state.harms.pop();
            }
        }
        let Some(place) = counted else { return true };
        state.lock().passed[place] += piece.len();
        match harm {
            Some(Harm::Flip(mark)) => {
                if let Some(at) = piece.windows(mark.len()).position(|part| part == mark) {
                    piece[at] ^= 1;
                    harm = None;
                }
                true
            }
            Some(Harm::Cut(bytes)) => state.lock().passed[place] < bytes,
            None => true,
        }
    });
}

/// Pass pieces on as long as `goes_on` says so of each.
fn pass(mut from: TcpStream, mut to: TcpStream, mut goes_on: impl FnMut(&mut [u8]) -> bool) {
    let mut piece = vec![0; 64 << 10];
    while let Ok(len @ 1..) = from.read(&mut piece) {
        if !goes_on(&mut piece[..len]) || to.write_all(&piece[..len]).is_err() {
            break;
        }
    }
    let _ = from.shutdown(Shutdown::Both);
    let _ = to.shutdown(Shutdown::Both);
}
