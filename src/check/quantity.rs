//! Numbers, sizes, durations and dates as programs print them.

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::fmt::{rfc2822, strtime};
use jiff::tz::TimeZone;
use rhai::Dynamic;

/// Takes the number at the start of `text` off: digits, `,` or `_` between them, a `.` and more.
fn leading(text: &str) -> Option<(String, &str)> {
    let text = text.trim();
    let mut digits = String::new();
    let mut seen_point = false;
    let mut end = text.len();
    for (at, c) in text.char_indices() {
        match c {
            '0'..='9' => digits.push(c),
            '-' | '+' if at == 0 => digits.extend((c == '-').then_some(c)),
            '.' if !seen_point => {
                seen_point = true;
                digits.push(c);
            }
            ',' | '_' if !seen_point && thousands(&text[at + 1..]) => {}
            _ => {
                end = at;
                break;
            }
        }
    }
    digits
        .contains(|c: char| c.is_ascii_digit())
        .then(|| (digits, text[end..].trim_start()))
}

/// Whether three digits follow, and no fourth.
fn thousands(rest: &str) -> bool {
    let count = rest.bytes().take_while(u8::is_ascii_digit).count();
    count == 3
}

/// Returns the number at the start of `text`, whole where it is written so.
pub(super) fn number(text: &str) -> Option<Dynamic> {
    let (digits, _) = leading(text)?;
    if let Ok(whole) = digits.parse::<i64>() {
        return Some(whole.into());
    }
    let real = digits.parse::<f64>().ok()?;
    real.is_finite().then(|| real.into())
}

/// Returns bytes. A bare letter and `i` mean powers of 1024, as `df -h`, `ls -h` and Kubernetes
/// print them; a `B` without `i` powers of 1000, as Docker does.
pub(super) fn bytes(text: &str) -> Option<i64> {
    let (digits, unit) = leading(text)?;
    let unit = unit.to_ascii_lowercase();
    let unit = match unit.as_str() {
        "byte" | "bytes" => "b",
        unit => unit,
    };
    let (letter, base) = match unit.len() {
        0 => ("", 1024),
        1 if unit == "b" => ("", 1024),
        _ => match (unit.strip_suffix("ib"), unit.strip_suffix('i')) {
            (Some(letter), _) | (None, Some(letter)) => (letter, 1024),
            (None, None) => match unit.strip_suffix('b') {
                Some(letter) => (letter, 1000),
                None => (unit, 1024),
            },
        },
    };
    let power = match letter {
        "" => 0,
        "k" => 1,
        "m" => 2,
        "g" => 3,
        "t" => 4,
        "p" => 5,
        "e" => 6,
        _ => return None,
    };
    let factor = i64::pow(base, power);
    if let Ok(whole) = digits.parse::<i64>() {
        return whole.checked_mul(factor);
    }
    let real = digits.parse::<f64>().ok()? * factor as f64;
    (real.abs() < 9e18).then_some(real.round() as i64)
}

/// Returns milliseconds of `5m`, `1h30m`, `250ms`, `1.5s`, `2 days`.
pub(super) fn duration(text: &str) -> Option<i64> {
    let mut rest = text.trim();
    let mut total = 0.0_f64;
    let mut is_any = false;
    while !rest.is_empty() {
        let (digits, after) = leading(rest)?;
        let end = after
            .find(|c: char| !c.is_alphabetic())
            .unwrap_or(after.len());
        let unit = match &after[..end] {
            "ns" => 1e-6,
            "us" | "µs" | "μs" => 1e-3,
            "ms" => 1.0,
            "s" | "sec" | "secs" | "second" | "seconds" => 1000.0,
            "m" | "min" | "mins" | "minute" | "minutes" => 60_000.0,
            "h" | "hour" | "hours" => 3_600_000.0,
            "d" | "day" | "days" => 86_400_000.0,
            "w" | "week" | "weeks" => 604_800_000.0,
            _ => return None,
        };
        total += digits.parse::<f64>().ok()? * unit;
        is_any = true;
        rest = after[end..].trim_start_matches([',', ' ']);
    }
    (is_any && total.is_finite() && total.abs() < 9e18).then_some(total.round() as i64)
}

