//! What each kind of blob is opened with, and what words and links give away. One arm a kind; what an opener gives has one shape, so
//! nothing else need know which it was.

use super::{
    Link, PartKind, Text, TextSource,
    inside::{Item, Level, Origin},
    open::Opening,
};
use crate::{
    base::limits,
    formats::{
        apple,
        archive::{gzip, ms_compress, rare, seven, squeeze, squeeze::Squeeze, zip},
        budget::{Budget, Limit, Stopped},
        calendar, crypto, disk, encodings, flash, image, kind, letters, links,
        mime::{self, embedded, mbox, sweep},
        office, office_xml, one_note,
        opened::{LETTERS, Member, Opened, Role},
        page, pdf, post_script, rtf, script, shortcut, table, tnef, xml,
    },
};

/// Could there be anything inside? Said before depth is counted, so that a plain text at the last level is no finding.
pub(super) fn may_have_an_inside(item: &Item<'_>, kind: PartKind) -> bool {
    match (&item.origin, kind) {
        (Origin::Member { role: Role::Text, .. }, _) => false,
        (_, PartKind::Text | PartKind::Media | PartKind::Unknown) => {
            item.depth <= limits::DEPTH_MAX || zip::ends_as_zip(item.bytes.bytes())
        }
        (_, _) => true,
    }
}

/// Opens a blob by what it is; gives the levels inside it.
pub(super) fn open<'m>(
    opening: &mut Opening<'_, '_>,
    item: &Item<'m>,
    kind: PartKind,
) -> Vec<Level<'m>> {
    let bytes = item.bytes.bytes();
    let name = item.name.as_deref().unwrap_or_default();
    let mut opened = by_kind(opening, item, kind, name);
    if let Some(kind) = letters_kind(item, kind, name) {
        opened.extend(in_other_letters(item, kind, opening.budget));
    }
    let mut levels: Vec<Level<'m>> =
        opened.into_iter().filter_map(|opened| opening.take(item, opened)).collect();
    if kind.may_hold_others() {
        let found = embedded::find(bytes).into_iter();
        let pieces: Vec<_> =
            found.map(|one| (Some(format!("({} inside)", one.what)), one.bytes)).collect();
        if !pieces.is_empty() {
            levels.push(Level::pieces(item, pieces));
        }
    }
    levels
}

fn by_kind(
    opening: &mut Opening<'_, '_>,
    item: &Item<'_>,
    kind: PartKind,
    name: &str,
) -> Vec<Opened> {
    let bytes = item.bytes.bytes();
    match kind {
        PartKind::Gzip => vec![ungzip(bytes, name, opening.budget)],
        PartKind::Archive => vec![archive(opening, bytes, name)],
        PartKind::DiskImage => vec![disk::open(bytes, opening.budget)],
        PartKind::OfficeOld => {
            let passwords = opening.passwords();
            vec![office::open(bytes, name, &passwords, opening.budget)]
        }
        PartKind::Office | PartKind::OfficeMacro | PartKind::OpenDocument => {
            vec![office_xml::open(bytes, name, opening.budget)]
        }
        PartKind::Rtf => vec![rtf::open(bytes, opening.budget)],
        PartKind::OneNote => vec![one_note::open(bytes, opening.budget)],
        PartKind::Pdf => {
            let passwords = opening.passwords();
            vec![pdf::open(bytes, &passwords, opening.budget)]
        }
        PartKind::Tnef => vec![tnef::open(bytes, opening.budget)],
        PartKind::Image => picture(opening, bytes),
        PartKind::Crypto => vec![sealed(bytes, opening.budget)],
        PartKind::Html => {
            let mut found = vec![page::open(bytes, opening.budget), swept(item, opening.budget)];
            found.extend(codes_drawn_in(bytes, opening.budget));
            found.extend(basic_module(bytes));
            found
        }
        PartKind::Script => code(item, name, opening.budget),
        PartKind::Shortcut => vec![shortcut::open(bytes, name, opening.budget)],
        PartKind::Calendar => vec![calendar::open(bytes, opening.budget)],
        PartKind::Text => text(item, name, opening.budget),
        PartKind::Executable => {
            let mut found = Vec::new();
            if let Some(rare) = rare::of(bytes) {
                let passwords = opening.passwords();
                found.push(rare::open(rare, bytes, &passwords, opening.budget));
            }
            if seven::find(bytes).is_some() {
                let passwords = opening.passwords();
                found.push(seven::open(bytes, &passwords, opening.budget));
            }
            found
        }
        PartKind::Unknown | PartKind::Media => unknown(bytes, name, opening.budget),
        PartKind::Message | PartKind::Zip | PartKind::Tar | PartKind::Java => Vec::new(),
    }
}

