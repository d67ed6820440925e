//! Codes drawn in every way a sender may draw them, and pictures that lie.

#![allow(clippy::as_conversions)] // Pictures are drawn with arithmetic; the sizes are our own.

use super::{album::Album, *};
use crate::{base::clock::Clock, formats::budget::Bounds};
use image::{
    DynamicImage, GrayImage, ImageFormat, Luma, LumaA, Rgb, RgbImage, Rgba, RgbaImage, imageops,
};
use std::io::{Cursor, Write};

const LINK: &str = "https://evil.example/login?marker=SLUSS-QR";

fn budget() -> Budget {
    Budget::new(Bounds::default(), &Clock::system())
}

/// Modules of a code with its quiet zone.
fn modules(text: &str) -> Vec<Vec<bool>> {
    let code = qrcode::QrCode::new(text).unwrap();
    let width = code.width();
    let colors = code.to_colors();
    let quiet = 4;
    (0..width + 2 * quiet)
        .map(|y| {
            (0..width + 2 * quiet)
                .map(|x| {
                    let inside = |at: usize| (quiet..width + quiet).contains(&at);
                    inside(x)
                        && inside(y)
                        && colors[(y - quiet) * width + x - quiet] == qrcode::Color::Dark
                })
                .collect()
        })
        .collect()
}

fn grey(text: &str, scale: usize, dark: u8, light: u8) -> GrayImage {
    let rows = modules(text);
    let side = (rows.len() * scale) as u32;
    GrayImage::from_fn(side, side, |x, y| {
        Luma([if rows[y as usize / scale][x as usize / scale] { dark } else { light }])
    })
}

