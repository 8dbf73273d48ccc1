//! The Worker's variables, as wrangler.toml or the dashboard sets them.

use std::cell::OnceCell;

use attune::wire::{Diversity, Exploration, Holdout, Term};
use serde::Deserialize;
use worker::{Env, Url};

/// Where shoppers' profiles are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Profiles {
    /// Nowhere here: a request may bring one along.
    None,
    /// In Durable Objects, one for each shopper.
    Server,
}

/// Where pages come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Origin {
    /// From the static files.
    Files,
    /// From what this Worker's route stands before.
    Zone,
    /// From this scheme, host and port.
    At(String),
}

/// How the slots of pages are ranked: the members of a request that are the shop's own choice.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Ranking {
    pub(crate) objective: Vec<Term>,
    pub(crate) diversity: Option<Diversity>,
    pub(crate) explore: Option<Exploration>,
    pub(crate) holdout: Option<Holdout>,
}

/// Variables, read once for each instance: an instance belongs to one environment.
#[derive(Debug)]
pub(crate) struct Settings {
    /// `ATTUNE_INTEGRITY`: the bundles' hashes as `sha256-<base64>`, with spaces between; empty when none is checked.
    pub(crate) integrity: String,
    /// `ATTUNE_PROFILES`: `server`, or anything else.
    pub(crate) profiles: Profiles,
    /// `ATTUNE_PROFILE_DAYS`: when a profile without new events is erased.
    pub(crate) profile_days: f64,
    /// `ATTUNE_SALT`, a secret: makes a shopper's id unguessable from the name of their object.
    pub(crate) salt: String,
    /// `ATTUNE_KEY`, a secret: opens what only the shop itself may see or do.
    pub(crate) key: String,
    /// `ATTUNE_RANK_KEY`, a secret: when set, ranking takes one of the two keys.
    pub(crate) rank_key: String,
    /// `ATTUNE_ORIGINS`: other sites whose pages may call, with spaces between; `*` is every site.
    pub(crate) origins: Vec<String>,
    /// `ATTUNE_PREFIX`: what the paths of the Worker's own routes begin with.
    pub(crate) prefix: String,
    /// `ATTUNE_ORIGIN`: empty, `zone`, or an address.
    pub(crate) origin: Origin,
    /// `ATTUNE_RANKING`: JSON.
    pub(crate) ranking: Ranking,
    /// `ATTUNE_SHOPPER_COOKIE`: the cookie that holds a shopper's pseudonymous id; empty when there is none.
    pub(crate) shopper_cookie: String,
    /// `ATTUNE_PATIENCE`: milliseconds that the rest of a slot is waited for.
    pub(crate) patience: u32,
    /// `ATTUNE_SLOT_KIB`: the largest slot that is held back, in bytes here.
    pub(crate) slot_bytes: usize,
    /// `ATTUNE_LOG`: `on`, or anything else.
    pub(crate) log: bool,
    /// `ATTUNE_ROLLOUT`: `on`, or anything else.
    pub(crate) rollout: bool,
    /// `ATTUNE_GENERATE`: `key`, `open`, or anything else.
    pub(crate) generate: Generate,
    /// `ATTUNE_COPYWRITER`: the file of the model that writes here, among the static files; empty when there is none.
    pub(crate) copywriter: String,
    /// `ATTUNE_COPYWRITER_MS`: milliseconds that it may take for an answer.
    pub(crate) copywriter_ms: f64,
    /// `ATTUNE_LLM` and `ATTUNE_LLM_MODEL`.
    pub(crate) writes: Writes,
    /// `ATTUNE_LLM_KEY`, a secret: the server's.
    pub(crate) llm_key: String,
    /// `ATTUNE_LOG_DAYS`: when a line of the log is erased.
    pub(crate) log_days: f64,
    /// What could not be understood, and stands at its default.
    pub(crate) wrong: Vec<String>,
}

/// Who may have copy written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Generate {
    /// Nobody.
    Off,
    /// The shop, with its key.
    Key,
    /// Pages that may call, as often as the rate limit lets them.
    Open,
}

/// The server that writes copy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Writes {
    /// None.
    Nothing,
    /// The Workers AI binding `AI`, with this model.
    Binding(String),
    /// One that speaks OpenAI's chat completions.
    At {
        /// All of it: `https://llm.example/v1/chat/completions`.
        address: String,
        /// The model's name there.
        model: String,
    },
}

