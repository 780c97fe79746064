//! What made-up people say to a shop, in their languages, and what the shop answers.

use super::chance::Chance;

/// What a customer asks, and what fits as an answer and as a word of thanks.
pub(super) struct Talk {
    /// The first message.
    pub(super) asks: &'static str,
    /// The answer.
    pub(super) answer: &'static str,
    /// Buttons under the answer; may be empty.
    pub(super) buttons: &'static [&'static str],
    /// What the customer says then, when no button is pressed.
    pub(super) thanks: &'static str,
}

const fn talk(
    asks: &'static str,
    answer: &'static str,
    buttons: &'static [&'static str],
    thanks: &'static str,
) -> Talk {
    Talk { asks, answer, buttons, thanks }
}

const ENGLISH: &[Talk] = &[
    talk(
        "Hello, my order has not arrived yet.",
        "Sorry about that! It left our house yesterday. Shall we text you when it arrives?",
        &["Yes, please", "No, thanks"],
        "Alright, thank you!",
    ),
    talk(
        "Are you open on Sunday?",
        "We are open from Monday to Saturday, 9 to 18.",
        &[],
        "Good to know, see you on Monday.",
    ),
    talk(
        "Do you have the blue mug in stock?",
        "Yes, seven are left. Shall we put one aside for you?",
        &["Yes", "No"],
        "Let me think about it.",
    ),
    talk(
        "Can I change my delivery address?",
        "Of course. Which address should it be?",
        &[],
        "12 Mill Lane, please. Thanks!",
    ),
    talk(
        "I would like to return a jacket.",
        "No problem. You have 30 days, and the return is free.",
        &["Send me a label", "Call me"],
        "Great, thanks.",
    ),
];
const GERMAN: &[Talk] = &[
    talk(
        "Guten Tag, wann kommt meine Bestellung?",
        "Sie ist unterwegs und kommt morgen an. Möchten Sie eine Nachricht erhalten?",
        &["Ja, gern", "Nein"],
        "Danke für die schnelle Antwort!",
    ),
    talk("Haben Sie die Tasse auch in Grün?", "Ja, in Grün und in Grau.", &[], "Wunderbar, dann nehme ich die grüne."),
    talk("Ich möchte meine Adresse ändern.", "Sehr gern. Wie lautet die neue Adresse?", &[], "Mühlweg 3, vielen Dank!"),
];
const FRENCH: &[Talk] = &[
    talk(
        "Bonjour, où est ma commande ?",
        "Elle est en route et arrivera demain. Voulez-vous un message à la livraison ?",
        &["Oui", "Non merci"],
        "Parfait, merci !",
    ),
    talk("Êtes-vous ouverts le dimanche ?", "Nous sommes ouverts du lundi au samedi.", &[], "D'accord, merci."),
];
const SPANISH: &[Talk] = &[
    talk(
        "Hola, ¿cuándo llega mi pedido?",
        "¡Hola! Llega mañana por la mañana. ¿Le avisamos?",
        &["Sí, por favor", "No"],
        "Muchas gracias.",
    ),
    talk("¿Hacen envíos a Canarias?", "Sí, en unos cinco días.", &[], "Estupendo, gracias."),
];
const PORTUGUESE: &[Talk] = &[
    talk(
        "Oi, meu pedido ainda não chegou.",
        "Sentimos muito! Ele chega amanhã. Quer que avisemos?",
        &["Sim", "Não"],
        "Obrigada!",
    ),
    talk("Vocês aceitam Pix?", "Aceitamos, sim.", &[], "Que bom, obrigado."),
];
const SWEDISH: &[Talk] = &[talk(
    "Hej! När kommer mitt paket?",
    "Det kommer i morgon. Vill du ha ett meddelande då?",
    &["Ja tack", "Nej tack"],
    "Tack så mycket!",
)];
const JAPANESE: &[Talk] = &[
    talk(
        "こんにちは。注文した商品はいつ届きますか。",
        "明日お届けの予定です。到着時にお知らせしましょうか。",
        &["はい", "いいえ"],
        "ありがとうございます。",
    ),
    talk("青いマグカップの在庫はありますか。", "はい、ございます。", &[], "では一つお願いします。"),
];
const VIETNAMESE: &[Talk] = &[talk(
    "Chào shop, đơn hàng của tôi khi nào đến?",
    "Dạ, ngày mai ạ. Shop nhắn cho bạn khi hàng đến nhé?",
    &["Vâng", "Không cần"],
    "Cảm ơn shop!",
)];
const ARABIC: &[Talk] =
    &[talk("مرحبا، متى يصل طلبي؟", "يصل غدا صباحا. هل نرسل لك رسالة عند وصوله؟", &["نعم", "لا"], "شكرا جزيلا.")];

/// A conversation in the language of a customer, English when nobody here speaks it.
pub(super) fn talk_in(language: &str, chance: &mut Chance) -> &'static Talk {
    let talks = match language.split('-').next() {
        Some("de") => GERMAN,
        Some("fr") => FRENCH,
        Some("es") => SPANISH,
        Some("pt") => PORTUGUESE,
        Some("sv") => SWEDISH,
        Some("ja") => JAPANESE,
        Some("vi") => VIETNAMESE,
        Some("ar") => ARABIC,
        _ => ENGLISH,
    };
    chance.one(talks)
}

/// The tags that people are given.
pub(super) const TAGS: &[&str] =
    &["VIP", "newsletter", "wholesale", "late order", "returned", "asked for a call", "student"];

/// Where customers came from.
pub(super) const SOURCES: &[&str] = &["web shop", "fair", "friend", "search", "newspaper"];
