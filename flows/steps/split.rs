//! `split`: goes on at one of several steps, by chance.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{Act, Here};
use crate::mentions::Mentions;
use crate::terms::StepName;
use crate::turn::{Next, Scene, Turn};

/// Goes on at one of several steps by chance, in proportion to their weights: weights 1 and 3 are a quarter and three quarters.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "split")]
pub struct Split {
    /// The ways to go on.
    #[schemars(length(min = 2, max = 10))]
    branches: Vec<Branch>,
}

/// A way to go on.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "branch")]
struct Branch {
    /// How often it is taken, in proportion to the others.
    #[schemars(range(min = 1, max = 1_000))]
    weight: u32,
    /// The step to go on at.
    then: StepName,
}

impl Act for Split {
    fn mentions<'s>(&'s self, seen: &mut Mentions<'s>) {
        for (index, branch) in self.branches.iter().enumerate() {
            seen.step(&format!("branches[{index}].then"), Some(&branch.then));
        }
    }

    fn goes_on(&self) -> bool {
        false
    }

    fn leaves_to_chance(&self) -> bool {
        true
    }

    fn enter(&self, here: Here<'_>, scene: &Scene<'_>) -> Result<Turn, Next> {
        let total: u64 = self.branches.iter().map(|branch| u64::from(branch.weight)).sum();
        // The total is at most 10,000: what a remainder prefers among 2^64 numbers nobody can measure.
        let drawn = scene.chance.checked_rem(total).unwrap_or_default();
        let mut passed = 0;
        let taken = self.branches.iter().find(|branch| {
            passed += u64::from(branch.weight);
            drawn < passed
        });
        Ok(Turn { effects: Vec::new(), next: here.go_to(taken.map(|branch| &branch.then)) })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;
    use serde_json::json;

    use super::super::given::{Given, document, mentioned, only, refused, to};
    use super::*;

    #[test]
    fn the_number_that_was_drawn_decides_and_nothing_else() {
        let steps = json!({"here": {"split": {"branches": [{"weight": 1, "then": "a"}, {"weight": 3, "then": "b"}]}}});
        for (chance, step) in [(0, "a"), (1, "b"), (3, "b"), (4, "a"), (u64::MAX, "b")] {
            assert_eq!(Given { chance, ..Given::default() }.enter(&steps), only(to(step)), "{chance}");
        }
        assert!(document(&steps).step("here").is_some_and(crate::document::Step::leaves_to_chance));
        assert_eq!(mentioned(&steps).len(), 2);
    }

    #[test]
    fn a_split_has_ways_of_some_weight() {
        let path = |steps: serde_json::Value| refused(&steps).into_iter().map(|(_, path)| path).collect::<Vec<_>>();
        let one = json!({"here": {"split": {"branches": [{"weight": 1, "then": "a"}]}}});
        assert_eq!(path(one), ["steps.here.split.branches"]);
        let weightless =
            json!({"here": {"split": {"branches": [{"weight": 0, "then": "a"}, {"weight": 1.5, "then": "b"}]}}});
        assert_eq!(path(weightless), ["steps.here.split.branches[0].weight", "steps.here.split.branches[1].weight"]);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn each_way_is_taken_in_proportion_to_its_weight(
            weights in proptest::collection::vec(1_u32..=50, 2..=10), start in 0..u64::MAX / 2,
        ) {
            let name = |index: usize| format!("s{index}");
            let branches: Vec<Branch> = weights
                .iter()
                .enumerate()
                .map(|(index, weight)| Branch { weight: *weight, then: StepName(name(index)) })
                .collect();
            let split = Split { branches };
            let mut taken: BTreeMap<String, u32> = BTreeMap::new();
            // Over as many numbers in a row as all weights together, every way has its share exactly.
            for chance in (start..).take(weights.iter().sum::<u32>() as usize) {
                let given = Given { chance, ..Given::default() };
                let turn = split.enter(Here { name: "here", next: None }, &given.scene()).expect("a turn");
                let Next::Step(step) = turn.next else { return Err(TestCaseError::fail("no step")) };
                *taken.entry(step).or_default() += 1;
            }
            for (index, weight) in weights.iter().enumerate() {
                prop_assert_eq!(taken.get(&name(index)), Some(weight));
            }
        }
    }
}
