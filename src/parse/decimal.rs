//! Numbers in one pass over their digits: integers as they are, decimals rounded to the nearest double.
//!
//! The rounding is that of Daniel Lemire, "Number parsing at a gigabyte per second" (2021): the digits as a whole
//! number times a power of five, kept to 128 bits, decide all but a few cases; those go to the standard library.

/// A number of JSON, as Python reads it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Decimal {
    Int(i64),
    /// Above `i64::MAX`.
    UInt(u64),
    /// An integer that does not fit 64 bits.
    Big,
    Float(f64),
}

/// Reads the number that starts at `start`, and tells where it ends; none if there is none. As in Python, a point or
/// an exponent without digits does not belong to it.
#[inline]
pub(crate) fn decimal(data: &[u8], start: usize) -> Option<(Decimal, usize)> {
    let byte = |at: usize| data.get(at).copied().unwrap_or(0);
    let negative = byte(start) == b'-';
    let first = start + usize::from(negative);
    let (mut digits, mut at) = if byte(first) == b'0' { (0, first + 1) } else { few_digits(0, data, first) };
    if at == first {
        return None;
    }
    let mut count = at - first;
    let mut exponent: i64 = 0;
    let mut is_whole = true;
    if byte(at) == b'.' && byte(at + 1).is_ascii_digit() {
        is_whole = false;
        let point = at + 1;
        (digits, at) = more_digits(digits, data, point);
        count += at - point;
        exponent = -((at - point) as i64);
    }
    if byte(at) | 0x20 == b'e' {
        let sign = usize::from(matches!(byte(at + 1), b'+' | b'-'));
        if byte(at + 1 + sign).is_ascii_digit() {
            is_whole = false;
            let is_negative = byte(at + 1) == b'-';
            at += 1 + sign;
            let mut scale: i64 = 0;
            while byte(at).is_ascii_digit() {
                // Beyond this all is zero or infinite, which the standard library finds.
                scale = (scale * 10 + i64::from(byte(at) - b'0')).min(1 << 32);
                at += 1;
            }
            exponent += if is_negative { -scale } else { scale };
        }
    }
    let text = data.get(start..at)?;
    if is_whole {
        return Some((if count <= 18 { small(digits, negative) } else { whole(text) }, at));
    }
    // 19 digits always fit, and zeros before the first other digit are none.
    let fits = count <= 19 || count - leading_zeros(data, first) <= 19;
    let magnitude = if fits { nearest(digits, exponent) } else { None };
    let float = match magnitude {
        Some(magnitude) if negative => -magnitude,
        Some(magnitude) => magnitude,
        None => std::str::from_utf8(text).ok()?.parse().ok()?,
    };
    Some((Decimal::Float(float), at))
}

fn small(digits: u64, negative: bool) -> Decimal {
    let digits = digits as i64;
    Decimal::Int(if negative { -digits } else { digits })
}

/// An integer of any size: its digits, with a minus before them if it is negative.
#[cold]
fn whole(text: &[u8]) -> Decimal {
    let text = std::str::from_utf8(text).unwrap_or_default();
    let signed = text.parse().map(Decimal::Int);
    signed.or_else(|_| text.parse().map(Decimal::UInt)).unwrap_or(Decimal::Big)
}

/// How many zeros stand before the first other digit.
#[cold]
fn leading_zeros(data: &[u8], first: usize) -> usize {
    let digits = data[first..].iter().filter(|byte| **byte != b'.');
    digits.take_while(|byte| **byte == b'0').count()
}

/// Adds the digits that start at `at` to a number, and tells where they end: eight at a time, without a branch that
/// depends on how many they are.
#[inline]
fn more_digits(mut number: u64, data: &[u8], mut at: usize) -> (u64, usize) {
    const TENS: [u64; 9] = [1, 10, 100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000];
    while let Some(bytes) = data.get(at..at + 8) {
        let mut word = [0; 8];
        word.copy_from_slice(bytes);
        let values = u64::from_le_bytes(word) ^ 0x3030_3030_3030_3030;
        // A byte above nine gets its highest bit set; the first such byte is the end of the digits.
        let others = (values.wrapping_add(0x7676_7676_7676_7676) | values) & 0x8080_8080_8080_8080;
        if others == 0 {
            number = number.wrapping_mul(TENS[8]).wrapping_add(eight_digits(values));
            at += 8;
            continue;
        }
        let count = others.trailing_zeros() / 8;
        // As if zeros stood before them.
        let values = values.checked_shl(64 - 8 * count).unwrap_or(0);
        number = number.wrapping_mul(TENS[count as usize]).wrapping_add(eight_digits(values));
        return (number, at + count as usize);
    }
    few_digits(number, data, at)
}

