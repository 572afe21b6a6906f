//! Numbers drawn by lot, the same for the same seed.

/// SplitMix64.
#[derive(Debug)]
pub(crate) struct Lots(u64);

impl Lots {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// From 0 to `bound - 1`.
    pub fn below(&mut self, bound: u32) -> u32 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
        // The high half, scaled: as good as even for bounds this small.
        u32::try_from(((mixed >> 32) * u64::from(bound)) >> 32).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lots_are_even_and_repeat_with_their_seed() {
        let draw = |seed| {
            let mut lots = Lots::new(seed);
            (0..9_000).map(|_| lots.below(9)).collect::<Vec<_>>()
        };
        assert_eq!(draw(3), draw(3));
        assert_ne!(draw(3), draw(4));
        for one in 0..9 {
            let count = draw(3).into_iter().filter(|&lot| lot == one).count();
            assert!((850..1_150).contains(&count), "{one} came {count} times");
        }
    }
}
