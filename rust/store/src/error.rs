//! The errors that clients know by number.

use std::fmt;

use crate::json;

/// Number, fixed text and HTTP status of an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u16)]
#[allow(missing_docs)] // Each name is the text that `message` returns.
pub enum Code {
    KeyNotFound = 100,
    CompareFailed = 101,
    NotAFile = 102,
    NotADirectory = 104,
    KeyExists = 105,
    RootReadOnly = 107,
    DirNotEmpty = 108,
    Unauthorized = 110,
    PrevValueRequired = 201,
    TtlNotANumber = 202,
    IndexNotANumber = 203,
    InvalidField = 209,
    InvalidForm = 210,
    RefreshValue = 211,
    RefreshTtlRequired = 212,
    RaftInternal = 300,
    WatcherCleared = 400,
    EventIndexCleared = 401,
}

impl Code {
    const ALL: [Code; 18] = [
        Code::KeyNotFound,
        Code::CompareFailed,
        Code::NotAFile,
        Code::NotADirectory,
        Code::KeyExists,
        Code::RootReadOnly,
        Code::DirNotEmpty,
        Code::Unauthorized,
        Code::PrevValueRequired,
        Code::TtlNotANumber,
        Code::IndexNotANumber,
        Code::InvalidField,
        Code::InvalidForm,
        Code::RefreshValue,
        Code::RefreshTtlRequired,
        Code::RaftInternal,
        Code::WatcherCleared,
        Code::EventIndexCleared,
    ];

    /// The number on the wire.
    #[must_use]
    pub fn number(self) -> u16 {
        self as u16
    }

    pub(crate) fn from_number(number: u64) -> Option<Code> {
        Self::ALL.into_iter().find(|code| u64::from(code.number()) == number)
    }

    /// The fixed text that clients compare with.
    #[must_use]
    pub fn message(self) -> &'static str {
        match self {
            Code::KeyNotFound => "Key not found",
            Code::CompareFailed => "Compare failed",
            Code::NotAFile => "Not a file",
            Code::NotADirectory => "Not a directory",
            Code::KeyExists => "Key already exists",
            Code::RootReadOnly => "Root is read only",
            Code::DirNotEmpty => "Directory not empty",
            Code::Unauthorized => "The request requires user authentication",
            Code::PrevValueRequired => "PrevValue is Required in POST form",
            Code::TtlNotANumber => "The given TTL in POST form is not a number",
            Code::IndexNotANumber => "The given index in POST form is not a number",
            Code::InvalidField => "Invalid field",
            Code::InvalidForm => "Invalid POST form",
            Code::RefreshValue => "Value provided on refresh",
            Code::RefreshTtlRequired => "A TTL must be provided on refresh",
            Code::RaftInternal => "Raft Internal Error",
            Code::WatcherCleared => "watcher is cleared due to etcd recovery",
            Code::EventIndexCleared => "The event in requested index is outdated and cleared",
        }
    }

    /// The HTTP status of an answer with this error.
    #[must_use]
    pub fn http_status(self) -> u16 {
        match self {
            Code::KeyNotFound => 404,
            Code::NotAFile | Code::DirNotEmpty => 403,
            Code::CompareFailed | Code::KeyExists => 412,
            Code::Unauthorized => 401,
            Code::RaftInternal => 500,
            _ => 400,
        }
    }
}

/// Why a request was not carried out.
#[derive(Clone, Debug, PartialEq)]
pub struct Error {
    /// Which error.
    pub code: Code,
    /// What about: a path, a comparison, a field. May be empty, need not be UTF-8.
    pub cause: Vec<u8>,
    /// `etcd_index` when it happened; 0 when the store was not asked.
    pub index: u64,
}

impl Error {
    /// An error with its cause.
    #[must_use]
    pub fn new(code: Code, cause: Vec<u8>, index: u64) -> Self {
        Self { code, cause, index }
    }

    /// The object that clients get, with its final newline.
    #[must_use]
    pub fn json(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(96 + self.cause.len());
        out.extend_from_slice(b"{\"errorCode\":");
        json::uint(&mut out, u64::from(self.code.number()));
        out.extend_from_slice(b",\"message\":");
        json::string(&mut out, self.code.message().as_bytes());
        if !self.cause.is_empty() {
            out.extend_from_slice(b",\"cause\":");
            json::string(&mut out, &self.cause);
        }
        out.extend_from_slice(b",\"index\":");
        json::uint(&mut out, self.index);
        out.extend_from_slice(b"}\n");
        out
    }

    /// The HTTP status of an answer with this error.
    #[must_use]
    pub fn http_status(&self) -> u16 {
        self.code.http_status()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cause = String::from_utf8_lossy(&self.cause);
        write!(f, "{}: {} ({cause}) [{}]", self.code.number(), self.code.message(), self.index)
    }
}

impl std::error::Error for Error {}