/// The same one by one: most integers have as many digits as the one before, which a processor guesses.
#[inline]
fn few_digits(mut number: u64, data: &[u8], mut at: usize) -> (u64, usize) {
    while let Some(digit) = data.get(at).filter(|byte| byte.is_ascii_digit()) {
        number = number.wrapping_mul(10).wrapping_add(u64::from(digit - b'0'));
        at += 1;
    }
    (number, at)
}

/// The number that eight digits are, each in a byte, the first one in the lowest.
#[inline]
fn eight_digits(values: u64) -> u64 {
    // Pairs, then fours, then all eight.
    let pairs = (values * 10) + (values >> 8);
    let low = (pairs & 0x0000_00ff_0000_00ff).wrapping_mul(0x000f_4240_0000_0064);
    let high = ((pairs >> 16) & 0x0000_00ff_0000_00ff).wrapping_mul(0x0000_2710_0000_0001);
    u64::from((low.wrapping_add(high) >> 32) as u32)
}

/// The powers of five that the table holds: most numbers that Python writes need no other.
const LOWEST: i64 = -55;
const HIGHEST: i64 = 55;

/// The first 128 bits of each power of five.
static POWERS: [u128; (HIGHEST - LOWEST + 1) as usize] = powers();

const fn powers() -> [u128; (HIGHEST - LOWEST + 1) as usize] {
    let mut table = [0; (HIGHEST - LOWEST + 1) as usize];
    let mut power: u128 = 1;
    let mut place = 0;
    while place <= HIGHEST {
        table[(place - LOWEST) as usize] = power << power.leading_zeros();
        if place > 0 {
            table[(-place - LOWEST) as usize] = inverse(power);
        }
        if place < HIGHEST {
            power *= 5;
        }
        place += 1;
    }
    table
}

/// The first 128 bits of 1 / `power`, rounded up: a division bit by bit.
const fn inverse(power: u128) -> u128 {
    let mut quotient: u128 = 0;
    let mut rest: u128 = 1;
    while quotient.leading_zeros() > 0 {
        let carry = rest >> 127 != 0;
        rest <<= 1;
        quotient <<= 1;
        if carry || rest >= power {
            rest = rest.wrapping_sub(power);
            quotient |= 1;
        }
    }
    quotient + 1
}

/// `digits` times ten to the `exponent`, as the nearest double; none where that takes more than 128 bits to tell.
#[inline]
fn nearest(digits: u64, exponent: i64) -> Option<f64> {
    if digits == 0 {
        return Some(0.0);
    }
    if !(LOWEST..=HIGHEST).contains(&exponent) {
        return None;
    }
    const MANTISSA_BITS: u32 = 52;
    let zeros = digits.leading_zeros();
    let (low, high) = product(digits << zeros, POWERS[(exponent - LOWEST) as usize]);
    if low == u64::MAX {
        return None;
    }
    let upper = (high >> 63) as u32;
    let shift = upper + 64 - MANTISSA_BITS - 3;
    let mut mantissa = high >> shift;
    // log2(10) in 16 bits behind the point.
    let scale = ((exponent * (152_170 + 65_536)) >> 16) + 63;
    let mut power = scale + i64::from(upper) - i64::from(zeros) + 1023;
    if power <= 0 {
        return None;
    }
    // Halfway between two doubles: to the even one.
    if low <= 1 && (-4..=23).contains(&exponent) && mantissa & 3 == 1 && mantissa << shift == high {
        mantissa &= !1;
    }
    mantissa = (mantissa + (mantissa & 1)) >> 1;
    if mantissa >= 2 << MANTISSA_BITS {
        mantissa = 1 << MANTISSA_BITS;
        power += 1;
    }
    if power >= 0x7ff {
        return None;
    }
    let bits = (mantissa & !(1 << MANTISSA_BITS)) | ((power as u64) << MANTISSA_BITS);
    Some(f64::from_bits(bits))
}

