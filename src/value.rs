//! JSON values, as Python writes them: numbers keep what the file says.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::sync::Arc;

use crate::json_writer::JsonWriter;
use crate::number;

/// The type of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C)]
#[non_exhaustive]
pub enum Kind {
    /// `null`, or no value at all.
    Null = 0,
    /// `true` or `false`.
    Bool = 1,
    /// A whole number that fits 64 bits.
    Int = 2,
    /// Any other number: `NaN` and the infinities, and integers beyond 64 bits, whose digits
    /// `libresult_value_to_json` has.
    Float = 3,
    /// A string.
    Str = 4,
    /// A list of values.
    Array = 5,
    /// Values by key, in the order of the file.
    Object = 6,
}

/// A JSON value: a metric, all metrics, the configuration, the metadata of a checkpoint.
///
/// Numbers keep what the file says: 3 is an integer, 3.0 is not, and NaN is allowed.
// A clone shares lists and objects with the original, so it is cheap.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub enum Value {
    /// `null`.
    #[default]
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A whole number that fits `i64`.
    Int(i64),
    /// A whole number above `i64::MAX` that fits `u64`.
    UInt(u64),
    /// A whole number beyond 64 bits: a sign, if it is negative, and its digits.
    BigInt(Box<str>),
    /// Any other number, NaN and the infinities included.
    Float(f64),
    /// A string.
    Str(Box<str>),
    /// A list of values.
    Array(Array),
    /// Values by key, in the order of the file.
    Object(Object),
}

/// A list of values.
#[derive(Debug, Clone)]
pub struct Array(Arc<[Value]>);

/// Values by key, in the order of the file. Keys are unique.
#[derive(Debug, Clone)]
pub struct Object {
    keys: Arc<Keys>,
    values: Arc<[Value]>,
}

/// The keys of an object, shared by all objects of a file that have the same ones in the same order, as the
/// rows of a run mostly do.
#[derive(Debug)]
pub(crate) struct Keys {
    names: Box<[Box<str>]>,
    /// Where each name is, if there are too many to compare one by one.
    places: Option<HashMap<Box<str>, usize>>,
    /// The lengths that names have, shortest first: nothing of another length need be looked for, which would
    /// have to be hashed.
    lengths: Box<[usize]>,
}

impl Keys {
    /// Up to this many names are compared one by one.
    const FEW: usize = 16;

    /// `names` must be unique.
    pub(crate) fn new(names: Box<[Box<str>]>) -> Self {
        let places = (names.len() > Self::FEW)
            .then(|| names.iter().enumerate().map(|(place, name)| (name.clone(), place)).collect());
        let mut lengths: Vec<usize> = names.iter().map(|name| name.len()).collect();
        lengths.sort_unstable();
        lengths.dedup();
        Keys { names, places, lengths: lengths.into() }
    }

    pub(crate) fn names(&self) -> &[Box<str>] {
        &self.names
    }

    fn place(&self, name: &str) -> Option<usize> {
        self.lengths.binary_search(&name.len()).ok()?;
        match &self.places {
            Some(places) => places.get(name).copied(),
            None => self.names.iter().position(|known| **known == *name),
        }
    }
}

impl Array {
    pub(crate) fn new(items: Arc<[Value]>) -> Self {
        Array(items)
    }

    /// The elements.
    pub fn items(&self) -> &[Value] {
        &self.0
    }
}

impl Object {
    /// As many values as keys.
    pub(crate) fn new(keys: Arc<Keys>, values: Arc<[Value]>) -> Self {
        debug_assert_eq!(keys.names.len(), values.len());
        Object { keys, values }
    }

    /// An object without members.
    pub(crate) fn empty() -> Self {
        Object::new(Arc::new(Keys::new(Box::default())), Arc::default())
    }

    /// The member called `key`.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.keys.place(key).and_then(|place| self.values.get(place))
    }

    /// The members, in the order of the file.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &Value)> {
        self.keys.names.iter().map(|name| &**name).zip(self.values.iter())
    }

    /// Member `index`.
    pub(crate) fn member(&self, index: usize) -> Option<(&str, &Value)> {
        Some((self.keys.names.get(index)?, self.values.get(index)?))
    }

    /// How many members.
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }
}

