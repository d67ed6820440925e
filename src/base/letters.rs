//! Letters that a stranger writes to deceive: what they are called nobody sees.

/// Does it show nothing itself and change how others look: directions, joiners, tags, fillers?
pub fn is_unseen(letter: char) -> bool {
    matches!(
        letter,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{feff}'
            | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}'
    )
}

/// Does it only choose between two looks of the letter before it?
pub fn is_selector(letter: char) -> bool {
    matches!(letter, '\u{fe00}'..='\u{fe0f}')
}

/// Words of a stranger as a person may see them: one line, nothing that turns or hides letters, at most so many and then an ellipsis.
pub fn one_line(text: &str, letters_max: usize) -> String {
    let shown = |letter: &char| !is_unseen(*letter) && !is_selector(*letter);
    let words = text.split(|letter: char| letter.is_whitespace() || letter.is_control());
    let words = words.map(|word| word.chars().filter(shown).collect());
    let words: Vec<String> = words.filter(|word: &String| !word.is_empty()).collect();
    let line = words.join(" ");
    match line.char_indices().nth(letters_max) {
        Some((end, _)) => format!("{}…", line.get(..end).unwrap_or_default()),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_that_people_read_are_seen() {
        for letter in "aÅ ½字\u{1f600}".chars() {
            assert!(!is_unseen(letter), "{letter:?}");
        }
        assert_eq!(one_line(" a\r\n b\u{200b}\u{fe0f}c  d ", 9), "a bc d");
        assert_eq!(one_line("åäö", 2), "åä…");
        for letter in "\u{ad}\u{200b}\u{202e}\u{2066}\u{feff}\u{fff9}\u{e0041}".chars() {
            assert!(is_unseen(letter), "{letter:?}");
        }
    }
}
