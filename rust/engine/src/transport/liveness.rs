//! Noticing that the host of the other end is dead.

use std::io;
use std::net::TcpStream;
use std::time::Duration;

use rustix::net::sockopt;

/// Have the system notice that the other host is dead: by data that is not acknowledged, or by asking.
pub(super) fn watch_over(tcp: &TcpStream, dead: Duration) -> io::Result<()> {
    const ASKED: u32 = 3;
    let step = (dead / (ASKED + 1)).max(Duration::from_secs(1));
    sockopt::set_tcp_nodelay(tcp, true)?;
    sockopt::set_tcp_keepidle(tcp, step)?;
    sockopt::set_tcp_keepintvl(tcp, step)?;
    sockopt::set_tcp_keepcnt(tcp, ASKED)?;
    sockopt::set_socket_keepalive(tcp, true)?;
    sockopt::set_tcp_user_timeout(tcp, u32::try_from(dead.as_millis()).unwrap_or(u32::MAX))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn the_system_watches_over_a_socket() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let tcp = TcpStream::connect(listener.local_addr().expect("bound")).expect("connected");
        assert!(!sockopt::socket_keepalive(&tcp).expect("asked"), "control: it does not of itself");
        watch_over(&tcp, Duration::from_secs(4)).expect("set");
        assert!(sockopt::socket_keepalive(&tcp).expect("asked"));
        assert!(sockopt::tcp_nodelay(&tcp).expect("asked"));
        assert_eq!(sockopt::tcp_user_timeout(&tcp), Ok(4000));
        // Asked of an idle one after a second, and given up after three more.
        let second = Duration::from_secs(1);
        assert_eq!(sockopt::tcp_keepidle(&tcp), Ok(second));
        assert_eq!((sockopt::tcp_keepintvl(&tcp), sockopt::tcp_keepcnt(&tcp)), (Ok(second), Ok(3)));
    }
}
