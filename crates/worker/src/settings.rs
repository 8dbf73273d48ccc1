//! The Worker's variables, as wrangler.toml or the dashboard sets them.

use worker::Env;

/// Where shoppers' profiles are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Profiles {
    /// Nowhere here: a request may bring one along.
    None,
    /// In Durable Objects, one for each shopper.
    Server,
}

/// Variables, read for each request: they may differ between environments of one script.
#[derive(Debug)]
pub(crate) struct Settings {
    /// `ATTUNE_INTEGRITY`: the bundles' hashes as `sha256-<base64>`, with spaces between; empty when none is checked.
    pub(crate) integrity: String,
    /// `ATTUNE_PROFILES`: `server`, or anything else.
    pub(crate) profiles: Profiles,
    /// `ATTUNE_SALT`, a secret: makes a shopper's id unguessable from the name of their object.
    pub(crate) salt: String,
}

impl Settings {
    pub(crate) fn read(env: &Env) -> Self {
        let var = |name: &str| env.var(name).map(|value| value.to_string()).unwrap_or_default();
        let profiles = if var("ATTUNE_PROFILES") == "server" { Profiles::Server } else { Profiles::None };
        Self { integrity: var("ATTUNE_INTEGRITY"), profiles, salt: var("ATTUNE_SALT") }
    }

    /// Whether a bundle of this hash may be used.
    pub(crate) fn expects(&self, integrity: &str) -> bool {
        let mut expected = self.integrity.split_whitespace().peekable();
        expected.peek().is_none() || expected.any(|hash| hash == integrity)
    }

    /// The name of the mode in answers.
    pub(crate) fn mode(&self) -> &'static str {
        match self.profiles {
            Profiles::None => "contextual",
            Profiles::Server => "server",
        }
    }
}