fn file(image: impl Into<DynamicImage>, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    image.into().write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

fn png(image: impl Into<DynamicImage>) -> Vec<u8> {
    file(image, ImageFormat::Png)
}

fn read(bytes: &[u8]) -> Vec<String> {
    codes(bytes, &mut budget()).texts
}

fn placed(code: &GrayImage, width: u32, height: u32, x: i64, y: i64) -> GrayImage {
    let mut page = GrayImage::from_pixel(width, height, Luma([255]));
    imageops::overlay(&mut page, code, x, y);
    page
}

/// Turned by an angle around its middle, smooth.
fn turned(code: &GrayImage, degrees: f32) -> GrayImage {
    let (sine, cosine) = degrees.to_radians().sin_cos();
    let side = (code.width() as f32 * 1.45) as u32;
    let (middle, from) = (side as f32 / 2.0, code.width() as f32 / 2.0);
    GrayImage::from_fn(side, side, |x, y| {
        let (dx, dy) = (x as f32 + 0.5 - middle, y as f32 + 0.5 - middle);
        let (u, v) = (dx * cosine + dy * sine + from, dy * cosine - dx * sine + from);
        imageops::interpolate_bilinear(code, u - 0.5, v - 0.5).unwrap_or(Luma([255]))
    })
}

/// Seen aslant: the upper edge is shorter than the lower one.
fn aslant(code: &GrayImage) -> GrayImage {
    let side = code.width() as f32;
    GrayImage::from_fn(code.width(), code.height(), |x, y| {
        let depth = 0.75 + 0.25 * y as f32 / side;
        let u = (x as f32 - side / 2.0) / depth + side / 2.0;
        if u < 0.0 || u >= side - 1.0 {
            return Luma([255]);
        }
        imageops::interpolate_bilinear(code, u, y as f32 / depth).unwrap_or(Luma([255]))
    })
}

#[test]
fn codes_are_read_however_they_are_drawn() {
    let code = |scale| grey(LINK, scale, 0, 255);
    let plain = code(4);
    let coloured = |dark: [u8; 3], light: [u8; 3]| {
        let from = |pixel: &Luma<u8>| Rgb(if pixel.0[0] == 0 { dark } else { light });
        RgbImage::from_fn(plain.width(), plain.height(), |x, y| from(plain.get_pixel(x, y)))
    };
    let transparent = |dark: [u8; 4], light: [u8; 4]| {
        let from = |pixel: &Luma<u8>| Rgba(if pixel.0[0] == 0 { dark } else { light });
        RgbaImage::from_fn(plain.width(), plain.height(), |x, y| from(plain.get_pixel(x, y)))
    };
    let mut pale = placed(&grey(LINK, 3, 245, 255), 300, 300, 20, 20);
    imageops::overlay(&mut pale, &GrayImage::from_pixel(300, 30, Luma([0])), 0, 200);
    let mut mirrored = plain.clone();
    imageops::flip_horizontal_in_place(&mut mirrored);
    let shaded = GrayImage::from_fn(plain.width(), plain.height(), |x, y| {
        let light = 255 - x;
        Luma([if plain.get_pixel(x, y).0[0] == 0 { light / 2 } else { light } as u8])
    });
    let cases: Vec<(&str, DynamicImage)> = vec![
        ("plain", plain.clone().into()),
        ("a pixel a module", code(1).into()),
        ("two pixels a module", code(2).into()),
        (
            "without a quiet zone",
            imageops::crop_imm(&plain, 16, 16, plain.width() - 32, plain.height() - 32)
                .to_image()
                .into(),
        ),
        (
            "shrunk to odd sizes",
            imageops::resize(&plain, 61, 61, imageops::FilterType::Triangle).into(),
        ),
        ("stretched", imageops::resize(&plain, 160, 260, imageops::FilterType::Nearest).into()),
        ("light on dark", grey(LINK, 4, 255, 0).into()),
        ("grey on grey", grey(LINK, 4, 120, 132).into()),
        ("pale beside black", pale.into()),
        ("in shadow", shaded.into()),
        ("red on green of one brightness", coloured([200, 0, 0], [0, 102, 0]).into()),
        ("blue on yellow", coloured([0, 0, 200], [250, 250, 0]).into()),
        ("clear paper", transparent([0, 0, 0, 255], [0, 0, 0, 0]).into()),
        ("only in transparency", transparent([255, 255, 255, 255], [255, 255, 255, 0]).into()),
        ("hidden by transparency", transparent([0, 0, 0, 0], [255, 255, 255, 0]).into()),
        ("a quarter turned", imageops::rotate90(&plain).into()),
        ("turned 10°", turned(&plain, 10.0).into()),
        ("turned 33°", turned(&plain, 33.0).into()),
        ("turned 45°", turned(&plain, 45.0).into()),
        ("turned 200°", turned(&plain, 200.0).into()),
        ("mirrored", mirrored.into()),
        ("aslant", aslant(&code(6)).into()),
        ("in a corner of a page", placed(&code(3), 700, 500, 530, 330).into()),
        ("16 bits", DynamicImage::ImageLuma16(DynamicImage::from(plain.clone()).into_luma16())),
        (
            "grey and alpha",
            image::GrayAlphaImage::from_fn(plain.width(), plain.height(), |x, y| {
                LumaA([plain.get_pixel(x, y).0[0], 255])
            })
            .into(),
        ),
        ("blurred", imageops::blur(&code(5), 2.0).into()),
    ];
    for (name, image) in cases {
        assert_eq!(read(&png(image)), [LINK], "{name}");
    }
}

#[test]
fn every_format_and_size_of_code() {
    let plain = DynamicImage::from(grey(LINK, 4, 0, 255)).into_rgb8();
    for format in
        [ImageFormat::Png, ImageFormat::Jpeg, ImageFormat::Gif, ImageFormat::WebP, ImageFormat::Bmp]
    {
        assert_eq!(read(&file(plain.clone(), format)), [LINK], "{format:?}");
    }
    for length in [1, 10, 60, 150, 300, 600, 1_200, 2_300] {
        let text = "https://x.example/".to_string() + &"Az9-".repeat(length / 4);
        assert_eq!(read(&png(grey(&text, 3, 0, 255))), [text], "{length}");
    }
    for text in ["0123456789", "HTTPS://EXAMPLE.COM/A", "räksmörgås", "日本"] {
        assert_eq!(read(&png(grey(text, 3, 0, 255))), [text]);
    }
}

#[test]
fn several_codes_in_one_picture() {
    let texts: Vec<String> = (0..4).map(|n| format!("https://{n}.example/")).collect();
    let mut page = GrayImage::from_pixel(500, 500, Luma([255]));
    for (text, (x, y)) in texts.iter().zip([(0, 0), (250, 10), (20, 260), (300, 300)]) {
        imageops::overlay(&mut page, &grey(text, 4, 0, 255), x, y);
    }
    let mut found = read(&png(page));
    found.sort();
    assert_eq!(found, texts);
}

#[test]
fn a_code_cut_in_pieces() {
    let code = grey(LINK, 4, 0, 255);
    let (w, h) = code.dimensions();
    let piece = |x, y, w, h| png(imageops::crop_imm(&code, x, y, w, h).to_image());
    let other = png(GrayImage::from_pixel(100, 30, Luma([9])));
    let (half, third) = (w / 2, h / 3);
    for (name, pieces) in [
        ("upper and lower", vec![piece(0, 0, w, half), piece(0, half, w, h - half)]),
        (
            "left and right",
            vec![other.clone(), piece(0, 0, half, h), piece(half, 0, w - half, h), other.clone()],
        ),
        (
            "in three",
            vec![
                piece(0, 0, w, third),
                piece(0, third, w, third),
                piece(0, 2 * third, w, h - 2 * third),
            ],
        ),
        (
            "in four",
            vec![
                piece(0, 0, half, half),
                piece(half, 0, w - half, half),
                piece(0, half, half, h - half),
                piece(half, half, w - half, h - half),
            ],
        ),
    ] {
        let mut album = Album::default();
        for piece in &pieces {
            album.open(piece, &mut budget()).unwrap();
        }
        let codes = album.codes_in_pieces(&budget());
        assert_eq!(codes.texts, [LINK], "{name}");
        assert!(codes.signs.iter().any(|sign| sign.id == "image.code_in_pieces"));
    }
    let (whole, mut album) = (png(code), Album::default());
    let found = [&other, &whole, &other].map(|one| album.open(one, &mut budget()).unwrap());
    assert_eq!(found.map(|opened| opened.links.len()), [0, 1, 0]);
    assert_eq!(album.codes_in_pieces(&budget()).texts, [""; 0]);
}

#[test]
fn the_frames_of_an_animation() {
    let blank = RgbaImage::from_pixel(160, 160, Rgba([255; 4]));
    let code = DynamicImage::from(placed(&grey(LINK, 3, 0, 255), 160, 160, 0, 0)).into_rgba8();
    let mut bytes = Vec::new();
    let mut encoder = image::codecs::gif::GifEncoder::new(&mut bytes);
    for image in [&blank, &blank, &blank, &code, &blank] {
        encoder.encode_frame(image::Frame::new(image.clone())).unwrap();
    }
    drop(encoder);
    assert_eq!(read(&bytes), [LINK]);
}

#[test]
fn links_and_texts() {
    let opened = open(&png(grey(LINK, 3, 0, 255)), &mut budget());
    assert_eq!(opened.links, [LINK]);
    assert_eq!(opened.members[0].bytes, LINK.as_bytes());
    assert_eq!(opened.signs[0].because, "a QR code with a link");
    for (text, want) in [
        ("https://a.example/x", Some("https://a.example/x")),
        ("HTTPS://A.EXAMPLE", Some("HTTPS://A.EXAMPLE")),
        ("example.com/login", Some("http://example.com/login")),
        ("URLTO:https://a.example/", Some("https://a.example/")),
        ("go to https://a.example/ now", Some("https://a.example/")),
        ("ms-settings:x", Some("ms-settings:x")),
        ("WIFI:S:net;P:x;;", None),
        ("tel:+46", None),
        ("hello", None),
        ("3.14", None),
        ("", None),
    ] {
        assert_eq!(link(text).as_deref(), want, "{text}");
    }
}

fn chunk(kind: &[u8], data: &[u8]) -> Vec<u8> {
    [&(data.len() as u32).to_be_bytes(), kind, data, &[0; 4]].concat()
}

fn members(bytes: &[u8]) -> Vec<(String, Vec<u8>)> {
    let opened = inside::open(bytes, &mut budget());
    opened.members.into_iter().map(|member| (member.name.unwrap(), member.bytes)).collect()
}

#[test]
fn what_a_png_holds_beside_its_pixels() {
    let mut zlib = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
    zlib.write_all(b"packed marker").unwrap();
    let packed = zlib.finish().unwrap();
    let plain = png(grey("x", 1, 0, 255));
    let (head, end) = plain.split_at(plain.len() - 12);
    for (piece, name, want) in [
        (chunk(b"tEXt", b"Comment\0marker"), "tEXt Comment", &b"marker"[..]),
        (chunk(b"zTXt", &[b"Note\0\0", &packed[..]].concat()), "zTXt Note", b"packed marker"),
        (chunk(b"iTXt", b"a\0\0\0en\0b\0marker"), "iTXt a", b"marker"),
        (chunk(b"iTXt", &[b"a\0\x01\0\0\0", &packed[..]].concat()), "iTXt a", b"packed marker"),
        (chunk(b"eXIf", b"MM\0*marker"), "eXIf", b"MM\0*marker"),
        (chunk(b"prVt", b"marker"), "prVt", b"marker"),
    ] {
        let bytes = [head, &piece, end].concat();
        assert_eq!(members(&bytes), [(name.to_string(), want.to_vec())], "{name}");
        // Cut short, what is there is given.
        for length in 0..bytes.len() {
            let _ = members(&bytes[..length]);
        }
    }
    let bytes = [&plain[..], b"PK\x03\x04 and what follows it"].concat();
    let opened = inside::open(&bytes, &mut budget());
    assert_eq!(opened.members[0].bytes, b"PK\x03\x04 and what follows it");
    assert_eq!(opened.signs[0].because, "24 bytes behind the end of a PNG picture");
    assert!(members(&[&plain[..], b"\0\0\n"].concat()).is_empty());
}

#[test]
fn what_other_pictures_hold() {
    let rgb = DynamicImage::from(grey("x", 1, 0, 255)).into_rgb8();
    let jpeg = file(rgb.clone(), ImageFormat::Jpeg);
    let com = [&b"\xff\xd8\xff\xfe\0\x08marker"[..], &jpeg[2..], b"behind"].concat();
    let found = members(&com);
    assert!(found.contains(&("COM".to_string(), b"marker".to_vec())), "{found:?}");
    assert!(found.contains(&("behind the picture".to_string(), b"behind".to_vec())));
    let gif = file(DynamicImage::from(rgb.clone()).into_rgba8(), ImageFormat::Gif);
    let (head, end) = gif.split_at(gif.len() - 1);
    let gif = [head, b"\x21\xfe\x03mar\x03ker\0", end, b"behind"].concat();
    let found = members(&gif);
    assert!(found.contains(&("comment".to_string(), b"marker".to_vec())), "{found:?}");
    assert!(found.contains(&("behind the picture".to_string(), b"behind".to_vec())));
    let webp = file(rgb.clone(), ImageFormat::WebP);
    let webp = [&webp[..], b"behind"].concat();
    assert_eq!(members(&webp), [("behind the picture".to_string(), b"behind".to_vec())]);
    let bmp = [&file(rgb, ImageFormat::Bmp)[..], b"behind"].concat();
    assert_eq!(members(&bmp), [("behind the picture".to_string(), b"behind".to_vec())]);
    for bytes in [com, gif, webp, bmp] {
        for length in 0..bytes.len().min(400) {
            let _ = members(&bytes[..length]);
        }
    }
}

#[test]
fn a_picture_cut_short_is_read_as_far_as_it_goes() {
    let page = placed(&grey(LINK, 3, 0, 255), 200, 400, 20, 20);
    for (format, whole) in [
        (ImageFormat::Png, png(page.clone())),
        (ImageFormat::Jpeg, file(DynamicImage::from(page.clone()).into_rgb8(), ImageFormat::Jpeg)),
        (ImageFormat::Bmp, file(DynamicImage::from(page).into_rgb8(), ImageFormat::Bmp)),
    ] {
        let cut = codes(&whole[..whole.len() - 20], &mut budget());
        let bytes = whole.len();
        assert_eq!(cut.texts, [LINK], "{format:?} {bytes} {:?}", cut.stopped);
        for length in (0..whole.len()).step_by(whole.len() / 50 + 1) {
            let _ = codes(&whole[..length], &mut budget());
        }
    }
}

#[test]
fn sizes_that_are_only_declared_cost_nothing() {
    let mut bytes = png(grey("x", 1, 0, 255));
    bytes[16..20].copy_from_slice(&60_000_u32.to_be_bytes());
    bytes[20..24].copy_from_slice(&60_000_u32.to_be_bytes());
    let codes = codes(&bytes, &mut budget());
    assert!(codes.texts.is_empty() && codes.stopped.is_some());
    for bytes in [&b""[..], b"GIF89a", b"\x89PNG\r\n\x1a\n", b"RIFF\xff\xff\xff\xffWEBPVP8 ", b"BM"]
    {
        let opened = open(bytes, &mut budget());
        assert!(opened.links.is_empty() && opened.stopped.is_some());
    }
}

#[test]
fn a_sheet_of_eyes_costs_little() {
    let one = grey("x", 1, 0, 255);
    let corner = imageops::crop_imm(&one, 3, 3, 9, 9).to_image();
    let mut page = GrayImage::from_pixel(600, 600, Luma([255]));
    for x in (0..600).step_by(10) {
        for y in (0..600).step_by(10) {
            imageops::overlay(&mut page, &corner, x, y);
        }
    }
    let started = Clock::system();
    let codes = codes(&png(page), &mut budget());
    assert!(codes.stopped.is_some());
    assert!(started.tick().0.as_secs() < 10);
}