thread_local! {
    static READ: OnceCell<&'static Settings> = const { OnceCell::new() };
}

impl Settings {
    /// The settings of this instance.
    pub(crate) fn of(env: &Env) -> &'static Self {
        READ.with(|read| *read.get_or_init(|| Box::leak(Box::new(Self::read(env)))))
    }

    fn read(env: &Env) -> Self {
        let var =
            |name: &str| env.var(name).map(|value| value.to_string().trim().to_owned()).unwrap_or_default();
        let mut wrong = Vec::new();
        let mut number = |name: &str, otherwise: f64| match var(name) {
            text if text.is_empty() => otherwise,
            text => match text.parse() {
                Ok(number) if number > 0.0 && f64::is_finite(number) => number,
                _ => {
                    wrong.push(format!("{name} is not a number above 0: {otherwise} is used"));
                    otherwise
                }
            },
        };
        let (profile_days, log_days) =
            (number("ATTUNE_PROFILE_DAYS", 180.0), number("ATTUNE_LOG_DAYS", 90.0));
        let copywriter_ms = number("ATTUNE_COPYWRITER_MS", 2_000.0).min(20_000.0);
        let patience = number("ATTUNE_PATIENCE", 500.0).min(60_000.0) as u32;
        let slot_bytes = (number("ATTUNE_SLOT_KIB", 512.0).min(8_192.0) * 1024.0) as usize;
        let ranking = match var("ATTUNE_RANKING") {
            text if text.is_empty() => Ranking::default(),
            text => serde_json::from_str(&text).unwrap_or_else(|error| {
                wrong
                    .push(format!("ATTUNE_RANKING is not understood ({error}): pages are ranked without it"));
                Ranking::default()
            }),
        };
        let origin = match var("ATTUNE_ORIGIN") {
            text if text.is_empty() => Origin::Files,
            text if text == "zone" => Origin::Zone,
            text => match Url::parse(&text) {
                Ok(url) if matches!(url.scheme(), "http" | "https") => {
                    Origin::At(url.origin().ascii_serialization())
                }
                _ => {
                    wrong.push(
                        "ATTUNE_ORIGIN is neither an address nor `zone`: static files are served".to_owned(),
                    );
                    Origin::Files
                }
            },
        };
        let model = var("ATTUNE_LLM_MODEL");
        let writes = match var("ATTUNE_LLM") {
            text if text.is_empty() => Writes::Nothing,
            text if text == "AI" => Writes::Binding(model),
            text => match Url::parse(&text) {
                Ok(url) if matches!(url.scheme(), "http" | "https") => {
                    Writes::At { address: url.to_string(), model }
                }
                _ => {
                    wrong.push("ATTUNE_LLM is neither an address nor `AI`: no server writes copy".to_owned());
                    Writes::Nothing
                }
            },
        };
        let prefix = var("ATTUNE_PREFIX");
        Self {
            integrity: var("ATTUNE_INTEGRITY"),
            profiles: if var("ATTUNE_PROFILES") == "server" { Profiles::Server } else { Profiles::None },
            profile_days,
            salt: var("ATTUNE_SALT"),
            key: var("ATTUNE_KEY"),
            rank_key: var("ATTUNE_RANK_KEY"),
            origins: var("ATTUNE_ORIGINS")
                .split_whitespace()
                .map(|o| o.trim_end_matches('/').to_owned())
                .collect(),
            prefix: prefix.trim_matches('/').to_owned(),
            origin,
            ranking,
            shopper_cookie: var("ATTUNE_SHOPPER_COOKIE"),
            patience,
            slot_bytes,
            log: var("ATTUNE_LOG") == "on",
            rollout: var("ATTUNE_ROLLOUT") == "on",
            generate: match var("ATTUNE_GENERATE").as_str() {
                "key" => Generate::Key,
                "open" => Generate::Open,
                _ => Generate::Off,
            },
            copywriter: var("ATTUNE_COPYWRITER"),
            copywriter_ms,
            writes,
            llm_key: var("ATTUNE_LLM_KEY"),
            log_days,
            wrong,
        }
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
