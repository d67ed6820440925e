//! Numbers of 32 bits as people wrote them, and sizes in memory as numbers.
//!
//! Most formats know numbers of 64 bits alone. 0.1 in 32 bits, widened, is 0.10000000149011612 there, which nobody wrote and nobody reads.
//! What is written out is the shortest number that reads back as the same 32 bits.

use serde::Serializer;

/// The number of 64 bits that is written shortest of all that read back as this one.
pub fn shortest(number: f32) -> f64 {
    // The text of a number is the shortest one by the standard library's own promise.
    number.to_string().parse().unwrap_or_else(|_| f64::from(number))
}

/// For `serialize_with`: a field of 32 bits.
pub fn write<S: Serializer>(number: &f32, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(shortest(*number))
}

/// For `serialize_with`: a field of 32 bits that may be absent.
pub fn write_any<S: Serializer>(number: &Option<f32>, serializer: S) -> Result<S::Ok, S::Error> {
    match number {
        Some(number) => serializer.serialize_some(&shortest(*number)),
        None => serializer.serialize_none(),
    }
}

/// A size in memory as a number.
pub fn wide(size: usize) -> u64 {
    u64::try_from(size).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Serialize;

    #[derive(Serialize)]
    struct Line {
        #[serde(serialize_with = "write")]
        score: f32,
        #[serde(serialize_with = "write_any")]
        weight: Option<f32>,
    }

    #[test]
    fn numbers_are_written_as_they_were_read() {
        for (number, text) in
            [(0.1, "0.1"), (1.3, "1.3"), (5.0, "5.0"), (-2.25, "-2.25"), (0.3, "0.3")]
        {
            let line = Line { score: number, weight: Some(number) };
            let json = serde_json::to_value(&line).unwrap().to_string();
            assert_eq!(json, format!("{{\"score\":{text},\"weight\":{text}}}"));
            let toml = toml::Value::try_from(&line).unwrap();
            assert_eq!(toml.get("score").unwrap().to_string(), text);
            assert_eq!(toml.get("weight").unwrap().to_string(), text);
        }
        let none = serde_json::to_string(&Line { score: 1.0, weight: None }).unwrap();
        assert_eq!(none, "{\"score\":1.0,\"weight\":null}");
    }

    #[test]
    fn what_is_written_reads_back_the_same() {
        for number in [0.1_f32, 1.0 / 3.0, f32::MIN_POSITIVE, f32::MAX, 16_777_217.0, -0.0] {
            let back: f32 = shortest(number).to_string().parse().unwrap();
            assert_eq!(back.to_bits(), number.to_bits(), "{number}");
        }
        assert!(shortest(f32::NAN).is_nan() && shortest(f32::INFINITY).is_infinite());
    }
}
