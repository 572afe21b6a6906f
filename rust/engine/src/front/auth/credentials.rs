//! Name and password out of an Authorization header.

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{GeneralPurpose, GeneralPurposeConfig};

const SCHEME: &[u8] = b"Basic ";
/// As lenient as Go: the last character may have bits too many.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true),
);

/// What a client says to be.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Credentials {
    pub name: String,
    pub password: Vec<u8>,
}

impl Credentials {
    /// `None` when the header says nothing that can be understood.
    pub fn parse(header: &[u8]) -> Option<Self> {
        let (scheme, encoded) = header.split_at_checked(SCHEME.len())?;
        if !scheme.eq_ignore_ascii_case(SCHEME) {
            return None;
        }
        let mut decoded = BASE64.decode(encoded).ok()?;
        let colon = decoded.iter().position(|&byte| byte == b':')?;
        let password = decoded.split_off(colon + 1);
        decoded.truncate(colon);
        // Names are text: one that is not is nobody's.
        Some(Self { name: String::from_utf8(decoded).ok()?, password })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(header: &str) -> Option<(String, Vec<u8>)> {
        Credentials::parse(header.as_bytes()).map(|it| (it.name, it.password))
    }

    #[test]
    fn name_and_password_are_what_stands_around_the_first_colon() {
        let pair = |name: &str, password: &str| Some((name.to_owned(), password.into()));
        assert_eq!(parsed("Basic YWw6cGE="), pair("al", "pa"));
        assert_eq!(parsed("basic YWw6cGE="), pair("al", "pa"));
        assert_eq!(parsed("Basic YWw6cDph"), pair("al", "p:a"));
        assert_eq!(parsed("Basic YWw6"), pair("al", ""));
        assert_eq!(parsed("Basic Og=="), pair("", ""));
    }

    #[test]
    fn anything_else_is_not_understood() {
        for header in
            ["", "Basic", "Basic ", "Bearer YWw6cGE=", "Basic YWw6cGE", "Basic YWw=", "Basic !!!"]
        {
            assert_eq!(parsed(header), None, "{header}");
        }
        assert_eq!(parsed("Basic /zo="), None, "a name that is no text");
    }
}
