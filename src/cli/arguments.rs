//! The commands and their arguments, with the help that people read.

use std::path::PathBuf;

use aggregates::token::{Permission, Scope};
use clap::builder::TypedValueParser;
use clap::{Args, Parser, Subcommand};

use super::call_arguments::CallArguments;
use super::expiry::Expiry;
use super::flow::FlowCommand;
use super::log_arguments::LogCommand;
use super::moments::Grace;
use super::options::GlobalOptions;

/// A messaging workspace for AI assistants, over MCP, on an event log.
#[derive(Parser, Debug)]
#[command(name = "chatbotx", version, after_help = MAIN_EXAMPLES, max_term_width = 100)]
pub struct Arguments {
    /// Settings.
    #[command(flatten)]
    pub options: GlobalOptions,
    /// What to do; `serve` when absent.
    #[command(subcommand)]
    pub command: Option<Command>,
}

const MAIN_EXAMPLES: &str = "Examples:
  chatbotx                                      start the server; the first start prints a token
  claude mcp add chatbotx -- chatbotx stdio     connect Claude Code, with or without a server
  chatbotx chat --as Ana                        write to the workspace as a customer

Every option can be set by an environment variable: --listen is CHATBOTX_LISTEN.
Exit codes: 1 refused, 2 wrong usage, 3 unavailable.";

const MIGRATE_EXAMPLES: &str = "Example:
  chatbotx migrate --from sqlite:/var/lib/chatbotx/events.db --to postgres://chatbotx@localhost/chatbotx \\
      --master-key-file /var/lib/chatbotx/master.key

Stop the program first. The master key stays what it is: start with it on the new database.";

