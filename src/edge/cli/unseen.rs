//! Lines that nobody sees typed, and that stand in no history of commands.

use crate::base::{hidden::Hidden, limits};
use rustix::termios::{self, LocalModes, OptionalActions, Termios};
use std::io::{self, BufRead, BufReader, IsTerminal, Read, Write};
use zeroize::Zeroize;

/// One line: asked for on a terminal, where it is not shown; what comes by a pipe is taken as it is.
pub(super) fn line(kind: &'static str, words: &str) -> io::Result<Hidden<String>> {
    match io::stdin().is_terminal() {
        true => prompt(kind, words),
        false => first_line(kind, io::stdin().lock()),
    }
}

/// The same, and on a terminal once more.
pub(super) fn line_twice(kind: &'static str, words: &str) -> io::Result<Hidden<String>> {
    let once = line(kind, words)?;
    if io::stdin().is_terminal() && prompt(kind, "The same again: ")? != once {
        return Err(io::Error::other("the two are not the same"));
    }
    Ok(once)
}

fn prompt(kind: &'static str, words: &str) -> io::Result<Hidden<String>> {
    let _silent = NoEcho::begin()?;
    let mut screen = io::stderr().lock();
    write!(screen, "{words}")?;
    screen.flush()?;
    let line = first_line(kind, io::stdin().lock());
    // The line end that was typed was not shown either.
    writeln!(screen)?;
    line
}

/// The first line, without its end.
pub(super) fn first_line(kind: &'static str, from: impl Read) -> io::Result<Hidden<String>> {
    let bound = u64::try_from(limits::COMMAND_LINE_BYTES_MAX).unwrap_or(u64::MAX);
    let mut line = String::new();
    BufReader::with_capacity(1, from.take(bound)).read_line(&mut line)?;
    let text = line.trim_end_matches(['\r', '\n']).to_string();
    line.zeroize();
    Ok(Hidden::new(kind, text))
}

/// A terminal that does not show what is typed; dropping it makes it show again.
struct NoEcho(Termios);

impl NoEcho {
    fn begin() -> io::Result<NoEcho> {
        let before = termios::tcgetattr(io::stdin())?;
        let mut silent = before.clone();
        silent.local_modes.remove(LocalModes::ECHO);
        termios::tcsetattr(io::stdin(), OptionalActions::Flush, &silent)?;
        Ok(NoEcho(before))
    }
}

impl Drop for NoEcho {
    fn drop(&mut self) {
        // A terminal that went away needs nothing put back.
        let _gone = termios::tcsetattr(io::stdin(), OptionalActions::Now, &self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_first_line_whole() {
        for (text, want) in [
            ("secret word \n", "secret word "),
            ("secret\r\nmore\n", "secret"),
            ("secret", "secret"),
            ("", ""),
        ] {
            assert_eq!(first_line("password", text.as_bytes()).unwrap().expose(), want, "{text:?}");
        }
    }
}
