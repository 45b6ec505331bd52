//! A ranking, as C sees it.

use super::boundary::put;
use crate::checkpoint::Checkpoint;
use crate::run::{Ranking, Skipped};
use crate::value::Value;

/// How many checkpoints take part.
#[unsafe(no_mangle)]
pub extern "C" fn libresult_ranking_count(ranking: Option<&Ranking>) -> usize {
    ranking.map_or(0, |ranking| ranking.ranked().len())
}

/// The checkpoint at `index`, 0 being the best; NULL past the end.
#[unsafe(no_mangle)]
pub extern "C" fn libresult_ranking_checkpoint_at(
    ranking: Option<&Ranking>,
    index: usize,
) -> Option<&Checkpoint> {
    ranking?.ranked().get(index).map(|(checkpoint, _)| checkpoint)
}

/// Its metric; NULL past the end.
#[unsafe(no_mangle)]
pub extern "C" fn libresult_ranking_value_at(ranking: Option<&Ranking>, index: usize) -> Option<&Value> {
    ranking?.ranked().get(index).map(|(_, value)| value)
}

/// How many checkpoints do not take part.
#[unsafe(no_mangle)]
pub extern "C" fn libresult_ranking_skipped_count(ranking: Option<&Ranking>) -> usize {
    ranking.map_or(0, |ranking| ranking.skipped().len())
}

/// Checkpoint `index` of those that do not take part, and why; NULL past the end.
#[unsafe(no_mangle)]
pub extern "C" fn libresult_ranking_skipped_at(
    ranking: Option<&Ranking>,
    index: usize,
    reason: *mut Skipped,
) -> Option<&Checkpoint> {
    let (checkpoint, found) = ranking?.skipped().get(index)?;
    put(reason, Some(*found));
    Some(checkpoint)
}

/// Frees `ranking`.
#[unsafe(no_mangle)]
pub extern "C" fn libresult_ranking_free(ranking: Option<Box<Ranking>>) {
    drop(ranking);
}
