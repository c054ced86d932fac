//! What a step printed beside what the document expects of it.

use super::difference;
use crate::model::{Expression, Judged, Matching};

/// Compares what was printed with what is expected.
pub(super) fn compare(matching: Matching, expected: &Expression, printed: &str) -> Judged {
    let holds = match matching {
        Matching::Contains => printed.contains(expected.source.trim_end()),
        _ => printed.trim_end() == expected.source.trim_end(),
    };
    let (left, right) = (expected.source.clone(), printed.to_owned());
    Judged {
        holds,
        line: expected.line,
        expression: String::new(),
        message: if holds {
            String::new()
        } else {
            "the output is not what is expected".to_owned()
        },
        diff: if holds {
            Vec::new()
        } else {
            difference::of(&left, &right)
        },
        left: (!holds).then_some(left),
        right: (!holds).then_some(right),
    }
}
