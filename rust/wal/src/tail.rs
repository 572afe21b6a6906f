//! Which entries the log holds, told from terms and indexes alone.
//!
//! The same bookkeeping runs while writing and while recovering, so that both agree on what a
//! snapshot mark or a smaller index does to the log.

use std::fmt;

/// The range of the log and the terms in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Tail {
    /// First index that the log holds or will hold.
    start: u64,
    last: u64,
    /// First index and term of each run of one term, oldest first. What lies before the first
    /// run has an unknown term: its segments were released.
    runs: Vec<(u64, u64)>,
}

/// An entry does not follow the ones before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Misfit {
    Gap { index: u64, last: u64 },
    TermBack { index: u64, term: u64, before: u64 },
}

impl fmt::Display for Misfit {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Misfit::Gap { index, last } => write!(out, "entry {index} follows entry {last}"),
            Misfit::TermBack { index, term, before } => {
                write!(out, "entry {index} of term {term} follows an entry of term {before}")
            }
        }
    }
}

impl Tail {
    /// A log whose first entry will be `start`.
    pub(crate) fn new(start: u64) -> Tail {
        Tail { start, last: start.saturating_sub(1), runs: Vec::new() }
    }

    pub(crate) fn start(&self) -> u64 {
        self.start
    }

    pub(crate) fn last(&self) -> u64 {
        self.last
    }

    /// Term of the last entry, when it is known.
    pub(crate) fn last_term(&self) -> Option<u64> {
        self.term_at(self.last)
    }

    /// Term of an entry, when it is known.
    pub(crate) fn term_at(&self, index: u64) -> Option<u64> {
        self.runs.iter().rev().find(|run| run.0 <= index).map(|run| run.1)
    }

    /// Whether entry `first` of `term` can follow, or replace a suffix.
    pub(crate) fn admits(&self, term: u64, first: u64) -> Result<(), Misfit> {
        if first == 0 || first - 1 > self.last {
            return Err(Misfit::Gap { index: first, last: self.last });
        }
        match self.term_at(first - 1) {
            Some(before) if before > term => Err(Misfit::TermBack { index: first, term, before }),
            _ => Ok(()),
        }
    }

    /// Entries `first..=last` of one term.
    pub(crate) fn append(&mut self, term: u64, first: u64, last: u64) -> Result<(), Misfit> {
        self.admits(term, first)?;
        while self.runs.last().is_some_and(|run| run.0 >= first) {
            self.runs.pop();
        }
        if self.runs.last().is_none_or(|run| run.1 != term) {
            self.runs.push((first, term));
        }
        self.start = self.start.min(first);
        self.last = last;
        Ok(())
    }

    /// A snapshot up to `index` is durable.
    pub(crate) fn mark(&mut self, term: u64, index: u64) {
        let known = self.term_at(index);
        let holds = index <= self.last && known.is_none_or(|known| known == term);
        if !holds {
            *self = Tail { start: index.saturating_add(1), last: index, runs: vec![(index, term)] };
        }
    }

    /// Forget terms below `index`, which nothing asks for any more.
    pub(crate) fn forget_below(&mut self, index: u64) {
        let old = self.runs.iter().skip(1).take_while(|run| run.0 <= index).count();
        self.runs.drain(..old);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_smaller_index_replaces_the_suffix() {
        let mut tail = Tail::new(1);
        tail.append(1, 1, 10).unwrap();
        tail.append(2, 5, 6).unwrap();
        assert_eq!((tail.last(), tail.last_term()), (6, Some(2)));
        assert_eq!(tail.term_at(4), Some(1));
        assert_eq!(tail.append(2, 8, 8), Err(Misfit::Gap { index: 8, last: 6 }));
        assert_eq!(tail.append(2, 0, 0), Err(Misfit::Gap { index: 0, last: 6 }));
    }

    #[test]
    fn terms_never_go_down() {
        let mut tail = Tail::new(1);
        tail.append(3, 1, 5).unwrap();
        let back = |index| Err(Misfit::TermBack { index, term: 2, before: 3 });
        assert_eq!(tail.append(2, 6, 6), back(6));
        assert_eq!(tail.append(2, 3, 3), back(3));
        tail.append(2, 1, 1).unwrap();
        tail.mark(7, 9);
        assert_eq!(tail.append(6, 10, 10), Err(Misfit::TermBack { index: 10, term: 6, before: 7 }));
    }

    #[test]
    fn a_mark_that_the_log_holds_changes_nothing() {
        let mut tail = Tail::new(1);
        tail.append(1, 1, 10).unwrap();
        let before = tail.clone();
        tail.mark(1, 7);
        assert_eq!(tail, before);
    }

    #[test]
    fn a_mark_beyond_the_log_or_of_another_term_begins_it_anew() {
        let mut tail = Tail::new(1);
        tail.append(1, 1, 10).unwrap();
        let mut beyond = tail.clone();
        beyond.mark(1, 20);
        assert_eq!((beyond.start(), beyond.last(), beyond.last_term()), (21, 20, Some(1)));
        tail.mark(3, 7);
        assert_eq!((tail.start(), tail.last(), tail.last_term()), (8, 7, Some(3)));
    }

    #[test]
    fn a_mark_below_a_released_start_is_taken_as_held() {
        let mut tail = Tail::new(100);
        tail.mark(4, 60);
        assert_eq!((tail.start(), tail.last()), (100, 99));
        tail.append(5, 70, 71).unwrap();
        assert_eq!((tail.start(), tail.last()), (70, 71));
    }

    #[test]
    fn forgetting_keeps_the_term_at_the_border() {
        let mut tail = Tail::new(1);
        tail.append(1, 1, 10).unwrap();
        tail.append(2, 11, 20).unwrap();
        tail.append(3, 21, 30).unwrap();
        tail.forget_below(25);
        assert_eq!(tail.term_at(25), Some(3));
    }
}
