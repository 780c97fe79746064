//! Which operations a few plain words mean: each word of the request is held against the words of each operation, and counts the more,
//! the fewer operations know it. Two words that stand together count once more together.
//!
//! Words are compared as they were written and without marks, by their stems (a common beginning), and inside compounds. That is
//! little, and it is the same for every language that writes blanks between words.

use std::collections::BTreeSet;

use aggregates::folding::fold;
use unicode_normalization::UnicodeNormalization;

use super::words::AllWords;

/// How much a word counts by where it stands.
const NAME: f64 = 3.0;
const TITLE: f64 = 2.0;
const OWN: f64 = 3.0;
const SHARED: f64 = 1.5;
const DESCRIPTION: f64 = 0.3;
/// Half of a word's full worth is reached at this weight.
const HALF: f64 = 1.5;
/// How much two words that stand together count beside each alone.
const TOGETHER: f64 = 0.7;
/// From here on two words count as the same when it is asked how many operations know one.
const ALIKE: f64 = 0.6;

/// Words that say nothing about what is wanted, in the five languages.
const EMPTY: &str = "a an the of to in on at for with and or is are was be been do does did has have had i me my we us our you your he \
    she it its his her him they them their this that these those there by from what how can please want would should \
    el la los las un una unos unas de del al a en con por para y o que se su sus lo le les me mi te es son ha han he yo como este esta \
    ese esa esto eso cómo qué \
    là của cho và với thì mà này đó kia tôi mình anh chị em được các những một đi rồi lại có không hãy giúp ở đã về \
    der die das den dem des ein eine einen einem einer und oder mit für von zu zum zur im in am an auf ist sind war hat haben habe ich du \
    er sie es wir ihr mich mir ihm uns unser unsere sein seine seinen ihre diesem diesen dieser bei bitte wie dass \
    o a os as um uma uns umas do da dos das no na nos nas em com por para e ou que se seu sua ele ela eu esse essa este esta isso isto \
    dele dela meu minha gente";

/// A word as it was written, in lower case, and folded.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Term {
    plain: String,
    folded: String,
    /// It says nothing alone, only together with a neighbour: "write *to*".
    is_empty: bool,
}

/// The words of `text`, in order.
fn terms(text: &str) -> Vec<Term> {
    let lower = text.nfc().collect::<String>().to_lowercase();
    let words = lower.split(|letter: char| !letter.is_alphanumeric());
    words
        .filter(|word| !word.is_empty())
        .map(|word| Term {
            plain: word.to_owned(),
            folded: fold(word),
            is_empty: word.chars().count() == 1 || EMPTY.split_whitespace().any(|empty| empty == word),
        })
        .collect()
}

/// How alike two words are, from 0 to 1.
fn likeness(asked: &Term, known: &Term) -> f64 {
    if asked.plain == known.plain {
        return 1.0;
    }
    if asked.folded == known.folded {
        // Who writes no marks may mean any; who writes others means another word.
        return if asked.plain.is_ascii() { 0.9 } else { 0.5 };
    }
    let common = asked.folded.chars().zip(known.folded.chars()).take_while(|(left, right)| left == right).count();
    let (left, right) = (asked.folded.chars().count(), known.folded.chars().count());
    let (short, long) = (left.min(right), left.max(right));
    let is_plural = common == short && short == 3 && long == 4 && asked.plain.is_ascii() && known.plain.is_ascii();
    if is_plural || (common >= 4 && common * 10 >= long * 6) {
        return 0.5 + 0.4 * common as f64 / long as f64;
    }
    let inside = short >= 5 && (asked.folded.contains(&known.folded) || known.folded.contains(&asked.folded));
    if inside { 0.6 } else { 0.0 }
}

/// An operation as it is searched.
struct Document {
    terms: Vec<(Term, f64)>,
    pairs: Vec<(Term, Term, f64)>,
}

