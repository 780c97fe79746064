//! Settings: an option and an environment variable of one name for each.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use ipnet::IpNet;
use tokio::sync::Semaphore;

use crate::app::OpenOptions;
use crate::local::DataFolder;
use crate::local::protocol::unavailable;
use crate::problem::Problem;
use crate::settings::{Limits, Settings};

/// Settings of every command.
#[derive(Args, Clone, Debug)]
pub struct GlobalOptions {
    /// Folder with the data. Default: the user's data directory + `chatbotx`
    #[arg(long, env = "CHATBOTX_DATA", value_name = "DIR", global = true)]
    pub data: Option<PathBuf>,
    /// Where the log is, when it is not in the data folder: sqlite:FILE or postgres://…
    #[arg(long, env = "CHATBOTX_DATABASE_URL", value_name = "URL", global = true, hide_env_values = true)]
    pub database_url: Option<String>,
    /// Where PostgreSQL is listened to, when the database URL leads through a pooler
    #[arg(long, env = "CHATBOTX_DATABASE_LISTEN_URL", value_name = "URL", global = true, hide_env_values = true)]
    pub database_listen_url: Option<String>,
    /// File of the master key, when it is not in the data folder
    #[arg(long, env = "CHATBOTX_MASTER_KEY_FILE", value_name = "FILE", global = true)]
    pub master_key_file: Option<PathBuf>,
    /// Range of an inner network that flows may fetch from, beside the public internet; may be repeated
    #[arg(long, env = "CHATBOTX_ALLOW_FETCH_TO", value_name = "CIDR", global = true, value_delimiter = ',')]
    pub allow_fetch_to: Vec<IpNet>,
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
    /// Serve the fixtures of the conformance suite, to everybody
    #[cfg(feature = "conformance")]
    #[arg(long, global = true, hide = true)]
    pub conformance: bool,
    /// Rates.
    #[command(flatten)]
    pub limits: LimitOptions,
}

/// How much one caller may ask for in 10 s, and how much may be open at a time; 0 is no limit.
#[derive(Args, Clone, Copy, Debug)]
pub struct LimitOptions {
    /// Tool calls of one token in 10 s; 0 = no limit
    #[arg(long, env = "CHATBOTX_LIMIT_CALLS_PER_TOKEN", value_name = "N", global = true, hide_short_help = true,
        default_value_t = Limits::default().calls_per_token)]
    pub limit_calls_per_token: u32,
    /// Tool calls in one workspace in 10 s; 0 = no limit
    #[arg(long, env = "CHATBOTX_LIMIT_CALLS_PER_WORKSPACE", value_name = "N", global = true, hide_short_help = true,
        default_value_t = Limits::default().calls_per_workspace)]
    pub limit_calls_per_workspace: u32,
    /// Wrong or missing tokens from one address in 10 s; 0 = no limit
    #[arg(long, env = "CHATBOTX_LIMIT_FAILED_TOKENS", value_name = "N", global = true, hide_short_help = true,
        default_value_t = Limits::default().failed_authentications_per_address)]
    pub limit_failed_tokens: u32,
    /// Event streams that one token may have open; 0 = no limit
    #[arg(long, env = "CHATBOTX_LIMIT_STREAMS_PER_TOKEN", value_name = "N", global = true, hide_short_help = true,
        default_value_t = Limits::default().streams_per_token)]
    pub limit_streams_per_token: usize,
    /// Streams of /api/v1/events that may be open in all; 0 = no limit
    #[arg(long, env = "CHATBOTX_LIMIT_EVENT_STREAMS", value_name = "N", global = true, hide_short_help = true,
        default_value_t = Limits::default().event_streams)]
    pub limit_event_streams: usize,
    /// Connections that may be open, more wait; 0 = no limit
    #[arg(long, env = "CHATBOTX_LIMIT_CONNECTIONS", value_name = "N", global = true, hide_short_help = true,
        default_value_t = Limits::default().connections)]
    pub limit_connections: usize,
}

/// On or off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Switch {
    /// Yes.
    On,
    /// No.
    Off,
}

