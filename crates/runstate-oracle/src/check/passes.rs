//! MIGRATION_PASS: it counts, and belongs to a migration.

use runstate::MigrationStatus;

/// How far a migration has counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Passes {
    /// Not heard of.
    Unknown,
    /// The last pass; 0 where none was told.
    Counted(u32),
    /// There is no migration.
    Over,
}

impl Passes {
    /// MIGRATION says how the migration goes on.
    pub(super) fn told(&mut self, status: MigrationStatus) {
        use MigrationStatus as S;
        *self = match (status, *self) {
            (S::Setup, _) => Self::Counted(0),
            // A pair in COLO goes on counting at each checkpoint; the last one may come late.
            (S::Colo, _) => Self::Unknown,
            (S::Completed, Self::Unknown) => Self::Unknown,
            (S::Completed | S::Failed, _) => Self::Over,
            // One that was cancelled while it was set up says so at once, and its thread may still begin (seen on 10.0.13).
            (S::Cancelled, _) => Self::Unknown,
            // This is another one, on the destination.
            (_, Self::Over) => Self::Unknown,
            (_, known) => known,
        };
    }

    /// A pass is over. For the first of a migration: whether iterations are counted
    /// ([`Release::pass_counts_iterations`](runstate::Release::pass_counts_iterations)).
    pub(super) fn heard(&mut self, pass: u32) -> Result<Option<bool>, String> {
        let before = core::mem::replace(self, Self::Counted(pass));
        match (before, pass) {
            (Self::Over, _) => Err("MIGRATION_PASS comes where no migration is under way".to_owned()),
            (_, 0) => Err("MIGRATION_PASS says 0; passes are counted from 1, in 11.1 from 2".to_owned()),
            (Self::Counted(0), 1 | 2) => Ok(Some(pass == 2)),
            (Self::Unknown, _) => Ok(None),
            (Self::Counted(last), _) if last.checked_add(1) == Some(pass) => Ok(None),
            (Self::Counted(last), _) => Err(format!(
                "MIGRATION_PASS says {pass} after {last}; passes are counted one by one"
            )),
        }
    }
}
