//! Numbers of a command: addresses, dates, disks, pods.

/// Names of disks and their parts: `sdb1`, `nvme0n1p2`.
pub(super) fn is_disk(text: &str) -> bool {
    let rest = ["sd", "vd", "xvd", "hd", "nvme", "mmcblk"]
        .iter()
        .find_map(|kind| text.strip_prefix(kind));
    rest.is_some_and(|rest| {
        (1..8).contains(&rest.len())
            && rest
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
    })
}

/// `8-4-4-4-12` hexadecimal digits.
pub(super) fn is_uuid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(at, b)| {
            if matches!(at, 8 | 13 | 18 | 23) {
                b == b'-'
            } else {
                b.is_ascii_hexdigit()
            }
        })
}

/// Addresses that manuals write down for any.
const EXAMPLES: &[&str] = &[
    "1.2.3.4",
    "5.6.7.8",
    "123.123.123.123",
    "123.45.67.89",
    "12.34.56.78",
    "11.22.33.44",
    "111.222.333.444",
    "1.1.1.2",
    "4.3.2.1",
    "10.20.30.40",
    "123.456.789.0",
    "123.456.789.10",
    "99.99.99.99",
    "111.111.111.111",
    "222.222.222.222",
];

/// `Some(true)` for an address that documents use, `Some(false)` for any other machine's address;
/// `None` for what is no address, for this machine's own and for well-known services.
pub(super) fn example_ip(text: &str) -> Option<bool> {
    if !text.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let labels: Vec<&str> = text.split('.').collect();
    if labels.len() != 4
        || !labels.iter().all(|label| {
            !label.is_empty() && label.len() < 4 && label.bytes().all(|b| b.is_ascii_digit())
        })
    {
        return None;
    }
    if EXAMPLES.contains(&text)
        || ["192.0.2.", "198.51.100.", "203.0.113."]
            .iter()
            .any(|net| text.starts_with(net))
        || labels
            .iter()
            .any(|label| label.parse::<u32>().is_ok_and(|n| n > 255))
    {
        return Some(true);
    }
    if text.starts_with("127.")
        || text.starts_with("0.")
        || text.starts_with("255.")
        || text == "169.254.169.254"
        || matches!(
            text,
            "8.8.8.8" | "8.8.4.4" | "1.1.1.1" | "1.0.0.1" | "9.9.9.9"
        )
    {
        return None;
    }
    Some(false)
}

pub(super) fn is_pod(text: &str) -> bool {
    let mut parts = text.rsplit('-');
    let (last, before) = (
        parts.next().unwrap_or_default(),
        parts.next().unwrap_or_default(),
    );
    let mixed = |part: &str| {
        part.bytes().any(|b| b.is_ascii_digit())
            && part
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
    };
    last.len() == 5
        && (8..=10).contains(&before.len())
        && mixed(before)
        && last
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
        && parts.next().is_some()
}

/// Whether a day of this century stands in it.
pub(super) fn holds_date(text: &str) -> bool {
    let bytes = text.as_bytes();
    let digits = |part: &[u8]| part.iter().all(u8::is_ascii_digit);
    (0..bytes.len()).any(|at| {
        let rest = &bytes[at..];
        rest.starts_with(b"20")
            && (at == 0 || !bytes[at - 1].is_ascii_digit())
            && ((rest.len() >= 8
                && digits(&rest[..8])
                && rest.get(8).is_none_or(|b| !b.is_ascii_digit())
                && matches!(rest[4], b'0' | b'1'))
                || (rest.len() >= 10
                    && digits(&rest[..4])
                    && matches!(rest[4], b'-' | b'_')
                    && digits(&rest[5..7])
                    && rest[7] == rest[4]
                    && digits(&rest[8..10])))
    })
}
