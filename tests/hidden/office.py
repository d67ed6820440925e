"""Hiding in documents of Office: compound files, OOXML, the XML forms, OpenDocument, OneNote, shortcuts."""

import base64
import struct
import zlib

from . import compound, kit, packing
from .compound import cfb, package, vba_storage
from .kit import FOUND_OR_HELD, MARKER, MARKER_BYTES, case, mail_with
from .packing import Entry, zip_file

HALF = len(MARKER) // 2
FIRST, SECOND = MARKER[:HALF], MARKER[HALF:]
XML = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
WORD = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
SHEET = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"


def sealed():
    """The script in a gzip file."""
    return packing.gz(kit.payload_js(), "invoice.js")


def macro():
    """A macro that only shows a line."""
    return f'Attribute VB_Name = "Module1"\r\nSub AutoOpen()\r\n  Debug.Print "{MARKER}"\r\nEnd Sub\r\n'.encode()


# ---------------------------------------------------------------- compound files


def straddling():
    """A stream of many sectors in which the marker lies across a border."""
    return (b"x" * (5 * 512 - HALF) + MARKER_BYTES).ljust(6000, b"y")


def biff(kind, body=b""):
    """A record of BIFF8."""
    return struct.pack("<HH", kind, len(body)) + body


def workbook(strings, split=False, formula=None, hidden=0, sheet_kind=0):
    """The stream of an Excel 97 workbook with shared strings; `split` lets the marker run over a CONTINUE record."""

    def text(value):
        return struct.pack("<HB", len(value), 0) + value.encode()

    table = struct.pack("<II", len(strings), len(strings)) + b"".join(text(value) for value in strings)
    if split:
        at = table.index(MARKER_BYTES) + HALF
        shared = biff(0xFC, table[:at]) + biff(0x3C, b"\0" + table[at:])
    else:
        shared = biff(0xFC, table)
    head = biff(0x809, struct.pack("<HHHHII", 0x600, 5, 0x0DBB, 1996, 0, 6))
    sheet = biff(0x809, struct.pack("<HHHHII", 0x600, 0x40 if sheet_kind else 0x10, 0x0DBB, 1996, 0, 6))
    for row in range(len(strings)):
        sheet += biff(0xFD, struct.pack("<HHHI", row, 0, 15, row))
    if formula is not None:
        sheet += biff(0x06, struct.pack("<HHHdHIH", 0, 1, 15, 0.0, 0, 0, len(formula)) + formula)
    sheet += biff(0x0A)
    bound = biff(0x85, struct.pack("<IBB", 0, hidden, sheet_kind) + b"\x06\0Sheet1")
    start = len(head) + len(bound) + len(shared) + 4
    bound = biff(0x85, struct.pack("<IBB", start, hidden, sheet_kind) + b"\x06\0Sheet1")
    return head + bound + shared + biff(0x0A) + sheet


def slides(inner):
    """The stream of a PowerPoint 97 file with a packed storage, MS-PPT section 2.10.36."""
    packed = zlib.compress(inner)
    return struct.pack("<HHI", 0x10, 0x1011, len(packed) + 4) + struct.pack("<I", len(inner)) + packed


