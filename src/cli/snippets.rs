//! What a person pastes to connect an assistant: with absolute paths, since assistants start programs from anywhere.

use std::path::{Path, PathBuf};

use serde_json::json;

/// What the snippets are about.
#[derive(Clone, Debug)]
pub struct Place {
    /// This program, as an absolute path.
    pub program: PathBuf,
    /// The data folder, when it is not the default one.
    pub data: Option<PathBuf>,
    /// The HTTP address, without a slash at its end.
    pub address: String,
}

/// Ready-to-paste texts for the assistants that we know. `token` is in the one that needs it.
#[must_use]
pub fn snippets(place: &Place, token: &str) -> String {
    let program = place.program.to_string_lossy();
    let arguments = stdio_arguments(place);
    let command = std::iter::once(program.as_ref()).chain(arguments.iter().map(String::as_str));
    let command = command.map(shell_word).collect::<Vec<_>>().join(" ");
    let stdio = json!({ "command": program, "args": arguments });
    let named = json!({ "name": "chatbotx", "command": program, "args": arguments });
    let cursor = json!({ "mcpServers": { "chatbotx": stdio } });
    let address = &place.address;
    format!(
        "Claude Code\n  \
           claude mcp add chatbotx -- {command}\n\
         Claude Code, over the network\n  \
           claude mcp add --transport sse chatbotx {address}/mcp/sse --header \"Authorization: Bearer {token}\"\n\
         OpenClaw\n  \
           openclaw mcp set chatbotx {openclaw}\n\
         Hermes, in ~/.hermes/config.yaml\n  \
           mcp_servers:\n    \
             chatbotx:\n      \
               command: {program_text}\n      \
               args: {args_text}\n\
         VS Code\n  \
           code --add-mcp {code}\n\
         Cursor, in ~/.cursor/mcp.json\n  \
           {cursor}\n",
        openclaw = shell_word(&stdio.to_string()),
        program_text = json!(program),
        args_text = json!(arguments),
        code = shell_word(&named.to_string()),
    )
}

/// How a customer is played on this machine.
#[must_use]
pub fn chat_command(place: &Place) -> String {
    let mut words = vec![place.program.to_string_lossy().into_owned(), "chat".into(), "--as".into(), "Ana".into()];
    words.extend(data_option(place.data.as_deref()));
    words.iter().map(|word| shell_word(word)).collect::<Vec<_>>().join(" ")
}

fn stdio_arguments(place: &Place) -> Vec<String> {
    std::iter::once("stdio".to_owned()).chain(data_option(place.data.as_deref())).collect()
}

fn data_option(data: Option<&Path>) -> Vec<String> {
    data.map_or_else(Vec::new, |data| vec!["--data".to_owned(), data.to_string_lossy().into_owned()])
}

/// A word as a POSIX shell reads it.
fn shell_word(word: &str) -> String {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "_-./:=@%+,".contains(letter);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn place(data: Option<&str>) -> Place {
        Place {
            program: "/opt/chat bot/chatbotx".into(),
            data: data.map(Into::into),
            address: "http://127.0.0.1:8080".into(),
        }
    }

    #[test]
    fn every_snippet_names_the_program_by_its_absolute_path() {
        let text = snippets(&place(None), "cbx_ws_x");
        assert!(text.contains("claude mcp add chatbotx -- '/opt/chat bot/chatbotx' stdio\n"), "{text}");
        assert_eq!(text.matches("/opt/chat bot/chatbotx").count(), 5, "{text}");
        assert_eq!(text.matches("cbx_ws_x").count(), 1, "{text}");
        assert!(text.contains("chatbotx http://127.0.0.1:8080/mcp/sse --header \"Authorization: Bearer cbx_ws_x\""));
    }

    #[test]
    fn a_folder_of_ones_own_is_in_every_local_snippet() {
        let text = snippets(&place(Some("/data")), "t");
        assert_eq!(text.matches("--data").count(), 5, "{text}");
        let cursor = text.lines().find(|line| line.contains("mcpServers")).unwrap();
        let cursor: Value = serde_json::from_str(cursor).unwrap();
        assert_eq!(cursor["mcpServers"]["chatbotx"]["args"], serde_json::json!(["stdio", "--data", "/data"]));
        assert!(chat_command(&place(Some("/data"))).ends_with("chat --as Ana --data /data"));
    }

    #[test]
    fn a_shell_reads_a_word_as_it_was() {
        for (word, written) in [("plain-1", "plain-1"), ("it's", r"'it'\''s'"), ("", "''"), ("$(x)", "'$(x)'")] {
            assert_eq!(shell_word(word), written);
        }
    }
}