impl Document {
    fn of((name, title, description): (&str, &str, &str), words: &AllWords) -> Self {
        let mut document = Self { terms: Vec::new(), pairs: Vec::new() };
        document.add(&name.replace('_', " "), NAME);
        document.add(title, TITLE);
        document.add(description, DESCRIPTION);
        if let Some(words_of) = words.operations.get(name) {
            words_of.own.values().flatten().for_each(|phrase| document.add(phrase, OWN));
            let shared = words_of.shared.iter().filter_map(|name| words.shared.get(name));
            shared.flat_map(|phrases| phrases.values().flatten()).for_each(|phrase| document.add(phrase, SHARED));
        }
        document
    }

    /// Adds the words of a phrase; one that is there already keeps the greater weight.
    fn add(&mut self, phrase: &str, weight: f64) {
        let terms = terms(phrase);
        if weight > DESCRIPTION {
            let says = terms.windows(2).filter(|pair| !(pair[0].is_empty && pair[1].is_empty));
            self.pairs.extend(says.map(|pair| (pair[0].clone(), pair[1].clone(), weight)));
        }
        for term in terms.into_iter().filter(|term| !term.is_empty) {
            match self.terms.iter_mut().find(|(known, _)| *known == term) {
                Some((_, known)) => *known = known.max(weight),
                None => self.terms.push((term, weight)),
            }
        }
    }

    /// How well it knows a word: the likeness of the best one, and its worth.
    fn knows(&self, asked: &Term) -> (f64, f64) {
        let both = |(known, weight): &(Term, f64)| {
            let likeness = likeness(asked, known);
            (likeness, likeness * weight / (weight + HALF))
        };
        self.terms.iter().map(both).fold((0.0, 0.0), |best, next| (best.0.max(next.0), best.1.max(next.1)))
    }

    fn knows_together(&self, first: &Term, second: &Term) -> f64 {
        let worth = |(one, other, weight): &(Term, Term, f64)| {
            likeness(first, one) * likeness(second, other) * weight / (weight + HALF)
        };
        self.pairs.iter().map(worth).fold(0.0, f64::max)
    }
}

/// Operations as they are searched, in the order in which they were given.
pub(super) struct Ranking {
    documents: Vec<Document>,
}

impl Ranking {
    /// Reads the words of operations, each with its name, title and description.
    pub(super) fn of<'o>(operations: impl IntoIterator<Item = (&'o str, &'o str, &'o str)>) -> Self {
        let words = AllWords::read();
        Self { documents: operations.into_iter().map(|operation| Document::of(operation, &words)).collect() }
    }

    /// The numbers of the operations that `request` may mean, the best first. Those it cannot mean are missing.
    pub(super) fn best(&self, request: &str) -> Vec<usize> {
        let asked = terms(request);
        let mut scores = vec![0.0_f64; self.documents.len()];
        let mut rarities = Vec::with_capacity(asked.len());
        let mut seen = BTreeSet::new();
        for term in &asked {
            if term.is_empty {
                rarities.push(0.0);
                continue;
            }
            let known: Vec<(f64, f64)> = self.documents.iter().map(|document| document.knows(term)).collect();
            let by = known.iter().filter(|(likeness, _)| *likeness >= ALIKE).count();
            let rarity = self.rarity(by);
            rarities.push(rarity);
            if seen.insert(term) {
                scores.iter_mut().zip(known).for_each(|(score, (_, worth))| *score += rarity * worth);
            }
        }
        for (pair, rarity) in asked.windows(2).zip(rarities.windows(2)) {
            for (score, document) in scores.iter_mut().zip(&self.documents) {
                *score += TOGETHER * (rarity[0] + rarity[1]) * document.knows_together(&pair[0], &pair[1]);
            }
        }
        let mut ranked: Vec<usize> = (0..scores.len()).filter(|number| scores[*number] > 0.0).collect();
        ranked.sort_by(|left, right| scores[*right].total_cmp(&scores[*left]).then(left.cmp(right)));
        ranked
    }

    /// What a word is worth that so many operations know.
    fn rarity(&self, by: usize) -> f64 {
        let (all, by) = (self.documents.len() as f64, by as f64);
        (1.0 + (all - by + 0.5) / (by + 0.5)).ln()
    }
}