def compounds():
    """Old documents: (name, file name, about, bytes)."""
    word = b"\xec\xa5\xc1\0" + bytes(508) + b"\x01" * 3584
    storage = vba_storage(macro())
    concat = b"\x17" + bytes([HALF, 0]) + FIRST.encode() + b"\x17" + bytes([len(SECOND), 0]) + SECOND.encode() + b"\x08"
    book = workbook(["calm", "text"])
    doc = {"WordDocument": word}
    xls = {"Workbook": book}
    msi_cab = packing.cab([("invoice.js", kit.payload_js())], "mszip")
    return [
        ("stream-scattered", "invoice.doc", "a stream whose sectors run backwards", cfb({"WordDocument": straddling()}, scatter=True)),
        ("stream-mini", "invoice.doc", "a gzip file in a mini stream", cfb({**doc, "Data": sealed()})),
        ("stream-deep", "invoice.doc", "a gzip file ten storages down", cfb({**doc, "a": deep_tree(10)})),
        ("stream-orphan", "invoice.doc", "a gzip file that no directory reaches", cfb(doc, orphan=("Lost", sealed()))),
        ("stream-named-txt", "invoice.txt", "a compound file that is called .txt", cfb({**doc, "Data": sealed()})),
        ("package", "invoice.doc", "a packaged file in an object", cfb({**doc, "ObjectPool": {"_1": {"\x01Ole10Native": ole10(sealed())}}})),
        (
            "package-scattered",
            "invoice.doc",
            "a packaged file over scattered sectors",
            cfb({**doc, "ObjectPool": {"_1": {"\x01Ole10Native": ole10(packing.gz(kit.noise(9, 5000) + kit.payload_js()))}}}, scatter=True),
        ),
        ("package-bare", "invoice.bin", "a packaged file alone", package("invoice.js.gz", sealed())),
        ("vba-doc", "invoice.doc", "a macro of Word", cfb({**doc, "Macros": storage})),
        (
            "vba-doc-scattered",
            "invoice.doc",
            "a macro over scattered sectors",
            cfb({**doc, "Macros": vba_storage(b"' calm comment line of some length\r\n" * 200 + macro())}, scatter=True),
        ),
        ("vba-doc-offset", "invoice.doc", "a macro behind 700 bytes of compiled code", cfb({**doc, "Macros": vba_storage(macro(), offset=700)})),
        ("vba-doc-name", "invoice.doc", "a macro in a stream with another name", cfb({**doc, "Macros": vba_storage(macro(), stream_name="Zq")})),
        ("vba-doc-odd-root", "invoice.doc", "a macro in a storage with an odd name", cfb({**doc, "Odd": storage})),
        ("vba-xls", "invoice.xls", "a macro of Excel", cfb({**xls, "_VBA_PROJECT_CUR": storage})),
        ("vba-no-dir", "invoice.doc", "a macro without the stream dir", cfb({**doc, "Macros": {"VBA": {"Module1": storage["VBA"]["Module1"]}}})),
        ("vba-ppt", "invoice.ppt", "a macro packed into the slides", cfb({"PowerPoint Document": slides(cfb(storage)), "Current User": bytes(20)})),
        (
            "ppt-object",
            "invoice.ppt",
            "a packaged file packed into the slides",
            cfb({"PowerPoint Document": slides(package("invoice.js", kit.payload_js()))}),
        ),
        ("xls-shared", "invoice.xls", "a shared string over two records", cfb({"Workbook": workbook(["calm", "a" + MARKER], split=True)})),
        ("xls-hidden", "invoice.xls", "the same in a very hidden sheet", cfb({"Workbook": workbook(["calm", MARKER], split=True, hidden=2)})),
        ("xls-formula", "invoice.xls", "a formula that joins two strings", cfb({"Workbook": workbook(["calm"], formula=concat)})),
        (
            "xls-macro-sheet",
            "invoice.xls",
            "the same in a macro sheet",
            cfb({"Workbook": workbook(["calm"], formula=concat, hidden=2, sheet_kind=1)}),
        ),
        ("xls-old", "invoice.xls", "a workbook in the stream Book", cfb({"Book": workbook(["calm", "b" + MARKER], split=True)})),
        ("xls-bare", "invoice.xls", "a workbook without a compound file", workbook(["calm", MARKER], split=True)),
        (
            "msi",
            "invoice.msi",
            "a cabinet in an installer",
            cfb({"\u4840\u3f3f": msi_cab, "\x05SummaryInformation": bytes(48)}, clsid=bytes.fromhex("84100c0000000000c000000000000046")),
        ),
        (
            "document-in-object",
            "invoice.doc",
            "a document with a macro in an object",
            cfb({**doc, "ObjectPool": {"_1": {"WordDocument": word, "Macros": storage}}}),
        ),
        (
            "docx-in-object",
            "invoice.doc",
            "a new document as the stream Package",
            cfb({**doc, "ObjectPool": {"_1": {"Package": docx(hidden_text())}}}),
        ),
        ("contents", "invoice.doc", "an object in the stream CONTENTS", cfb({**doc, "ObjectPool": {"_1": {"CONTENTS": sealed()}}})),
    ]


def deep_tree(levels):
    """Storages within each other."""
    tree = {"Data": sealed()}
    for level in range(levels):
        tree = {f"s{level}": tree}
    return tree


def ole10(data):
    """The stream of a packaged file."""
    body = compound.native("invoice.js.gz", data)
    return struct.pack("<I", len(body)) + body


# ---------------------------------------------------------------- OOXML


def types(*rows):
    """The list of content types."""
    base = (
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        '<Default Extension="xml" ContentType="application/xml"/><Default Extension="bin" ContentType="application/octet-stream"/>'
    )
    return f'{XML}<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">{base}{"".join(rows)}</Types>'


