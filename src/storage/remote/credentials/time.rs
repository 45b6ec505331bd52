//! Times of RFC 3339.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A time. AWS also writes `UTC` for `Z`.
pub(super) fn parse(text: &str) -> Option<SystemTime> {
    let (date, rest) = text.trim().split_once('T')?;
    let end = rest.find(|char: char| !char.is_ascii_digit() && char != ':' && char != '.')?;
    let (clock, zone) = rest.split_at(end);
    let [year, month, day] = numbers(date, '-')?;
    let [hour, minute, second] = numbers(clock.split('.').next()?, ':')?;
    let is_time = hour < 24 && minute < 60 && second <= 60;
    if !(1970..=9999).contains(&year) || !(1..=12).contains(&month) || !(1..=31).contains(&day) || !is_time {
        return None;
    }
    let offset = match zone {
        "Z" | "UTC" => 0,
        _ => {
            let sign = if zone.starts_with('+') { 1 } else { -1 };
            let [hours, minutes] = numbers(zone.strip_prefix(['+', '-'])?, ':')?;
            sign * (hours * 3600 + minutes * 60)
        }
    };
    let seconds = days(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second - offset;
    UNIX_EPOCH.checked_add(Duration::from_secs(u64::try_from(seconds).ok()?))
}

fn numbers<const N: usize>(text: &str, between: char) -> Option<[i64; N]> {
    let parts: Option<Vec<i64>> =
        text.split(between).map(|part| part.parse::<u16>().ok().map(i64::from)).collect();
    parts?.try_into().ok()
}

/// Days from 1970 to a date. A year starts in March here, so that the odd day is its last.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let month_from_march = (month + 9) % 12;
    let day_of_year = (153 * month_from_march + 2) / 5 + day - 1;
    year * 365 + year / 4 - year / 100 + year / 400 + day_of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_is_read() {
        let seconds = |text| parse(text).map(|time| time.duration_since(UNIX_EPOCH).unwrap().as_secs());
        for text in [
            "2024-02-29T12:30:15Z",
            "2024-02-29T12:30:15UTC",
            "2024-02-29T12:30:15.250Z",
            "2024-02-29T14:30:15+02:00",
            "2024-02-29T07:00:15-05:30",
        ] {
            assert_eq!(seconds(text), Some(1_709_209_815), "{text}");
        }
        assert_eq!(seconds("1970-01-01T00:00:00Z"), Some(0));
        assert_eq!(seconds("2000-03-01T00:00:00Z"), Some(951_868_800));
        for text in
            ["", "T", "2024-02-29", "2024-02-29T12:30:15", "2024-13-01T00:00:00Z", "2024-01-01T24:00:00Z"]
        {
            assert_eq!(seconds(text), None, "{text}");
        }
        assert_eq!(seconds("1970-01-01T00:00:00+01:00"), None);
    }
}