/// What it is read as, if it is read as letters: also where its bytes alone do not look so, in UTF-16 or UTF-32.
fn letters_kind(item: &Item<'_>, kind: PartKind, name: &str) -> Option<PartKind> {
    let declared = match &item.origin {
        Origin::Leaf { leaf, .. } => leaf.fields.media_type.as_str(),
        Origin::Member { .. } => "",
    };
    if kind == PartKind::Text && is_enriched(declared) {
        return Some(PartKind::Html);
    }
    if kind == PartKind::Unknown && mime::begins_in_ebcdic(item.bytes.bytes()) {
        return Some(PartKind::Text);
    }
    if matches!(kind, PartKind::Unknown | PartKind::Media) {
        // A page that is shown by its name or its type, whatever else stands between its letters.
        return kind::claims(declared, name).filter(|claimed| {
            matches!(claimed, PartKind::Text | PartKind::Html | PartKind::Script)
        });
    }
    kind.is_letters().then_some(kind)
}

/// Text with commands between angle brackets, RFC 1896.
fn is_enriched(declared: &str) -> bool {
    matches!(declared, "text/enriched" | "text/richtext")
}

/// The same text where its bytes are not the letters that are shown, each opened like the part itself.
fn in_other_letters(item: &Item<'_>, kind: PartKind, budget: &mut Budget) -> Vec<Opened> {
    let mut found = Vec::new();
    let texts = other_letters(item, kind);
    if !texts.is_empty() && item.bytes.bytes().len() > limits::PAGE_BYTES_MAX {
        let bytes_max = u64::try_from(limits::PAGE_BYTES_MAX).unwrap_or(u64::MAX);
        found.push(Opened::stopped(Stopped::Limit(Limit::TooLarge { bytes_max })));
    }
    for text in texts {
        let mut opened = Opened::default();
        if budget.take_bytes(text.len()).is_ok() {
            if kind == PartKind::Html {
                found.push(page::open(text.as_bytes(), budget));
            }
            opened.push(Member::new(Some(LETTERS.to_string()), text.into_bytes(), Role::Code));
        }
        found.push(opened);
    }
    found
}

