//! The tokens of a page, with a bound on the attributes of one tag and on the stack they take.
//!
//! html5gum 0.9.0 calls itself once more for each attribute in double quotes that follows another after white space, so a tag of some
//! hundreds of them overflows the stack, which ends the process. Without that white space, which means nothing, it returns first; so it
//! is never shown any. Besides, a tag is closed at [`limits::ATTRIBUTES_MAX`] and what follows is text: nothing is lost.
//! The tokenizer itself says where a value ends and an attribute begins, so there is no second opinion about quotes, comments and
//! scripts that could differ from its own. Errors of the text are dropped: it queues one for each NUL of a text,
//! which takes a hundred times the page's memory.

use crate::base::limits;
use html5gum::{
    DefaultEmitter, Emitter, Error, ForwardingEmitter, Readable, Reader, Token, Tokenizer,
};
use std::{cell::Cell, convert::Infallible, rc::Rc};

/// A tokenizer over a page; `set_state` is the caller's matter, as with any other.
pub type Tokens<'p> = Tokenizer<Input<'p>, Counting>;

/// The tokens of this page, in place of `Tokenizer::new`.
pub fn tokens(page: &str) -> Tokens<'_> {
    let close = Rc::new(Cell::new(false));
    let input =
        Input { page: page.as_bytes(), at: 0, after_value: false, close: Rc::clone(&close) };
    Tokenizer::new_with_emitter(
        input,
        Counting { inner: DefaultEmitter::default(), attributes: 0, close },
    )
}

/// The bytes of a page, and a `>` put between them where a tag has become too long.
#[derive(Debug)]
pub struct Input<'p> {
    page: &'p [u8],
    at: usize,
    /// The quote that ends a value was read last.
    after_value: bool,
    close: Rc<Cell<bool>>,
}

impl<'p> Input<'p> {
    fn rest(&self) -> &'p [u8] {
        self.page.get(self.at..).unwrap_or_default()
    }

    /// Is a `>` due? The byte that began the attribute too many is read again after it.
    fn closes(&mut self) -> bool {
        let due = self.close.replace(false);
        self.at = self.at.saturating_sub(usize::from(due));
        due
    }
}

impl Reader for Input<'_> {
    type Error = Infallible;

    fn read_byte(&mut self) -> Result<Option<u8>, Infallible> {
        if self.closes() {
            return Ok(Some(b'>'));
        }
        if std::mem::take(&mut self.after_value) {
            let rest = self.rest();
            self.at += rest.len() - rest.trim_ascii_start().len();
        }
        let byte = self.page.get(self.at).copied();
        self.at += usize::from(byte.is_some());
        Ok(byte)
    }

    fn try_read_string(&mut self, wanted: &[u8], case_sensitive: bool) -> Result<bool, Infallible> {
        let found = self.rest().to_reader().try_read_string(wanted, case_sensitive)?;
        self.at += if found { wanted.len() } else { 0 };
        Ok(found)
    }

    fn read_until<'b>(
        &'b mut self,
        needle: &[u8],
        buffer: &'b mut [u8; 4],
    ) -> Result<Option<&'b [u8]>, Infallible> {
        if self.closes() {
            return Ok(Some(b">"));
        }
        let rest = self.rest();
        let length = rest.to_reader().read_until(needle, buffer)?.map(<[u8]>::len);
        let chunk = length.and_then(|length| rest.get(..length));
        self.at += chunk.map_or(0, <[u8]>::len);
        self.after_value = chunk == Some(b"\"") && needle.starts_with(IN_DOUBLE_QUOTES);
        Ok(chunk)
    }
}

/// What the tokenizer looks for in a value in double quotes, and nowhere else.
/// Should a later version look for something else, the bound on attributes still holds.
const IN_DOUBLE_QUOTES: &[u8] = b"\"&\0";

/// Counts the attributes of the current tag.
#[derive(Debug)]
pub struct Counting {
    inner: DefaultEmitter<()>,
    attributes: usize,
    close: Rc<Cell<bool>>,
}

impl ForwardingEmitter for Counting {
    type Token = Token<()>;

    fn inner(&mut self) -> &mut impl Emitter<Token = Token<()>> {
        &mut self.inner
    }

    fn init_start_tag(&mut self) {
        self.attributes = 0;
        Emitter::init_start_tag(&mut self.inner);
    }

    fn init_end_tag(&mut self) {
        self.attributes = 0;
        Emitter::init_end_tag(&mut self.inner);
    }

    fn init_attribute(&mut self) {
        self.attributes += 1;
        self.close.set(self.attributes > limits::ATTRIBUTES_MAX);
        Emitter::init_attribute(&mut self.inner);
    }

    fn emit_error(&mut self, _: Error) {}
}

#[cfg(test)]
mod tests {
    use super::*;
    use html5gum::State;