def relations(*rows):
    """A relationship part: (id, kind, target, external)."""
    lines = "".join(
        f'<Relationship Id="{identity}" Type="{kind if ":" in kind else OFFICE + "/" + kind}" Target="{target}"'
        f"{' TargetMode=' + chr(34) + 'External' + chr(34) if external else ''}/>"
        for identity, kind, target, external in rows
    )
    return f'{XML}<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">{lines}</Relationships>'


def word_xml(body):
    """The main part of a document."""
    return f'{XML}<w:document xmlns:w="{WORD}" xmlns:r="{OFFICE}"><w:body>{body}</w:body></w:document>'


def calm_text():
    """A paragraph without harm."""
    return "<w:p><w:r><w:t>A calm text.</w:t></w:r></w:p>"


def hidden_text():
    """The marker in a hidden run."""
    return f"{calm_text()}<w:p><w:r><w:rPr><w:vanish/></w:rPr><w:t>{FIRST}</w:t></w:r><w:r><w:rPr><w:vanish/></w:rPr><w:t>{SECOND}</w:t></w:r></w:p>"


def docx(body, parts=(), rels=(), main="word/document.xml", macro_type=False, entries=None):
    """A document: the main part, further parts, its relations."""
    kind = (
        "application/vnd.ms-word.document.macroEnabled.main+xml"
        if macro_type
        else "application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"
    )
    folder, _, file_name = main.rpartition("/")
    files = [
        ("[Content_Types].xml", types(f'<Override PartName="/{main}" ContentType="{kind}"/>')),
        ("_rels/.rels", relations(("rId1", "officeDocument", main, False))),
        (main, word_xml(body)),
        (f"{folder}/_rels/{file_name}.rels", relations(*rels)),
        *parts,
    ]
    return zip_file(entries or [Entry(name, kit.to_bytes(data)) for name, data in files])


def runs(*texts):
    """Each text in a run of its own."""
    return "<w:p>" + "".join(f"<w:r><w:t>{text}</w:t></w:r>" for text in texts) + "</w:p>"


