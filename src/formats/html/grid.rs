//! The tables of a page as text: a row a line, cells parted by tabs, an empty line between two. The flow of the page loses which cell is whose.

use crate::base::limits;

/// Tables as they are read. One inside a cell ends the row around it: nobody keeps a register in a table of tables.
#[derive(Default)]
pub(super) struct Grid {
    text: String,
    row: Vec<String>,
    cell: Option<String>,
}

impl Grid {
    pub(super) fn start(&mut self, name: &[u8]) {
        match name {
            b"table" => self.end_table(),
            b"tr" => self.end_row(),
            b"td" | b"th" => {
                self.end_cell();
                self.cell = Some(String::new());
            }
            b"br" | b"p" | b"div" => self.push(" "),
            _ => (),
        }
    }

    pub(super) fn end(&mut self, name: &[u8]) {
        match name {
            b"table" => self.end_table(),
            b"tr" => self.end_row(),
            b"td" | b"th" => self.end_cell(),
            _ => (),
        }
    }

    pub(super) fn push(&mut self, text: &str) {
        if let Some(cell) = &mut self.cell
            && cell.len() < limits::SHEET_CELL_CHARACTERS_MAX
        {
            cell.push_str(text);
        }
    }

    /// All tables that have more than one column.
    pub(super) fn text(mut self) -> String {
        self.end_table();
        match self.text.contains('\t') {
            true => self.text,
            false => String::new(),
        }
    }

    fn end_cell(&mut self) {
        let Some(cell) = self.cell.take() else { return };
        if self.row.len() < limits::SHEET_COLUMNS_MAX {
            let words: Vec<&str> = cell.split_whitespace().collect();
            self.row.push(words.join(" "));
        }
    }

    fn end_row(&mut self) {
        self.end_cell();
        let row = std::mem::take(&mut self.row);
        if !row.is_empty() && self.text.len() < limits::TEXT_BYTES_MAX {
            self.text.push_str(&row.join("\t"));
            self.text.push('\n');
        }
    }

    fn end_table(&mut self) {
        self.end_row();
        if !self.text.is_empty() && !self.text.ends_with("\n\n") {
            self.text.push('\n');
        }
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_page_gives_its_rows() {
        for (page, want) in [
            (
                "<table><tr><th>Namn<th>Pnr<tr><td><p>Anna</p><p>Ek</p></td><td>1<b>2</b>3</td></table>",
                "Namn\tPnr\nAnna Ek\t123\n\n",
            ),
            ("<table><tr><td>a<td><table><tr><td>b<td>c</table></table>", "a\t\n\nb\tc\n\n"),
            ("<table><tr><td>only</td></tr></table>", ""),
            ("<table><tr><td>a</td><td></td><td>c</td></tr></table>", "a\t\tc\n\n"),
            ("<p>text</p>", ""),
        ] {
            assert_eq!(super::super::read(page).tables, want, "{page}");
        }
    }
}
