//! What is wrong with a form is told at once, each fault with its place and the way out.