/// What programs show of a text that its bytes do not say: another charset, letters written as numbers, lines that belong together.
fn other_letters(item: &Item<'_>, kind: PartKind) -> Vec<String> {
    let bytes = item.bytes.bytes();
    let bytes = bytes.get(..bytes.len().min(limits::PAGE_BYTES_MAX)).unwrap_or_default();
    let fields = match &item.origin {
        Origin::Leaf { leaf, .. } => Some(&leaf.fields),
        Origin::Member { .. } => None,
    };
    let mut charsets: Vec<&str> = Vec::new();
    if let Some(fields) = fields {
        charsets.push(&fields.charset);
        charsets.extend(fields.other_charsets.iter().map(String::as_str));
    }
    let has_nul = memchr::memchr(0, bytes).is_some();
    let shifts = memchr::memchr(0x1b, bytes).is_some();
    if shifts {
        // Programs that guess a charset take the escapes for Japanese.
        charsets.push("iso-2022-jp");
    }
    let strange = charsets.iter().any(|charset| !is_plain_charset(charset))
        || has_nul
        || mime::begins_in_ebcdic(bytes)
        || matches!(bytes, [0xff, 0xfe, ..] | [0xfe, 0xff, ..])
        || (kind == PartKind::Html && memchr::memmem::find(bytes, b"+A").is_some());
    let utf_7 = charsets.iter().any(|charset| charset.to_ascii_lowercase().contains("utf-7"));
    if utf_7 || (strange && kind == PartKind::Html) {
        charsets.push("utf-7");
    }
    let mut texts = Vec::new();
    if fields.is_some_and(|fields| is_enriched(&fields.media_type)) {
        texts.push(String::from_utf8_lossy(bytes).into_owned());
    }
    if strange {
        let readings = mime::text_readings(bytes, &charsets);
        texts.extend(readings.into_iter().filter(|text| text.as_bytes() != bytes));
    }
    texts.extend(mime::old_readings(bytes));
    if has_nul {
        // Browsers of old and some mail programs pass over them.
        let letters: Vec<u8> = bytes.iter().copied().filter(|byte| *byte != 0).collect();
        texts.push(String::from_utf8_lossy(&letters).into_owned());
    }
    if let Some(fields) = fields.filter(|fields| fields.flow == Some(mime::Flow::NoBlanks)) {
        let text = mime::decode_text(bytes, &fields.charset);
        texts.push(mime::unfold_flowed(&text, mime::Flow::NoBlanks));
    }
    if memchr::memmem::find(bytes, b"&#").is_some()
        && let Some(text) = encodings::without_numbered_letters(&String::from_utf8_lossy(bytes))
    {
        texts.push(text);
    }
    texts
}

/// Charsets in which ordinary letters are the bytes that they are in ASCII.
fn is_plain_charset(charset: &str) -> bool {
    let charset = charset.trim().to_ascii_lowercase();
    ["", "us-ascii", "ascii", "utf-8", "utf8"].contains(&charset.as_str())
        || ["iso-8859", "windows-125", "koi8", "cp125", "latin"]
            .iter()
            .any(|begin| charset.starts_with(begin))
}

/// What stands behind the end of a ZIP: another archive, which some programs open instead.
pub(super) fn behind_zip<'m>(item: &Item<'m>) -> Option<Level<'m>> {
    let bytes = item.bytes.bytes();
    let end = memchr::memmem::rfind(bytes, b"PK\x05\x06")?;
    let comment = bytes.get(end + 20..end + 22)?;
    let comment = usize::from(u16::from_le_bytes(comment.try_into().ok()?));
    let at = end + 22 + comment;
    let behind = || vec![(Some("(behind the archive)".to_string()), at..bytes.len())];
    (bytes.len() > at + BEHIND_BYTES_MIN).then(|| Level::pieces(item, behind()))
}

/// Less than this is filling.
const BEHIND_BYTES_MIN: usize = 32;

fn ungzip(bytes: &[u8], outer: &str, budget: &mut Budget) -> Opened {
    let (name, unpacked) = gzip::unpack(bytes, budget);
    let name = name.or_else(|| name_without_gz(outer));
    let member =
        Member { name, bytes: unpacked.bytes, role: Role::File, stopped: unpacked.stopped };
    Opened { members: vec![member], ..Opened::default() }
}

fn name_without_gz(name: &str) -> Option<String> {
    let stem = name.rsplit_once('.')?.0;
    match kind::extension(name).as_str() {
        "tgz" => Some(format!("{stem}.tar")),
        "gz" | "gzip" | "z" => Some(stem.to_string()),
        _ => None,
    }
}

fn archive(opening: &mut Opening<'_, '_>, bytes: &[u8], name: &str) -> Opened {
    if seven::find(bytes) == Some(0) {
        let passwords = opening.passwords();
        return seven::open(bytes, &passwords, opening.budget);
    }
    if let Some(squeeze) = Squeeze::of(bytes) {
        return squeeze::open(bytes, squeeze, Some(name), opening.budget);
    }
    if let Some(rare) = rare::of(bytes) {
        let passwords = opening.passwords();
        return rare::open(rare, bytes, &passwords, opening.budget);
    }
    Opened::stopped(Stopped::Unsupported("an archive of a form we do not know".to_string()))
}

