//! Whether a person wants messages: what they and the workspace have said about it, and the words by which a message says so.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization;

use crate::channel_account::Channel;
use crate::contact::Source;
use crate::folding::fold;
use crate::personal::Personal;

/// The longest evidence, in characters.
pub const MAX_EVIDENCE_CHARS: usize = 1_000;

/// What was said about messages. Stored names: never edited.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema, strum::IntoStaticStr,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Consent {
    /// The person wants messages.
    OptedIn,
    /// The person wants none.
    OptedOut,
}

/// What was said last, by whom.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Said {
    /// What.
    pub consent: Consent,
    /// How it is known.
    pub evidence: Option<Personal<String>>,
    /// Who said so.
    pub source: Source,
}

/// What a person's consent is, on all channels and on single ones.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Standing {
    /// What was said about all channels at once.
    pub everywhere: Option<Said>,
    /// What was said since about one of them.
    pub channels: BTreeMap<Channel, Said>,
}

impl Standing {
    /// What holds on a channel; nothing when nobody said anything.
    #[must_use]
    pub fn on(&self, channel: Channel) -> Option<Consent> {
        self.channels.get(&channel).or(self.everywhere.as_ref()).map(|said| said.consent)
    }

    /// Takes in what was said about a channel, or about all of them.
    pub fn take_in(&mut self, channel: Option<Channel>, said: Said) {
        match channel {
            Some(channel) => {
                self.channels.insert(channel, said);
            }
            // The last word about everything is the last word about each.
            None => *self = Self { everywhere: Some(said), channels: BTreeMap::new() },
        }
    }

    /// Whether `said` would change anything. The same again does so only with other evidence.
    #[must_use]
    pub fn changes_with(&self, channel: Option<Channel>, said: &Said) -> bool {
        let stands = match channel {
            Some(channel) => self.channels.get(&channel).or(self.everywhere.as_ref()),
            None if self.channels.is_empty() => self.everywhere.as_ref(),
            None => None,
        };
        let same_evidence = |stands: &Said| said.evidence.is_none() || said.evidence == stands.evidence;
        !stands.is_some_and(|stands| stands.consent == said.consent && same_evidence(stands))
    }

    /// Whether the person opted out themselves, on the channel or on any.
    #[must_use]
    pub fn refused_by_person(&self, channel: Option<Channel>) -> bool {
        let by_person = |said: &Said| said.consent == Consent::OptedOut && said.source == Source::Customer;
        match channel {
            Some(channel) => self.channels.get(&channel).or(self.everywhere.as_ref()).is_some_and(by_person),
            None => self.everywhere.iter().chain(self.channels.values()).any(by_person),
        }
    }
}

/// Whole messages that opt out, folded. Words that are as likely an answer to a question (cancel, end, no) are not among them.
const STOP: &[&str] = &[
    // English.
    "stop",
    "stop all",
    "stopall",
    "unsubscribe",
    "opt out",
    "optout",
    // Spanish.
    "alto",
    "baja",
    "dar de baja",
    "darme de baja",
    "detener",
    "parar",
    "cancelar suscripcion",
    // Portuguese.
    "pare",
    "sair",
    "descadastrar",
    "cancelar inscricao",
    // German.
    "stopp",
    "abmelden",
    "abbestellen",
    "austragen",
    // French.
    "arret",
    "arreter",
    "desabonner",
    "me desabonner",
    "se desabonner",
    "desinscrire",
    "me desinscrire",
    // Italian.
    "ferma",
    "fermare",
    "disiscrivi",
    "disiscrivimi",
    "annulla iscrizione",
    // Vietnamese; the single word stands below.
    "dung lai",
    "dung gui",
    "ngung",
    "huy dang ky",
];

/// Whole messages that opt out only as they are written: folded, they are other words as well. `đúng` (right, yes) folds like
/// `dừng` (stop).
const STOP_WITH_MARKS: &[&str] = &["dừng"];

