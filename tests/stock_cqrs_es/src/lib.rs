//! An auditor's program: reads the log of ChatbotX with cqrs-es and postgres-es as they are, and knows nothing of ChatbotX but the
//! names and members of its events, which `events.md` tells.

pub mod aggregates;
pub mod evidence;
pub mod views;
