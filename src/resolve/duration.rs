//! `90s`, `5m`, `1h30m`; `2s..1m`.

use std::time::Duration;

use crate::model::Every;

/// Reads a duration: whole numbers with `ms`, `s`, `m`, `h` or `d`, largest unit first or not.
/// `None` for anything else, for no time at all, and for more than a thousand years.
pub fn parse_duration(text: &str) -> Option<Duration> {
    const LONGEST: u64 = 1000 * 365 * 86_400;
    let mut total = Duration::ZERO;
    let mut rest = text.trim();
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let number: u64 = rest[..digits].parse().ok()?;
        rest = rest[digits..].trim_start();
        let unit_end = rest
            .find(|c: char| !c.is_ascii_alphabetic())
            .unwrap_or(rest.len());
        let seconds = match &rest[..unit_end] {
            "ms" => {
                total = total.checked_add(Duration::from_millis(number))?;
                0
            }
            "s" | "sec" => 1,
            "m" | "min" => 60,
            "h" => 3600,
            "d" => 86_400,
            _ => return None,
        };
        total = total.checked_add(Duration::from_secs(number.checked_mul(seconds)?))?;
        rest = rest[unit_end..].trim_start();
    }
    (!total.is_zero() && total.as_secs() <= LONGEST).then_some(total)
}

/// Reads the pause between tries: a duration, or two with `..` between, the shorter one first.
pub(super) fn parse_every(text: &str) -> Option<Every> {
    let (first, most) = text.split_once("..").unwrap_or((text, text));
    let (first, most) = (parse_duration(first)?, parse_duration(most)?);
    (first <= most).then_some(Every { first, most })
}

#[cfg(test)]
mod tests {
    use super::{parse_duration, parse_every};

    #[test]
    fn pauses_double_up_to_the_longest() {
        let check = |text| {
            let every = parse_every(text)?;
            let tries = [0, 1, 2, 3, 4, 40, u32::MAX];
            Some(tries.map(|it| every.pause(it).as_millis()))
        };
        let constant = [5000; 7];
        assert_eq!(check("5s"), Some(constant));
        assert_eq!(check("5s..5s"), Some(constant));
        let doubling = [2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000];
        assert_eq!(check("2s..30s"), Some(doubling));
        assert_eq!(check("2s .. 30s"), Some(doubling));
        let longest = 1000 * 365 * 86_400 * 1000;
        assert_eq!(check("1d..365000d").map(|it| it[6]), Some(longest));
        for wrong in ["", "..", "2s..", "..2s", "30s..2s", "1s..2s..3s", "2..30s"] {
            assert_eq!(check(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn durations_want_a_unit() {
        let check = |text| parse_duration(text).map(|found| found.as_millis());
        assert_eq!(check("90s"), Some(90_000));
        assert_eq!(check("1h30m"), Some(5_400_000));
        assert_eq!(check("250ms"), Some(250));
        assert_eq!(check("2 d"), Some(172_800_000));
        for wrong in [
            "",
            "30",
            "5 minutes",
            "0s",
            "-1s",
            "1.5h",
            "99999999999999999999s",
            "s",
        ] {
            assert_eq!(check(wrong), None, "{wrong}");
        }
    }
}