fn picture(opening: &mut Opening<'_, '_>, bytes: &[u8]) -> Vec<Opened> {
    if kind::is_markup(bytes) {
        return vec![page::open(bytes, opening.budget)];
    }
    let Some(mut opened) = opening.album.open(bytes, opening.budget) else { return Vec::new() };
    // A picture that cannot be decoded is shown by nobody.
    opened.stopped = opened.stopped.filter(|stopped| matches!(stopped, Stopped::Limit(_)));
    vec![opened]
}

/// A module of Basic as OpenDocument keeps it, also where no document is around it.
fn basic_module(bytes: &[u8]) -> Option<Opened> {
    let start = bytes.get(..bytes.len().min(2_048)).unwrap_or_default();
    memchr::memmem::find(start, b"<script:module")?;
    let text = encodings::text(bytes);
    let code: String = xml::tokens(&text)
        .filter_map(|token| match token {
            xml::Token::Text(text) => Some(xml::plain(text).into_owned()),
            xml::Token::Cdata(text) => Some(text.to_string()),
            xml::Token::Start(_)
            | xml::Token::End(_)
            | xml::Token::Comment(_)
            | xml::Token::Doctype(_)
            | xml::Token::Instruction(_) => None,
        })
        .collect();
    let mut opened = Opened::default();
    opened.push(Member::new(Some("module.bas".to_string()), code.into_bytes(), Role::Code));
    Some(opened)
}

/// Codes drawn with the cells or boxes of a page.
fn codes_drawn_in(page: &[u8], budget: &mut Budget) -> Option<Opened> {
    let page = page.get(..page.len().min(limits::PAGE_BYTES_MAX)).unwrap_or(page);
    // The smallest code has 21 rows, each of several colours.
    let painted = memchr::memmem::find_iter(page, b"background")
        .chain(memchr::memmem::find_iter(page, b"bgcolor"))
        .chain(memchr::memmem::find_iter(page, b"class="))
        .take(PAINTED_CELLS_MIN);
    if painted.count() < PAINTED_CELLS_MIN {
        return None;
    }
    let texts = image::table::page_codes(&String::from_utf8_lossy(page), budget);
    let mut opened = Opened::default();
    for text in texts {
        opened.sign("image.code", "a QR code that is drawn with the cells of a table");
        opened.links.extend(image::link(&text));
        opened.push(Member::new(None, text.into_bytes(), Role::Text));
    }
    Some(opened)
}

/// Painted cells in the smallest code that anybody would draw.
const PAINTED_CELLS_MIN: usize = 60;

/// What is signed, packed or armoured. What breaks off, or is packed as nobody packs, gives no program more than it gives us.
fn sealed(bytes: &[u8], budget: &mut Budget) -> Opened {
    let mut opened = crypto::open(bytes, budget);
    let by_limit = |stopped: &Stopped| matches!(stopped, Stopped::Limit(_));
    opened.stopped = opened.stopped.filter(by_limit);
    for member in &mut opened.members {
        member.stopped = member.stopped.take().filter(by_limit);
    }
    opened
}

/// What hides in a text though no field says so.
fn swept(item: &Item<'_>, budget: &mut Budget) -> Opened {
    let mut opened = sweep::sweep(item.bytes.bytes(), budget);
    // What did not fit was a guess.
    opened.stopped = None;
    opened
}

fn code(item: &Item<'_>, name: &str, budget: &mut Budget) -> Vec<Opened> {
    // The scripts of a page were worked out together with it.
    let of_page = name.starts_with("script")
        && matches!(item.origin, Origin::Member { role: Role::Code, .. });
    if of_page {
        return Vec::new();
    }
    vec![script::open(item.bytes.bytes(), name, budget), swept(item, budget)]
}

