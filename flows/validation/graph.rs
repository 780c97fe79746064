//! The steps as a graph: which are reached, and which go round without a pause.

use std::collections::{BTreeMap, BTreeSet};

use super::{Validation, ways};
use crate::document::Step;
use crate::finding::{Code, Finding, member};
use crate::parts::Parts;

/// Looks for steps that nothing leads to and for circles without a pause. Where a step cannot be read nothing is said: it may lead
/// anywhere.
pub(super) fn check(parts: &Parts, told: &mut Validation) {
    if parts.steps.is_empty() || parts.steps.iter().any(|(_, step)| step.is_none()) {
        return;
    }
    let steps: Vec<(&str, &Step)> =
        parts.steps.iter().filter_map(|(name, step)| Some((name.as_str(), step.as_ref()?))).collect();
    let places: BTreeMap<&str, usize> = steps.iter().enumerate().map(|(place, (name, _))| (*name, place)).collect();
    let leads = |(place, (_, step)): (usize, &(&str, &Step))| {
        let below = steps.get(place + 1).map(|(name, _)| *name);
        let found = ways(step, below).into_iter().filter_map(|name| places.get(name).copied());
        found.collect::<BTreeSet<usize>>()
    };
    let leads: Vec<BTreeSet<usize>> = steps.iter().enumerate().map(leads).collect();
    unreachable(&steps, &leads, told);
    circles(&steps, &leads, told);
    for (name, step) in &steps {
        if step.next().is_some() && !step.act().goes_on() {
            let path = member(&member("steps", name), "next");
            let finding = Finding::new(Code::UselessNext, path, "this step never goes on at its next");
            told.warnings.push(finding.hint("leave next out"));
        }
    }
}

fn unreachable(steps: &[(&str, &Step)], leads: &[BTreeSet<usize>], told: &mut Validation) {
    let reached = reach(vec![0], leads, |_| true);
    for (place, (name, _)) in steps.iter().enumerate().filter(|(place, _)| !reached[*place]) {
        let above = place.checked_sub(1).map_or("", |above| steps[above].0);
        let message =
            format!("nothing leads to the step {name}; the step above it, {above}, goes on elsewhere or ends");
        let finding = Finding::new(Code::UnreachableStep, member("steps", name), message);
        told.errors.push(finding.hint("lead to it with next, then or goto, or take it out"));
    }
}

/// Whether each step can be reached from those to `begin` with, which are reached, through steps that may be passed.
fn reach(begin: Vec<usize>, leads: &[BTreeSet<usize>], may_pass: impl Fn(usize) -> bool) -> Vec<bool> {
    let mut reached = vec![false; leads.len()];
    begin.iter().for_each(|place| reached[*place] = true);
    let mut open = begin;
    while let Some(place) = open.pop() {
        for next in leads[place].iter().copied().filter(|next| may_pass(*next)) {
            if !std::mem::replace(&mut reached[next], true) {
                open.push(next);
            }
        }
    }
    reached
}

fn circles(steps: &[(&str, &Step)], leads: &[BTreeSet<usize>], told: &mut Validation) {
    let passes = |place: usize| !steps[place].1.act().pauses();
    // What each step reaches without a pause: itself only on a circle.
    let mut reached: BTreeMap<usize, Vec<bool>> = BTreeMap::new();
    for place in (0..steps.len()).filter(|place| passes(*place)) {
        let begin = leads[place].iter().copied().filter(|next| passes(*next)).collect();
        reached.insert(place, reach(begin, leads, passes));
    }
    let mut seen = BTreeSet::new();
    for (place, within) in &reached {
        if !within[*place] || seen.contains(place) {
            continue;
        }
        let returns = |other: &usize| within[*other] && reached.get(other).is_some_and(|within| within[*place]);
        let circle: Vec<usize> = (0..steps.len()).filter(returns).collect();
        let names: Vec<&str> = circle.iter().map(|place| steps[*place].0).collect();
        let message = match names.as_slice() {
            [alone] => format!("the step {alone} leads to itself without a pause"),
            several => format!("the steps {} go round without a pause", several.join(", ")),
        };
        let finding = Finding::new(Code::EndlessLoop, member("steps", steps[*place].0), message);
        told.errors.push(finding.hint("put a wait, a question or a send whose buttons have then into the circle"));
        seen.extend(circle);
    }
}
