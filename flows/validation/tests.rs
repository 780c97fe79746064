//! Every code that validation tells, with the document that causes it.