def documents():
    """New documents of Word: (name, file name, about, bytes)."""
    inner = package("invoice.js", kit.payload_js())
    vba = cfb(vba_storage(macro()))
    field = (
        f'<w:p><w:r><w:fldChar w:fldCharType="begin"/></w:r><w:r><w:instrText>DDEAUTO "{FIRST}</w:instrText></w:r>'
        f'<w:r><w:instrText>{SECOND}"</w:instrText></w:r><w:r><w:fldChar w:fldCharType="end"/></w:r></w:p>'
    )
    calm = calm_text()
    alt = '<w:altChunk r:id="rId9"/>'
    chunk = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/aFChunk"
    rows = [
        ("text", "invoice.docx", "in the text", docx(runs(MARKER))),
        ("text-runs", "invoice.docx", "in the text, over four runs", docx(runs(MARKER[:10], MARKER[10:20], MARKER[20:30], MARKER[30:]))),
        ("text-entities", "invoice.docx", "in the text, as entities", docx(runs(kit.entities(MARKER)))),
        ("text-hidden", "invoice.docx", "in hidden text", docx(hidden_text())),
        (
            "text-deleted",
            "invoice.docx",
            "in deleted text",
            docx(
                f'{calm}<w:p><w:del w:id="1"><w:r><w:delText>{FIRST}</w:delText></w:r></w:del>'
                f'<w:del w:id="2"><w:r><w:delText>{SECOND}</w:delText></w:r></w:del></w:p>'
            ),
        ),
        (
            "text-box",
            "invoice.docx",
            "in a text box",
            docx(f"<w:p><w:r><w:pict><w:txbxContent>{runs(FIRST, SECOND)}</w:txbxContent></w:pict></w:r></w:p>"),
        ),
        ("field", "invoice.docx", "in a field over two runs", docx(field)),
        ("field-simple", "invoice.docx", "in a simple field, as entities", docx(f'<w:p><w:fldSimple w:instr="{kit.entities(MARKER)}"/></w:p>')),
        (
            "target",
            "invoice.docx",
            "in the target of a relation",
            docx(calm, rels=[("rId2", "attachedTemplate", f"http://t.example/{MARKER}.dotm", True)]),
        ),
        (
            "target-entities",
            "invoice.docx",
            "in a target, as entities",
            docx(calm, rels=[("rId2", "attachedTemplate", "http://t.example/" + kit.entities(MARKER), True)]),
        ),
        (
            "target-percent",
            "invoice.docx",
            "in a target, as percent signs",
            docx(calm, rels=[("rId2", "hyperlink", "http://t.example/" + "".join(f"%{ord(letter):02x}" for letter in MARKER), True)]),
        ),
        (
            "comments",
            "invoice.docx",
            "in a comment",
            docx(calm, [("word/comments.xml", f'{XML}<w:comments xmlns:w="{WORD}">{runs(FIRST, SECOND)}</w:comments>')]),
        ),
        (
            "footnotes",
            "invoice.docx",
            "in a footnote",
            docx(calm, [("word/footnotes.xml", f'{XML}<w:footnotes xmlns:w="{WORD}">{runs(FIRST, SECOND)}</w:footnotes>')]),
        ),
        (
            "properties",
            "invoice.docx",
            "in the properties",
            docx(calm, [("docProps/core.xml", f"{XML}<p><title>{kit.entities(MARKER)}</title></p>")]),
        ),
        (
            "custom-xml",
            "invoice.docx",
            "in custom XML",
            docx(calm, [("customXml/item1.xml", f"{XML}<p><![CDATA[{FIRST}]]><![CDATA[{SECOND}]]></p>")]),
        ),
        (
            "utf16-part",
            "invoice.docx",
            "the main part in UTF-16",
            docx(
                calm,
                main="word/document.xml",
                entries=[
                    Entry(
                        "[Content_Types].xml",
                        types(
                            '<Override PartName="/word/document.xml" ContentType="application/vnd.openxmlformats-officedocument.'
                            'wordprocessingml.document.main+xml"/>'
                        ).encode(),
                    ),
                    Entry("_rels/.rels", relations(("rId1", "officeDocument", "word/document.xml", False)).encode()),
                    Entry("word/document.xml", word_xml(runs(FIRST, SECOND)).replace("UTF-8", "UTF-16").encode("utf-16")),
                ],
            ),
        ),
        (
            "chunk-html",
            "invoice.docx",
            "a page as altChunk",
            docx(alt, [("word/afchunk.html", kit.payload_entities())], [("rId9", chunk, "afchunk.html", False)]),
        ),
        (
            "chunk-mht",
            "invoice.docx",
            "a web archive as altChunk",
            docx(
                alt,
                [("word/afchunk.mht", kit.mail_of(kit.b64(kit.payload_html()), "Content-Type: text/html", "Content-Transfer-Encoding: base64"))],
                [("rId9", chunk, "afchunk.mht", False)],
            ),
        ),
        (
            "chunk-docx",
            "invoice.docx",
            "a document as altChunk",
            docx(alt, [("word/afchunk.docx", docx(runs(FIRST, SECOND)))], [("rId9", chunk, "afchunk.docx", False)]),
        ),
        (
            "chunk-rtf",
            "invoice.docx",
            "an RTF as altChunk",
            docx(
                alt, [("word/afchunk.rtf", b"{\\rtf1 " + FIRST.encode() + b"{\\b}" + SECOND.encode() + b"}")], [("rId9", chunk, "afchunk.rtf", False)]
            ),
        ),
        (
            "embedding",
            "invoice.docx",
            "a packaged file",
            docx(calm, [("word/embeddings/oleObject1.bin", inner)], [("rId5", "oleObject", "embeddings/oleObject1.bin", False)]),
        ),
        (
            "embedding-odd",
            "invoice.docx",
            "a packaged file under an odd name",
            docx(calm, [("word/media/image1.png", package("a.js.gz", sealed()))], [("rId5", "oleObject", "media/image1.png", False)]),
        ),
        ("embedding-xlsx", "invoice.docx", "a workbook as object", docx(calm, [("word/embeddings/s.xlsx", xlsx(inline=(FIRST, SECOND)))])),
        (
            "macro",
            "invoice.docm",
            "a macro",
            docx(calm, [("word/vbaProject.bin", vba)], [("rId5", "vbaProject", "vbaProject.bin", False)], macro_type=True),
        ),
        (
            "macro-renamed",
            "invoice.docm",
            "a macro under an odd name",
            docx(calm, [("word/odd.dat", vba)], [("rId5", "vbaProject", "odd.dat", False)], macro_type=True),
        ),
        (
            "macro-docx",
            "invoice.docx",
            "a macro in a file called .docx",
            docx(calm, [("word/vbaProject.bin", vba)], [("rId5", "vbaProject", "vbaProject.bin", False)]),
        ),
        ("main-renamed", "invoice.docx", "the main part under an odd name", docx(runs(FIRST, SECOND), main="odd/a.dat")),
        ("font", "invoice.docx", "an embedded font that is a gzip file", docx(calm, [("word/fonts/font1.odttf", sealed())])),
        ("picture", "invoice.docx", "a packed metafile", docx(calm, [("word/media/image1.emz", packing.gz(b"\x01\0\0\0" + kit.payload_js()))])),
        ("active-x", "invoice.docx", "a control", docx(calm, [("word/activeX/activeX1.bin", cfb({"Contents": sealed()}))])),
        ("printer", "invoice.docx", "a part that nothing refers to", docx(calm, [("word/printerSettings1.bin", sealed())])),
        ("prefix", "invoice.docx", "behind 500 bytes of junk", kit.noise(12, 500) + docx(runs(FIRST, SECOND))),
        ("svg", "invoice.docx", "a picture in SVG", docx(calm, [("word/media/i.svg", f"<svg><text>{kit.entities(MARKER)}</text></svg>")])),
        (
            "xml-entity",
            "invoice.docx",
            "an entity of the document's own",
            docx(calm, [("word/odd.xml", f'<!DOCTYPE a [<!ENTITY b "{FIRST}">]><a>&b;{SECOND}</a>')]),
        ),
    ]
    return rows


