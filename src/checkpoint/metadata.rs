//! The metadata of a checkpoint: `.metadata.json` in its directory, which Ray reads and writes too, so it stays
//! as Python writes JSON.

use super::{Checkpoint, gone};
use crate::cancel::{self, Cancel};
use crate::error::{Code, Error, Result};
use crate::parse::json::{self, JsonError, Member};
use crate::storage::{Condition, Fault, Location, StorageError};
use crate::value::{Object, Value};

const FILE: &str = ".metadata.json";
const MAX_BYTES: u64 = 1 << 30;
const MAX_DEPTH: usize = 1_000;
/// How often a store may say that a file has changed that is as it was.
const MOST_REFUSALS: usize = 30;

impl Checkpoint {
    /// Reads the metadata of the checkpoint: an object, empty if it has none, as `Checkpoint.get_metadata` of
    /// Ray.
    ///
    /// # Errors
    /// `NotFound` if the directory of the checkpoint is not there, `Corrupt` if the file is not a JSON object,
    /// `Io`, `Permission`, `Cancelled`.
    pub fn read_metadata(&self, cancel: Option<&Cancel>) -> Result<Value> {
        let location = self.location();
        let Some((text, _)) = read(&location, cancel)? else { return Ok(Value::Object(Object::empty())) };
        match json::document(&text, MAX_DEPTH) {
            Ok((value @ Value::Object(_), _)) => Ok(value),
            Ok(_) => Err(not_an_object(&location)),
            Err(error) => Err(corrupt(&location, error)),
        }
    }

    /// Replaces the metadata by `json`, an object, all at once or not at all, as `Checkpoint.set_metadata` of
    /// Ray. The text is kept as it is; what Python's `json` reads is allowed, `NaN` included.
    ///
    /// # Errors
    /// `InvalidArgument` if `json` is not an object, `NotFound` if the directory of the checkpoint is not there,
    /// `Io`, `Permission`, `Cancelled`. The old metadata is then still there, whole.
    pub fn write_metadata(&self, json: &str, cancel: Option<&Cancel>) -> Result<()> {
        cancel::check(cancel)?;
        members(json)?;
        let location = self.location();
        write(&location, json.trim_matches([' ', '\t', '\n', '\r']), &Condition::Always, cancel)?;
        Ok(())
    }

    /// Adds the members of `json` to the metadata, replacing those of the same key, as
    /// `Checkpoint.update_metadata` of Ray. Members that are not replaced keep their text.
    ///
    /// A writer beside it loses nothing: if the metadata changed meanwhile, it is read and changed again.
    ///
    /// # Errors
    /// As [`Checkpoint::write_metadata`], and `Corrupt` if the metadata that is there is not a JSON object; `Io` if the store
    /// says again and again that it changed, although it is as it was.
    pub fn update_metadata(&self, json: &str, cancel: Option<&Cancel>) -> Result<()> {
        let added = members(json)?;
        let location = self.location();
        let (mut refused, mut refusals) = (None, 0);
        loop {
            cancel::check(cancel)?;
            let (text, condition) = match read(&location, cancel)? {
                Some((text, etag)) => (text, Condition::IfMatch(etag)),
                None => ("{}".to_owned(), Condition::IfAbsent),
            };
            if !text.trim_start().starts_with('{') && json::document(&text, MAX_DEPTH).is_ok() {
                return Err(not_an_object(&location));
            }
            let kept = json::members(&text, MAX_DEPTH).map_err(|error| corrupt(&location, error))?;
            match write(&location, &merge(kept, &added), &condition, cancel) {
                Err(error) if matches!(error.fault, Fault::Changed) && refusals < MOST_REFUSALS => {
                    refusals = if refused.as_ref() == Some(&condition) { refusals + 1 } else { 0 };
                    refused = Some(condition);
                }
                written => return Ok(written?),
            }
        }
    }
}

