//! What a check found.

/// How many lines of a kind are kept; all are counted.
const KEPT: usize = 20;
/// A volume with so much damage is not looked at further.
const ENOUGH: u64 = 200;

/// Lines of one kind: the first ones, and how many there are in all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lines {
    first: Vec<String>,
    count: u64,
}

impl Lines {
    pub(super) fn add(&mut self, line: String) {
        self.count += 1;
        if self.first.len() < KEPT {
            self.first.push(line);
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// How many there are.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The lines, the last one saying how many more there are.
    pub fn lines(&self) -> Vec<String> {
        let mut lines = self.first.clone();
        let more = self.count - lines.len() as u64;
        if more > 0 {
            lines.push(format!("… and {more} more"));
        }
        lines
    }
}

/// The state of a FAT32 volume.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FatState {
    /// Bytes of all clusters that are in use.
    pub used_bytes: u64,
    /// The volume was not closed properly: what it holds may be old or half written.
    pub dirty: bool,
    /// What contradicts itself: reading the files would lose or repeat something.
    pub damage: Lines,
    /// What reading every file leaves out, such as a long name that does not belong to its file any more.
    pub left_out: Lines,
    /// What is not as it should be and loses nothing.
    pub notes: Lines,
}

impl FatState {
    /// Whether everything on the volume can be read as it was written.
    pub fn is_sound(&self) -> bool {
        !self.dirty && self.damage.is_empty()
    }

    /// Why the volume is refused, in one sentence without its name; `None` when it is sound.
    pub fn refusal(&self) -> Option<String> {
        let first = self.damage.first.first();
        match (first, self.dirty) {
            (None, false) => None,
            (None, true) => Some(
                "the FAT32 volume is marked dirty: it was not unmounted or shut down cleanly, and what it holds may be old or half written"
                    .to_owned(),
            ),
            (Some(first), dirty) => {
                let more = match self.damage.count - 1 {
                    0 => String::new(),
                    count => format!(", and {count} more"),
                };
                let dirty = if dirty { "; it is also marked dirty" } else { "" };
                Some(format!("the FAT32 volume is damaged: {first}{more}{dirty}"))
            }
        }
    }

    pub(super) fn is_hopeless(&self) -> bool {
        self.damage.count >= ENOUGH
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_names_the_first_cause_and_counts_the_rest() {
        let mut state = FatState::default();
        assert!(state.is_sound() && state.refusal().is_none());
        state.dirty = true;
        assert!(state.refusal().unwrap().contains("marked dirty"));
        for number in 0..30 {
            state.damage.add(format!("cause {number}"));
        }
        let text = state.refusal().unwrap();
        assert!(text.contains("cause 0, and 29 more; it is also"), "{text}");
        let lines = state.damage.lines();
        assert_eq!(lines.len(), KEPT + 1);
        assert_eq!(lines[KEPT], "… and 10 more");
    }
}
