//! What the sanitiser keeps, what it says, and that none of the vectors leaves anything behind.

use super::*;

fn body(page: &str) -> String {
    let safe = safe_page(page, &Pictures::default()).unwrap();
    let (_, body) = safe.document.split_once("<body>").unwrap();
    body.strip_suffix("</body></html>\n").unwrap().to_string()
}

#[test]
fn what_a_mail_says_stays_and_what_it_does_goes() {
    let note = |words: &str| format!("<span class=\"sluss-note\">[{words}]</span>");
    let link = |target: &str, shown: &str, words: &str| {
        format!("<a class=\"sluss-link\" title=\"{target}\">{shown}</a>{}", note(words))
    };
    for (page, want) in [
        ("plain & <b>bold</b>", "plain &amp; <b>bold</b>".to_string()),
        (
            "<p>a<p>b<ul><li>c<li>d</ul>",
            "<p>a</p><p>b</p><ul><li>c</li><li>d</li></ul>".to_string(),
        ),
        (
            "<table><tr><td>a<td>b<tr><td>c</table>d",
            "<table><tbody><tr><td>a</td><td>b</td></tr><tr><td>c</td></tr></tbody></table>d"
                .to_string(),
        ),
        ("a<script>b</script>c<style>d</style>e", "ace".to_string()),
        (
            "<body bgcolor=#ffffff onload=x()>a</body>b",
            "<div bgcolor=\"#ffffff\">ab</div>".to_string(),
        ),
        (
            "<a href='https://bank.example@evil.example/x' title=no>bank</a>",
            link("https://bank.example@evil.example/x", "bank", "to evil.example"),
        ),
        (
            "<a href=//xn--rksmrgs-5wao1o.example/>x</a>",
            link(
                "//xn--rksmrgs-5wao1o.example/",
                "x",
                "to xn--rksmrgs-5wao1o.example (räksmörgås.example)",
            ),
        ),
        ("<a href=javascript:alert(1)>x</a>", link("javascript:alert(1)", "x", "to javascript:")),
        (
            "<a href=mailto:a@b.example?cc=x>x</a>",
            link("mailto:a@b.example?cc=x", "x", "mail to a@b.example"),
        ),
        ("<a href=#top name=top>x</a>", "<a>x</a>".to_string()),
        ("<base href=https://far.example/><a href=x>y</a>", link("x", "y", "to far.example")),
        (
            "<img src=https://far.example/x.png alt=hello width=1>",
            note("picture from far.example not fetched: hello"),
        ),
        ("<img src=cid:nobody>", note("picture")),
        (
            "<form action=https://evil.example/><input type=password name=p><input type=submit value=Go></form>",
            format!(
                "{}<div>{}{}</div>",
                note("form to evil.example"),
                note("password field"),
                note("button Go")
            ),
        ),
        (
            "<iframe src=https://evil.example/>a</iframe>b",
            format!("{}b", note("iframe to evil.example")),
        ),
        (
            "<div id=x class=sluss-note onclick=y data-z=1 style='color:red;position:fixed'>a</div>",
            "<div style=\"color:red\">a</div>".to_string(),
        ),
        (
            "<svg><p>a</svg><math>b</math><noscript><i>c</i></noscript>",
            "<p>ab<i>c</i></p>".to_string(),
        ),
        ("<xmp><b>a</xmp><plaintext><b>", "<pre>&lt;b&gt;a</pre><pre>&lt;b&gt;</pre>".to_string()),
    ] {
        assert_eq!(body(page), want, "{page}");
    }
}

#[test]
fn pictures_of_the_mail_are_shown_if_they_are_pictures() {
    let mut png = Vec::new();
    let picture = image::DynamicImage::new_rgb8(2, 2);
    picture.write_to(&mut std::io::Cursor::new(&mut png), image::ImageFormat::Png).unwrap();
    let mut pictures = Pictures::default();
    pictures.add("logo@x.example", &png);
    pictures.add("script@x.example", b"<svg onload=alert(1)>");
    pictures.add("", &png);
    let encoded = data_encoding::BASE64.encode(&png);
    let img = format!("<img src=\"data:image/png;base64,{encoded}\" alt=\"a\">");
    for (page, shown) in [
        ("<img src='cid:logo@x.example' alt=a>".to_string(), true),
        ("<img src='CID:logo%40x.example' alt=a>".to_string(), true),
        (format!("<img src='data:image/png;base64,{encoded}' alt=a>"), true),
        (format!("<img src='data:image/svg+xml;base64,{encoded}' alt=a>"), true),
        ("<img src='cid:script@x.example' alt=a>".to_string(), false),
        ("<img src='data:image/png;base64,PHN2Zz4=' alt=a>".to_string(), false),
        ("<img src='data:text/html,<script>x</script>' alt=a>".to_string(), false),
    ] {
        let safe = safe_page(&page, &pictures).unwrap();
        assert_eq!(safe.document.contains(&img), shown, "{page}: {}", safe.document);
    }
}

