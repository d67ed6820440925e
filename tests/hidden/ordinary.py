"""Ordinary mail of the North, neat and sloppy: nothing of it may be found bad.

Names, addresses and networks are reserved ones; identifiers of persons and accounts are those that authorities publish for tests.
"""

import base64
import quopri
import struct
import zlib

from . import kit, misc, office, packing, pdf
from .kit import CLEAN, LINE, b64, case, entity, multipart

TEXTS = {
    "sv": (
        "Mötet på torsdag",
        "Hej Bo!\r\n\r\nKan vi flytta mötet till klockan tio på torsdag? Åsa är på väg till Örebro och hinner inte före.\r\n"
        "Protokollet från förra veckan ligger på den gemensamma ytan.\r\n\r\nHälsningar\r\nAnna Ek\r\n",
    ),
    "fi": (
        "Kokous torstaina",
        "Hei Bo,\r\n\r\nvoisimmeko siirtää kokouksen torstaina kello kymmeneen? Päivi tulee Jyväskylästä eikä ehdi aiemmin.\r\n"
        "Pöytäkirja on yhteisessä kansiossa.\r\n\r\nYstävällisin terveisin\r\nAnna Mäkelä\r\n",
    ),
    "nb": (
        "Møtet på torsdag",
        "Hei Bo!\r\n\r\nKan vi flytte møtet til klokken ti på torsdag? Åse kommer fra Tromsø og rekker det ikke før.\r\n"
        "Referatet fra forrige uke ligger på fellesområdet.\r\n\r\nVennlig hilsen\r\nAnna Bø\r\n",
    ),
    "da": (
        "Mødet på torsdag",
        "Hej Bo\r\n\r\nKan vi flytte mødet til klokken ti på torsdag? Søren kommer fra Ærø og når det ikke før.\r\n"
        "Referatet fra sidste uge ligger på fællesdrevet.\r\n\r\nVenlig hilsen\r\nAnna Kjær\r\n",
    ),
    "en": (
        "The meeting on Thursday",
        "Hi Bo,\r\n\r\ncould we move the meeting to ten on Thursday? Sara is coming from Umeå and cannot make it before.\r\n"
        "The minutes of last week are in the shared folder.\r\n\r\nBest regards\r\nAnna Ek\r\n",
    ),
}
DOMAINS = {"sv": "kvarn.example", "fi": "mylly.example", "nb": "kvern.example", "da": "moelle.example", "en": "mill.example"}


def word(text, charset="utf-8", kind="Q"):
    """An encoded word where the text needs one."""
    if text.isascii():
        return text
    raw = text.encode(charset)
    coded = base64.b64encode(raw).decode() if kind == "B" else quopri.encodestring(raw, quotetabs=True).decode().replace(" ", "_").replace("=\n", "")
    return f"=?{charset}?{kind}?{coded}?="


def letter(language, number, *fields, subject=None, body=b"", sender="Anna Ek", reply=None):
    """A mail as an ordinary server passes it on."""
    domain = DOMAINS[language]
    lines = [
        f"Received: from mail.{domain} (mail.{domain} [192.0.2.25])\r\n\tby mx.ours.example with ESMTPS id 4T{number:04d};\r\n\tMon, 02 Mar 2026 10:00:03 +0100",
        f"Message-ID: <20260302100000.{number:04d}@{domain}>",
        "Date: Mon, 02 Mar 2026 10:00:00 +0100",
        f"From: {sender} <anna@{domain}>",
        "To: Bo Berg <bo@ours.example>",
        f"Subject: {subject if subject is not None else word(TEXTS[language][0])}",
    ]
    if reply:
        lines += [f"In-Reply-To: <{reply}@ours.example>", f"References: <{reply}@ours.example>"]
    return LINE.join(kit.to_bytes(line) for line in [*lines, "MIME-Version: 1.0", *fields]) + LINE + LINE + body


def quoted(text, charset):
    """Quoted-printable with CRLF."""
    return quopri.encodestring(text.replace("\r\n", "\n").encode(charset)).replace(b"\n", b"\r\n")