/// What to do.
#[derive(Subcommand, Debug)]
pub enum Command {
    /// Serve MCP and web chat over HTTP
    #[command(after_help = "Example:\n  chatbotx serve --listen 127.0.0.1:9000 --public-url https://chat.example.com")]
    Serve,
    /// Speak MCP on standard input and output
    #[command(after_help = STDIO_EXAMPLES)]
    Stdio(StdioArguments),
    /// Write to the workspace as a customer, from this terminal
    #[command(
        after_help = "Example:\n  chatbotx chat --as Ana\n\nIn the chat: /1 presses the first button, /quit ends."
    )]
    Chat(ChatArguments),
    /// Make and list workspaces
    #[command(subcommand)]
    Workspace(WorkspaceCommand),
    /// Make, list, renew and end access tokens
    #[command(subcommand)]
    Token(TokenCommand),
    /// Read and check the log of events
    #[command(subcommand)]
    Log(LogCommand),
    /// Look at the read tables, or build them anew from the log
    #[command(subcommand)]
    Projections(ProjectionsCommand),
    /// Print events as they happen, as JSON lines
    #[command(after_help = "Example:\n  chatbotx watch --after 0 --types MessageReceived,MessageQueued")]
    Watch(WatchArguments),
    /// Copy the log into a file
    #[command(after_help = "Example:\n  chatbotx backup ~/chatbotx-backup.db")]
    Backup {
        /// A file that does not exist yet
        file: PathBuf,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Copy the log into an empty database of another kind, with its positions and hashes, and verify it there
    #[command(after_help = MIGRATE_EXAMPLES)]
    Migrate {
        /// Where the log is
        #[arg(long, value_name = "URL")]
        from: String,
        /// An empty database
        #[arg(long, value_name = "URL")]
        to: String,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Call any operation, as its MCP tool would
    #[command(after_help = CALL_EXAMPLES)]
    Call(CallArguments),
    /// Write flows as files: pull them from a workspace, compare, check, try and push them
    #[command(subcommand)]
    Flow(FlowCommand),
    /// Say what is wrong with the installation, and how to mend it; exit code 1 when something is
    #[command(after_help = "Example:\n  chatbotx doctor --full")]
    Doctor {
        /// Verify the whole log, and not only its last events
        #[arg(long)]
        full: bool,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Fill a workspace with made-up people and conversations, to look around in
    #[command(after_help = "Example:\n  chatbotx demo --contacts 500 --seed 7")]
    Demo {
        /// How many people
        #[arg(long, value_name = "N", default_value_t = 300)]
        contacts: u32,
        /// The same seed makes the same people
        #[arg(long, value_name = "N", default_value_t = 1)]
        seed: u64,
        /// The id or name of a workspace without contacts. Default: a new one called "Demo"
        #[arg(long, value_name = "ID|NAME")]
        workspace: Option<String>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

const CALL_EXAMPLES: &str = "Examples:
  chatbotx call list_contacts query=ana limit=5
  chatbotx call add_contact_tags contactId=email:ana@example.org tags=VIP,newsletter
  chatbotx call create_contact --json '{\"firstName\": \"Ana\"}'
  chatbotx call create_contact - < contact.json
  chatbotx call --list";

const STDIO_EXAMPLES: &str = "Examples:
  claude mcp add chatbotx -- chatbotx stdio
  chatbotx stdio --workspace Shop --token reader
  CHATBOTX_API_URL=https://chat.example.com CHATBOTX_API_KEY=cbx_ws_… chatbotx stdio

Several at once, with or without a server, work on the same data. When the process that serves it
ends, another takes over, and no call is lost.";

/// How to speak MCP.
#[derive(Args, Debug)]
pub struct StdioArguments {
    /// The workspace's id or name; not needed when there is one only
    #[arg(long, value_name = "ID|NAME")]
    pub workspace: Option<String>,
    /// Act as this token of the workspace (its id or name), with its rights only
    #[arg(long, value_name = "ID|NAME")]
    pub token: Option<String>,
    /// Toolsets to list, separated by commas; `all` lists every tool
    #[arg(long, value_name = "NAMES")]
    pub toolsets: Option<String>,
    /// Refuse every write
    #[arg(long)]
    pub readonly: bool,
    /// A server elsewhere, instead of the data folder; its token is in `CHATBOTX_API_KEY`
    #[arg(long, env = "CHATBOTX_API_URL", value_name = "URL", conflicts_with_all = ["workspace", "token"])]
    pub api_url: Option<reqwest::Url>,
}

/// Whom to play.
#[derive(Args, Debug)]
pub struct ChatArguments {
    /// The customer's name
    #[arg(long = "as", value_name = "NAME")]
    pub name: Option<String>,
    /// The webchat account's id or name
    #[arg(long, default_value = "local")]
    pub account: String,
    /// The server's address; found in the data folder when absent
    #[arg(long)]
    pub url: Option<reqwest::Url>,
}

/// Workspaces.
#[derive(Subcommand, Debug)]
pub enum WorkspaceCommand {
    /// Make a workspace and its first token, which is shown once
    #[command(after_help = "Example:\n  chatbotx workspace create --name Shop --json")]
    Create {
        /// What it is called
        #[arg(long)]
        name: String,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// List the workspaces
    List {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

/// Tokens.
#[derive(Subcommand, Debug)]
pub enum TokenCommand {
    /// Make a token, which is shown once
    #[command(after_help = "Example:\n  chatbotx token create --name reader --permission read_only --expires 30d")]
    Create {
        /// What it is called
        #[arg(long)]
        name: String,
        /// The workspace's id or name; not needed when there is one only
        #[arg(long, value_name = "ID|NAME")]
        workspace: Option<String>,
        /// `full` or `read_only`
        #[arg(long, default_value = "full", value_parser = permission())]
        permission: Permission,
        /// What it is limited to, separated by commas, for example contacts:read,messages:send
        #[arg(long, value_delimiter = ',', value_parser = scope())]
        scopes: Vec<Scope>,
        /// When it ends: after a time (30d, 12h) or at one (2027-01-31T00:00:00Z)
        #[arg(long, value_name = "TIME")]
        expires: Option<Expiry>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Give a token another secret, which is shown once; everything else about it stays
    #[command(after_help = "Example:\n  chatbotx token rotate reader --grace 12h")]
    Rotate {
        /// The token's id or name
        token: String,
        /// How long the old secret goes on opening, at most 7d. Default: it ends at once
        #[arg(long, value_name = "DURATION")]
        grace: Option<Grace>,
        /// The workspace's id or name; not needed when there is one only
        #[arg(long, value_name = "ID|NAME")]
        workspace: Option<String>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// List the tokens
    List {
        /// The workspace's id or name; not needed when there is one only
        #[arg(long, value_name = "ID|NAME")]
        workspace: Option<String>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// End a token
    Revoke {
        /// The token's id or name
        token: String,
        /// The workspace's id or name; not needed when there is one only
        #[arg(long, value_name = "ID|NAME")]
        workspace: Option<String>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

/// Read tables.
#[derive(Subcommand, Debug)]
pub enum ProjectionsCommand {
    /// How far each is
    Status {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Build them anew from the log; the old ones serve until then
    Rebuild {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

/// Which events to print.
#[derive(Args, Debug)]
pub struct WatchArguments {
    /// Begin behind this position; 0 begins with the first event. Default: what happens from now on
    #[arg(long, value_name = "POSITION")]
    pub after: Option<u64>,
    /// Only these types, separated by commas
    #[arg(long, value_delimiter = ',')]
    pub types: Vec<String>,
    /// The workspace's id or name; not needed when there is one only
    #[arg(long, value_name = "ID|NAME")]
    pub workspace: Option<String>,
}

fn permission() -> impl TypedValueParser<Value = Permission> {
    clap::builder::PossibleValuesParser::new(["full", "read_only"]).try_map(|text| text.parse::<Permission>())
}

fn scope() -> impl TypedValueParser<Value = Scope> {
    use strum::VariantNames;
    clap::builder::PossibleValuesParser::new(Scope::VARIANTS.iter().copied()).try_map(|text| text.parse::<Scope>())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn without_a_command_it_serves_and_settings_may_stand_anywhere() {
        assert!(Arguments::parse_from(["chatbotx"]).command.is_none());
        let arguments = Arguments::parse_from(["chatbotx", "log", "verify", "--json", "--data", "/d"]);
        assert_eq!(arguments.options.data, Some("/d".into()));
        assert!(matches!(arguments.command, Some(Command::Log(LogCommand::Verify { json: true }))));
    }

    #[test]
    fn a_token_is_limited_as_asked() {
        let arguments = Arguments::try_parse_from([
            "chatbotx",
            "token",
            "create",
            "--name",
            "n",
            "--permission",
            "read_only",
            "--scopes",
            "contacts:read,admin",
        ]);
        let Some(Command::Token(TokenCommand::Create { permission, scopes, .. })) = arguments.unwrap().command else {
            panic!("another command");
        };
        assert_eq!((permission, scopes), (Permission::ReadOnly, vec![Scope::ContactsRead, Scope::Admin]));
        assert!(Arguments::try_parse_from(["chatbotx", "token", "create", "--name", "n", "--scopes", "all"]).is_err());
        assert!(Arguments::try_parse_from(["chatbotx", "call", "x", "--json", "[1]"]).is_err());
    }
}
