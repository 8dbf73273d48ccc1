//! The symbols that a field knows.

/// Sorted, distinct symbols; symbol i has row i + 1. Found by open addressing, so that a text of thirty n-grams costs
/// thirty probes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vocabulary {
    symbols: Vec<u64>,
    /// Rows by hash, 0 where there is none; at most half full, and a power of two in number.
    slots: Vec<u32>,
}

impl Vocabulary {
    /// A vocabulary of these symbols; sorts them and drops repetitions.
    #[must_use]
    pub fn new(mut symbols: Vec<u64>) -> Self {
        symbols.sort_unstable();
        symbols.dedup();
        let mut slots = vec![0; (2 * symbols.len()).next_power_of_two()];
        for (symbol, row) in symbols.iter().zip(1..) {
            let mut at = slot(*symbol) & (slots.len() - 1);
            while slots[at] != 0 {
                at = (at + 1) & (slots.len() - 1);
            }
            slots[at] = row;
        }
        Self { symbols, slots }
    }

    /// The symbols, sorted.
    #[must_use]
    pub fn symbols(&self) -> &[u64] {
        &self.symbols
    }

    /// The row of a symbol; 0 when it is unknown.
    #[must_use]
    pub fn row(&self, symbol: u64) -> u32 {
        let mut at = slot(symbol) & (self.slots.len() - 1);
        while let row @ 1.. = self.slots[at] {
            if self.symbols[row as usize - 1] == symbol {
                return row;
            }
            at = (at + 1) & (self.slots.len() - 1);
        }
        0
    }
}

/// Symbols are hashes already, except for small numbers (hours, flags), which a shift would put in one place.
fn slot(symbol: u64) -> usize {
    (symbol ^ (symbol >> 32)) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_symbols_have_rows() {
        let symbols: Vec<u64> = (0..500_u64).map(|n| n * n * 0x9e37_79b9).chain([7, 7, u64::MAX]).collect();
        let known = Vocabulary::new(symbols);
        assert_eq!(known.symbols().len(), 502);
        for (symbol, row) in known.symbols().iter().zip(1..) {
            assert_eq!(known.row(*symbol), row);
        }
        assert_eq!((known.row(3), Vocabulary::new(Vec::new()).row(3)), (0, 0));
    }
}