def plain(language, charset="utf-8", way="quoted-printable"):
    """Fields and body of a plain text."""
    text = TEXTS[language][1]
    body = {"quoted-printable": lambda: quoted(text, charset), "base64": lambda: b64(text.encode(charset)), "8bit": lambda: text.encode(charset)}[
        way
    ]()
    return [f"Content-Type: text/plain; charset={charset}", f"Content-Transfer-Encoding: {way}"], body


def with_file(language, number, data, name, kind, subject=None):
    """A text and one attachment."""
    fields, body = plain(language)
    parts = multipart("=_p", entity(fields, body), kit.attachment(data, name, kind))
    return letter(language, number, 'Content-Type: multipart/mixed; boundary="=_p"', subject=subject, body=parts)


def with_page(language, number, *fields, extra=""):
    """A text and a page beside it."""
    head, body = plain(language)
    paragraphs = "".join(f"<p>{line}</p>" for line in TEXTS[language][1].split("\r\n") if line)
    page = f'<html><head><meta charset="utf-8"><style>p{{font-family:Arial}}</style></head><body>{paragraphs}{extra}</body></html>\r\n'
    parts = multipart(
        "=_a",
        entity(head, body),
        entity(["Content-Type: text/html; charset=utf-8", "Content-Transfer-Encoding: quoted-printable"], quoted(page, "utf-8")),
    )
    return letter(language, number, 'Content-Type: multipart/alternative; boundary="=_a"', *fields, body=parts)


def invoice(lines):
    """A calm invoice in PDF."""
    text = b"BT /F1 12 Tf 72 760 Td 16 TL " + b" ".join(b"(" + line.encode("latin-1") + b") Tj T*" for line in lines) + b" ET"
    made = pdf.page(zlib.compress(text))
    made.stream(4, zlib.compress(text), b"/Filter /FlateDecode")
    return made.done()


def scan_picture():
    """A grey picture, as a scanner would send it."""
    rows = b"".join(b"\0" + kit.noise(at, 64) for at in range(64))

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", 64, 64, 8, 0, 0, 0, 0))
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )


def invitation(language):
    """A meeting."""
    title = TEXTS[language][0]
    return (
        f"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//Calm//Calendar//EN\r\nMETHOD:REQUEST\r\nBEGIN:VEVENT\r\nUID:1042@{DOMAINS[language]}\r\n"
        f"DTSTAMP:20260302T090000Z\r\nDTSTART:20260305T090000Z\r\nDTEND:20260305T100000Z\r\nSUMMARY:{title}\r\nORGANIZER:mailto:anna@{DOMAINS[language]}\r\n"
        "ATTENDEE:mailto:bo@ours.example\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
    ).encode()


