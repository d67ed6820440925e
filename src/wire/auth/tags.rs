//! Lists of tags, RFC 6376 section 3.2: how signatures and their keys are written.

/// A list of tags, read. No tag stands in it twice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tags<'t>(Vec<(&'t str, &'t str)>);

impl<'t> Tags<'t> {
    /// Reads a list; none if it is malformed. A tag that stands twice makes the whole list invalid.
    pub fn parse(text: &'t str) -> Option<Tags<'t>> {
        let mut tags: Vec<(&str, &str)> = Vec::new();
        let text = text.trim_matches(is_space);
        let text = text.strip_suffix(';').unwrap_or(text);
        for tag in text.split(';') {
            let (name, value) = tag.split_once('=')?;
            let (name, value) = (name.trim_matches(is_space), value.trim_matches(is_space));
            let mut letters = name.bytes();
            let is_name = letters.next().is_some_and(|first| first.is_ascii_alphabetic())
                && letters.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
            let is_value = value.chars().all(|letter| !letter.is_control() || is_space(letter));
            if !is_name || !is_value || tags.iter().any(|(known, _)| *known == name) {
                return None;
            }
            tags.push((name, value));
        }
        Some(Tags(tags))
    }

    /// The value of a tag as written, without the space around it. Names have case.
    pub fn get(&self, name: &str) -> Option<&'t str> {
        self.0.iter().find(|(known, _)| *known == name).map(|(_, value)| *value)
    }

    /// The same without any space: for values in base64 and lists.
    pub fn compact(&self, name: &str) -> Option<String> {
        Some(self.get(name)?.chars().filter(|letter| !is_space(*letter)).collect())
    }

    /// The name of the first tag.
    pub fn first(&self) -> Option<&'t str> {
        self.0.first().map(|(name, _)| *name)
    }
}

fn is_space(letter: char) -> bool {
    matches!(letter, ' ' | '\t' | '\r' | '\n')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists() {
        for (text, want) in [
            ("a=1; b = 2 ;\r\n c=\t3 4", Some(vec![("a", "1"), ("b", "2"), ("c", "3 4")])),
            ("a=1;", Some(vec![("a", "1")])),
            ("a=", Some(vec![("a", "")])),
            ("a=b=c", Some(vec![("a", "b=c")])),
            ("a=1; A=2", Some(vec![("a", "1"), ("A", "2")])),
            ("a=1; a=1", None),
            ("a=1;; b=2", None),
            ("a=1; b", None),
            ("1a=1", None),
            ("a-b=1", None),
            ("a=1\0", None),
            ("", None),
        ] {
            assert_eq!(Tags::parse(text).map(|tags| tags.0), want, "{text:?}");
        }
        let tags = Tags::parse("b=ab c\r\n d").unwrap();
        assert_eq!(tags.compact("b").as_deref(), Some("abcd"));
        assert_eq!(tags.first(), Some("b"));
    }
}