/// Whole messages that take an opt-out back, folded.
const START: &[&str] = &[
    // English.
    "start",
    "unstop",
    "subscribe",
    "resubscribe",
    "opt in",
    "optin",
    // Spanish.
    "alta",
    "dar de alta",
    "darme de alta",
    "empezar",
    "suscribir",
    "suscribirme",
    "reanudar",
    // Portuguese.
    "comecar",
    "iniciar",
    "voltar",
    "inscrever",
    // German.
    "starten",
    "anmelden",
    // French.
    "commencer",
    "demarrer",
    "abonner",
    "m abonner",
    "s abonner",
    "reprendre",
    // Italian.
    "inizia",
    "iscrivi",
    "iscrivimi",
    "riprendi",
    // Vietnamese.
    "bat dau",
    "dang ky",
    "dang ky lai",
];

/// What a message says about messages, when it says nothing else: `STOP`, `Unsubscribe!`, `alta`.
#[must_use]
pub fn said_by(text: &str) -> Option<Consent> {
    // A message of a few words is one; a novel is not searched.
    if text.chars().count() > 40 {
        return None;
    }
    let words = plain(&fold(text));
    if STOP.contains(&words.as_str()) {
        return Some(Consent::OptedOut);
    }
    let as_written: String = text.to_lowercase().nfc().collect();
    if STOP_WITH_MARKS.contains(&plain(&as_written).as_str()) {
        return Some(Consent::OptedOut);
    }
    START.contains(&words.as_str()).then_some(Consent::OptedIn)
}

/// The words alone, with single blanks between them.
fn plain(text: &str) -> String {
    let words = text.split(|letter: char| !letter.is_alphanumeric()).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_that_says_nothing_but_stop_opts_out() {
        for text in [
            "STOP",
            "stop!",
            " Stop. ",
            "«Stop»",
            "S\u{200b}TOP",
            "Opt-out",
            "Unsubscribe",
            "BAJA",
            "¡Alto!",
            "Cancelar suscripción",
            "Pare",
            "cancelar inscrição",
            "Stopp",
            "ABMELDEN",
            "Arrêt",
            "Me désabonner.",
            "Disiscrivimi",
            "Dừng",
            "Du\u{31b}\u{300}ng",
            "DỪNG LẠI",
            "Hủy đăng ký",
            "Ngừng",
        ] {
            assert_eq!(said_by(text), Some(Consent::OptedOut), "{text}");
        }
    }

    #[test]
    fn a_message_that_says_nothing_but_start_opts_in() {
        for text in
            ["START", "unstop", "Alta", "¡ALTA!", "começar", "Starten", "S'abonner", "Inizia", "Bắt đầu", "/start"]
        {
            assert_eq!(said_by(text), Some(Consent::OptedIn), "{text}");
        }
    }

    #[test]
    fn words_in_a_sentence_and_answers_to_questions_say_nothing() {
        for text in [
            "please stop by tomorrow",
            "When does it start?",
            "stop it, I like it",
            "Đúng",
            "đúng!",
            "dung",
            "no",
            "cancel",
            "end",
            "",
            "!!!",
            "nonstop",
            "stop stop",
            &"stop ".repeat(40),
        ] {
            assert_eq!(said_by(text), None, "{text}");
        }
    }

    #[test]
    fn every_word_is_written_as_it_is_compared() {
        for word in STOP.iter().chain(START) {
            assert_eq!(plain(&fold(word)), *word);
        }
        for word in STOP_WITH_MARKS {
            assert_eq!(plain(&word.to_lowercase().nfc().collect::<String>()), *word);
        }
        assert!(STOP.iter().all(|word| !START.contains(word)));
    }

    #[test]
    fn the_last_word_about_a_channel_or_about_all_of_them_holds() {
        let said = |consent| Said { consent, evidence: None, source: Source::Customer };
        let mut standing = Standing::default();
        assert_eq!(standing.on(Channel::Webchat), None);
        standing.take_in(None, said(Consent::OptedOut));
        assert_eq!(standing.on(Channel::Webchat), Some(Consent::OptedOut));
        standing.take_in(Some(Channel::Webchat), said(Consent::OptedIn));
        assert_eq!(standing.on(Channel::Webchat), Some(Consent::OptedIn));
        standing.take_in(None, said(Consent::OptedOut));
        assert_eq!(standing.on(Channel::Webchat), Some(Consent::OptedOut));
    }
}
