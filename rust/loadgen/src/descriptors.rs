//! Enough file descriptors for every connection: the usual soft limit is 1,024.

use std::io;

use rustix::process::{Resource, getrlimit, setrlimit};

/// Standard streams, the epoll set, the connection that makes the change, and a few to spare.
const OTHERS: u64 = 16;

/// Raise the soft limit to the hard one; an error that names the limit when that is too little.
pub fn allow(connections: usize) -> io::Result<()> {
    let mut limit = getrlimit(Resource::Nofile);
    let needed = connections as u64 + OTHERS;
    if let Some(hard) = limit.maximum.filter(|&hard| hard < needed) {
        return Err(io::Error::other(format!(
            "{connections} connections need {needed} descriptors, RLIMIT_NOFILE allows {hard}"
        )));
    }
    limit.current = limit.maximum;
    Ok(setrlimit(Resource::Nofile, limit)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn raises_the_limit_and_refuses_more_than_it_allows() {
        allow(1).unwrap();
        let limit = getrlimit(Resource::Nofile);
        assert_eq!(limit.current, limit.maximum);
        if let Some(hard) = limit.maximum {
            let error = allow(hard as usize).unwrap_err();
            assert!(error.to_string().contains(&format!("allows {hard}")));
        }
    }
}