/// The upper 128 bits of a product, as two words; the lower half of the power only where it matters.
#[inline]
fn product(digits: u64, power: u128) -> (u64, u64) {
    let wide = u128::from(digits) * (power >> 64);
    let (mut low, mut high) = (wide as u64, (wide >> 64) as u64);
    if high & 0x1ff == 0x1ff {
        let more = u128::from(digits) * u128::from(power as u64);
        let (sum, carry) = low.overflowing_add((more >> 64) as u64);
        low = sum;
        high += u64::from(carry);
    }
    (low, high)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<(Decimal, usize)> {
        // What stands behind a number may be anything.
        let alone = decimal(text.as_bytes(), 0);
        let followed = format!("{text}, 12345678");
        assert_eq!(format!("{:?}", decimal(followed.as_bytes(), 0)), format!("{alone:?}"), "{text}");
        alone
    }

    fn check(text: &str) {
        let expected: f64 = text.parse().unwrap();
        let Some((Decimal::Float(found), end)) = read(text) else { panic!("{text}") };
        assert_eq!((found.to_bits(), end), (expected.to_bits(), text.len()), "{text}");
    }

    #[test]
    fn whole_numbers_keep_their_digits() {
        let cases = [
            ("0", Decimal::Int(0)),
            ("-0", Decimal::Int(0)),
            ("42", Decimal::Int(42)),
            ("-999999999999999999", Decimal::Int(-999_999_999_999_999_999)),
            ("9223372036854775807", Decimal::Int(i64::MAX)),
            ("-9223372036854775808", Decimal::Int(i64::MIN)),
            ("9223372036854775808", Decimal::UInt(1 << 63)),
            ("18446744073709551615", Decimal::UInt(u64::MAX)),
            ("18446744073709551616", Decimal::Big),
            ("-9223372036854775809", Decimal::Big),
        ];
        for (text, expected) in cases {
            assert_eq!(read(text), Some((expected, text.len())), "{text}");
        }
    }

    #[test]
    fn a_number_ends_where_python_ends_it() {
        for (text, end) in
            [("1.", 1), ("1.e5", 1), ("1e", 1), ("1e+", 1), ("1.5e-", 3), ("01", 1), ("-0.5.5", 4)]
        {
            assert_eq!(decimal(text.as_bytes(), 0).unwrap().1, end, "{text}");
        }
        for text in ["", "-", "+1", ".5", "-.5", "e5", "-x"] {
            assert_eq!(decimal(text.as_bytes(), 0), None, "{text}");
        }
    }

    #[test]
    fn decimals_are_rounded_as_the_standard_library_does() {
        let texts = [
            "0.0",
            "-0.0",
            "0e5",
            "0.1",
            "-1.5",
            "3.0",
            "1e5",
            "1E-7",
            "123456.789e3",
            "1e22",
            "1e23",
            "1e-5",
            "5e-324",
            "2e-324",
            "1e308",
            "1.7976931348623157e308",
            "1.7976931348623159e308",
            "1e309",
            "-1e400",
            "1e-400",
            "2.2250738585072014e-308",
            "9007199254740993.0",
            "9007199254740992.5",
            "9007199254740993.5",
            "0.3",
            "0.30000000000000004",
            "8.41e21",
            "9.5367431640625e-7",
            "1.00000000000000011102230246251565404",
            "1234567890123456789.0",
            "12345678901234567890.0",
            "0.00000000000000000000000000012345678901234567",
            "1e99999999999999999999",
            "6.02214076e23",
            "1.2345678901234567e-30",
            "4.35",
            "2.675",
            "0.000012345678901234567",
        ];
        texts.iter().for_each(|text| check(text));
    }

    #[test]
    fn any_double_comes_back() {
        // A simple generator is enough: all bits change.
        let mut state: u64 = 0x9e37_79b9_7f4a_7c15;
        for round in 0..200_000_u32 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let float = match round % 4 {
                0 => f64::from_bits(state),
                1 => (state >> 11) as f64 / (1u64 << 53) as f64,
                2 => (state >> 40) as f64 / 1000.0,
                _ => (state >> 11) as f64 * 1e-20,
            };
            if float.is_finite() {
                check(&format!("{float:?}"));
                check(&format!("{float:e}"));
            }
        }
    }
}
