//! Dates as formats write them, on one scale.

use crate::document::Document;
use chrono::{DateTime, NaiveDate, NaiveDateTime};

/// A document's date in seconds since 1970 (UTC where it names no zone); none if there is none that can
/// be read: ISO 8601, the form of e-mail and RSS, or seconds or milliseconds as a number.
pub(super) fn seconds(document: &Document) -> Option<i64> {
    parse(document.metadata.date.as_deref()?.trim())
}

fn parse(date: &str) -> Option<i64> {
    if let Ok(with_zone) = DateTime::parse_from_rfc3339(date).or_else(|_| DateTime::parse_from_rfc2822(date)) {
        return Some(with_zone.timestamp());
    }
    for format in ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M"] {
        if let Ok(time) = NaiveDateTime::parse_from_str(date, format) {
            return Some(time.and_utc().timestamp());
        }
    }
    for format in ["%Y-%m-%d", "%Y/%m/%d"] {
        if let Ok(day) = NaiveDate::parse_from_str(date, format) {
            return Some(day.and_hms_opt(0, 0, 0)?.and_utc().timestamp());
        }
    }
    // Seconds have ten digits from 2001 to 2286, milliseconds thirteen.
    let number: i64 = date.parse().ok()?;
    match date.len() {
        9 | 10 => Some(number),
        13 => Some(number / 1000),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn the_usual_forms_are_read_and_others_are_not() {
        let day = 1_719_792_000;
        for date in ["2024-07-01", "2024-07-01T00:00:00", "2024-07-01T02:00:00+02:00", "2024/07/01", "1719792000"] {
            assert_eq!(parse(date), Some(day), "{date}");
        }
        assert_eq!(parse("Mon, 01 Jul 2024 00:00:00 GMT"), Some(day));
        assert_eq!(parse("1719792000000"), Some(day));
        assert!(["", "July", "2024", "2024-13-01", "20240701"].iter().all(|date| parse(date).is_none()));
    }
}
