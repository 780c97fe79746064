//! Numbers that look drawn and follow from what they are for: the same filling has the same people, who say the same.

/// A sequence of numbers for one thing.
pub struct Chance(u64);

impl Chance {
    /// For the thing with this number among those of a kind.
    pub fn of(kind: &str, number: u64) -> Self {
        // FNV-1a over the kind, so that two kinds with the same number have nothing in common.
        let kind = kind
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
        Self(kind ^ number.wrapping_mul(0xd6e8_feb8_6659_fd93))
    }

    /// The next number (SplitMix64).
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// One of the numbers below `end`, each as often.
    pub fn below(&mut self, end: usize) -> usize {
        (self.next() % end.max(1) as u64) as usize
    }

    /// One of the numbers below `end`, the `n`-th about `1 / n` times as often as the first: as names and words are.
    pub fn skewed(&mut self, end: usize) -> usize {
        let drawn = (self.next() >> 11) as f64 / (1_u64 << 53) as f64;
        let place = ((end as f64 + 1.0).powf(drawn) - 1.0) as usize;
        place.min(end.saturating_sub(1))
    }

    /// Whether something that is so in `share` of 100 cases is so.
    pub fn percent(&mut self, share: usize) -> bool {
        self.below(100) < share
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_thing_has_the_same_numbers() {
        let drawn = |kind, number| Chance::of(kind, number).next();
        assert_eq!(drawn("person", 7), drawn("person", 7));
        assert_ne!(drawn("person", 7), drawn("person", 8));
        assert_ne!(drawn("person", 7), drawn("message", 7));
    }

    #[test]
    fn the_first_is_drawn_far_oftener_than_the_last() {
        let mut chance = Chance::of("test", 0);
        let mut drawn = vec![0_u32; 100];
        for _ in 0..10_000 {
            drawn[chance.skewed(100)] += 1;
        }
        assert!(drawn[0] > 1_000 && drawn[9] < 400 && drawn[99] < 100, "{drawn:?}");
        assert!(drawn.iter().all(|times| *times > 0), "{drawn:?}");
    }
}
