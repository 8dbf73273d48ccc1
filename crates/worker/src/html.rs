//! Pages of an origin: everything passes as it is, and in HTML the slots get an order while it streams by.

mod stream;

use std::borrow::Cow;

use attune::decision::Deciding;
use attune::profile::Profile;
use attune::wire::{Fields, Mode, Request as WireRequest, Value};
use attune_html::headers;
use futures_util::future::join;
use worker::wasm_bindgen::JsCast;
use worker::web_sys::{self, ResponseInit};
use worker::{Context, Env, Fetch, Method, Request};

use crate::answer::Answer;
use crate::bundle::Loaded;
use crate::problem::Problem;
use crate::settings::{Origin, Profiles, Settings};
use crate::{metrics, profile, rank};
use stream::Page;

/// Fetches from the origin, and reorders what is a page. Crawlers get it as it is.
pub(crate) async fn page(
    request: Request,
    env: &Env,
    context: Context,
    settings: &'static Settings,
    engine: Loaded,
) -> Answer {
    let asked = Asked::of(&request, settings);
    let reorders = asked.reorders && !asked.crawler();
    let mark = engine.map_or("page", |engine| engine.hash().get(..8).unwrap_or("page"));
    let address = || to_origin(&request, settings, reorders.then_some(mark));
    let origin = Fetch::Request(address()?);
    let (mut fetched, profile) = join(origin.send(), asked.profile(env, settings)).await;
    // A server may close a connection that was idle in the very moment it is used again.
    if fetched.is_err() && asked.reorders {
        fetched = Fetch::Request(address()?).send().await;
    }
    let fetched = fetched.map_err(|error| {
        metrics::count("origin", "unavailable");
        Problem::new(502, "origin_unavailable", format!("the shop did not answer: {error}"))
    })?;
    let fetched: web_sys::Response = fetched.into();
    let header = |name: &str| fetched.headers().get(name).ok().flatten();
    let Some(charset) = headers::page(fetched.status(), header).filter(|_| reorders) else {
        metrics::count("pages", "passed");
        return passed(fetched, &request, settings);
    };
    let asks = asked.into_request(settings, profile, header("content-language"));
    let deciding = Deciding::new(engine, Cow::Owned(asks.clone()));
    let headers = reordered_headers(&fetched, settings, mark, deciding.id())?;
    let init = ResponseInit::new();
    init.set_status(fetched.status());
    init.set_headers(&headers);
    let body = fetched.body().filter(|_| request.method() == Method::Get);
    let body = body.map(|body| {
        let page = Page::new(charset, settings, deciding, asks, env.clone(), context);
        stream::reordered(&body, page, settings.patience)
    });
    metrics::count("pages", "reordered");
    let response = web_sys::Response::new_with_opt_readable_stream_and_init(body.as_ref(), &init);
    response.map_err(|error| worker::Error::from(error).into())
}

/// What the order of a page may depend on, read before the request goes on to the origin.
struct Asked {
    reorders: bool,
    path: String,
    user_agent: Option<String>,
    language: Option<String>,
    country: Option<String>,
    time_zone: String,
    shopper: Option<String>,
}

impl Asked {
    fn of(request: &Request, settings: &Settings) -> Self {
        let header = |name: &str| request.headers().get(name).ok().flatten();
        let cookie = header("cookie").unwrap_or_default();
        // Whoever sends Global Privacy Control is not recognised.
        let named = !settings.shopper_cookie.is_empty() && header("sec-gpc").as_deref() != Some("1");
        let shopper = cookie
            .split(';')
            .filter_map(|pair| pair.trim().split_once('='))
            .find(|(name, value)| named && *name == settings.shopper_cookie && !value.is_empty())
            .map(|(_, value)| value.to_owned());
        Self {
            reorders: matches!(request.method(), Method::Get | Method::Head),
            path: request.path(),
            user_agent: header("user-agent"),
            language: header("accept-language"),
            country: request.cf().and_then(worker::Cf::country),
            time_zone: request.cf().map(worker::Cf::timezone_name).unwrap_or_default(),
            shopper,
        }
    }

    fn crawler(&self) -> bool {
        use attune::feature::DeviceClass;
        DeviceClass::of(self.user_agent.as_deref().unwrap_or_default()) == DeviceClass::Bot
    }

    /// The stored profile in `server` mode. Without one the page is ranked by itself.
    async fn profile(&self, env: &Env, settings: &Settings) -> Option<Profile> {
        let shopper = self.shopper.as_deref().filter(|_| settings.profiles == Profiles::Server)?;
        profile::stored(env, settings, shopper).await.ok()
    }

