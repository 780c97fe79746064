//! Rebuilds the crate when a migration changes: the migrations are embedded, and cargo does not see them otherwise.

fn main() {
    println!("cargo::rerun-if-changed=../migrations/sqlite/views");
    println!("cargo::rerun-if-changed=../migrations/postgres/views");
}
