//! Passwords and their hashes, as etcd has them: bcrypt, which looks at the first 72 bytes.

use coreos_store::PasswordHash;

/// The hash of a new password; takes some 50 ms.
///
/// # Errors
/// The system has no random bytes.
pub fn hash_password(password: &[u8]) -> Result<PasswordHash, String> {
    match bcrypt::hash(password, COST) {
        Ok(text) => Ok(PasswordHash(text)),
        Err(error) => Err(format!("the password cannot be hashed: {error}")),
    }
}

/// Rounds as a power of two, those of etcd.
const COST: u32 = 10;

/// What of a password counts.
pub(crate) fn significant(password: &[u8]) -> &[u8] {
    &password[..password.len().min(72)]
}

/// Whether `password` is the one that was hashed; takes as long. No password fits a hash that is none.
pub(crate) fn fits(password: &[u8], hash: &PasswordHash) -> bool {
    bcrypt::verify(password, &hash.0).unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_fits_its_hash_alone() {
        let hash = hash_password(b"pw").expect("random bytes");
        assert!(fits(b"pw", &hash) && !fits(b"pW", &hash) && !fits(b"", &hash));
        assert_ne!(hash, hash_password(b"pw").expect("random bytes"), "salted");
        assert!(!fits(b"pw", &PasswordHash("pw".into())), "no hash");
        // Made by etcd itself: Go writes the version as 2a.
        let by_etcd = hash.0.replacen("$2b$", "$2a$", 1);
        assert!(by_etcd.starts_with("$2a$10$") && fits(b"pw", &PasswordHash(by_etcd)));
    }

    #[test]
    fn what_does_not_count_is_not_looked_at() {
        let (long, longer) = ([b'p'; 72], [b'p'; 100]);
        let hash = hash_password(&longer).expect("random bytes");
        assert_eq!(significant(&longer), long);
        assert!(fits(&long, &hash) && fits(&longer, &hash) && !fits(&long[1..], &hash));
    }
}