/// Frees nested values one after another: the compiler's own way is to recurse, which a deep value does not
/// survive on a small stack.
fn free_nested(items: &mut [Value]) {
    let mut waiting: Vec<Value> = Vec::new();
    let mut set_aside = |items: &mut [Value]| -> Option<Value> {
        let nested = items.iter_mut().filter(|item| matches!(item, Value::Array(_) | Value::Object(_)));
        waiting.extend(nested.map(std::mem::take));
        waiting.pop()
    };
    let mut next = set_aside(items);
    while let Some(mut value) = next {
        // A value that something else shares is not freed now.
        let items = match &mut value {
            Value::Array(array) => Arc::get_mut(&mut array.0),
            Value::Object(object) => Arc::get_mut(&mut object.values),
            Value::Null | Value::Bool(_) | Value::Int(_) | Value::UInt(_) => None,
            Value::BigInt(_) | Value::Float(_) | Value::Str(_) => None,
        };
        next = set_aside(items.unwrap_or_default());
    }
}

impl Drop for Array {
    fn drop(&mut self) {
        if let Some(items) = Arc::get_mut(&mut self.0) {
            free_nested(items);
        }
    }
}

impl Drop for Object {
    fn drop(&mut self) {
        if let Some(values) = Arc::get_mut(&mut self.values) {
            free_nested(values);
        }
    }
}

impl Value {
    /// The type of the value.
    pub fn kind(&self) -> Kind {
        match self {
            Value::Null => Kind::Null,
            Value::Bool(_) => Kind::Bool,
            Value::Int(_) | Value::UInt(_) => Kind::Int,
            Value::BigInt(_) | Value::Float(_) => Kind::Float,
            Value::Str(_) => Kind::Str,
            Value::Array(_) => Kind::Array,
            Value::Object(_) => Kind::Object,
        }
    }

    /// Whether it is `null`.
    pub fn is_null(&self) -> bool {
        matches!(self, Value::Null)
    }

    /// `true` or `false`, if it is either.
    pub fn as_bool(&self) -> Option<bool> {
        if let Value::Bool(bool) = self { Some(*bool) } else { None }
    }

    /// A whole number, if it is one that fits. 3.0 is none.
    pub fn as_i64(&self) -> Option<i64> {
        if let Value::Int(number) = self { Some(*number) } else { None }
    }

    /// A whole number, if it is one that fits. 3.0 is none.
    pub fn as_u64(&self) -> Option<u64> {
        match self {
            Value::Int(number) => u64::try_from(*number).ok(),
            Value::UInt(number) => Some(*number),
            Value::BigInt(_) | Value::Float(_) => None,
            Value::Null | Value::Bool(_) | Value::Str(_) | Value::Array(_) | Value::Object(_) => None,
        }
    }

    /// A number, if it is one, as the nearest double.
    pub fn as_f64(&self) -> Option<f64> {
        match self {
            Value::Int(number) => Some(*number as f64),
            Value::UInt(number) => Some(*number as f64),
            Value::BigInt(digits) => digits.parse().ok(),
            Value::Float(number) => Some(*number),
            Value::Null | Value::Bool(_) | Value::Str(_) | Value::Array(_) | Value::Object(_) => None,
        }
    }

    /// A string, if it is one.
    pub fn as_str(&self) -> Option<&str> {
        if let Value::Str(text) = self { Some(text) } else { None }
    }

    /// The elements, if it is a list.
    pub fn as_array(&self) -> Option<&[Value]> {
        if let Value::Array(array) = self { Some(array.items()) } else { None }
    }

    /// The members, if it is an object.
    pub fn as_object(&self) -> Option<&Object> {
        if let Value::Object(object) = self { Some(object) } else { None }
    }

