//! Many long polls on one key: how long after one change the last watcher has been told.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use rustix::event::epoll;

use crate::closed_loop::cpu_seconds;
use crate::options::Options;
use crate::response::{Parsed, has_head, parse};

/// What all watchers wait for before the change is made, and after it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    Heads,
    Events,
}

struct Watchers {
    streams: Vec<TcpStream>,
    received: Vec<Vec<u8>>,
    /// Watchers that were answered with something else than the change.
    bad: u64,
    epoll: std::os::fd::OwnedFd,
}

/// Open the watches, change the key, wait for the last; prints a JSON object. Between opening and changing, one
/// line `ready` is printed and a line is read from standard input, so that memory can be measured.
pub fn run(options: &Options) -> io::Result<String> {
    let mut watchers = Watchers {
        streams: Vec::with_capacity(options.connections),
        received: vec![Vec::new(); options.connections],
        bad: 0,
        epoll: epoll::create(epoll::CreateFlags::CLOEXEC)?,
    };
    let key = format!("{}/watched", options.prefix);
    let request = format!("GET /v2/keys{key}?wait=true HTTP/1.1\r\nHost: bench\r\n\r\n");
    for slot in 0..options.connections {
        let mut stream = TcpStream::connect(options.address)?;
        stream.write_all(request.as_bytes())?;
        stream.set_nonblocking(true)?;
        let data = epoll::EventData::new_u64(slot as u64);
        epoll::add(&watchers.epoll, &stream, data, epoll::EventFlags::IN)?;
        watchers.streams.push(stream);
    }
    watchers.wait_for(Phase::Heads)?;
    println!("ready");
    io::stdout().flush()?;
    io::stdin().read_line(&mut String::new())?;
    let mut writer = TcpStream::connect(options.address)?;
    let body = "value=changed";
    let cpu_before = cpu_seconds();
    let started = Instant::now();
    write!(
        writer,
        "PUT /v2/keys{key} HTTP/1.1\r\nHost: bench\r\nContent-Type: application/x-www-form-urlencoded\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    )?;
    let told = watchers.wait_for(Phase::Events)?;
    let told = told.duration_since(started);
    Ok(format!(
        "{{\"requests\":{},\"bad\":{},\"last_told_ms\":{:.3},\"seconds\":{:.3},\"generator_busy\":{:.3}}}",
        options.connections,
        watchers.bad,
        told.as_secs_f64() * 1e3,
        told.as_secs_f64(),
        (cpu_seconds() - cpu_before) / told.as_secs_f64(),
    ))
}

impl Watchers {
    /// Until every watcher has its head (or its event). Gives the time of the last.
    fn wait_for(&mut self, phase: Phase) -> io::Result<Instant> {
        let mut done = vec![false; self.streams.len()];
        let mut missing = done.len();
        let mut scratch = vec![0u8; 16 << 10];
        let mut events = Vec::with_capacity(1024);
        let deadline = Instant::now() + Duration::from_secs(60);
        while missing > 0 {
            if Instant::now() > deadline {
                return Err(io::Error::other(format!("{missing} watchers heard nothing for 60 s")));
            }
            let patience = rustix::time::Timespec { tv_sec: 1, tv_nsec: 0 };
            epoll::wait(&self.epoll, rustix::buffer::spare_capacity(&mut events), Some(&patience))?;
            for event in events.drain(..) {
                let slot = event.data.u64() as usize;
                let received = &mut self.received[slot];
                match self.streams[slot].read(&mut scratch) {
                    Ok(0) => return Err(io::Error::other("the server closed a watch")),
                    Ok(count) => received.extend_from_slice(&scratch[..count]),
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => continue,
                    Err(error) => return Err(error),
                }
                let (reached, is_bad) = match (phase, parse(received)) {
                    (Phase::Heads, _) => (has_head(received), false),
                    (Phase::Events, Parsed::Incomplete) => (false, false),
                    (Phase::Events, Parsed::Reply(status, _)) => (true, status != 200),
                    (Phase::Events, Parsed::Broken) => (true, true),
                };
                if reached && !done[slot] {
                    done[slot] = true;
                    missing -= 1;
                    self.bad += u64::from(is_bad);
                }
            }
        }
        Ok(Instant::now())
    }
}
