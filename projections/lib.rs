//! What a workspace shows: one file per read table with its row, how each event changes it, and its queries.
//!
//! [`ReadTables`] folds pages of events into the tables, with the checkpoint in the same transaction, and gives a [`Reader`] whose
//! rows and checkpoint agree. Every query takes the reader's connection first and the workspace second. The tables stand in an SQLite
//! file or in a schema of a PostgreSQL server, with the same rows and the same answers.

pub mod bot_fields;
mod bulk;
mod cell;
pub mod channel_accounts;
mod checkpoint;
pub mod contact_fields;
mod contact_filter;
#[cfg(test)]
mod contact_filter_given;
#[cfg(test)]
mod contact_filter_tests;
pub mod contact_identities;
pub mod contact_near;
pub mod contact_notes;
pub mod contact_search;
pub mod contact_tags;
pub mod contacts;
pub mod conversations;
pub mod counts;
mod cursor;
pub mod custom_fields;
pub mod database;
mod dialect;
mod file;
mod flow_run_queries;
pub mod flow_runs;
pub mod flow_versions;
pub mod flows;
mod fold;
mod fold_whole;
mod inspection;
mod listing;
pub mod message_search;
pub mod messages;
mod migrations;
pub mod near_miss;
mod read_tables;
mod reader;
mod rows;
mod schema;
mod schema_build;
mod sql;
mod sqlite_error;
mod sqlite_pool;
mod sqlite_rows;
mod sqlite_transaction;
mod table;
pub mod tags;
pub mod tokens;
mod words;
pub mod workspaces;

#[cfg(test)]
mod given;
#[cfg(test)]
mod given_postgres;
#[cfg(test)]
mod rebuild;
#[cfg(test)]
mod rebuild_flows;
#[cfg(test)]
mod schema_plans;

pub use cell::Json;
pub use checkpoint::{Checkpoint, GROUP, VERSION};
pub use cursor::{Cursor, InvalidCursor, Order};
pub use fold::{FoldError, TABLES};
pub use fold_whole::WholeFold;
pub use inspection::{Inspection, holds_read_tables, inspect, other_schemas};
pub use listing::{Count, Page};
pub use near_miss::{Named, Near};
pub use read_tables::{OpenError, ReadTables};
pub use reader::Reader;
pub use schema::{SCHEMA, Schema};
pub use table::Actor;
pub use words::Words;
