//! Numbers by lot (xorshift).

/// See the module.
pub struct Lots(pub u64);

impl Lots {
    pub fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }

    pub fn place(&mut self, length: usize) -> usize {
        self.below(length as u64) as usize
    }
}
