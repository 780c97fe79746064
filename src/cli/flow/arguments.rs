//! The arguments of `chatbotx flow`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// What is done with flows.
#[derive(Subcommand, Debug)]
pub enum FlowCommand {
    /// Write the drafts of the workspace's flows into files
    #[command(after_help = "Example:\n  chatbotx flow pull flows/")]
    Pull(FlowArguments),
    /// Make the files of a folder the drafts of the workspace's flows
    #[command(after_help = "Example:\n  chatbotx flow push flows/ --publish")]
    Push {
        /// Where, and which.
        #[command(flatten)]
        common: FlowArguments,
        /// Publish them, too
        #[arg(long)]
        publish: bool,
    },
    /// Compare the files of a folder with the drafts in the workspace; exit code 1 when they differ
    Diff(FlowArguments),
    /// Check the files of a folder; exit code 1 when one has errors
    Validate(FlowArguments),
    /// Carry a flow out with a made-up contact and scripted replies; sends nothing
    #[command(
        after_help = "Examples:\n  chatbotx flow simulate flows/welcome.yaml --reply Bienenstich --reply Yes\n  chatbotx flow simulate Welcome --contact email:ana@example.org"
    )]
    Simulate(SimulateArguments),
}

impl FlowCommand {
    /// What all of them take.
    pub(super) const fn common(&self) -> Common<'_> {
        match self {
            Self::Pull(arguments) | Self::Diff(arguments) | Self::Validate(arguments) => arguments.common(),
            Self::Push { common, .. } => common.common(),
            Self::Simulate(arguments) => Common { workspace: &arguments.workspace, json: arguments.json },
        }
    }

    /// Whether it prints JSON.
    #[must_use]
    pub const fn json(&self) -> bool {
        self.common().json
    }
}

/// What all of them take.
pub(super) struct Common<'a> {
    pub(super) workspace: &'a Option<String>,
    pub(super) json: bool,
}

/// A folder of files, and which of them.
#[derive(Args, Debug)]
pub struct FlowArguments {
    /// The folder of the files, one `.yaml` for each flow
    pub folder: PathBuf,
    /// Only flows of these names
    #[arg(value_name = "NAME")]
    pub names: Vec<String>,
    /// The workspace's id or name; not needed when there is one only
    #[arg(long, value_name = "ID|NAME")]
    pub workspace: Option<String>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

impl FlowArguments {
    const fn common(&self) -> Common<'_> {
        Common { workspace: &self.workspace, json: self.json }
    }
}

/// A flow, and what its contact says.
#[derive(Args, Debug)]
pub struct SimulateArguments {
    /// A file, or the id or name of a flow in the workspace
    pub flow: PathBuf,
    /// Begin with what is known of this contact
    #[arg(long, value_name = "CONTACT")]
    pub contact: Option<String>,
    /// What the contact answers, one after the other; the words on a button press it
    #[arg(long = "reply", value_name = "TEXT")]
    pub replies: Vec<String>,
    /// The workspace's id or name; not needed when there is one only
    #[arg(long, value_name = "ID|NAME")]
    pub workspace: Option<String>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}
