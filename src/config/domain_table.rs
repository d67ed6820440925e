//! Domains by the hundred thousand: their names in one text, and beside each a number that says how it is kept.
//!
//! Most domains of a hosting company are kept alike, so what is written about them is held once for all of them.
//! Invariants: rows are sorted by name, no name is there twice, every number points into `kept`.

use crate::{base::limits, config::file::DomainEntry, mail::Domain};

/// The domains that come from domains-files and from the stored layer.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct DomainTable {
    names: String,
    rows: Vec<Row>,
    kept: Vec<DomainEntry>,
}

/// 16 bytes a domain, and its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Row {
    name_start: u32,
    kept: u32,
    /// The line in its file, or the version that stored it.
    place: u32,
    /// Which domains-file, or [`STORED`].
    file: u16,
    /// A domain name has at most 253 octets (RFC 1035 section 2.3.4).
    name_len: u8,
}

/// Where a domain stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TablePlace {
    /// In the domains-file of this number, from 0, on this line, from 1.
    File {
        /// Which file.
        file: u16,
        /// Which line.
        line: u32,
    },
    /// In the stored layer since this version.
    Stored {
        /// Which version.
        version: u32,
    },
}

/// One domain of [`DomainTable`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TableDomain<'a> {
    /// Its name, in the form of [`Domain::as_str`].
    pub name: &'a str,
    /// How it is kept; the name in there is that of the first that is kept so.
    pub kept: &'a DomainEntry,
    /// The place of `kept` in [`DomainTable::kept`].
    pub number: usize,
    /// Where it stands.
    pub from: TablePlace,
}

/// Collects what [`DomainTable`] holds.
#[derive(Debug, Default)]
pub(super) struct DomainTableBuilder {
    table: DomainTable,
}

/// Which way of keeping a domain has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Kept(u32);

/// More domains than we hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("more than {} domains", limits::DOMAINS_MAX)]
pub(super) struct TooManyDomains;

/// A name that stands in two places of the file layer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Twice {
    /// The name.
    pub(super) name: String,
    /// The later place.
    pub(super) second: TablePlace,
    /// The earlier place; none: a `[[domain]]`.
    pub(super) first: Option<TablePlace>,
}

impl DomainTable {
    /// How many domains.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// None at all.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The different ways domains are kept, each under the name of the first that is kept so.
    pub fn kept(&self) -> &[DomainEntry] {
        &self.kept
    }

    /// One domain. About twenty comparisons among a million.
    pub fn find(&self, name: &Domain) -> Option<TableDomain<'_>> {
        let at = self.rows.binary_search_by(|row| self.name(row).cmp(name.as_str())).ok()?;
        self.rows.get(at).and_then(|row| self.show(row))
    }

    /// All of them by name.
    pub fn iter(&self) -> impl Iterator<Item = TableDomain<'_>> {
        self.rows.iter().filter_map(|row| self.show(row))
    }

    fn show(&self, row: &Row) -> Option<TableDomain<'_>> {
        let number = usize::try_from(row.kept).ok()?;
        let kept = self.kept.get(number)?;
        Some(TableDomain { name: self.name(row), kept, number, from: row.from() })
    }

    fn name(&self, row: &Row) -> &str {
        let start = usize::try_from(row.name_start).unwrap_or(usize::MAX);
        self.names.get(start..start.saturating_add(usize::from(row.name_len))).unwrap_or("")
    }
}

impl Row {
    fn from(&self) -> TablePlace {
        match self.file {
            STORED => TablePlace::Stored { version: self.place },
            file => TablePlace::File { file, line: self.place },
        }
    }

    /// Files in their order, then the store: the first of two rows with one name is the one that holds.
    fn rank(&self) -> (u16, u32) {
        (self.file, self.place)
    }
}

impl DomainTableBuilder {
    /// A way of keeping, for [`DomainTableBuilder::add`].
    pub(super) fn keep(&mut self, entry: DomainEntry) -> Result<Kept, TooManyDomains> {
        let number = u32::try_from(self.table.kept.len()).map_err(|_| TooManyDomains)?;
        self.table.kept.push(entry);
        Ok(Kept(number))
    }

    /// One more domain.
    pub(super) fn add(
        &mut self,
        name: &Domain,
        kept: Kept,
        from: TablePlace,
    ) -> Result<(), TooManyDomains> {
        let table = &mut self.table;
        if table.rows.len() >= limits::DOMAINS_MAX {
            return Err(TooManyDomains);
        }
        let (file, place) = match from {
            TablePlace::File { file, line } => (file, line),
            TablePlace::Stored { version } => (STORED, version),
        };
        table.rows.push(Row {
            name_start: u32::try_from(table.names.len()).map_err(|_| TooManyDomains)?,
            name_len: u8::try_from(name.as_str().len()).map_err(|_| TooManyDomains)?,
            kept: kept.0,
            place,
            file,
        });
        table.names.push_str(name.as_str());
        Ok(())
    }

