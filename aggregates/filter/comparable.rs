//! Values as keys that compare like the values themselves, byte by byte: the same keys stand in a column of the read tables and are
//! made of a contact in memory, so that a filter means the same in both.

use jiff::civil;

use crate::field_value::FieldValue;
use crate::folding::fold;

/// The keys of a value: one, or one for each item of a list.
///
/// Texts are folded, phone numbers stay as they are; numbers, days, times and moments become texts in their order.
#[must_use]
pub fn keys(value: &FieldValue) -> Vec<String> {
    match value {
        FieldValue::Text(text) | FieldValue::Url(text) | FieldValue::Email(text) => vec![fold(text)],
        FieldValue::Phone(text) | FieldValue::Time(text) => vec![text.clone()],
        FieldValue::Number(number) => vec![number_key(number)],
        FieldValue::Boolean(truth) => vec![truth.to_string()],
        FieldValue::Date(text) => vec![text.parse().map_or_else(|_| text.clone(), date_key)],
        FieldValue::DateTime(text) => {
            vec![
                text.parse()
                    .map_or_else(|_| text.clone(), |moment: jiff::Timestamp| moment_key(moment.as_nanosecond())),
            ]
        }
        FieldValue::List(items) => items.iter().map(|item| fold(item)).collect(),
    }
}

/// The keys of a value as one text: that of a single value, and the items of a list each between two line breaks. No key has a
/// line break inside.
#[must_use]
pub fn column(value: &FieldValue) -> String {
    if !matches!(value, FieldValue::List(_)) {
        return keys(value).concat();
    }
    keys(value).iter().fold(String::from("\n"), |column, item| column + item + "\n")
}

/// The year is counted from -10000, so that all years are positive and have five digits.
pub(super) fn date_key(day: civil::Date) -> String {
    format!("{:05}-{:02}-{:02}", i32::from(day.year()) + 10_000, day.month(), day.day())
}

/// Nanoseconds since the epoch, counted from before the first year that there is.
pub(super) fn moment_key(nanoseconds: i128) -> String {
    const BEFORE_ALL: i128 = 400_000_000_000_000_000_000;
    format!("{:021}", nanoseconds + BEFORE_ALL)
}

/// Sign, exponent and mantissa in the order of the numbers, exact for all integers of 64 bit and all floats.
fn number_key(number: &serde_json::Number) -> String {
    let (negative, exponent, mantissa) = match (number.as_i64(), number.as_u64(), number.as_f64()) {
        (Some(integer), _, _) => parts_of_integer(integer < 0, integer.unsigned_abs()),
        (_, Some(integer), _) => parts_of_integer(false, integer),
        (_, _, float) => parts_of_float(float.unwrap_or_default()),
    };
    if mantissa == 0 {
        return "1".to_owned();
    }
    // Of two negative numbers the one with the greater magnitude is less.
    let magnitude = |exponent: u16, mantissa: u64| format!("{exponent:04x}{mantissa:016x}");
    if negative {
        format!("0{}", magnitude(u16::MAX - exponent, u64::MAX - mantissa))
    } else {
        format!("2{}", magnitude(exponent, mantissa))
    }
}

/// More than the exponent of the smallest float.
const EXPONENT_BIAS: i32 = 2_000;

/// The mantissa with its highest bit set, and the exponent of that bit; zeros for zero.
fn parts_of_integer(negative: bool, magnitude: u64) -> (bool, u16, u64) {
    if magnitude == 0 {
        return (false, 0, 0);
    }
    let shift = magnitude.leading_zeros();
    (negative, biased(63 - shift.cast_signed()), magnitude << shift)
}

fn parts_of_float(float: f64) -> (bool, u16, u64) {
    let bits = float.to_bits();
    let (exponent, fraction) = ((bits >> 52) & 0x7FF, bits & ((1 << 52) - 1));
    let mantissa = if exponent == 0 { fraction } else { fraction | (1 << 52) };
    if mantissa == 0 {
        return (false, 0, 0);
    }
    // The value is mantissa * 2^(max(exponent, 1) - 1075).
    let shift = mantissa.leading_zeros();
    let lowest = i32::try_from(exponent.max(1)).unwrap_or_default() - 1_075;
    (float.is_sign_negative(), biased(lowest + 63 - shift.cast_signed()), mantissa << shift)
}