    fn words(page: &str) -> Vec<String> {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        tokens(page)
            .filter_map(|Ok(token)| match token {
                Token::StartTag(tag) => {
                    Some(format!("<{} {}>", text(&tag.name), tag.attributes.len()))
                }
                Token::EndTag(tag) => Some(format!("</{}>", text(&tag.name))),
                Token::String(string) => Some(text(&string.value)),
                Token::Comment(comment) => Some(format!("!{}", text(&comment.value))),
                Token::Doctype(_) | Token::Error(_) => None,
            })
            .collect()
    }

    #[test]
    fn ordinary_pages_are_as_html5gum_reads_them() {
        for page in [
            "<p a=\"1\" b='2' c=3 d>x</p>",
            "a\r\nb\r<br/>&amp;&#65;&nosuch; <!-- x --><!doctype html>",
            "<script><!--<script></script>--></script>",
            "\0<p \0=\0>ä<ö a=å",
            "<p a=\"never ended>",
            "<p a=\"1\" \r\n b=\"2\"\t/ c=\"&amp;\" d=\"&\"\x0c><a b=\"c\" ",
            "<p a=\"1\"b=\"2\" = =\"\" >x<!doctype html public \"a\" \"b\" >",
            "x\"& <script>\" \"</script x=\"1\" y>z\" y",
            "<![CDATA[x]]><?php ?></>< p>",
        ] {
            let meant = |token: &Token<()>| !matches!(token, Token::Error(_));
            let mine: Vec<_> = tokens(page).map(|Ok(token)| token).filter(meant).collect();
            let theirs: Vec<_> =
                Tokenizer::new(page).map(|Ok(token)| token).filter(meant).collect();
            assert_eq!(mine, theirs, "{page}");
        }
    }

    #[test]
    fn a_tag_of_too_many_attributes_is_closed_and_the_rest_is_text() {
        let many: String = (0..limits::ATTRIBUTES_MAX).map(|n| format!(" a{n}=\"x\"")).collect();
        let full = format!("<p {}>", limits::ATTRIBUTES_MAX);
        assert_eq!(words(&format!("<p{many}>y")), [full.as_str(), "y"]);
        let over = format!("<p {}>", limits::ATTRIBUTES_MAX + 1);
        for (rest, text) in [
            (" href=\"http://x.example\">y", "href=\"http://x.example\">y"),
            ("/href>y", "href>y"),
            (" =q>y", "=q>y"),
            (" \u{e4}='>'>y", "\u{e4}='>'>y"),
        ] {
            assert_eq!(words(&format!("<p{many}{rest}")), [over.as_str(), text], "{rest}");
        }
        assert_eq!(words(&format!("</p{many} b>y")), ["</p>", "b>y"]);
    }

    /// Reads a piece over and over, a hundred times as often as html5gum 0.9.0 itself survives, where 128 KiB of stack is all there is.
    fn read_on_a_small_stack(before: &'static str, piece: &'static str, state: State) {
        let page = before.to_string() + &piece.repeat(PIECES_BYTES / piece.len());
        let read = move || {
            let mut tokens = tokens(&page);
            tokens.set_state(state);
            while let Some(Ok(_)) = tokens.next() {}
        };
        std::thread::Builder::new().stack_size(128 << 10).spawn(read).unwrap().join().unwrap();
    }

    const PIECES_BYTES: usize = 96 << 10;

    #[test]
    fn no_bait_overflows_the_stack() {
        for before in
            ["<p ", "</p ", "<p a=\"", "<p a='", "<p a=", "<!--", "<!", "<!doctype x ", "", "</"]
        {
            for piece in [
                "a=\"b\" ",
                "a=\"b\"\t",
                "a=\"b\"",
                "a=\"\"/",
                "a ",
                "/a",
                "= ",
                "a='b' ",
                "a=b ",
                "\" a=\"b\" ",
                "\0",
                "\0=\"\0\" ",
                "\r",
                "&",
                "&a",
                "&#",
                "&#x",
                "&amp",
                "<",
                "</",
                "<a",
                "<a b=\"c\" ",
                "<!",
                "<!-",
                "<!--",
                "-",
                "--!",
                "<!--<!-",
                "]",
                "]]",
                "\"",
                "'",
                ">",
                "/",
                " ",
                "\u{e4}=\"\u{e4}\" ",
                "public \"",
                "\u{fffe}",
            ] {
                read_on_a_small_stack(before, piece, State::Data);
            }
        }
    }

    #[test]
    fn no_bait_in_raw_text_overflows_the_stack() {
        for state in [
            State::ScriptData,
            State::RawText,
            State::RcData,
            State::PlainText,
            State::CdataSection,
        ] {
            for piece in [
                "<",
                "</",
                "</a",
                "<!--",
                "<!--<script>",
                "<!--<script></script>",
                "-",
                "]",
                "]]",
                "&a",
                "\0",
                "</script a=\"b\" ",
            ] {
                read_on_a_small_stack("", piece, state);
            }
        }
    }
}
