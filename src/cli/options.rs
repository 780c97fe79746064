//! Settings: an option and an environment variable of one name for each.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use ipnet::IpNet;

use crate::app::OpenOptions;
use crate::local::DataFolder;
use crate::local::protocol::unavailable;
use crate::problem::Problem;

/// Settings of every command.
#[derive(Args, Clone, Debug)]
pub struct GlobalOptions {
    /// Folder with the data. Default: the user's data directory + `chatbotx`
    #[arg(long, env = "CHATBOTX_DATA", value_name = "DIR", global = true)]
    pub data: Option<PathBuf>,
    /// Where the log is, when it is not in the data folder
    #[arg(long, env = "CHATBOTX_DATABASE_URL", value_name = "URL", global = true, hide_env_values = true)]
    pub database_url: Option<String>,
    /// What is logged to standard error, for example `info` or `chatbotx=debug,warn`
    #[arg(long, env = "CHATBOTX_LOG", value_name = "FILTER", global = true)]
    pub log: Option<String>,
    /// Settings of the HTTP server.
    #[command(flatten)]
    pub http: HttpOptions,
}

/// Settings of the HTTP server.
#[derive(Args, Clone, Debug)]
pub struct HttpOptions {
    /// Address to listen on; port 0 picks a free one
    #[arg(long, env = "CHATBOTX_LISTEN", value_name = "ADDR", global = true, default_value = "127.0.0.1:8080")]
    pub listen: SocketAddr,
    /// Address that clients use, when a proxy stands before the server
    #[arg(long, env = "CHATBOTX_PUBLIC_URL", value_name = "URL", global = true)]
    pub public_url: Option<axum::http::Uri>,
    /// Further accepted Host, as `name` or `name:port`; may be repeated
    #[arg(long, env = "CHATBOTX_ALLOW_HOST", value_name = "HOST", global = true, value_delimiter = ',')]
    pub allow_host: Vec<String>,
    /// Further accepted Origin, as `scheme://host[:port]`; may be repeated
    #[arg(long, env = "CHATBOTX_ALLOW_ORIGIN", value_name = "ORIGIN", global = true, value_delimiter = ',')]
    pub allow_origin: Vec<String>,
    /// Proxies whose X-Forwarded-For is believed; may be repeated
    #[arg(long, env = "CHATBOTX_TRUST_PROXY", value_name = "CIDR", global = true, value_delimiter = ',')]
    pub trust_proxy: Vec<IpNet>,
    /// Whether `?token=` is accepted where a client cannot send headers
    #[arg(long, env = "CHATBOTX_URL_TOKENS", value_name = "on|off", global = true, default_value = "on")]
    pub url_tokens: Switch,
}

/// On or off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Switch {
    /// Yes.
    On,
    /// No.
    Off,
}

impl GlobalOptions {
    /// The data folder, made when it is not there.
    ///
    /// # Errors
    /// `unavailable` when it cannot be made; `invalid_input` when the user has no home and named none.
    pub fn folder(&self) -> Result<DataFolder, Problem> {
        let path = self.data.clone().or_else(DataFolder::default_path);
        let path =
            path.ok_or_else(|| Problem::invalid("data", "this user has no home").hint("name a folder: --data"))?;
        DataFolder::open(&path).map_err(|error| unavailable(&error))
    }

    /// How the program opens its databases in `folder`.
    #[must_use]
    pub fn open_options(&self, folder: &DataFolder) -> OpenOptions {
        OpenOptions { data: folder.path().to_owned(), database_url: self.database_url.clone() }
    }
}
