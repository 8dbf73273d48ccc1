//! What is the same for all candidates of a request, read once.

use std::cell::OnceCell;

use crate::event::EventKind;
use crate::profile::{Profile, Taste};
use crate::wire::{Fields, Request};

/// What kind of device a user-agent string names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeviceClass {
    /// Not stated.
    Unknown,
    /// A phone.
    Mobile,
    /// A tablet.
    Tablet,
    /// A desk or laptop computer.
    Desktop,
    /// A crawler.
    Bot,
}

impl DeviceClass {
    /// Reads the class from a user-agent string, or from a class name itself.
    #[must_use]
    pub fn of(user_agent: &str) -> Self {
        let has = |part: &str| {
            user_agent.as_bytes().windows(part.len()).any(|w| w.eq_ignore_ascii_case(part.as_bytes()))
        };
        if user_agent.is_empty() {
            Self::Unknown
        } else if has("bot") || has("crawl") || has("spider") || has("slurp") {
            Self::Bot
        } else if has("ipad") || has("tablet") || (has("android") && !has("mobile")) {
            Self::Tablet
        } else if has("mobile") || has("iphone") || has("android") {
            Self::Mobile
        } else {
            Self::Desktop
        }
    }

    /// The class's name; empty when unknown.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Unknown => "",
            Self::Mobile => "mobile",
            Self::Tablet => "tablet",
            Self::Desktop => "desktop",
            Self::Bot => "bot",
        }
    }
}

/// The request's moment: time, place, device, context and profile.
#[derive(Debug, Clone)]
pub struct Moment<'a> {
    /// Milliseconds since 1970-01-01 UTC.
    pub at: i64,
    /// Minutes east of UTC.
    pub tz_offset: i32,
    /// Device class.
    pub device: DeviceClass,
    /// Context fields.
    pub context: &'a Fields,
    /// The profile, where there is one.
    pub profile: Option<&'a Profile>,
    taste: OnceCell<Option<Taste<'a>>>,
}

impl<'a> Moment<'a> {
    /// A moment.
    #[must_use]
    pub fn new(
        at: i64,
        tz_offset: i32,
        device: DeviceClass,
        context: &'a Fields,
        profile: Option<&'a Profile>,
    ) -> Self {
        Self { at, tz_offset, device, context, profile, taste: OnceCell::new() }
    }

    /// The moment of a request.
    #[must_use]
    pub fn of(request: &'a Request) -> Self {
        let device = DeviceClass::of(request.user_agent.as_deref().unwrap_or(""));
        Self::new(request.at, request.tz_offset, device, &request.context, request.profile.as_ref())
    }

    /// The profile's taste at this moment, worked out when it is first asked for; `None` without a profile.
    #[must_use]
    pub fn taste(&self) -> Option<&Taste<'a>> {
        self.taste.get_or_init(|| self.profile.map(|profile| Taste::of(profile, self.at))).as_ref()
    }

    fn local_minutes(&self) -> i64 {
        self.at.div_euclid(60_000).saturating_add(i64::from(self.tz_offset))
    }

    /// Local hour, 0 to 23.
    #[must_use]
    pub fn hour(&self) -> u64 {
        self.local_minutes().div_euclid(60).rem_euclid(24) as u64
    }

    /// Local weekday, 0 is Monday.
    #[must_use]
    pub fn weekday(&self) -> u64 {
        // 1970-01-01 was a Thursday.
        (self.local_minutes().div_euclid(1440) + 3).rem_euclid(7) as u64
    }

    /// The profile's decayed count of an event kind; `None` without a profile.
    #[must_use]
    pub fn count(&self, kind: EventKind) -> Option<f64> {
        self.profile.map(|profile| profile.counter(kind, self.at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn local_time() {
        let fields = Fields::new();
        let moment = |at, tz_offset| Moment::new(at, tz_offset, DeviceClass::Unknown, &fields, None);
        assert_eq!((moment(0, 0).hour(), moment(0, 0).weekday()), (0, 3));
        assert_eq!((moment(0, -60).hour(), moment(0, -60).weekday()), (23, 2));
        assert!(moment(i64::MAX, i32::MAX).hour() < 24);
    }

    #[test]
    fn device_classes() {
        assert_eq!(
            DeviceClass::of("Mozilla/5.0 (iPhone; CPU iPhone OS 19_0) Mobile/15E"),
            DeviceClass::Mobile
        );
        assert_eq!(DeviceClass::of("Mozilla/5.0 (X11; Linux x86_64) Chrome/156"), DeviceClass::Desktop);
        assert_eq!(DeviceClass::of("Googlebot/2.1"), DeviceClass::Bot);
        assert_eq!(DeviceClass::of(""), DeviceClass::Unknown);
    }
}
