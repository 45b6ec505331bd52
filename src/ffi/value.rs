//! A value, as C sees it.

use std::ffi::c_char;

use super::boundary::{Str, put, text_or_none};
use super::text::Text;
use crate::value::{Kind, Value};

/// The type of `value`.
#[unsafe(no_mangle)]
pub extern "C" fn libresult_value_kind(value: Option<&Value>) -> Kind {
    value.map_or(Kind::Null, Value::kind)
}

/// Reads `true` or `false`. Returns false, and leaves `*out` alone, if `value` is neither.
#[unsafe(no_mangle)]
pub extern "C" fn libresult_value_as_bool(value: Option<&Value>, out: *mut bool) -> bool {
    put(out, value.and_then(Value::as_bool))
}

/// Reads a whole number. Returns false, and leaves `*out` alone, if it does not fit, or is no such.
#[unsafe(no_mangle)]
pub extern "C" fn libresult_value_as_i64(value: Option<&Value>, out: *mut i64) -> bool {
    put(out, value.and_then(Value::as_i64))
}

/// Reads a whole number. Returns false, and leaves `*out` alone, if it does not fit, or is no such.
#[unsafe(no_mangle)]
pub extern "C" fn libresult_value_as_u64(value: Option<&Value>, out: *mut u64) -> bool {
    put(out, value.and_then(Value::as_u64))
}

/// Reads a number as a double. Returns false, and leaves `*out` alone, if `value` is no number.
#[unsafe(no_mangle)]
pub extern "C" fn libresult_value_as_f64(value: Option<&Value>, out: *mut f64) -> bool {
    put(out, value.and_then(Value::as_f64))
}

/// Reads a string. Returns false, and leaves `*out` alone, if `value` is no string.
#[unsafe(no_mangle)]
pub extern "C" fn libresult_value_as_str(value: Option<&Value>, out: *mut Str) -> bool {
    put(out, value.and_then(Value::as_str).map(|text| Str::new(Some(text))))
}

/// What lies at `path`, such as `eval/loss` or `layers/0`; NULL if nothing does.
///
/// A key that holds `/` itself is found too: the longest key that fits is tried first.
#[unsafe(no_mangle)]
pub extern "C" fn libresult_value_find(value: Option<&Value>, path: *const c_char) -> Option<&Value> {
    value?.find(text_or_none(path)?)
}

/// The member of an object called `key`; NULL if there is none.
#[unsafe(no_mangle)]
pub extern "C" fn libresult_value_get(value: Option<&Value>, key: *const c_char) -> Option<&Value> {
    value?.get(text_or_none(key)?)
}

/// How many members an object has, or elements an array; 0 for every other kind.
#[unsafe(no_mangle)]
pub extern "C" fn libresult_value_len(value: Option<&Value>) -> usize {
    value.map_or(0, Value::len)
}

/// Member `index` of an object, or element `index` of an array; NULL past the end.
#[unsafe(no_mangle)]
pub extern "C" fn libresult_value_at(value: Option<&Value>, index: usize) -> Option<&Value> {
    value?.at(index)
}

/// The key of member `index` of an object; empty if there is none.
#[unsafe(no_mangle)]
pub extern "C" fn libresult_value_key_at(value: Option<&Value>, index: usize) -> Str {
    Str::new(value.and_then(|value| value.key_at(index)))
}

/// `value` as JSON; `null` if it is NULL. NaN and the infinities are strings, as in protobuf's JSON.
#[unsafe(no_mangle)]
pub extern "C" fn libresult_value_to_json(value: Option<&Value>) -> Option<Box<Text>> {
    Some(Text::boxed(value.map_or_else(|| "null".to_owned(), Value::to_json)))
}

/// Frees `value`, if it is owned.
#[unsafe(no_mangle)]
pub extern "C" fn libresult_value_free(value: Option<Box<Value>>) {
    drop(value);
}
