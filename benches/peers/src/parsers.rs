//! The values of each parser, as the table wants them.

use std::borrow::Cow;

use jiter::JsonValue;
use simd_json::{BorrowedValue, StaticNode};
use sonic_rs::{JsonContainerTrait, JsonNumberTrait};

use crate::table::{Json, Look};

/// A number that is no i64: digits if it is an integer, else the float.
fn large(integer: Option<u64>, float: Option<f64>) -> Look<'static> {
    integer.map_or_else(|| Look::Float(float.unwrap_or(f64::NAN)), |value| Look::Large(value.to_string()))
}

impl Json for serde_json::Value {
    fn look(&self) -> Look<'_> {
        match self {
            Self::Null => Look::Null,
            Self::Bool(value) => Look::Bool(*value),
            Self::Number(number) => {
                number.as_i64().map_or_else(|| large(number.as_u64(), number.as_f64()), Look::Int)
            }
            Self::String(text) => Look::Text(text),
            Self::Array(_) => Look::List,
            Self::Object(_) => Look::Object,
        }
    }

    fn items(&self, each: impl FnMut(&Self)) {
        self.as_array().into_iter().flatten().for_each(each);
    }

    fn members(&self, mut each: impl FnMut(&str, &Self)) {
        self.as_object().into_iter().flatten().for_each(|(name, value)| each(name, value));
    }

    fn is_empty_object(&self) -> bool {
        self.as_object().is_some_and(serde_json::Map::is_empty)
    }
}

impl Json for BorrowedValue<'_> {
    fn look(&self) -> Look<'_> {
        match self {
            Self::Static(StaticNode::Null) => Look::Null,
            Self::Static(StaticNode::Bool(value)) => Look::Bool(*value),
            Self::Static(StaticNode::I64(value)) => Look::Int(*value),
            Self::Static(StaticNode::U64(value)) => {
                i64::try_from(*value).map_or_else(|_| large(Some(*value), None), Look::Int)
            }
            Self::Static(StaticNode::F64(value)) => Look::Float(*value),
            Self::String(text) => Look::Text(text),
            Self::Array(_) => Look::List,
            Self::Object(_) => Look::Object,
        }
    }

    fn items(&self, each: impl FnMut(&Self)) {
        if let Self::Array(items) = self {
            items.iter().for_each(each);
        }
    }

    fn members(&self, mut each: impl FnMut(&str, &Self)) {
        if let Self::Object(members) = self {
            members.iter().for_each(|(name, value)| each(name, value));
        }
    }

    fn is_empty_object(&self) -> bool {
        matches!(self, Self::Object(members) if members.is_empty())
    }
}

impl Json for sonic_rs::Value {
    fn look(&self) -> Look<'_> {
        match self.as_ref() {
            sonic_rs::ValueRef::Null => Look::Null,
            sonic_rs::ValueRef::Bool(value) => Look::Bool(value),
            sonic_rs::ValueRef::Number(number) => {
                number.as_i64().map_or_else(|| large(number.as_u64(), number.as_f64()), Look::Int)
            }
            sonic_rs::ValueRef::String(text) => Look::Text(text),
            sonic_rs::ValueRef::Array(_) => Look::List,
            sonic_rs::ValueRef::Object(_) => Look::Object,
        }
    }

    fn items(&self, each: impl FnMut(&Self)) {
        if let Some(items) = self.as_array() {
            items.iter().for_each(each);
        }
    }

    fn members(&self, mut each: impl FnMut(&str, &Self)) {
        if let Some(members) = self.as_object() {
            members.iter().for_each(|(name, value)| each(name, value));
        }
    }

    fn is_empty_object(&self) -> bool {
        self.as_object().is_some_and(sonic_rs::Object::is_empty)
    }
}

impl Json for JsonValue<'_> {
    fn look(&self) -> Look<'_> {
        match self {
            Self::Null => Look::Null,
            Self::Bool(value) => Look::Bool(*value),
            Self::Int(value) => Look::Int(*value),
            Self::BigInt(value) => Look::Large(value.to_string()),
            Self::Float(value) => Look::Float(*value),
            Self::Str(Cow::Borrowed(text)) => Look::Text(text),
            Self::Str(Cow::Owned(text)) => Look::Text(text),
            Self::Array(_) => Look::List,
            Self::Object(_) => Look::Object,
        }
    }

    fn items(&self, each: impl FnMut(&Self)) {
        if let Self::Array(items) = self {
            items.iter().for_each(each);
        }
    }

    fn members(&self, mut each: impl FnMut(&str, &Self)) {
        if let Self::Object(members) = self {
            members.iter().for_each(|(name, value)| each(name, value));
        }
    }

    fn is_empty_object(&self) -> bool {
        matches!(self, Self::Object(members) if members.is_empty())
    }
}