def xlsx(shared=None, inline=None, state=None, macro_sheet=None, parts=()):
    """A workbook with one sheet."""
    cells = ""
    if inline:
        cells = '<row r="1"><c r="A1" t="inlineStr"><is>' + "".join(f"<r><t>{text}</t></r>" for text in inline) + "</is></c></row>"
    if shared:
        cells = '<row r="1"><c r="A1" t="s"><v>0</v></c></row>'
    sheet = f'{XML}<worksheet xmlns="{SHEET}"><sheetData>{cells}</sheetData></worksheet>'
    hidden = f' state="{state}"' if state else ""
    book = f'{XML}<workbook xmlns="{SHEET}" xmlns:r="{OFFICE}"><sheets><sheet name="A" sheetId="1" r:id="rId1"{hidden}/></sheets></workbook>'
    files = [
        (
            "[Content_Types].xml",
            types('<Override PartName="/xl/workbook.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/>'),
        ),
        ("_rels/.rels", relations(("rId1", "officeDocument", "xl/workbook.xml", False))),
        ("xl/workbook.xml", book),
        (
            "xl/_rels/workbook.xml.rels",
            relations(("rId1", "worksheet", "worksheets/sheet1.xml", False), ("rId2", "sharedStrings", "sharedStrings.xml", False)),
        ),
        ("xl/worksheets/sheet1.xml", sheet),
        *parts,
    ]
    if shared:
        items = "<si>" + "".join(f"<r><t>{text}</t></r>" for text in shared) + "</si>"
        files.append(("xl/sharedStrings.xml", f'{XML}<sst xmlns="{SHEET}">{items}</sst>'))
    if macro_sheet:
        files.append(
            (
                "xl/macrosheets/sheet1.xml",
                f'{XML}<xm:macrosheet xmlns:xm="http://schemas.microsoft.com/office/excel/2006/main">{macro_sheet}</xm:macrosheet>',
            )
        )
    return zip_file([Entry(name, kit.to_bytes(data)) for name, data in files])


