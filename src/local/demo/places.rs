//! Where made-up people live: names, languages, time zones, and phone numbers that regulators keep free for fiction.

use super::chance::Chance;

/// A country with what its people are called and say.
pub(super) struct Place {
    /// ISO 3166-1.
    pub(super) country: &'static str,
    /// BCP 47; the words of its people are in it.
    pub(super) language: &'static str,
    /// IANA.
    pub(super) timezone: &'static str,
    /// Given names, with the gender that goes with each.
    pub(super) first_names: &'static [(&'static str, &'static str)],
    /// Family names.
    pub(super) last_names: &'static [&'static str],
    /// The number of the `n`th person, where a regulator keeps a range free for fiction and it has that many.
    phone: fn(usize) -> Option<String>,
}

/// How many people have the same place before the next one begins to repeat, so that numbers stay unique: the person's number is
/// spread over the places in turn.
pub(super) fn of_person(number: usize) -> (&'static Place, usize) {
    (&PLACES[number % PLACES.len()], number / PLACES.len())
}

impl Place {
    /// The phone number of the `n`th person of this place.
    pub(super) fn phone(&self, n: usize) -> Option<String> {
        (self.phone)(n)
    }

    /// A given name and a gender, and a family name.
    pub(super) fn name(&self, chance: &mut Chance) -> (&'static str, &'static str, &'static str) {
        let (first, gender) = *chance.one(self.first_names);
        let last: &'static str = chance.one::<&'static str>(self.last_names);
        (first, gender, last)
    }
}

const F: &str = "female";
const M: &str = "male";

/// The places, each as often as the others.
pub(super) const PLACES: [Place; 10] = [
    Place {
        country: "US",
        language: "en-US",
        timezone: "America/New_York",
        first_names: &[
            ("Emma", F),
            ("Olivia", F),
            ("Maya", F),
            ("Noah", M),
            ("Liam", M),
            ("Ethan", M),
            ("Riley", "unknown"),
        ],
        last_names: &["Carter", "Nguyen", "Johnson", "Rivera", "O'Neil", "Brooks", "Patel"],
        // 555-0100 to 555-0199 in every area code.
        phone: |n| Some(format!("+1{}55501{:02}", [212, 312, 415, 617, 206].get(n / 100)?, n % 100)),
    },
    Place {
        country: "GB",
        language: "en-GB",
        timezone: "Europe/London",
        first_names: &[("Amelia", F), ("Isla", F), ("Priya", F), ("Oliver", M), ("Harry", M), ("Arjun", M)],
        last_names: &["Smith", "Taylor", "Begum", "Davies", "Khan", "McAllister"],
        // Ofcom: 07700 900000 to 900999.
        phone: |n| (n < 1_000).then(|| format!("+447700900{n:03}")),
    },
    Place {
        country: "DE",
        language: "de",
        timezone: "Europe/Berlin",
        first_names: &[("Anna", F), ("Lena", F), ("Zoë", F), ("Jörg", M), ("Lukas", M), ("Emre", M)],
        last_names: &["Müller", "Schäfer", "Weiß", "Yılmaz", "Hoffmann", "Groß"],
        // Bundesnetzagentur: 0176 040690 00 to 99, then 0171 39200 00 to 99.
        phone: |n| {
            (n < 200)
                .then(|| if n < 100 { format!("+49176040690{n:02}") } else { format!("+4917139200{:02}", n - 100) })
        },
    },
    Place {
        country: "FR",
        language: "fr",
        timezone: "Europe/Paris",
        first_names: &[("Camille", F), ("Chloé", F), ("Inès", F), ("Hugo", M), ("Théo", M), ("Mehdi", M)],
        last_names: &["Martin", "Lefèvre", "Benali", "Dubois", "François", "Moreau"],
        // Arcep: 06 39 98 00 00 to 99 99.
        phone: |n| (n < 10_000).then(|| format!("+33639 98{n:04}").replace(' ', "")),
    },
    Place {
        country: "SE",
        language: "sv",
        timezone: "Europe/Stockholm",
        first_names: &[("Astrid", F), ("Elsa", F), ("Åsa", F), ("Björn", M), ("Oskar", M)],
        last_names: &["Andersson", "Öberg", "Lindström", "Åkesson", "Nilsson"],
        // PTS: 070-174 06 05 to 06 99.
        phone: |n| (n < 95).then(|| format!("+467017406{:02}", n + 5)),
    },
    Place {
        country: "ES",
        language: "es",
        timezone: "Europe/Madrid",
        first_names: &[("Lucía", F), ("Marta", F), ("Ainhoa", F), ("Iñaki", M), ("Pablo", M)],
        last_names: &["García", "Núñez", "Etxeberria", "López", "Romero"],
        phone: |_| None,
    },
    Place {
        country: "BR",
        language: "pt-BR",
        timezone: "America/Sao_Paulo",
        first_names: &[("Beatriz", F), ("Júlia", F), ("Antônia", F), ("João", M), ("Caetano", M)],
        last_names: &["Silva", "Araújo", "Conceição", "Souza", "Gonçalves"],
        phone: |_| None,
    },
    Place {
        country: "JP",
        language: "ja",
        timezone: "Asia/Tokyo",
        first_names: &[("さくら", F), ("陽子", F), ("美咲", F), ("健太", M), ("翔", M)],
        last_names: &["山田", "佐藤", "鈴木", "高橋", "小林"],
        phone: |_| None,
    },
    Place {
        country: "VN",
        language: "vi",
        timezone: "Asia/Ho_Chi_Minh",
        first_names: &[("Hoa", F), ("Thị Mai", F), ("Ngọc", F), ("Văn Minh", M), ("Đức", M)],
        last_names: &["Nguyễn", "Trần", "Đặng", "Phạm", "Lê"],
        phone: |_| None,
    },
    Place {
        country: "EG",
        language: "ar",
        timezone: "Africa/Cairo",
        first_names: &[("فاطمة", F), ("ليلى", F), ("مريم", F), ("أحمد", M), ("يوسف", M)],
        last_names: &["حسن", "إبراهيم", "السيد", "منصور", "علي"],
        phone: |_| None,
    },
];