fn text(item: &Item<'_>, name: &str, budget: &mut Budget) -> Vec<Opened> {
    let bytes = item.bytes.bytes();
    let mut found = vec![swept(item, budget)];
    match kind::extension(name).as_str() {
        "eml" | "mht" | "mhtml" | "mbs" => found.push(message(item, budget)),
        "csv" | "tsv" | "tab" => found.push(table::open(bytes)),
        "vcf" | "vcard" | "ics" | "ifb" | "vcs" => found.push(calendar::open(bytes, budget)),
        "rdp" | "theme" | "themepack" | "slk" | "iqy" | "webloc" | "desktop" => {
            found.push(shortcut::open(bytes, name, budget));
        }
        _ => (),
    }
    let start = bytes.get(..bytes.len().min(2_048)).unwrap_or_default();
    let says = |word: &[u8]| memchr::memmem::find(start, word).is_some();
    if bytes.starts_with(b"From ") && mbox::is_mbox(bytes) {
        found.push(mbox::open(bytes, budget));
    }
    if memchr::memmem::find(bytes, b"\\u00").is_some()
        && matches!(kind::extension(name).as_str(), "json" | "ipynb" | "jsonl" | "geojson" | "har")
    {
        let mut opened = Opened::default();
        let letters = encodings::without_json_escapes(&encodings::text(bytes));
        opened.push(Member::new(Some(LETTERS.to_string()), letters.into_bytes(), Role::Code));
        found.push(opened);
    }
    if crypto::of(bytes) {
        found.push(sealed(bytes, budget));
    }
    if post_script::is_post_script(bytes) {
        found.push(post_script::open());
    }
    if says(b"BEGIN:VCARD") || says(b"begin:vcard") {
        found.push(calendar::open(bytes, budget));
    }
    found.extend(basic_module(bytes));
    if kind::is_markup(bytes) {
        match office_xml::is_flat(bytes) {
            true => found.push(office_xml::open_flat(bytes, name, budget)),
            false => found.push(page::open(bytes, budget)),
        }
    }
    found
}

/// A file that is a message by its name, in whatever letters.
fn message(item: &Item<'_>, budget: &mut Budget) -> Opened {
    let mut opened = Opened::default();
    for text in mime::text_readings(item.bytes.bytes(), &[]) {
        if text.as_bytes() != item.bytes.bytes() && budget.take_bytes(text.len()).is_ok() {
            opened.push(Member::new(None, text.into_bytes(), Role::Entity));
        }
    }
    opened
}

fn unknown(bytes: &[u8], name: &str, budget: &mut Budget) -> Vec<Opened> {
    let mut found = Vec::new();
    if seven::find(bytes).is_some() {
        found.push(seven::open(bytes, &[], budget));
    }
    if crypto::of(bytes) {
        found.push(sealed(bytes, budget));
    }
    if disk::zisofs::is_packed(bytes) {
        found.push(disk::zisofs::open(bytes, budget));
    }
    // Packed by pack(1), which gzip still unpacks.
    if bytes.starts_with(b"\x1f\x1e") && matches!(kind::extension(name).as_str(), "z" | "") {
        found.push(Opened::stopped(Stopped::Unsupported("a file packed by pack".to_string())));
    }
    if ms_compress::is_packed(bytes) {
        found.push(ms_compress::open(bytes, budget));
    }
    if bytes.starts_with(b"bplist0") {
        found.push(shortcut::open(bytes, name, budget));
    }
    if flash::is_packed(bytes) {
        found.push(flash::open(bytes, budget));
    }
    if apple::of(bytes) {
        found.push(apple::open(bytes, budget));
    }
    if office::active_mime::is_active_mime(bytes) {
        found.push(office::active_mime::open(bytes, budget));
    }
    if matches!(bytes, [0x09, 0x00 | 0x02 | 0x04 | 0x08, ..]) {
        found.push(office::xlm::bare_workbook(bytes, budget));
    }
    if kind::extension(name) == "bin" && name.contains("xl/") {
        found.push(office::xlsb::part(name, bytes, budget));
    }
    found
}