/// Returns the point of time that `text` names: RFC 3339, a date, a date and a time (both in UTC),
/// RFC 2822, or as OpenSSL prints it.
pub(super) fn date(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    if let Ok(time) = text.parse::<Timestamp>() {
        return Some(time);
    }
    let in_utc = |it: DateTime| {
        let zoned = it.to_zoned(TimeZone::UTC).ok()?;
        Some(zoned.timestamp())
    };
    if let Ok(time) = text.parse::<DateTime>() {
        return in_utc(time);
    }
    if let Ok(day) = text.parse::<Date>() {
        return in_utc(day.to_datetime(jiff::civil::Time::midnight()));
    }
    if let Ok(time) = rfc2822::parse(text) {
        return Some(time.timestamp());
    }
    // `Jan  2 03:04:05 2026 GMT`
    let plain = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let plain = plain.strip_suffix(" GMT").or(plain.strip_suffix(" UTC"))?;
    let parsed = strtime::parse("%b %d %H:%M:%S %Y", plain).ok()?;
    in_utc(parsed.to_datetime().ok()?)
}

#[cfg(test)]
mod tests {
    use super::{bytes, date, duration, number};

    #[test]
    fn sizes_are_read_as_programs_print_them() {
        for (text, expected) in [
            ("3.2G", Some(3_435_973_837)),
            ("10K", Some(10_240)),
            ("128Mi", Some(134_217_728)),
            ("1KiB", Some(1024)),
            ("1.5GB", Some(1_500_000_000)),
            ("2kB", Some(2000)),
            ("512", Some(512)),
            ("512B", Some(512)),
            ("12 bytes", Some(12)),
            ("1,024", Some(1024)),
            ("0", Some(0)),
            ("", None),
            ("G", None),
            ("3X", None),
            ("9999999999E", None),
            ("1e400", None),
        ] {
            assert_eq!(bytes(text), expected, "{text}");
        }
    }

    #[test]
    fn durations_are_milliseconds() {
        for (text, expected) in [
            ("5m", Some(300_000)),
            ("1h30m", Some(5_400_000)),
            ("250ms", Some(250)),
            ("1.5s", Some(1500)),
            ("2 days, 3 hours", Some(183_600_000)),
            ("5", None),
            ("", None),
            ("5 parsecs", None),
        ] {
            assert_eq!(duration(text), expected, "{text}");
        }
    }

    #[test]
    fn dates_are_read_in_the_forms_that_programs_print() {
        let check = |text: &str| date(text).map(|time| time.to_string());
        for text in [
            "2026-01-02T03:04:05Z",
            "2026-01-02T04:04:05+01:00",
            "2026-01-02 03:04:05",
            "2026-01-02T03:04:05",
            "Fri, 02 Jan 2026 03:04:05 GMT",
            "Jan  2 03:04:05 2026 GMT",
        ] {
            assert_eq!(
                check(text).as_deref(),
                Some("2026-01-02T03:04:05Z"),
                "{text}"
            );
        }
        assert_eq!(check("2026-01-02").as_deref(), Some("2026-01-02T00:00:00Z"));
        assert_eq!(check("yesterday"), None);
    }

    #[test]
    fn numbers_stand_at_the_start() {
        let check = |text| number(text).map(|it| it.to_string());
        for (text, expected) in [
            ("87%", Some("87")),
            (" 1,234,567 rows", Some("1234567")),
            ("-3.5", Some("-3.5")),
            ("1,5", Some("1")),
            ("n/a", None),
            ("", None),
        ] {
            assert_eq!(check(text).as_deref(), expected, "{text}");
        }
    }
}
