//! Text that ends with NUL, which C may read as it is.

use std::ops::Deref;

/// A URI, path or name: text without NUL inside, kept with a NUL behind it (rule 4 of the header).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Name(Box<str>);

impl Name {
    /// `text` up to its first NUL, if it has one: C would not see more.
    pub(crate) fn new(text: &str) -> Self {
        let text = text.split('\0').next().unwrap_or_default();
        let mut owned = String::with_capacity(text.len() + 1);
        owned.push_str(text);
        owned.push('\0');
        Name(owned.into_boxed_str())
    }
}

impl Deref for Name {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0[..self.0.len() - 1]
    }
}
