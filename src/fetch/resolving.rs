//! From a name to the addresses that are connected to. They are checked where the connection takes them from: between the check and the
//! connection no name is asked for again, so a name that changes its mind is no way in.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::addresses::Policy;
use super::failure::Cause;
use super::target::is_inner_name;

/// The most addresses of one name that are looked at.
const MAX_ADDRESSES: usize = 64;

/// Looks names up.
pub trait Lookup: Send + Sync {
    /// The addresses of a name, in the order in which they are to be tried.
    ///
    /// # Errors
    /// When the name has none, or nobody can be asked.
    fn lookup<'a>(&'a self, name: &'a str) -> BoxFuture<'a, io::Result<Vec<IpAddr>>>;
}

/// Asks the system.
pub(super) struct SystemLookup;

impl Lookup for SystemLookup {
    fn lookup<'a>(&'a self, name: &'a str) -> BoxFuture<'a, io::Result<Vec<IpAddr>>> {
        async move { Ok(tokio::net::lookup_host((name, 0)).await?.map(|address| address.ip()).collect()) }.boxed()
    }
}

/// Why a name gives no address to connect to.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("no address to connect to")]
pub(super) struct NoAddress(pub(super) Cause);

/// Looks names up and gives only addresses that may be connected to.
pub(super) struct CheckedLookup {
    pub(super) lookup: Arc<dyn Lookup>,
    pub(super) policy: Arc<Policy>,
}

impl CheckedLookup {
    async fn addresses(lookup: &dyn Lookup, policy: &Policy, name: &str) -> Result<Vec<IpAddr>, NoAddress> {
        let found = lookup.lookup(name).await.map_err(|_| NoAddress(Cause::UnknownName))?;
        if found.is_empty() || found.len() > MAX_ADDRESSES {
            return Err(NoAddress(Cause::UnknownName));
        }
        // A name with one forbidden address is no honest one: nothing of it is taken.
        let is_inner = is_inner_name(name);
        let may = |address: &IpAddr| if is_inner { policy.allows(*address) } else { policy.permits(*address) };
        if found.iter().all(may) { Ok(found) } else { Err(NoAddress(Cause::ForbiddenAddress)) }
    }
}

impl Resolve for CheckedLookup {
    fn resolve(&self, name: Name) -> Resolving {
        let (lookup, policy) = (Arc::clone(&self.lookup), Arc::clone(&self.policy));
        Box::pin(async move {
            let addresses = Self::addresses(&*lookup, &policy, name.as_str()).await?;
            // Port 0: that of the address as it is written.
            let sockets = addresses.into_iter().map(|address| SocketAddr::new(address, 0));
            Ok(Box::new(sockets) as Addrs)
        })
    }
}
