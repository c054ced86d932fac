//! What programs do: the table of commands, and the rows that a user adds to it.

/// The table, with the user's rows.
#[derive(Clone, Debug, Default)]
pub struct Knowledge {
    rows: Vec<(String, String)>,
}

impl Knowledge {
    /// Returns the table that comes with the program.
    pub fn built_in() -> Self {
        Self::default()
    }

    /// Adds the user's rows; a later row wins over an earlier one for the same command.
    ///
    /// # Errors
    /// A row that cannot be read, in words.
    pub fn with(mut self, rows: &[(String, String)]) -> Result<Self, String> {
        self.rows.extend_from_slice(rows);
        Ok(self)
    }

    /// Whether a program of this name is known.
    pub fn knows(&self, program: &str) -> bool {
        self.rows.iter().any(|(name, _)| name == program)
    }
}
