//! N connections, each sending its next request when it has the reply to the last.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use rustix::event::epoll;

use crate::histogram::Histogram;
use crate::options::{Mode, Options};
use crate::response::{Parsed, parse};

struct Connection {
    stream: TcpStream,
    received: Vec<u8>,
    sent_at: Instant,
}

struct Run<'a> {
    options: &'a Options,
    value: Vec<u8>,
    random: u64,
    issued: u64,
    request: Vec<u8>,
}

impl Run<'_> {
    fn next_key(&mut self) -> u64 {
        self.issued += 1;
        if self.options.sequential {
            return (self.issued - 1) % self.options.keys;
        }
        // xorshift64: the same keys in the same order for every server.
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random % self.options.keys
    }

    fn compose(&mut self) {
        let key = self.next_key();
        let Options { prefix, ttl_seconds, quorum, .. } = self.options;
        self.request.clear();
        let out = &mut self.request;
        // Writing to a Vec cannot fail.
        let _ = match self.options.mode {
            Mode::Put => {
                let ttl =
                    if *ttl_seconds > 0 { format!("&ttl={ttl_seconds}") } else { String::new() };
                let length = 6 + self.value.len() + ttl.len();
                write!(
                    out,
                    "PUT /v2/keys{prefix}/{key:08} HTTP/1.1\r\nHost: bench\r\n\
                     Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {length}\r\n\r\nvalue="
                )
                .and_then(|()| out.write_all(&self.value))
                .and_then(|()| out.write_all(ttl.as_bytes()))
            }
            Mode::Get | Mode::Watch => {
                let query = if *quorum { "?quorum=true" } else { "" };
                write!(out, "GET /v2/keys{prefix}/{key:08}{query} HTTP/1.1\r\nHost: bench\r\n\r\n")
            }
        };
    }

    fn send(&mut self, connection: &mut Connection) -> io::Result<()> {
        self.compose();
        connection.sent_at = Instant::now();
        // One outstanding request of a few KiB fits into an empty socket buffer; if it does not, block.
        let mut rest = &self.request[..];
        while !rest.is_empty() {
            match connection.stream.write(rest) {
                Ok(count) => rest = &rest[count..],
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => std::thread::yield_now(),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn may_send(&self, deadline: Instant) -> bool {
        let enough = self.options.requests > 0 && self.issued >= self.options.requests;
        !enough && Instant::now() < deadline
    }
}

/// Run the load; the result is a JSON object.
pub fn run(options: &Options) -> io::Result<String> {
    let mut run = Run {
        options,
        value: vec![b'v'; options.value_bytes],
        random: 0x9E37_79B9_7F4A_7C15,
        issued: 0,
        request: Vec::new(),
    };
    let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
    let mut connections = connect_all(options, &epoll)?;
    let mut latencies = Histogram::new();
    let (mut bad, mut outstanding) = (0u64, connections.len());
    let started = Instant::now();
    let deadline = started + Duration::from_secs_f64(options.seconds);
    for connection in &mut connections {
        run.send(connection)?;
    }
    let mut events = Vec::with_capacity(1024);
    let mut scratch = vec![0u8; 64 << 10];
    while outstanding > 0 {
        let patience = rustix::time::Timespec { tv_sec: 30, tv_nsec: 0 };
        epoll::wait(&epoll, rustix::buffer::spare_capacity(&mut events), Some(&patience))?;
        if events.is_empty() {
            return Err(io::Error::other(format!("no reply for 30 s to {outstanding} requests")));
        }
        for event in events.drain(..) {
            let connection = &mut connections[event.data.u64() as usize];
            if !receive(connection, &mut scratch)? {
                continue;
            }
            match parse(&connection.received) {
                Parsed::Incomplete => continue,
                Parsed::Broken => return Err(io::Error::other("a reply that is not HTTP/1.1")),
                Parsed::Reply(status, length) => {
                    bad += u64::from(!(200..300).contains(&status));
                    connection.received.drain(..length);
                }
            }
            latencies.record(connection.sent_at.elapsed().as_nanos() as u64);
            if run.may_send(deadline) {
                run.send(connection)?;
            } else {
                outstanding -= 1;
            }
        }
    }
    Ok(report(&latencies, bad, started.elapsed()))
}

fn connect_all(options: &Options, epoll: &impl AsFd) -> io::Result<Vec<Connection>> {
    let mut connections = Vec::with_capacity(options.connections);
    for slot in 0..options.connections {
        let stream = TcpStream::connect(options.address)?;
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        let data = epoll::EventData::new_u64(slot as u64);
        epoll::add(epoll, &stream, data, epoll::EventFlags::IN)?;
        connections.push(Connection { stream, received: Vec::new(), sent_at: Instant::now() });
    }
    Ok(connections)
}

fn receive(connection: &mut Connection, scratch: &mut [u8]) -> io::Result<bool> {
    match connection.stream.read(scratch) {
        Ok(0) => Err(io::Error::other("the server closed a connection")),
        Ok(count) => {
            connection.received.extend_from_slice(&scratch[..count]);
            Ok(true)
        }
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(false),
        Err(error) => Err(error),
    }
}

fn report(latencies: &Histogram, bad: u64, elapsed: Duration) -> String {
    let seconds = elapsed.as_secs_f64();
    let cpu = cpu_seconds();
    format!(
        "{{\"requests\":{},\"bad\":{bad},\"seconds\":{seconds:.3},\"per_second\":{:.1},\"p50_ms\":{:.4},\
         \"p99_ms\":{:.4},\"p999_ms\":{:.4},\"max_ms\":{:.3},\"generator_busy\":{:.3}}}",
        latencies.count(),
        latencies.count() as f64 / seconds,
        latencies.quantile_ms(0.5),
        latencies.quantile_ms(0.99),
        latencies.quantile_ms(0.999),
        latencies.max_ms(),
        cpu / seconds,
    )
}

/// CPU time of this process so far, user and system.
pub fn cpu_seconds() -> f64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}