    /// The member called `key`, if it is an object that has one.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.as_object()?.get(key)
    }

    /// How many members an object has, or elements a list; 0 for every other kind.
    pub fn len(&self) -> usize {
        self.children().len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.children().is_empty()
    }

    /// Member `index` of an object, or element `index` of a list.
    pub fn at(&self, index: usize) -> Option<&Value> {
        self.children().get(index)
    }

    /// The key of member `index` of an object.
    pub fn key_at(&self, index: usize) -> Option<&str> {
        self.as_object()?.keys.names.get(index).map(|name| &**name)
    }

    fn children(&self) -> &[Value] {
        match self {
            Value::Array(array) => array.items(),
            Value::Object(object) => &object.values,
            Value::Null | Value::Bool(_) | Value::Int(_) | Value::UInt(_) => &[],
            Value::BigInt(_) | Value::Float(_) | Value::Str(_) => &[],
        }
    }

    /// What lies at `path`, such as `eval/loss` or `layers/0`.
    ///
    /// A key that holds `/` itself is found too: the longest key that fits is tried first. Elements of a
    /// list are named by their number, from 0. Ray splits at every `/` (`unflattened_lookup`), and so misses
    /// keys that hold one.
    pub fn find(&self, path: &str) -> Option<&Value> {
        // Where each value lies is fixed by the keys above it, so none is visited twice.
        let mut waiting = vec![(self, path)];
        while let Some((value, path)) = waiting.pop() {
            if let Some(found) = value.child(path) {
                return Some(found);
            }
            // No longer head fits: there is no such key, and a number holds no slash.
            let longest = if let Value::Object(object) = value {
                object.keys.lengths.last().copied()
            } else {
                path.find('/')
            };
            let longest = longest.unwrap_or_default();
            // The last one in is the first one tried: the longest head.
            for (slash, _) in path.match_indices('/').take_while(|(slash, _)| *slash <= longest) {
                if let Some(child) = value.child(&path[..slash]).filter(|child| !child.is_empty()) {
                    waiting.push((child, &path[slash + 1..]));
                }
            }
        }
        None
    }

    fn child(&self, name: &str) -> Option<&Value> {
        if let Value::Object(object) = self {
            return object.get(name);
        }
        let is_number = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_digit());
        if is_number { self.as_array()?.get(name.parse::<usize>().ok()?) } else { None }
    }

    /// Whether two values say the same: keys in any order, NaN like NaN, but 3 unlike 3.0.
    pub(crate) fn same(&self, other: &Value) -> bool {
        let mut waiting = vec![(self, other)];
        while let Some((a, b)) = waiting.pop() {
            let same = match (a, b) {
                (Value::Object(x), Value::Object(y)) => {
                    let pairs = x.iter().map(|(key, value)| Some((value, y.get(key)?)));
                    let pairs: Option<Vec<_>> = pairs.collect();
                    let found = pairs.is_some();
                    waiting.extend(pairs.unwrap_or_default());
                    found && x.len() == y.len()
                }
                (Value::Array(x), Value::Array(y)) => {
                    waiting.extend(x.items().iter().zip(y.items()));
                    x.items().len() == y.items().len()
                }
                (Value::Float(x), Value::Float(y)) => x == y || (x.is_nan() && y.is_nan()),
                (Value::BigInt(x), Value::BigInt(y)) | (Value::Str(x), Value::Str(y)) => x == y,
                (Value::Int(x), Value::Int(y)) => x == y,
                (Value::UInt(x), Value::UInt(y)) => x == y,
                (Value::Bool(x), Value::Bool(y)) => x == y,
                (Value::Null, Value::Null) => true,
                (_, _) => false,
            };
            if !same {
                return false;
            }
        }
        true
    }

    /// How two numbers compare, exactly whatever their size; bools are 0 and 1. None if one is no number or NaN.
    pub(crate) fn compare_numbers(&self, other: &Value) -> Option<Ordering> {
        number::compare(self, other)
    }

    /// The value as strict JSON. NaN and the infinities are strings, as in protobuf's JSON.
    pub fn to_json(&self) -> String {
        let mut writer = JsonWriter::new();
        writer.value(self);
        writer.finish()
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Value::Str(text.into())
    }
}

#[cfg(test)]
mod tests {
    use crate::parse::json::document;

    #[test]
    fn paths_through_keys_that_hold_slashes() {
        let few = r#""a":{"b":1,"b/c":2},"a/b":{"c":3},"":{"":4},"l":[[5],{"x/y":6}]"#;
        let many = (0..20).map(|i| format!(",\"k{i}\":0")).collect::<Vec<_>>().concat();
        for text in [format!("{{{few}}}"), format!("{{{few}{many}}}")] {
            let (value, _) = document(&text, 10).unwrap();
            let found = |path: &str| value.find(path).and_then(|found| found.as_i64());
            // The longest key that fits comes first, but a path through a shorter one is found too.
            assert_eq!((found("a/b/c"), found("a/b")), (Some(3), None));
            assert_eq!((found("/"), found("l/0/0"), found("l/01/x/y")), (Some(4), Some(5), Some(6)));
            for missing in ["a/b/c/", "a/c", "//", "l/2/0", "l//0", "l/0/0/0", "k1/x", ""] {
                assert_eq!(found(missing), None, "{missing}");
            }
        }
    }
}