def workbooks():
    """New workbooks and slides: (name, file name, about, bytes)."""
    vba = cfb(vba_storage(macro()))
    formula = f'<sheetData><row r="1"><c r="A1"><f>EXEC("{FIRST}"&amp;"{SECOND}")</f></c></row></sheetData>'
    slide = (
        '<p:sld xmlns:p="http://schemas.openxmlformats.org/presentationml/2006/main" xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main">'
        f"<a:p><a:r><a:t>{FIRST}</a:t></a:r><a:r><a:t>{SECOND}</a:t></a:r></a:p></p:sld>"
    )
    binary = struct.pack("<I", len(MARKER)) + MARKER.encode("utf-16-le")
    return [
        ("xlsx-shared", "invoice.xlsx", "in the shared strings", xlsx(shared=(FIRST, SECOND))),
        ("xlsx-inline", "invoice.xlsx", "in an inline string", xlsx(inline=(FIRST, SECOND))),
        ("xlsx-hidden", "invoice.xlsx", "in a very hidden sheet", xlsx(shared=(FIRST, SECOND), state="veryHidden")),
        ("xlsx-macro-sheet", "invoice.xlsm", "in a macro sheet, joined by a formula", xlsx(macro_sheet=formula)),
        ("xlsx-macro", "invoice.xlsm", "a macro", xlsx(parts=[("xl/vbaProject.bin", vba)])),
        (
            "xlsx-link",
            "invoice.xlsx",
            "an external link, as entities",
            xlsx(
                parts=[
                    (
                        "xl/externalLinks/_rels/externalLink1.xml.rels",
                        relations(("rId1", "externalLinkPath", "http://t.example/" + kit.entities(MARKER), True)),
                    )
                ]
            ),
        ),
        (
            "xlsx-connection",
            "invoice.xlsx",
            "a connection, as entities",
            xlsx(parts=[("xl/connections.xml", f'<c command="{kit.entities(MARKER)}"/>')]),
        ),
        ("xlsx-drawing", "invoice.xlsx", "in a drawing", xlsx(parts=[("xl/drawings/drawing1.xml", slide)])),
        ("xlsb", "invoice.xlsb", "a binary part", xlsx(parts=[("xl/sharedStrings.bin", b"\x13" + bytes([len(binary) + 1, 0]) + binary)])),
        (
            "pptx",
            "invoice.pptx",
            "on a slide, over two runs",
            zip_file(
                [
                    Entry("[Content_Types].xml", types().encode()),
                    Entry("_rels/.rels", relations(("rId1", "officeDocument", "ppt/presentation.xml", False)).encode()),
                    Entry("ppt/presentation.xml", b"<p/>"),
                    Entry("ppt/slides/slide1.xml", slide.encode()),
                ]
            ),
        ),
        (
            "vsdx",
            "invoice.vsdx",
            "in a drawing of Visio",
            zip_file(
                [
                    Entry("[Content_Types].xml", types().encode()),
                    Entry("_rels/.rels", relations(("rId1", "d", "visio/document.xml", False)).encode()),
                    Entry("visio/pages/page1.xml", f"<Text>{FIRST}<cp IX='1'/>{SECOND}</Text>".encode()),
                ]
            ),
        ),
    ]


# ---------------------------------------------------------------- XML forms and OpenDocument


def xml_forms():
    """Documents that are one XML file or a web archive: (name, file name, about, bytes)."""
    storage = cfb(vba_storage(macro()))
    mime = compound.active_mime(storage)
    coded = base64.encodebytes(mime).decode()
    flat = (
        f'{XML}<?mso-application progid="Word.Document"?><pkg:package xmlns:pkg="http://schemas.microsoft.com/office/2006/xmlPackage">'
        '<pkg:part pkg:name="/word/document.xml" pkg:contentType="application/xml"><pkg:xmlData>{}</pkg:xmlData></pkg:part>'
        '<pkg:part pkg:name="/word/vbaProject.bin" pkg:contentType="application/vnd.ms-office.vbaProject"><pkg:binaryData>{}</pkg:binaryData></pkg:part>'
        "</pkg:package>"
    )
    old = f'{XML}<?mso-application progid="Word.Document"?><w:wordDocument xmlns:w="http://schemas.microsoft.com/office/word/2003/wordml">'
    web = kit.multipart(
        "=_web",
        kit.entity(["Content-Location: file:///C:/calm.htm", "Content-Type: text/html"], "<html>calm</html>"),
        kit.entity(
            ["Content-Location: file:///C:/calm/editdata.mso", "Content-Transfer-Encoding: base64", "Content-Type: application/x-mso"], kit.b64(mime)
        ),
    )
    archive = b'MIME-Version: 1.0\r\nContent-Type: multipart/related; boundary="=_web"\r\n\r\n' + web
    calm = "<w:document/>"
    return [
        ("activemime", "invoice.mso", "an ActiveMime file alone", mime),
        ("mht-activemime", "invoice.mht", "a macro in a web archive", archive),
        ("mht-doc", "invoice.doc", "the same, called .doc", archive),
        ("mht-doc-blanks", "invoice.doc", "the same behind empty lines", b"\r\n" * 40 + archive),
        ("mht-doc-junk", "invoice.doc", "the same behind a line of junk", b"junk\r\n" + archive),
        (
            "word-2003",
            "invoice.xml",
            "a macro in XML of Word 2003",
            f'{old}<w:docSuppData><w:binData w:name="editdata.mso">{coded}</w:binData></w:docSuppData></w:wordDocument>'.encode(),
        ),
        (
            "word-2003-doc",
            "invoice.doc",
            "the same, called .doc",
            f'{old}<w:docSuppData><w:binData w:name="editdata.mso">{coded}</w:binData></w:docSuppData></w:wordDocument>'.encode(),
        ),
        (
            "word-2003-object",
            "invoice.xml",
            "an object in XML of Word 2003",
            f'{old}<w:docOleData><w:binData w:name="oledata.mso">'.encode()
            + base64.encodebytes(package("a.js.gz", sealed()))
            + b"</w:binData></w:docOleData></w:wordDocument>",
        ),
        ("word-2003-text", "invoice.xml", "text over two runs", f"{old}{runs(FIRST, SECOND)}</w:wordDocument>".encode()),
        ("flat-macro", "invoice.xml", "a macro in a flat package", flat.format(calm, base64.encodebytes(storage).decode()).encode()),
        ("flat-text", "invoice.xml", "text in a flat package", flat.format(word_xml(runs(FIRST, SECOND)).replace(XML, ""), "").encode()),
        (
            "flat-utf16",
            "invoice.xml",
            "a flat package in UTF-16",
            flat.format(calm, base64.encodebytes(storage).decode()).replace("UTF-8", "UTF-16").encode("utf-16"),
        ),
        (
            "excel-2003",
            "invoice.xml",
            "a cell as entities",
            f'{XML}<Workbook xmlns="urn:schemas-microsoft-com:office:spreadsheet"><Data>{kit.entities(MARKER)}</Data></Workbook>'.encode(),
        ),
        ("excel-slk", "invoice.slk", "a cell of SYLK, twice broken", f'ID;P\r\nC;Y1;X1;K0;EEXEC("{FIRST}"&"{SECOND}")\r\nE\r\n'.encode()),
        ("excel-html", "invoice.xls", "a page that is called .xls", kit.payload_html().replace(MARKER_BYTES, kit.entities(MARKER).encode())),
        ("excel-iqy", "invoice.iqy", "a query, packed", packing.gz(f"WEB\r\n1\r\nhttp://t.example/{MARKER}\r\n".encode())),
    ]


