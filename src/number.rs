//! Exact comparison of numbers: integers of any size with one another and with doubles.

use std::cmp::Ordering;

use crate::value::Value;

/// A number in a form that compares exactly.
enum Number<'a> {
    /// Any integer of 64 bits, signed or not.
    Small(i128),
    /// Digits of an integer beyond that, without its sign.
    Big {
        negative: bool,
        digits: &'a str,
    },
    Float(f64),
}

/// Words that Ray writes among numbers, for values that are no finite numbers.
pub(crate) fn word(text: &str) -> Option<f64> {
    match text {
        "nan" | "NaN" | "null" => Some(f64::NAN),
        "inf" | "Infinity" => Some(f64::INFINITY),
        "-inf" | "-Infinity" => Some(f64::NEG_INFINITY),
        _ => None,
    }
}

/// How two numbers compare, bools being 0 and 1. None if one is no number or NaN.
pub(crate) fn compare(a: &Value, b: &Value) -> Option<Ordering> {
    match (number(a)?, number(b)?) {
        (Number::Float(x), Number::Float(y)) => x.partial_cmp(&y),
        (Number::Float(x), y) => compare_to_float(&y, x).map(Ordering::reverse),
        (x, Number::Float(y)) => compare_to_float(&x, y),
        (Number::Small(x), Number::Small(y)) => Some(x.cmp(&y)),
        (Number::Small(_), Number::Big { negative, .. }) => Some(sign(!negative)),
        (Number::Big { negative, .. }, Number::Small(_)) => Some(sign(negative)),
        (Number::Big { negative, digits: x }, Number::Big { negative: other, digits: y }) => {
            Some(compare_signed((negative, x), (other, y)))
        }
    }
}

fn number(value: &Value) -> Option<Number<'_>> {
    match value {
        Value::Bool(bool) => Some(Number::Small(i128::from(*bool))),
        Value::Int(number) => Some(Number::Small(i128::from(*number))),
        Value::UInt(number) => Some(Number::Small(i128::from(*number))),
        Value::BigInt(text) => {
            let digits = text.strip_prefix('-').unwrap_or(text);
            Some(Number::Big { negative: digits.len() < text.len(), digits })
        }
        Value::Float(number) => Some(Number::Float(*number)),
        Value::Null | Value::Str(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

/// The order of a number of this sign and a larger one.
fn sign(negative: bool) -> Ordering {
    if negative { Ordering::Less } else { Ordering::Greater }
}

fn compare_signed(a: (bool, &str), b: (bool, &str)) -> Ordering {
    let ((a_negative, x), (b_negative, y)) = (a, b);
    if a_negative != b_negative {
        return sign(a_negative);
    }
    let by_size = x.len().cmp(&y.len()).then_with(|| x.cmp(y));
    if a_negative { by_size.reverse() } else { by_size }
}

fn compare_to_float(integer: &Number, float: f64) -> Option<Ordering> {
    if float.is_nan() {
        return None;
    }
    if float.is_infinite() {
        return Some(sign(float > 0.0));
    }
    let whole = float.trunc();
    let by_whole = match integer {
        // Whole doubles below 2^126 are exact as i128, and all 64-bit integers are far below.
        Number::Small(x) if whole.abs() < 2f64.powi(126) => x.cmp(&(whole as i128)),
        Number::Small(_) => sign(float > 0.0),
        // Rust prints all digits of a whole double.
        Number::Big { negative, digits } => {
            compare_signed((*negative, digits), (whole < 0.0, &format!("{:.0}", whole.abs())))
        }
        Number::Float(_) => return None,
    };
    // Equal so far: what the double has behind the point decides.
    let fraction = (float - whole).partial_cmp(&0.0).unwrap_or(Ordering::Equal);
    Some(by_whole.then(fraction.reverse()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse::json::document;

    fn order(a: &str, b: &str) -> Option<Ordering> {
        let read = |text| document(text, 10).unwrap().0;
        compare(&read(a), &read(b))
    }

    #[test]
    fn numbers_in_order_are_in_order() {
        let in_order = [
            "-Infinity",
            "-1e300",
            "-123456789012345678901234567891",
            "-123456789012345678901234567890",
            "-1e20",
            "-9223372036854775808",
            "-3.5",
            "-3",
            "-0.5",
            "0",
            "0.5",
            "true",
            "1.5",
            "3",
            "9007199254740992.0",
            "9007199254740993",
            "9007199254740994.0",
            "18446744073709551615",
            "18446744073709551616.0",
            "18446744073709551617",
            "100000000000000000000",
            "100000000000000000000000000000000000001",
            "1e300",
            "Infinity",
        ];
        for (i, a) in in_order.iter().enumerate() {
            for (j, b) in in_order.iter().enumerate() {
                assert_eq!(order(a, b), Some(i.cmp(&j)), "{a} {b}");
            }
        }
    }

    #[test]
    fn equal_numbers_of_different_kinds() {
        for (a, b) in [
            ("0", "-0.0"),
            ("-0.0", "0.0"),
            ("1", "true"),
            ("3", "3.0"),
            ("false", "0.0"),
            ("100000000000000000000", "1e20"),
            ("9007199254740992", "9007199254740992.0"),
        ] {
            assert_eq!(order(a, b), Some(Ordering::Equal), "{a} {b}");
            assert_eq!(order(b, a), Some(Ordering::Equal), "{b} {a}");
        }
    }

    #[test]
    fn what_is_no_number_does_not_compare() {
        for other in ["NaN", "null", "\"1\"", "[]", "{}"] {
            assert_eq!(order(other, "1"), None);
            assert_eq!(order("100000000000000000000", other), None);
        }
    }
}
