//! Which columns are asked for.

use crate::error::{Error, Result};
use crate::glob::matches;
use crate::nearest::nearest;

/// The columns that a call asked for.
#[derive(Debug, Clone, Default)]
pub(super) struct Pick {
    /// Names and patterns; none asks for all.
    patterns: Vec<Box<str>>,
    /// Whether the configuration that V1 repeats in each row is left out.
    without_config: bool,
    is_none: bool,
}

impl Pick {
    pub(super) fn new<'a>(patterns: impl Iterator<Item = &'a str>, with_config: bool) -> Self {
        Pick { patterns: patterns.map(Box::from).collect(), without_config: !with_config, is_none: false }
    }

    /// No column at all: rows are only looked at.
    pub(super) fn none(&self) -> Self {
        Pick { is_none: true, ..self.clone() }
    }

    pub(super) fn wants(&self, name: &str) -> bool {
        let is_config =
            || name.strip_prefix("config").is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        if self.is_none || self.without_config && is_config() {
            return false;
        }
        self.patterns.is_empty() || self.patterns.iter().any(|pattern| matches(pattern, name))
    }

    /// Fails if something asked for is none of the columns that these rows have; `left_out` are names of others. Without
    /// rows, such as those that a run has yet to report, there is no telling.
    pub(super) fn check<'a>(
        &self,
        rows: u64,
        found: impl Iterator<Item = &'a str> + Clone,
        left_out: impl Iterator<Item = &'a str>,
    ) -> Result<()> {
        let is_missing = |pattern: &&str| !found.clone().any(|name| matches(pattern, name));
        let mut patterns = self.patterns.iter().map(|pattern| &**pattern);
        let Some(pattern) = patterns.find(is_missing).filter(|_| rows > 0) else { return Ok(()) };
        let hint = nearest(pattern, found.chain(left_out));
        let hint = hint.map(|name| format!(": did you mean '{name}'?")).unwrap_or_default();
        Err(Error::invalid(format_args!("setting column is '{pattern}', which no row has{hint}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_there_is_named_with_the_nearest() {
        let pick = Pick::new(["loss", "eval/acuracy"].into_iter(), true);
        let error = pick.check(1, ["loss"].into_iter(), ["eval/accuracy", "lr"].into_iter()).unwrap_err();
        assert_eq!(
            error.message(),
            "setting column is 'eval/acuracy', which no row has: did you mean 'eval/accuracy'?"
        );
        assert!(pick.check(1, ["loss", "eval/acuracy"].into_iter(), [].into_iter()).is_ok());
        assert!(pick.check(0, [].into_iter(), [].into_iter()).is_ok());
    }

    #[test]
    fn the_configuration_can_be_left_out() {
        let pick = Pick::new([].into_iter(), false);
        assert!(
            pick.wants("configured")
                && pick.wants("a/config")
                && !pick.wants("config/lr")
                && !pick.wants("config")
        );
    }
}
