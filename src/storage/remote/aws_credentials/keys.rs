//! Keys as they are given and as servers answer with them.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use object_store::aws::AwsCredential;
use serde_json::Value;

use super::IdentityError;

/// Keys that a request can be signed with.
// No `Debug`: they are secrets.
pub(super) struct Keys {
    pub credential: AwsCredential,
    pub expires: Option<SystemTime>,
}

impl Keys {
    /// Checks what is given against what object_store can sign with: it panics at others. `from` says where they are from.
    pub(super) fn new(
        id: &str,
        secret: &str,
        token: Option<&str>,
        expires: Option<SystemTime>,
        from: &str,
    ) -> Result<Keys, IdentityError> {
        // Line ends stand behind what was taken from files.
        let (id, secret, token) =
            (id.trim(), secret.trim(), token.map(str::trim).filter(|token| !token.is_empty()));
        // A secret is only signed with; the others go into headers.
        let is_secret = !secret.is_empty() && !secret.chars().any(char::is_control);
        let is_sent = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
        if !is_secret || !is_sent(id) || !token.is_none_or(is_sent) {
            return Err(IdentityError::Setup(format!(
                "{from}: a key is empty or has characters that keys do not have"
            )));
        }
        let token = token.map(str::to_owned);
        Ok(Keys {
            credential: AwsCredential { key_id: id.to_owned(), secret_key: secret.to_owned(), token },
            expires,
        })
    }

    /// Keys out of the JSON of a metadata service.
    pub(super) fn of_metadata(answer: &[u8], from: &str) -> Result<Keys, IdentityError> {
        let answer: Value = serde_json::from_slice(answer).unwrap_or_default();
        let text = |name: &str| answer.get(name).and_then(Value::as_str);
        let expires =
            text("Expiration").map(|expires| time(expires).ok_or_else(|| no_keys(from))).transpose()?;
        let (Some(id), Some(secret)) = (text("AccessKeyId"), text("SecretAccessKey")) else {
            return Err(no_keys(from));
        };
        Keys::new(id, secret, text("Token"), expires, from).map_err(|_| no_keys(from))
    }
}

/// What came from there is not credentials.
pub(super) fn no_keys(from: &str) -> IdentityError {
    IdentityError::Unanswered(format!("{from}: the answer is not credentials"))
}

/// A time as AWS writes it, which is RFC 3339, or with `UTC` for `Z`.
pub(super) fn time(text: &str) -> Option<SystemTime> {
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
    fn times_of_aws() {
        let seconds = |text| time(text).map(|time| time.duration_since(UNIX_EPOCH).unwrap().as_secs());
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