def neat():
    """Mails as good programs write them: (name, about, mail)."""
    number = 0
    for language in TEXTS:
        for charset, way in (("utf-8", "quoted-printable"), ("utf-8", "base64"), ("iso-8859-1", "quoted-printable"), ("windows-1252", "8bit")):
            number += 1
            fields, body = plain(language, charset, way)
            yield (
                f"{language}-{charset}-{way}",
                f"a text in {charset}, {way}",
                letter(language, number, *fields, subject=word(TEXTS[language][0], charset, "B" if way == "base64" else "Q"), body=body),
            )
        number += 1
        yield f"{language}-alternative", "a text and a page", with_page(language, 100 + number)
    for language, lines in (
        ("sv", ["Faktura 1042", "Bankgiro 5050-1055", "Att betala: 1 250,00 kr"]),
        ("fi", ["Lasku 1042", "IBAN FI21 1234 5600 0007 85", "Yhteensä 125,00 EUR"]),
        ("nb", ["Faktura 1042", "Kontonummer 8601 11 17947", "Å betale 1 250,00"]),
        ("da", ["Faktura 1042", "I alt 1.250,00 kr"]),
    ):
        number += 1
        yield (
            f"{language}-invoice",
            "an invoice in PDF",
            with_file(language, 200 + number, invoice(lines), "faktura-1042.pdf", "application/pdf", subject="Faktura 1042"),
        )
    yield (
        "sv-newsletter",
        "a newsletter",
        with_page(
            "sv",
            301,
            "List-Unsubscribe: <https://kvarn.example/u/42>",
            "List-Unsubscribe-Post: List-Unsubscribe=One-Click",
            "List-Id: Kvarnbrevet <brev.kvarn.example>",
            extra='<p><a href="https://kvarn.example/u/42">Avregistrera</a></p>',
        ),
    )
    yield (
        "nb-newsletter",
        "a newsletter",
        with_page("nb", 302, "List-Unsubscribe: <mailto:av@kvern.example>", extra='<p><a href="https://kvern.example/nytt">Les mer</a></p>'),
    )
    for language in ("sv", "fi"):
        fields, body = plain(language)
        parts = multipart(
            "=_c",
            entity(fields, body),
            entity(["Content-Type: text/calendar; charset=utf-8; method=REQUEST", "Content-Transfer-Encoding: base64"], b64(invitation(language))),
        )
        yield f"{language}-invitation", "an invitation", letter(language, 310, 'Content-Type: multipart/alternative; boundary="=_c"', body=parts)
    yield "sv-scan", "a scanned picture", with_file("sv", 320, scan_picture(), "skanning.png", "image/png")
    yield (
        "da-docx",
        "a document",
        with_file(
            "da",
            321,
            office.docx(office.runs("Referat af mødet", "og lidt mere")),
            "referat.docx",
            "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        ),
    )
    yield (
        "fi-xlsx",
        "a workbook",
        with_file(
            "fi",
            322,
            office.xlsx(shared=("Tuntilista", "maaliskuu")),
            "tunnit.xlsx",
            "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        ),
    )
    yield (
        "en-odt",
        "an OpenDocument text",
        with_file(
            "en",
            323,
            office.odf(
                '<?xml version="1.0"?><office:document-content xmlns:office="o" xmlns:text="t"><text:p>Minutes</text:p></office:document-content>'
            ),
            "minutes.odt",
            "application/vnd.oasis.opendocument.text",
        ),
    )
    yield (
        "sv-zip",
        "a zip of two texts",
        with_file(
            "sv",
            324,
            packing.zip_file([packing.Entry("läsmig.txt", b"En rad till.\r\n" * 9, flags=0x800), packing.Entry("lista.csv", b"a;b\r\n1;2\r\n" * 9)]),
            "underlag.zip",
            "application/zip",
        ),
    )
    yield (
        "nb-winmail",
        "a winmail.dat with a text",
        with_file("nb", 325, misc.tnef(b"Hei, her er listen.\r\n", b"liste.txt", "liste over deltakere.txt"), "winmail.dat", "application/ms-tnef"),
    )
    yield (
        "en-forwarded",
        "a forwarded mail",
        with_file("en", 326, letter("sv", 9, *plain("sv")[0], body=plain("sv")[1]), "forwarded.eml", "message/rfc822").replace(
            b"message/rfc822; name", b"application/octet-stream; name"
        ),
    )
    fields, body = plain("sv")
    inner = letter("fi", 10, *plain("fi")[0], body=plain("fi")[1])
    yield (
        "sv-forwarded",
        "a mail forwarded as message/rfc822",
        letter(
            "sv",
            327,
            'Content-Type: multipart/mixed; boundary="=_f"',
            subject="VB: Kokous",
            body=multipart("=_f", entity(fields, body), entity(["Content-Type: message/rfc822"], inner)),
        ),
    )
    signed = multipart(
        "=_s",
        entity(fields, body),
        entity(
            [
                "Content-Type: application/pkcs7-signature; name=smime.p7s",
                "Content-Transfer-Encoding: base64",
                "Content-Disposition: attachment; filename=smime.p7s",
            ],
            b64(misc.signed(b"")),
        ),
    )
    yield (
        "sv-signed",
        "a signed mail",
        letter("sv", 328, 'Content-Type: multipart/signed; protocol="application/pkcs7-signature"; micalg=sha-256; boundary="=_s"', body=signed),
    )


def sloppy():
    """Mails as old and careless programs write them: (name, about, mail)."""
    text = TEXTS["sv"][1]
    thread = text + "".join(
        f"\r\n{'>' * level} Den 2 mars 2026 skrev Bo Berg <bo@ours.example>:\r\n"
        + "".join(f"{'>' * level} {line}\r\n" for line in text.split("\r\n"))
        for level in range(1, 12)
    )
    fields, body = plain("sv")
    yield (
        "thread",
        "a long thread",
        letter(
            "sv",
            401,
            "Content-Type: text/plain; charset=utf-8",
            "Content-Transfer-Encoding: quoted-printable",
            subject="Sv: Sv: " + word(TEXTS["sv"][0]),
            body=quoted(thread, "utf-8"),
            reply="a1",
        ),
    )
    yield (
        "raw-subject",
        "a subject in Latin-1 as it is",
        letter(
            "sv",
            402,
            *plain("sv", "iso-8859-1", "8bit")[0],
            subject="Mötet".encode("latin-1").decode("latin-1"),
            body=plain("sv", "iso-8859-1", "8bit")[1],
        ),
    )
    yield "no-charset", "UTF-8 that says nothing", letter("da", 403, "Content-Type: text/plain", body=TEXTS["da"][1].encode())
    yield "lf", "LF only", letter("nb", 404, *plain("nb")[0], body=plain("nb")[1]).replace(b"\r\n", b"\n")
    yield (
        "no-close",
        "a multipart that is not closed",
        with_file("sv", 405, b"En rad till.\r\n" * 20, "anteckningar.txt", "text/plain").rsplit(b"--=_p--", 1)[0],
    )
    yield (
        "name-latin",
        "an attachment's name as an encoded word",
        with_file("sv", 406, invoice(["Intyg"]), word("Intyg för Åsa.pdf", "iso-8859-1"), "application/pdf"),
    )
    yield "octets-pdf", "a PDF as octets", with_file("fi", 407, invoice(["Todistus"]), "todistus.pdf", "application/octet-stream")
    yield "footer", "a footer of a list behind the last part", with_page("en", 408) + b"\r\n_______________\r\nlist@mill.example\r\n"
    yield (
        "html-only",
        "a page alone, from a word processor",
        letter(
            "sv",
            409,
            "Content-Type: text/html; charset=utf-8",
            "Content-Transfer-Encoding: quoted-printable",
            body=quoted(
                '<html xmlns:o="urn:schemas-microsoft-com:office:office"><head><!--[if gte mso 9]><xml><o:OfficeDocumentSettings/></xml><![endif]--></head>'
                f"<body lang=SV><p class=MsoNormal>{text.replace(chr(13) + chr(10), '<br>')}<o:p></o:p></p></body></html>",
                "utf-8",
            ),
        ),
    )
    yield (
        "picture-inline",
        "a page with its logo beside it",
        letter(
            "nb",
            410,
            'Content-Type: multipart/related; boundary="=_r"',
            body=multipart(
                "=_r",
                entity(["Content-Type: text/html; charset=utf-8"], '<html><body><p>Hei!</p><img src="cid:logo@kvern.example"></body></html>'),
                entity(
                    [
                        "Content-Type: image/png; name=logo.png",
                        "Content-Transfer-Encoding: base64",
                        "Content-ID: <logo@kvern.example>",
                        "Content-Disposition: inline",
                    ],
                    b64(misc.png()),
                ),
            ),
        ),
    )
    yield (
        "code",
        "a program's text in the mail",
        letter(
            "en",
            411,
            "Content-Type: text/plain; charset=us-ascii",
            body="Hi,\r\n\r\ntry this:\r\n\r\n    for (i = 0; i < 9; i++) {\r\n"
            '        print(atob[i] + "begin 644");\r\n    }\r\n\r\nbegin with the second line.\r\n\r\nAnna\r\n'.encode(),
        ),
    )
    yield (
        "base64-text",
        "a certificate request in the text",
        letter(
            "en",
            412,
            "Content-Type: text/plain; charset=us-ascii",
            body=b"Hi,\r\n\r\nplease sign:\r\n\r\n-----BEGIN CERTIFICATE REQUEST-----\r\n"
            + b64(kit.noise(61, 400), 64)
            + b"-----END CERTIFICATE REQUEST-----\r\n",
        ),
    )


def cases():
    """All cases of this field."""
    for name, about, made in neat():
        yield case("ordinary", name, about, made, CLEAN)
    for name, about, made in sloppy():
        yield case("ordinary", f"sloppy-{name}", about, made, CLEAN)
