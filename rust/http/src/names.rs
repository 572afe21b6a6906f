//! Header names and values on their way out.
//!
//! Values may hold what a client sent (a path in a Location), so nothing that ends a line may pass.

/// Append `name` as Go spells it: a capital at the start and after each hyphen, such as
/// `X-Etcd-Cluster-Id`. A byte that no name may hold becomes a hyphen.
pub(crate) fn write_name(out: &mut Vec<u8>, name: &str) {
    let mut capital = true;
    out.extend(name.bytes().map(|byte| {
        let byte = match byte {
            _ if !is_token(byte) => b'-',
            _ if capital => byte.to_ascii_uppercase(),
            _ => byte.to_ascii_lowercase(),
        };
        capital = byte == b'-';
        byte
    }));
}

/// Append `value` with blanks in place of control characters, tabs excepted.
pub(crate) fn write_value(out: &mut Vec<u8>, value: &[u8]) {
    let is_control = |byte: u8| (byte < b' ' && byte != b'\t') || byte == 0x7f;
    out.extend(value.iter().map(|&byte| if is_control(byte) { b' ' } else { byte }));
}

/// Whether [`crate::write_head`] writes this header itself, so that a second one would contradict
/// it.
pub(crate) fn is_framing(name: &str) -> bool {
    let own = match name.len() {
        4 => "Date",
        10 => "Connection",
        14 => "Content-Length",
        17 => "Transfer-Encoding",
        _ => return false,
    };
    name.eq_ignore_ascii_case(own)
}

fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}