    /// Sorts, and settles who wins: a `[[domain]]` or a line of a file over a stored domain, two in files are a mistake.
    ///
    /// `is_entry` says whether a name has a `[[domain]]`.
    pub(super) fn finish(self, is_entry: impl Fn(&str) -> bool) -> Result<DomainTable, Box<Twice>> {
        let mut table = self.table;
        let mut rows = std::mem::take(&mut table.rows);
        rows.sort_unstable_by(|a, b| {
            table.name(a).cmp(table.name(b)).then_with(|| a.rank().cmp(&b.rank()))
        });
        let mut holding: Vec<Row> = Vec::with_capacity(rows.len());
        for row in rows {
            let name = table.name(&row);
            let first = holding.last().filter(|last| table.name(last) == name);
            match (first, row.file) {
                (None, _) if !is_entry(name) => holding.push(row),
                (None | Some(_), STORED) => (),
                (first, _) => {
                    return Err(Box::new(Twice {
                        name: name.to_string(),
                        second: row.from(),
                        first: first.map(Row::from),
                    }));
                }
            }
        }
        holding.shrink_to_fit();
        table.names.shrink_to_fit();
        table.rows = holding;
        table.name_the_kept();
        Ok(table)
    }
}

impl DomainTable {
    /// Each way of keeping gets the name of the first domain that has it; one that no domain has any more goes.
    fn name_the_kept(&mut self) {
        let mut first: Vec<Option<String>> = vec![None; self.kept.len()];
        for row in &self.rows {
            let number = usize::try_from(row.kept).unwrap_or(usize::MAX);
            if let Some(slot) = first.get_mut(number)
                && slot.is_none()
            {
                *slot = Some(self.name(row).to_string());
            }
        }
        let mut moved = Vec::with_capacity(self.kept.len());
        let kept = std::mem::take(&mut self.kept);
        for (mut entry, name) in kept.into_iter().zip(first) {
            moved.push(u32::try_from(self.kept.len()).unwrap_or(u32::MAX));
            if let Some(name) = name.and_then(|name| Domain::parse(&name).ok()) {
                entry.name = name;
                self.kept.push(entry);
            }
        }
        for row in &mut self.rows {
            let number = usize::try_from(row.kept).unwrap_or(usize::MAX);
            row.kept = moved.get(number).copied().unwrap_or(u32::MAX);
        }
    }
}

/// The last number a file can have; there are never so many.
const STORED: u16 = u16::MAX;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::NextHops;

    fn entry(policy: &str) -> DomainEntry {
        DomainEntry {
            name: Domain::parse("template.example").unwrap(),
            next_hop: NextHops(Vec::new()),
            next_hop_tls: Default::default(),
            next_hop_xclient: false,
            recipients: Default::default(),
            when_away: Default::default(),
            organisation: None,
            policy: Some(policy.to_string()),
        }
    }

    fn built(rows: &[(&str, u32, TablePlace)]) -> DomainTableBuilder {
        let mut builder = DomainTableBuilder::default();
        let ways: Vec<Kept> =
            ["a", "b"].iter().map(|policy| builder.keep(entry(policy)).unwrap()).collect();
        for (name, way, from) in rows {
            let way = ways[usize::try_from(*way).unwrap()];
            builder.add(&Domain::parse(name).unwrap(), way, *from).unwrap();
        }
        builder
    }

    const fn line(file: u16, line: u32) -> TablePlace {
        TablePlace::File { file, line }
    }

    const STORED_IN_7: TablePlace = TablePlace::Stored { version: 7 };

    #[test]
    fn a_name_is_found_with_how_it_is_kept_and_where_it_stands() {
        let rows = [
            ("z.example", 1, line(0, 3)),
            ("a.example", 0, STORED_IN_7),
            ("m.example", 1, line(1, 9)),
        ];
        let table = built(&rows).finish(|_| false).unwrap();
        let names: Vec<&str> = table.iter().map(|domain| domain.name).collect();
        assert_eq!(names, ["a.example", "m.example", "z.example"]);
        for (name, way, from) in rows {
            let found = table.find(&Domain::parse(name).unwrap()).unwrap();
            assert_eq!((found.name, found.from), (name, from));
            let way = ["a", "b"][usize::try_from(way).unwrap()];
            assert_eq!(found.kept.policy.as_deref(), Some(way));
        }
        assert_eq!(table.kept()[1].name.as_str(), "m.example");
        for absent in ["b.example", "example", "zz.example"] {
            assert!(table.find(&Domain::parse(absent).unwrap()).is_none());
        }
    }

    #[test]
    fn the_file_hides_the_store_and_two_lines_are_a_mistake() {
        let rows = [
            ("a.example", 0, STORED_IN_7),
            ("a.example", 1, line(0, 1)),
            ("b.example", 0, STORED_IN_7),
        ];
        let table = built(&rows).finish(|name| name == "b.example").unwrap();
        assert_eq!((table.len(), table.kept().len()), (1, 1));
        assert_eq!(table.iter().next().unwrap().kept.policy.as_deref(), Some("b"));

        let twice = built(&[("a.example", 0, line(1, 1)), ("a.example", 0, line(0, 5))])
            .finish(|_| false)
            .unwrap_err();
        assert_eq!((twice.first, twice.second), (Some(line(0, 5)), line(1, 1)));
        let twice = built(&[("a.example", 0, line(0, 2))]).finish(|_| true).unwrap_err();
        assert_eq!((twice.first, twice.second), (None, line(0, 2)));
    }

    #[test]
    fn a_domain_costs_sixteen_bytes_and_its_name() {
        assert_eq!(size_of::<Row>(), 16);
    }
}