impl HttpOptions {
    /// The settings that they make.
    #[must_use]
    pub fn settings(&self) -> Settings {
        Settings {
            listen: self.listen,
            public_url: self.public_url.clone(),
            allow_hosts: self.allow_host.clone(),
            allow_origins: self.allow_origin.clone(),
            trust_proxy: self.trust_proxy.clone(),
            url_tokens: self.url_tokens == Switch::On,
            limits: Limits {
                calls_per_token: self.limits.limit_calls_per_token,
                calls_per_workspace: self.limits.limit_calls_per_workspace,
                failed_authentications_per_address: self.limits.limit_failed_tokens,
                streams_per_token: places(self.limits.limit_streams_per_token),
                event_streams: places(self.limits.limit_event_streams),
                connections: places(self.limits.limit_connections),
                ..Limits::default()
            },
            #[cfg(feature = "conformance")]
            conformance: None,
        }
    }
}

/// As many places as a semaphore can have, when there is no limit.
fn places(limit: usize) -> usize {
    if limit == 0 { Semaphore::MAX_PERMITS } else { limit.min(Semaphore::MAX_PERMITS) }
}

impl GlobalOptions {
    /// Where the data folder is or is going to be.
    ///
    /// # Errors
    /// `invalid_input` when the user has no home and named none.
    pub fn data_path(&self) -> Result<PathBuf, Problem> {
        let path = self.data.clone().or_else(DataFolder::default_path);
        path.ok_or_else(|| Problem::invalid("data", "this user has no home").hint("name a folder: --data"))
    }

    /// The data folder, made when it is not there.
    ///
    /// # Errors
    /// `unavailable` when it cannot be made; `invalid_input` when the user has no home and named none.
    pub fn folder(&self) -> Result<DataFolder, Problem> {
        DataFolder::open(&self.data_path()?).map_err(|error| unavailable(&error))
    }

    /// How the program opens its databases in `folder`.
    #[must_use]
    pub fn open_options(&self, folder: &DataFolder) -> OpenOptions {
        self.open_options_in(folder.path())
    }

    /// The same in a folder that may not be there.
    #[must_use]
    pub fn open_options_in(&self, data: &std::path::Path) -> OpenOptions {
        OpenOptions {
            data: data.to_owned(),
            database_url: self.database_url.clone(),
            database_listen_url: self.database_listen_url.clone(),
            master_key_file: self.master_key_file.clone(),
            allow_fetch_to: self.allow_fetch_to.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use tokio::sync::Semaphore;

    use super::super::arguments::Arguments;

    #[test]
    fn ranges_that_may_be_fetched_from_are_those_of_the_options() {
        let ranges = |words: &[&str]| {
            let options = Arguments::try_parse_from([&["chatbotx"], words].concat()).expect("a command line").options;
            options.open_options_in(std::path::Path::new("data")).allow_fetch_to
        };
        assert_eq!(ranges(&["serve"]), []);
        let two = ["10.1.0.0/16".parse().unwrap(), "fd00::/8".parse().unwrap()];
        assert_eq!(ranges(&["serve", "--allow-fetch-to", "10.1.0.0/16,fd00::/8"]), two);
        assert!(Arguments::try_parse_from(["chatbotx", "--allow-fetch-to", "localhost"]).is_err());
    }

    #[test]
    fn limits_are_those_of_the_options() {
        let settings = |words: &[&str]| {
            let words = [&["chatbotx"], words].concat();
            Arguments::try_parse_from(words).expect("a command line").options.http.settings().limits
        };
        let limits = settings(&["--limit-calls-per-token", "7", "serve", "--limit-failed-tokens=0"]);
        assert_eq!((limits.calls_per_token, limits.failed_authentications_per_address), (7, 0));
        let defaults = crate::settings::Limits::default();
        assert_eq!(limits.calls_per_workspace, defaults.calls_per_workspace);
        assert_eq!(settings(&[]).calls_per_token, defaults.calls_per_token);
        assert!(Arguments::try_parse_from(["chatbotx", "--limit-calls-per-token", "-1"]).is_err());
        let open = settings(&["--limit-streams-per-token=7", "--limit-event-streams=8", "--limit-connections=9"]);
        assert_eq!((open.streams_per_token, open.event_streams, open.connections), (7, 8, 9));
        assert_eq!(settings(&["--limit-connections=0"]).connections, Semaphore::MAX_PERMITS);
    }

    /// What people build and install is built without features.
    #[cfg(not(feature = "conformance"))]
    #[test]
    fn a_program_that_was_built_without_the_fixtures_does_not_know_their_switch() {
        let parsed = Arguments::try_parse_from(["chatbotx", "serve", "--conformance"]);
        assert_eq!(parsed.unwrap_err().kind(), clap::error::ErrorKind::UnknownArgument);
    }
}
