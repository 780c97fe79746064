//! `chatbotx serve`: holds the data folder, serves HTTP, and says on its first start how to go on.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::chat::visible;
use super::options::GlobalOptions;
use super::snippets::{Place, chat_command, snippets};
use crate::app::App;
use crate::app::CreatedToken;
use crate::local::control::first_token;
use crate::local::holder::Yields;
use crate::local::service::{FIRST_START, FIRST_WORKSPACE, opener};
use crate::local::{DataFolder, Reach, doors};
#[cfg(feature = "conformance")]
use crate::mcp::conformance::OpenHouse;
use crate::problem::{Code, Problem};
use crate::settings::Settings;

/// A little longer than the door lets calls finish: then the folder is given back in any case.
const DRAIN: Duration = Duration::from_secs(9);

/// Serves until SIGTERM or SIGINT.
///
/// # Errors
/// `unavailable` when the address or the folder is taken, or the server cannot go on.
pub async fn serve(options: &GlobalOptions) -> Result<(), Problem> {
    take_file_descriptors();
    let folder = options.folder()?;
    // Before the folder, so that a taken port takes the folder from nobody.
    let listen = options.http.listen;
    let listener = TcpListener::bind(listen).await.map_err(|error| {
        Problem::new(Code::Unavailable, format!("cannot listen on {listen}: {error}"))
            .hint("choose another address: --listen 127.0.0.1:0 picks a free port")
    })?;
    let bound = listener.local_addr().map_err(|error| Problem::internal(&error))?;
    let (opened, mut apps) = mpsc::unbounded_channel();
    let mut reach = Reach::new(folder.clone(), opener(options.open_options(&folder), opened), Yields::Never);
    let holder = reach.take().await?;
    let app = apps.recv().await.ok_or_else(|| Problem::internal(&"the program was not opened"))?;
    let address = reachable(bound);
    let outcome = async {
        let token = app.alone(FIRST_START, first_start(&app)).await?;
        holder.announce(&address)?;
        greet(options, &folder, &address, token.as_ref())?;
        run(Arc::clone(&app), settings(options, token.as_ref())?, listener).await?;
        // Whoever watches over the process is told that starting it again is of no use.
        app.refuse_if_outdated()
    }
    .await;
    reach.leave().await;
    outcome
}

/// Takes as many file descriptors as the system allows this process: what it is given by default, 1,024 mostly, is kept low for programs
/// that use `select`, and every connection needs one.
fn take_file_descriptors() {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current != maximum
        && let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum })
    {
        tracing::warn!(%error, "no more than {current:?} file descriptors can be had");
    }
}

#[cfg(not(feature = "conformance"))]
fn settings(options: &GlobalOptions, _: Option<&FirstToken>) -> Result<Settings, Problem> {
    Ok(options.http.settings())
}

/// With `--conformance` everybody comes in: so it is only to be had on the loopback interface, and over a folder that is empty.
#[cfg(feature = "conformance")]
fn settings(options: &GlobalOptions, first: Option<&FirstToken>) -> Result<Settings, Problem> {
    let mut settings = options.http.settings();
    if options.http.conformance {
        let refused = |message| Problem::invalid("conformance", message);
        if !settings.listen.ip().is_loopback() {
            return Err(refused("the fixtures are served on the loopback interface only"));
        }
        let first = first.ok_or_else(|| refused("the fixtures are served over a new data folder only"))?;
        settings.conformance = OpenHouse::with(&first.token.text);
    }
    Ok(settings)
}

async fn run(app: Arc<App>, settings: Settings, listener: TcpListener) -> Result<(), Problem> {
    let stop = stop_signal()?;
    let too_late = async {
        stop.cancelled().await;
        tokio::time::sleep(DRAIN).await;
    };
    tokio::select! {
        outcome = doors::serve_http(app, settings, listener, stop.clone()) => outcome,
        () = too_late => {
            tracing::warn!("some calls did not finish in time and are cut off");
            Ok(())
        }
    }
}

/// Cancelled by the first SIGTERM or SIGINT.
///
/// # Errors
/// When the system does not let us listen to signals.
pub fn stop_signal() -> Result<CancellationToken, Problem> {
    let mut terminate = signal(SignalKind::terminate()).map_err(|error| Problem::internal(&error))?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(|error| Problem::internal(&error))?;
    let stop = CancellationToken::new();
    let stopped = stop.clone();
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        stopped.cancel();
    });
    Ok(stop)
}

/// A token, and the workspace that it opens.
struct FirstToken {
    token: CreatedToken,
    workspace: String,
}

/// Makes what a new folder begins with. Gives the first token of the only workspace, when it never had one.
async fn first_start(app: &Arc<App>) -> Result<Option<FirstToken>, Problem> {
    let workspaces = app.workspaces().await?;
    let (workspace, name) = match workspaces.as_slice() {
        [] => (app.create_workspace(FIRST_WORKSPACE).await?, FIRST_WORKSPACE.to_owned()),
        // An assistant's process or a command may have made it, and could show no token to anybody.
        [only] if app.tokens(only.id).await?.is_empty() => (only.id, only.name.clone()),
        _ => return Ok(None),
    };
    Ok(Some(FirstToken { token: app.create_token(workspace, &first_token()).await?, workspace: name }))
}

/// Says on standard output where the server is and, once, how to get in.
fn greet(
    options: &GlobalOptions,
    folder: &DataFolder,
    address: &str,
    first: Option<&FirstToken>,
) -> Result<(), Problem> {
    let program = std::env::current_exe().map_err(|error| Problem::internal(&error))?;
    let place = Place {
        program,
        data: own_folder(folder.path()),
        address: options
            .http
            .public_url
            .as_ref()
            .map_or_else(|| address.to_owned(), |url| url.to_string().trim_end_matches('/').to_owned()),
    };
    println!("ChatbotX {} serves {address}", env!("CARGO_PKG_VERSION"));
    println!("Data folder: {}", folder.path().display());
    match first {
        Some(FirstToken { token, workspace }) => {
            println!("\nToken of \"{}\", shown this once: {}", visible(workspace), token.text);
            println!("\nConnect an assistant by pasting one of these:\n\n{}", snippets(&place, &token.text));
            println!("Then write to it as a customer:\n  {}", chat_command(&place));
        }
        None => println!("Help: chatbotx --help. A new token: chatbotx token create --name NAME"),
    }
    Ok(())
}

fn own_folder(folder: &Path) -> Option<std::path::PathBuf> {
    let default = DataFolder::default_path().and_then(|path| path.canonicalize().ok());
    (default.as_deref() != Some(folder)).then(|| folder.to_owned())
}

/// The address at which this machine reaches the server.
fn reachable(bound: SocketAddr) -> String {
    let address = if bound.ip().is_unspecified() {
        SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), bound.port())
    } else {
        bound
    };
    format!("http://{address}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_means_every_interface_is_reached_over_loopback() {
        for (bound, address) in [
            ("0.0.0.0:80", "http://127.0.0.1:80"),
            ("[::]:80", "http://127.0.0.1:80"),
            ("[::1]:81", "http://[::1]:81"),
            ("10.0.0.1:8080", "http://10.0.0.1:8080"),
        ] {
            assert_eq!(reachable(bound.parse().unwrap()), address);
        }
    }
}
