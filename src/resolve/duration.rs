//! `90s`, `5m`, `1h30m`.

use std::time::Duration;

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

#[cfg(test)]
mod tests {
    use super::parse_duration;

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
