//! What a workspace shows: one file per read table with its row, how each event changes it, and its queries.