/// The texts of a message's own parts, for finding the password that stands in it.
pub(super) fn texts_of(message: &[u8], budget: &Budget) -> Vec<String> {
    let mut aside = budget.clone();
    let split = mime::split(message, "", &mut aside);
    let is_text = |leaf: &&mime::Leaf| {
        matches!(leaf.fields.media_type.as_str(), "" | "text/plain" | "text/html")
    };
    let texts = split.leaves.iter().filter(is_text).take(TEXTS_FOR_PASSWORDS_MAX).map(|leaf| {
        let body = message.get(leaf.body.clone()).unwrap_or_default();
        let body = body.get(..body.len().min(limits::PASSWORD_TEXT_BYTES_MAX)).unwrap_or_default();
        let transfer = leaf.fields.transfers.first().copied().unwrap_or(mime::Transfer::Identity);
        mime::decode_text(&transfer.decode(body).bytes, &leaf.fields.charset)
    });
    texts.collect()
}

const TEXTS_FOR_PASSWORDS_MAX: usize = 8;

/// What the letters of a text give away: codes that are drawn, letters that are not what they seem, links that are hidden from programs.
pub(super) fn look_at_text(text: &Text, found: &mut Opened, budget: &mut Budget) {
    let shown = text.shown.as_str();
    if shown.contains(is_drawing) {
        for code in image::blocks::text_codes(shown, budget) {
            found.sign("image.code", "a QR code that is drawn with letters");
            found.links.extend(image::link(&code));
        }
    }
    if shown.contains(may_deceive) || shown.contains('\u{ad}') {
        let seen = letters::as_seen(shown);
        for sign in seen.signs() {
            // The checks of texts say these in their own words.
            if !matches!(sign.id, "text.homoglyphs" | "text.invisible" | "text.letter_spacing") {
                found.sign(sign.id, sign.because);
            }
        }
        if seen.counts.any() || shown.contains('\u{ad}') {
            found.push(Member::new(Some(LETTERS.to_string()), seen.text.into_bytes(), Role::Code));
        }
        if !seen.secret.is_empty() {
            let secret = seen.secret.into_bytes();
            found.push(Member::new(None, secret, Role::Text));
        }
    }
    if text.source == TextSource::Html && !text.hidden.is_empty() {
        // What is not shown may stand in the middle of a word.
        let shown = shown.as_bytes().to_vec();
        found.push(Member::new(Some(LETTERS.to_string()), shown, Role::Code));
    }
    if text.source == TextSource::Plain && is_defanged(shown) {
        for (_, link) in links::defanged(shown) {
            found.sign("link.defanged", "a link with letters changed so that programs miss it");
            found.links.push(link);
        }
    }
}

/// What the writing of a link gives away, and where it leads on to.
pub(super) fn look_at_link(link: &Link, found: &mut Opened) {
    for sign in links::signs(&link.target) {
        // The checks of links say these in their own words.
        if !matches!(sign.id, "link.redirect" | "link.port" | "link.data" | "link.shortener") {
            found.sign(sign.id, sign.because);
        }
    }
    let leads_on =
        link.target.get(8..).is_some_and(|rest| rest.contains(['%', '=']) || rest.contains("http"));
    if leads_on && found.links.len() < limits::LINKS_MAX {
        found.links.extend(links::unwrapped(&link.target));
    }
}

/// Letters that codes are drawn with: blocks, Braille, squares.
fn is_drawing(letter: char) -> bool {
    matches!(letter, '\u{2580}'..='\u{259f}' | '\u{2800}'..='\u{28ff}' | '\u{2b1b}' | '\u{2b1c}' | '\u{1fb00}'..='\u{1fb3b}')
}

/// Letters that show nothing, turn others around or look like others. Ordinary Nordic text has none of them.
fn may_deceive(letter: char) -> bool {
    matches!(
        letter,
        '\u{300}'..='\u{52f}'
            | '\u{200b}'..='\u{200f}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{ff00}'..='\u{ffef}'
            | '\u{1d400}'..='\u{1d7ff}'
            | '\u{e0000}'..='\u{e0fff}'
    )
}

fn is_defanged(text: &str) -> bool {
    ["hxxp", "hXXp", "[.]", "(.)", "[dot]", "(dot)", "[:]"].iter().any(|sign| text.contains(sign))
}
