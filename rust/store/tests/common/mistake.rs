//! Ways to be wrong.

/// A way to be wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mistake {
    None,
    /// A deleted directory is compared as text.
    TextPrefix,
    /// Recursive watches see hidden keys.
    HiddenShown,
    /// A new time to live moves a directory's index.
    DirIndexMoves,
    /// An update makes a new node.
    UpdateRenews,
    /// Keys go a nanosecond too soon.
    ExpiresEarly,
    /// Watchers are told of a refresh.
    RefreshTold,
    /// The watch point itself counts as hidden.
    HiddenAbsolute,
    /// A delete of a directory is told to watchers of what never was in it.
    NeverExistedTold,
    /// A stream from an old index begins with one event only.
    OneOldEvent,
    /// A set keeps the old time to live.
    SetKeepsTtl,
    /// A key goes with one of the members that have it.
    NamesakesForgotten,
    /// The deletion of a machine key takes no index of its own.
    KeysShareAnIndex,
    /// Who has left may be added again.
    RemovedMayReturn,
}

impl Mistake {
    /// Every way but none.
    pub const ALL: [Mistake; 13] = [
        Mistake::TextPrefix,
        Mistake::HiddenShown,
        Mistake::DirIndexMoves,
        Mistake::UpdateRenews,
        Mistake::ExpiresEarly,
        Mistake::RefreshTold,
        Mistake::HiddenAbsolute,
        Mistake::NeverExistedTold,
        Mistake::OneOldEvent,
        Mistake::SetKeepsTtl,
        Mistake::NamesakesForgotten,
        Mistake::KeysShareAnIndex,
        Mistake::RemovedMayReturn,
    ];
}
