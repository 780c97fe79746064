//! Who the contacts of a filling are: everything about one follows from its number.

use aggregates::Personal;
use aggregates::contact_attributes::Attributes;
use aggregates::field_value::FieldValue;

use super::chance::Chance;

/// How many tags there are.
pub const TAGS: usize = 50;
/// The custom fields and their types.
pub const FIELDS: [(&str, &str); 3] = [("Orders", "number"), ("City", "text"), ("Customer number", "text")];

const FIRST: [&str; 80] = [
    "Maria",
    "Anna",
    "José",
    "Mohamed",
    "Ana",
    "Juan",
    "Wei",
    "Luis",
    "David",
    "Carlos",
    "Fatima",
    "Antonio",
    "Sofía",
    "Peter",
    "Elena",
    "Ivan",
    "Laura",
    "Ahmed",
    "Marta",
    "Daniel",
    "Nguyễn",
    "Paul",
    "Julia",
    "Marco",
    "Sara",
    "Lucía",
    "Thomas",
    "Olga",
    "Ali",
    "Emma",
    "Pedro",
    "Yuki",
    "Andrea",
    "Nina",
    "Jan",
    "Eva",
    "Miguel",
    "Sophie",
    "Omar",
    "Lena",
    "François",
    "Zoë",
    "Björn",
    "Łukasz",
    "Đức",
    "Chiara",
    "Pavel",
    "Hana",
    "Mateo",
    "Aisha",
    "Karl",
    "Ingrid",
    "Raj",
    "Priya",
    "Tomás",
    "Claire",
    "Hugo",
    "Leïla",
    "Felix",
    "Marie",
    "Stefan",
    "Irina",
    "Jorge",
    "Camila",
    "Henrik",
    "Noor",
    "Viktor",
    "Isabel",
    "Adam",
    "Greta",
    "Kenji",
    "Marina",
    "Oscar",
    "Teresa",
    "Lars",
    "Amira",
    "Bruno",
    "Dora",
    "Émile",
    "Xenia",
];

const LAST: [&str; 100] = [
    "García",
    "Müller",
    "Silva",
    "Nguyen",
    "Smith",
    "Rossi",
    "Ivanov",
    "Martin",
    "Hernández",
    "Schmidt",
    "Khan",
    "Kim",
    "Santos",
    "López",
    "Novák",
    "Jansen",
    "Kowalski",
    "Fernández",
    "Weber",
    "Brown",
    "Ferrari",
    "Petrov",
    "Dubois",
    "Pérez",
    "Fischer",
    "Ali",
    "Tanaka",
    "Oliveira",
    "Torres",
    "Meyer",
    "Johnson",
    "Bianchi",
    "Popov",
    "Bernard",
    "Ramírez",
    "Wagner",
    "Hussein",
    "Suzuki",
    "Souza",
    "Flores",
    "Becker",
    "Jones",
    "Romano",
    "Smirnov",
    "Moreau",
    "Rivera",
    "Hoffmann",
    "Hassan",
    "Watanabe",
    "Costa",
    "Gómez",
    "Schäfer",
    "Williams",
    "Colombo",
    "Kuznetsov",
    "Laurent",
    "Díaz",
    "Koch",
    "Mahmoud",
    "Yamamoto",
    "Pereira",
    "Reyes",
    "Bauer",
    "Taylor",
    "Ricci",
    "Sokolov",
    "Lefebvre",
    "Morales",
    "Richter",
    "Ibrahim",
    "Nakamura",
    "Almeida",
    "Cruz",
    "Klein",
    "Davies",
    "Marino",
    "Lebedev",
    "Roux",
    "Ortiz",
    "Wolf",
    "Abbas",
    "Kobayashi",
    "Carvalho",
    "Gutiérrez",
    "Schröder",
    "Evans",
    "Greco",
    "Kozlov",
    "Fournier",
    "Chávez",
    "Neumann",
    "Saleh",
    "Saito",
    "Gomes",
    "Ruiz",
    "Schwarz",
    "Wilson",
    "Bruno",
    "Morozov",
    "Girard",
];

const CITIES: [&str; 30] = [
    "Berlin", "Madrid", "London", "Paris", "Lima", "Roma", "Hanoi", "Cairo", "Lagos", "Praha", "Wien", "Lisboa",
    "Oslo", "Tokyo", "Mumbai", "Dubai", "Warszawa", "Bogotá", "Quito", "Zürich", "Genève", "Malmö", "Porto", "Sevilla",
    "Lyon", "Milano", "Hamburg", "Kraków", "Leeds", "Cuzco",
];

/// A contact.
pub struct Person {
    /// Given name.
    pub first: &'static str,
    /// Family name.
    pub last: &'static str,
    /// An address of its own.
    pub email: String,
    /// A number of its own, which most have.
    pub phone: Option<String>,
    /// The tags, by number.
    pub tags: Vec<usize>,
    /// The values of custom fields, by the field's number.
    pub fields: Vec<(usize, FieldValue)>,
}

/// The phone number of the person with this number.
pub fn phone(number: u64) -> String {
    format!("+4915{number:08}")
}

/// The person with this number.
pub fn person(number: u64) -> Person {
    let mut chance = Chance::of("person", number);
    let (first, last) = (FIRST[chance.skewed(FIRST.len())], LAST[chance.skewed(LAST.len())]);
    let mut tags: Vec<usize> = (0..chance.below(4)).map(|_| chance.skewed(TAGS)).collect();
    tags.sort_unstable();
    tags.dedup();
    let mut fields = Vec::new();
    if chance.percent(60) {
        fields.push((0, FieldValue::Number(chance.skewed(200).into())));
    }
    if chance.percent(50) {
        fields.push((1, FieldValue::Text(CITIES[chance.skewed(CITIES.len())].to_owned())));
    }
    if chance.percent(40) {
        fields.push((2, FieldValue::Text(format!("C-{number:08}"))));
    }
    let phone = chance.percent(85).then(|| phone(number));
    Person { first, last, email: format!("person{number}@example.com"), phone, tags, fields }
}

impl Person {
    /// What a contact is created with.
    pub fn attributes(&self) -> Attributes {
        let known = |text: &str| Some(Personal::Known(text.to_owned()));
        Attributes {
            first_name: known(self.first),
            last_name: known(self.last),
            email: known(&self.email),
            phone: self.phone.clone().map(Personal::Known),
            ..Attributes::default()
        }
    }
}