    /// `content` is the language that the origin says the page is in.
    fn into_request(
        self,
        settings: &Settings,
        profile: Option<Profile>,
        content: Option<String>,
    ) -> WireRequest {
        let at = rank::now();
        let mut context = Fields::new();
        context.insert("page".to_owned(), Value::Text(self.path));
        let language = content.or(self.language).unwrap_or_default();
        let language = language.split([',', ';', '-']).next().unwrap_or_default().trim().to_ascii_lowercase();
        for (name, value) in [("language", Some(language)), ("country", self.country)] {
            if let Some(value) = value.filter(|value| !value.is_empty() && value != "*") {
                context.insert(name.to_owned(), Value::Text(value));
            }
        }
        let tz_offset = match self.time_zone.as_str() {
            "" => 0,
            zone => stream::minutes_east(zone, at as f64) as i32,
        };
        let ranking = settings.ranking.clone();
        WireRequest {
            v: attune::wire::VERSION,
            id: format!("{:016x}", random()),
            at,
            seed: random(),
            shopper: self.shopper,
            tz_offset,
            user_agent: self.user_agent,
            context,
            mode: if profile.is_some() { Mode::Server } else { Mode::Contextual },
            profile,
            objective: ranking.objective,
            diversity: ranking.diversity,
            explore: ranking.explore,
            holdout: ranking.holdout,
            ..WireRequest::default()
        }
    }
}

fn random() -> u64 {
    let half = || (worker::js_sys::Math::random() * f64::from(u32::MAX)) as u64;
    half() << 32 | half()
}

/// The same request, addressed to the origin. With a mark, its validators are those of the origin's own page.
fn to_origin(request: &Request, settings: &Settings, mark: Option<&str>) -> Result<Request, Problem> {
    let url = request.url()?;
    let address = match &settings.origin {
        Origin::At(origin) => format!("{origin}{}", &url[worker::url::Position::BeforePath..]),
        Origin::Files | Origin::Zone => url.to_string(),
    };
    let inner = request.inner();
    let copy = web_sys::Request::new_with_str_and_init(&address, inner.unchecked_ref())
        .map_err(worker::Error::from)?;
    let headers = copy.headers();
    let set = |name: &str, value: &str| headers.set(name, value).map_err(worker::Error::from);
    if matches!(settings.origin, Origin::At(_)) {
        set("x-forwarded-host", url.authority())?;
        set("x-forwarded-proto", url.scheme())?;
    }
    if let Some(mark) = mark
        && let Some(tags) = headers.get("if-none-match").ok().flatten()
    {
        match headers::if_none_match(&tags, mark) {
            Some(tags) => set("if-none-match", &tags)?,
            None => {
                for name in ["if-none-match", "if-modified-since"] {
                    headers.delete(name).map_err(worker::Error::from)?;
                }
            }
        }
    }
    Ok(copy.into())
}

/// What is no page to be reordered. A redirect to the origin itself leads to the Worker instead.
fn passed(fetched: web_sys::Response, request: &Request, settings: &Settings) -> Answer {
    let location = fetched.headers().get("location").ok().flatten();
    let Some((Origin::At(origin), location)) = Some(&settings.origin).zip(location) else {
        return Ok(fetched);
    };
    let Some(rest) =
        location.strip_prefix(origin.as_str()).filter(|rest| rest.is_empty() || rest.starts_with('/'))
    else {
        return Ok(fetched);
    };
    let here = request.url()?.origin().ascii_serialization();
    let copy = web_sys::Response::new_with_opt_readable_stream_and_init(
        fetched.body().as_ref(),
        fetched.unchecked_ref(),
    )
    .map_err(worker::Error::from)?;
    copy.headers().set("location", &format!("{here}{rest}")).map_err(worker::Error::from)?;
    Ok(copy)
}

fn reordered_headers(
    fetched: &web_sys::Response,
    settings: &Settings,
    mark: &str,
    decision: &str,
) -> Result<web_sys::Headers, Problem> {
    let error = |error| Problem::from(worker::Error::from(error));
    let new = web_sys::Headers::new_with_headers(&fetched.headers()).map_err(error)?;
    let get = |name: &str| new.get(name).ok().flatten();
    for name in headers::DROPPED {
        new.delete(name).map_err(error)?;
    }
    let set = |name: &str, value: &str| new.set(name, value).map_err(error);
    set("cache-control", &headers::cache_control(get("cache-control").as_deref()))?;
    let cookie = (!settings.shopper_cookie.is_empty()).then_some("Cookie");
    let depends: Vec<&str> = ["Accept-Language", "User-Agent"].into_iter().chain(cookie).collect();
    set("vary", &headers::vary(get("vary").as_deref(), &depends))?;
    if let Some(tag) = get("etag") {
        set("etag", &headers::etag(&tag, mark))?;
    }
    // What a page's script can read of its own response.
    new.append("server-timing", &format!("attune;desc=\"{decision}\"")).map_err(error)?;
    Ok(new)
}