#[test]
fn bounds_hold_and_are_said() {
    let deep = "<div>".repeat(10_000) + "inside" + &"</div>".repeat(10_000) + "after";
    let shown = body(&deep);
    assert_eq!(shown.matches("<div>").count(), crate::base::limits::VIEW_DEPTH_MAX);
    assert!(shown.contains("inside") && shown.ends_with("</div>after"));
    for long in [
        "<b>a</b>".repeat(50_000),
        "a <a href=x>b".repeat(60_000),
        "text ".repeat(500_000),
        "& ".repeat(1_200_000),
    ] {
        let safe = safe_page(&long, &Pictures::default()).unwrap();
        assert!(safe.cut && safe.document.len() < 6 * crate::base::limits::VIEW_PAGE_BYTES_MAX);
    }
}

#[derive(serde::Deserialize)]
struct Vectors {
    vector: Vec<Vector>,
}

#[derive(serde::Deserialize)]
struct Vector {
    name: String,
    html: String,
}

#[test]
fn no_vector_leaves_anything_behind() {
    let vectors: Vectors =
        toml::from_str(include_str!("../../../tests/suites/xss/vectors.toml")).unwrap();
    assert!(vectors.vector.len() >= 200, "{}", vectors.vector.len());
    let mut names: Vec<&str> = vectors.vector.iter().map(|vector| vector.name.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), vectors.vector.len(), "each has a name of its own");
    for vector in &vectors.vector {
        // In the whole document too, whose head is ours: after it nothing but the lists.
        let safe = safe_page(&vector.html, &Pictures::default()).unwrap();
        let (head, body) = safe.document.split_once("<body>").unwrap();
        assert!(!head.contains("attack.example") && !head.contains("alert"), "{}", vector.name);
        let body = body.strip_suffix("</body></html>\n").unwrap();
        assert!(is_allowed(body), "{}: {body}", vector.name);
        harmless(&vector.name, body);
    }
}

/// The same without the lists: what may never stand in a tag of the page.
fn harmless(name: &str, body: &str) {
    const FETCH_OR_RUN: &[&str] = &[
        "script",
        "style",
        "svg",
        "math",
        "iframe",
        "object",
        "embed",
        "link",
        "meta",
        "base",
        "form",
        "input",
        "button",
        "video",
        "audio",
        "source",
        "template",
        "noscript",
        "frameset",
        "title",
        "textarea",
        "select",
        "xmp",
        "plaintext",
        "image",
        "marquee",
        "details",
        "dialog",
        "slot",
    ];
    for token in html5gum::Tokenizer::new(body) {
        let Ok(Token::StartTag(tag)) = token else { continue };
        let element = String::from_utf8_lossy(&tag.name).into_owned();
        assert!(!FETCH_OR_RUN.contains(&element.as_str()), "{name}: {element}: {body}");
        for (attribute, value) in &tag.attributes {
            let attribute = String::from_utf8_lossy(attribute).into_owned();
            let value = String::from_utf8_lossy(&value.value).to_lowercase();
            let says = ["title", "alt"].contains(&attribute.as_str());
            assert!(!attribute.starts_with("on"), "{name}: {attribute}: {body}");
            assert!(
                ![
                    "id",
                    "name",
                    "href",
                    "srcset",
                    "action",
                    "formaction",
                    "ping",
                    "srcdoc",
                    "background"
                ]
                .contains(&attribute.as_str()),
                "{name}: {attribute}: {body}"
            );
            assert!(attribute != "src" || value.starts_with("data:image/"), "{name}: {value}");
            let leads = ["url(", "expression", "javascript:", "vbscript:", "//", "\\", "@import"];
            let found = leads.iter().find(|word| value.contains(**word));
            assert!(says || attribute == "src" || found.is_none(), "{name}: {attribute}={value}");
        }
    }
}
