//! Why an address was not fetched: for whoever chose it, and, more of it, for the operator's log.
//!
//! Whoever chose an address must not learn from an answer what the inner network looks like. What is refused because of how it is written
//! is told plainly, since that depends on the text alone. A name that leads to a forbidden address, one that does not exist, a closed port and a
//! failed handshake are told in the same words, under the same code.

/// Why an address was not fetched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// How the address, or one that it redirects to, is written.
    #[error("{0}")]
    Refused(Refusal),
    /// Nothing answered that may be asked.
    #[error(
        "the address cannot be reached: nothing answers there, or it is none of the public internet; the operator may allow ranges of an \
         inner network (--allow-fetch-to)"
    )]
    Unreachable(Cause),
    /// It did not answer in time.
    #[error("the answer did not come in time")]
    TimedOut,
    /// The connection broke off after the request was on its way.
    #[error("the connection broke off before the answer was there")]
    BrokenOff,
    /// The answer is too large.
    #[error("the answer has more than {0} bytes")]
    TooLarge(usize),
    /// It leads from one address to the next.
    #[error("the address redirects more than {0} times")]
    TooManyRedirects(usize),
}

/// What is wrong with how an address or a request is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It cannot be read.
    #[error("this is no address of the form https://host/path")]
    Form,
    /// It is too long.
    #[error("the address is too long: at most 8192 bytes")]
    Long,
    /// Of another kind.
    #[error("only http and https addresses are fetched")]
    Scheme,
    /// It has a name or a password.
    #[error("an address must not hold a name or a password; send them in a header")]
    Credentials,
    /// Its host is no public address, or a name that only an inner network knows.
    #[error(
        "the host is none of the public internet; the operator may allow ranges of an inner network (--allow-fetch-to)"
    )]
    Host,
    /// From https to http.
    #[error("the address redirects from https to http")]
    Downgrade,
    /// A header that only the program may set, or that cannot be sent.
    #[error("one of the headers cannot be sent")]
    Header,
    /// What is to be sent is too large.
    #[error("the request has too much to send: at most 262144 bytes in its body")]
    Body,
}

/// What was met at an address that cannot be reached. Only for the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum Cause {
    /// The name has no address.
    UnknownName,
    /// One of its addresses is forbidden.
    ForbiddenAddress,
    /// No connection was made.
    NoConnection,
}

impl Failure {
    /// The name for programs. Public and stored: never edited.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Refused(_) => "refused",
            Self::Unreachable(_) => "unreachable",
            Self::TimedOut => "timeout",
            Self::BrokenOff => "broken_off",
            Self::TooLarge(_) => "too_large",
            Self::TooManyRedirects(_) => "too_many_redirects",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_inner_network_looks_like_is_not_told() {
        let told: Vec<String> = [Cause::UnknownName, Cause::ForbiddenAddress, Cause::NoConnection]
            .map(|cause| format!("{}: {}", Failure::Unreachable(cause).code(), Failure::Unreachable(cause)))
            .into();
        assert!(told.iter().all(|text| *text == told[0]), "{told:?}");
        assert!(told[0].contains("--allow-fetch-to"), "it says what to do: {told:?}");
    }
}