/// The text of the metadata and its state; none if there is none.
fn read(location: &Location, cancel: Option<&Cancel>) -> Result<Option<(String, crate::storage::ETag)>> {
    let file = location.join(FILE);
    let (bytes, etag) = match file.read(MAX_BYTES, cancel) {
        Ok(found) => found,
        Err(error) if matches!(error.fault, Fault::NotFound | Fault::NotADirectory) => {
            return match location.list(cancel) {
                Err(error) if matches!(error.fault, Fault::NotFound | Fault::NotADirectory) => {
                    Err(gone(location))
                }
                Ok(_) | Err(_) => Ok(None),
            };
        }
        Err(error) => return Err(error.into()),
    };
    let text = String::from_utf8(bytes).map_err(|error| {
        let offset = error.utf8_error().valid_up_to();
        Error::corrupt(format_args!("{}: not UTF-8 at byte {offset}", file))
    })?;
    let text = text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text);
    Ok(Some((text, etag)))
}

fn write(
    location: &Location,
    text: &str,
    condition: &Condition,
    cancel: Option<&Cancel>,
) -> Result<(), StorageError> {
    location.store.write(&location.join(FILE).path, text.as_bytes(), condition, cancel)
}

/// The members of what the caller passed as metadata.
fn members(json: &str) -> Result<Vec<Member<'_>>> {
    json::members(json, MAX_DEPTH).map_err(|error| {
        let is_value = json::document(json, MAX_DEPTH).is_ok();
        let what = if is_value { "it is a value of another type".to_owned() } else { error.to_string() };
        Error::new(Code::InvalidArgument, format_args!("argument json is not a JSON object: {what}"))
    })
}

/// One object of the members of both: of equal keys the last counts, in the place of the first.
fn merge(kept: Vec<Member>, added: &[Member]) -> String {
    let mut members: Vec<(&str, &str)> = Vec::with_capacity(kept.len() + added.len());
    let mut places = std::collections::HashMap::new();
    for member in kept.iter().chain(added) {
        let place = *places.entry(&member.key).or_insert(members.len());
        match members.get_mut(place) {
            Some((_, value)) => *value = member.value_text,
            None => members.push((member.key_text, member.value_text)),
        }
    }
    let members: Vec<String> = members.iter().map(|(key, value)| format!("{key}: {value}")).collect();
    format!("{{{}}}", members.join(", "))
}

fn corrupt(location: &Location, error: JsonError) -> Error {
    Error::corrupt(format_args!("{}: {error}", location.join(FILE)))
}

fn not_an_object(location: &Location) -> Error {
    Error::corrupt(format_args!("{}: not a JSON object", location.join(FILE)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn merged(kept: &str, added: &str) -> String {
        merge(json::members(kept, 10).unwrap(), &members(added).unwrap())
    }

    #[test]
    fn what_is_not_touched_keeps_its_text() {
        let kept = r#"{"a" : 1.50, "\u00e9": [1,  2], "n": NaN, "big": 123456789012345678901234567890}"#;
        let expected =
            r#"{"a": 2, "\u00e9": [1,  2], "n": NaN, "big": 123456789012345678901234567890, "z": {}}"#;
        assert_eq!(merged(kept, r#" {"a":2,"z":{}} "#), expected);
        assert_eq!(merged("{}", r#"{"x":Infinity}"#), r#"{"x": Infinity}"#);
        assert_eq!(merged(r#"{"a":1,"b":2,"a":3}"#, "{}"), r#"{"a": 3, "b": 2}"#);
        assert_eq!(merged(r#"{"é": 1}"#, r#"{"\u00e9":2}"#), r#"{"é": 2}"#);
        assert_eq!(merged(r#"{"a:": 1}"#, "{}"), r#"{"a:": 1}"#);
    }

    #[test]
    fn only_objects_are_metadata() {
        for (json, hint) in [("[]", "another type"), ("3", "another type"), ("{", "key"), ("", "object")] {
            let error = members(json).unwrap_err();
            assert_eq!(error.code(), Code::InvalidArgument);
            assert!(error.message().contains("argument json") && error.message().contains(hint), "{error}");
        }
    }
}