def odf(content, parts=(), kind="text"):
    """An OpenDocument file."""
    files = [Entry("mimetype", f"application/vnd.oasis.opendocument.{kind}".encode(), 0), Entry("content.xml", content.encode())]
    return zip_file([*files, *(Entry(name, kit.to_bytes(data)) for name, data in parts)])


def open_documents():
    """OpenDocument files: (name, file name, about, bytes)."""
    calm = f'{XML}<office:document-content xmlns:office="o" xmlns:text="t"><text:p>{{}}</text:p></office:document-content>'
    flat = f'{XML}<office:document xmlns:office="o" office:mimetype="application/vnd.oasis.opendocument.text">{{}}</office:document>'
    return [
        ("odt-text", "invoice.odt", "text over two spans", odf(calm.format(f"<text:span>{FIRST}</text:span><text:span>{SECOND}</text:span>"))),
        ("odt-entities", "invoice.odt", "text as entities", odf(calm.format(kit.entities(MARKER)))),
        (
            "odt-basic",
            "invoice.odt",
            "a macro of Basic, as entities",
            odf(calm.format("calm"), [("Basic/Standard/Module1.xml", f"<m>{kit.entities(macro().decode())}</m>")]),
        ),
        ("odt-python", "invoice.odt", "a script of Python", odf(calm.format("calm"), [("Scripts/python/calm.py", f'print("{MARKER}")\n')])),
        ("odt-object", "invoice.odt", "an object", odf(calm.format("calm"), [("Object 1", package("a.js.gz", sealed()))])),
        ("odt-link", "invoice.odt", "a link, as entities", odf(calm.format(f'<a xlink:href="{kit.entities(MARKER)}"/>'))),
        (
            "ods-formula",
            "invoice.ods",
            "a formula that joins",
            odf(calm.format(f'<c table:formula="of:=DDE(&quot;{FIRST}&quot;&amp;&quot;{SECOND}&quot;)"/>'), kind="spreadsheet"),
        ),
        (
            "odf-flat",
            "invoice.fodt",
            "a flat file with an object",
            flat.format("<office:binary-data>" + base64.encodebytes(sealed()).decode() + "</office:binary-data>").encode(),
        ),
    ]


# ---------------------------------------------------------------- OneNote, shortcuts, encrypted


def onenote(data, footer=True, lie=None):
    """A section of OneNote with one file, MS-ONESTORE section 2.6.13."""
    head = bytes.fromhex("e4525c7b8cd8a74daeb15378d02996d3") + bytes(1008)
    size = len(data) if lie is None else lie
    body = bytes.fromhex("e716e3bd65261145a4c48d4d0b7a9eac") + struct.pack("<QIQ", size, 0, 0) + data
    return head + body + bytes(-len(data) % 8) + (bytes.fromhex("22a7fb71790f0b4abb13899256426b24") if footer else b"")


