//! Local authority: whoever owns the data folder may do everything in it, without a token.
//!
//! One process holds the folder and opens its databases. It serves a Unix socket that only the folder's owner can reach; every
//! other process of the owner works through it, and takes the folder over when the holder ends.

pub mod bridge;
pub mod call_input;
pub mod control;
pub mod data_folder;
pub mod demo;
pub mod doctor;
pub mod doors;
mod export;
pub mod holder;
pub mod listing;
pub mod migrate;
pub mod protocol;
pub mod reach;
pub mod server_file;
pub mod service;
mod socket;

pub use data_folder::DataFolder;
pub use reach::Reach;
