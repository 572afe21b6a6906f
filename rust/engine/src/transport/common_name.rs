//! The common name in a certificate's subject: the one thing in it that nobody else looks at.

const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const OBJECT: u8 = 0x06;
const VERSION: u8 = 0xa0;
/// 2.5.4.3
const COMMON_NAME: &[u8] = &[0x55, 0x04, 0x03];
/// UTF8String, PrintableString, T61String, IA5String: bytes that may be compared as they are.
const TEXTS: [u8; 4] = [0x0c, 0x13, 0x14, 0x16];

/// Take one value off the front: its tag and its bytes.
fn take<'a>(input: &mut &'a [u8]) -> Option<(u8, &'a [u8])> {
    let (&[tag, first], mut rest) = input.split_first_chunk::<2>()?;
    let len = match first {
        0..=0x7f => usize::from(first),
        0x81..=0x84 => {
            let (bytes, after) = rest.split_at_checked(usize::from(first & 0x7f))?;
            rest = after;
            bytes.iter().fold(0, |len, &byte| len << 8 | usize::from(byte))
        }
        _ => return None,
    };
    let (value, after) = rest.split_at_checked(len)?;
    *input = after;
    Some((tag, value))
}

fn take_as<'a>(input: &mut &'a [u8], wanted: u8) -> Option<&'a [u8]> {
    take(input).filter(|(tag, _)| *tag == wanted).map(|(_, value)| value)
}

/// The first common name of the subject. The certificate's signature has been checked before.
pub(super) fn common_name(mut certificate: &[u8]) -> Option<&[u8]> {
    let mut outer = take_as(&mut certificate, SEQUENCE)?;
    let mut signed = take_as(&mut outer, SEQUENCE)?;
    if signed.first() == Some(&VERSION) {
        take(&mut signed)?;
    }
    // Serial number, algorithm, issuer, validity.
    for _ in 0..4 {
        take(&mut signed)?;
    }
    let mut subject = take_as(&mut signed, SEQUENCE)?;
    while !subject.is_empty() {
        let mut set = take_as(&mut subject, SET)?;
        while !set.is_empty() {
            let mut attribute = take_as(&mut set, SEQUENCE)?;
            let kind = take_as(&mut attribute, OBJECT)?;
            let (tag, value) = take(&mut attribute)?;
            if kind == COMMON_NAME && TEXTS.contains(&tag) {
                return Some(value);
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, DnType, KeyPair};

    use super::*;

    #[test]
    fn the_name_is_found_and_no_cut_or_changed_byte_makes_it_panic() {
        let mut params = CertificateParams::new(vec!["a.example".into()]).expect("name");
        params.distinguished_name.push(DnType::OrganizationName, "somebody");
        params.distinguished_name.push(DnType::CommonName, "member one");
        let certificate = params.self_signed(&KeyPair::generate().expect("key")).expect("signed");
        let bytes: &[u8] = certificate.der();
        assert_eq!(common_name(bytes), Some(&b"member one"[..]));
        for len in 0..bytes.len() {
            assert_eq!(common_name(&bytes[..len]), None);
            let mut other = bytes.to_vec();
            other[len] ^= 0x80;
            let _ = common_name(&other);
        }
    }
}