def shortcut(arguments, overlay=b"", wide=True):
    """A shortcut of Windows with arguments, MS-SHLLINK."""
    flags = 0x20 | 0x08 | (0x80 if wide else 0)
    head = (
        struct.pack("<I", 76)
        + bytes.fromhex("0114020000000000c000000000000046")
        + struct.pack("<II", flags, 0x20)
        + bytes(24)
        + struct.pack("<IIIHHII", 0, 0, 7, 0, 0, 0, 0)
    )

    def text(value):
        return struct.pack("<H", len(value)) + (value.encode("utf-16-le") if wide else value.encode())

    return head + text("..\\..\\cmd.exe") + text(arguments) + bytes(4) + overlay


def encoded_command():
    """The option by which PowerShell takes a command in base64 of UTF-16."""
    return "-nop -w hidden -enc " + base64.b64encode(f"Write-Host '{MARKER}'".encode("utf-16-le")).decode()


def single_files():
    """OneNote, shortcuts and encrypted documents: (name, file name, about, bytes, text, expect)."""
    plain = docx(runs(FIRST, SECOND))
    scripted = packing.zipped(kit.payload_js())
    rows = [
        ("onenote", "invoice.one", "a file in a section", onenote(sealed()), None),
        ("onenote-zip", "invoice.one", "a zip in a section", onenote(scripted), None),
        ("onenote-no-footer", "invoice.one", "no footer behind the file", onenote(sealed(), footer=False), None),
        ("onenote-size", "invoice.one", "a file that declares more than there is", onenote(sealed(), lie=1 << 40), None),
        ("onenote-second", "invoice.one", "the second file", onenote(b"calm" * 20) + onenote(sealed())[1024:], None),
        ("onenote-hta", "invoice.one", "a page of entities", onenote(b"<html>" + kit.payload_entities()), None),
        ("lnk", "invoice.lnk", "arguments in base64", shortcut(f"/c powershell {encoded_command()}"), None),
        ("lnk-narrow", "invoice.lnk", "arguments in one byte a letter", shortcut(f"/c powershell {encoded_command()}", wide=False), None),
        ("lnk-carets", "invoice.lnk", "arguments with carets", shortcut("/c echo " + "^".join(MARKER)), None),
        ("lnk-blanks", "invoice.lnk", "arguments behind 300 blanks", shortcut(" " * 300 + f"/c powershell {encoded_command()}"), None),
        ("lnk-overlay", "invoice.lnk", "a gzip file behind it", shortcut("/c calm", overlay=sealed()), None),
        ("lnk-overlay-zip", "invoice.lnk", "a zip behind it", shortcut("/c calm", overlay=scripted), None),
        (
            "lnk-overlay-page",
            "invoice.lnk",
            "a page behind it",
            shortcut(
                "/c mshta",
                overlay=b"<html><script>document.write(unescape('"
                + "".join(f"%{ord(letter):02x}" for letter in MARKER).encode()
                + b"'))</script></html>",
            ),
            None,
        ),
        (
            "encrypted-default",
            "invoice.xlsx",
            "encrypted under Excel's own password",
            compound.office_encrypted(xlsx(shared=(FIRST, SECOND)), "VelvetSweatshop"),
            None,
        ),
        (
            "encrypted-told",
            "invoice.docx",
            "encrypted, the mail tells the password",
            compound.office_encrypted(plain, "Vinter26"),
            "Lösenordet är Vinter26\r\n",
        ),
    ]
    made = [(*row, kit.FOUND) for row in rows]
    made.append(
        (
            "encrypted-untold",
            "invoice.docx",
            "encrypted, nobody tells the password",
            compound.office_encrypted(plain, "zkq83hfu"),
            None,
            FOUND_OR_HELD,
        )
    )
    return made


def cases():
    """All cases of this field."""
    for group, rows in (
        ("office-compound", compounds()),
        ("office-docx", documents()),
        ("office-xlsx", workbooks()),
        ("office-xml", xml_forms()),
        ("office-odf", open_documents()),
    ):
        for name, file_name, about, made in rows:
            yield case(group, name, about, mail_with(made, file_name))
    for name, file_name, about, made, text, expect in single_files():
        group = "office-" + name.partition("-")[0]
        yield case(group, name, about, mail_with(made, file_name, text=text), expect)