fn biased(exponent: i32) -> u16 {
    u16::try_from(exponent + EXPONENT_BIAS).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Number, json};

    use super::*;
    use crate::field_value::FieldType;

    fn key(field_type: FieldType, value: &serde_json::Value) -> String {
        column(&FieldValue::parse(field_type, value).expect("a value"))
    }

    fn in_order(field_type: FieldType, values: &[serde_json::Value]) {
        let keys: Vec<String> = values.iter().map(|value| key(field_type, value)).collect();
        assert!(keys.is_sorted_by(|one, other| one < other), "{keys:?}");
    }

    #[test]
    fn numbers_days_times_and_moments_stand_in_their_order() {
        in_order(
            FieldType::Number,
            &[
                json!(-1.5e308),
                json!(i64::MIN),
                json!(-10),
                json!(-9.5),
                json!(-9),
                json!(-5e-324),
                json!(0),
                json!(5e-324),
                json!(0.1),
                json!(1),
                json!(1.5),
                json!(9),
                json!(10),
                json!(9_007_199_254_740_992_u64),
                json!(9_007_199_254_740_993_u64),
                json!(u64::MAX),
                json!(1.9e19),
                json!(1.5e308),
            ],
        );
        in_order(
            FieldType::Date,
            &[json!("-000100-01-01"), json!("0099-12-31"), json!("2026-02-28"), json!("2026-10-01")],
        );
        in_order(FieldType::Time, &[json!("00:00"), json!("09:30"), json!("09:30:01"), json!("10:00")]);
        in_order(
            FieldType::DateTime,
            &[
                json!("-000100-01-01T00:00:00Z"),
                json!("2026-11-23T09:30:00+02:00"),
                json!("2026-11-23T08:30:00Z"),
                json!("2026-11-23T08:30:00.000000001Z"),
                json!("2026-11-23T09:30:00.5Z"),
            ],
        );
    }

    #[test]
    fn one_value_has_one_key_however_it_is_spelled() {
        assert_eq!(key(FieldType::Number, &json!(-0.0)), key(FieldType::Number, &json!(0)));
        assert_eq!(key(FieldType::Number, &json!(2.0)), key(FieldType::Number, &json!(2)));
        let moment = |text: &str| key(FieldType::DateTime, &json!(text));
        assert_eq!(moment("2026-11-23T09:30:00+02:00"), moment("2026-11-23T07:30:00Z"));
        assert_eq!(key(FieldType::Text, &json!("  ĐÀ  Nẵng ")), "da nang");
        assert_eq!(key(FieldType::List, &json!(["Đỏ", "x\ny"])), "\ndo\nx y\n");
        assert_eq!(key(FieldType::List, &json!([])), "\n");
    }

    proptest! {
        #[test]
        fn keys_of_numbers_compare_like_the_numbers(one in any::<f64>(), other in any::<f64>(), integer in any::<i64>(), unsigned in any::<u64>()) {
            let float_key = |float: f64| Number::from_f64(float).map(|number| number_key(&number));
            if let (Some(left), Some(right)) = (float_key(one), float_key(other)) {
                prop_assert_eq!(Some(left.cmp(&right)), one.partial_cmp(&other));
            }
            let integer_key = number_key(&Number::from(integer));
            prop_assert_eq!(integer_key.cmp(&number_key(&Number::from(unsigned))), i128::from(integer).cmp(&i128::from(unsigned)));
            // Exact as long as the float is an integer of less than 127 bit.
            if let Some(key) = float_key(one.trunc()).filter(|_| one.abs() < 1e38) {
                #[expect(clippy::cast_possible_truncation, reason = "its fraction is cut and its size is checked")]
                let truncated = one.trunc() as i128;
                prop_assert_eq!(key.cmp(&integer_key), truncated.cmp(&i128::from(integer)));
            }
        }
    }
}
