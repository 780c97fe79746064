//! What can be said of the database of a log before it is opened.

/// How the tables of a log stand to this version of the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tables {
    /// They are its own.
    Known,
    /// An older version made them: they are brought up to date when the log is opened.
    Older,
    /// They have something that this version does not know.
    Foreign,
}

/// What was found in the database of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inspection {
    /// Which database it is, and of which version.
    pub database: String,
    /// Why a log must not be entrusted to it; nothing when it may.
    pub unsound: Option<String>,
    /// What the database's own quick check finds; nothing when it finds none.
    pub damage: Option<String>,
    /// How its tables stand to this program; nothing when there are none yet.
    pub tables: Option<Tables>,
    /// Whether the log was written under the key at hand; nothing when that cannot be told.
    pub key_fits: Option<bool>,
}
