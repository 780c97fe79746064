//! Rebuilds the program when a migration is added: the migrations are embedded, and cargo does not see new files otherwise.

fn main() {
    println!("cargo::rerun-if-changed=migrations/sqlite/log");
    println!("cargo::rerun-if-changed=migrations/postgres/log");
}
