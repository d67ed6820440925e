//! Logos of organisations: read when a configuration is loaded, and looked at as far as it takes to know that they are small pictures.
//!
//! PNG alone: an SVG is a document that can hold scripts and load from elsewhere, and to make one safe takes a parser that belongs in the
//! locked room; a PNG is pixels. What surrounds these (texts, profiles) is not looked at: browsers draw it or leave it.

use crate::{base::limits, config::Config};
use bytes::Bytes;
use std::{
    collections::HashMap,
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
};

/// The logos of a configuration. One that cannot be used is left out and named: mail does not wait for a picture.
pub(super) fn read(config: &Config, errors: &mut Vec<String>) -> HashMap<PathBuf, Bytes> {
    let mut logos = HashMap::new();
    for entry in &config.organisations {
        let file = entry.branding.as_ref().and_then(|branding| branding.logo_file.as_ref());
        let Some(file) = file.filter(|file| !logos.contains_key(*file)) else { continue };
        let picture = bytes_of(file).map_err(|error| error.to_string());
        match picture.and_then(|bytes| is_small_png(&bytes).map(|()| bytes)) {
            Ok(bytes) => drop(logos.insert(file.clone(), Bytes::from(bytes))),
            Err(why) => errors.push(format!(
                "the logo of {}: {}: {why}; pages show its name alone",
                entry.name,
                file.display()
            )),
        }
    }
    logos
}

fn bytes_of(file: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(file)?.take(limits::LOGO_BYTES_MAX + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// PNG (third edition) section 5.2 and 11.2.1: eight octets, then a chunk IHDR that begins with width and height.
fn is_small_png(bytes: &[u8]) -> Result<(), String> {
    let most = limits::LOGO_BYTES_MAX;
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > most {
        return Err(format!("it has more than {most} bytes; make it smaller"));
    }
    let no_png = || "it is no PNG picture; save it as one".to_string();
    let rest = bytes.strip_prefix(b"\x89PNG\r\n\x1a\n").ok_or_else(no_png)?;
    let rest = rest.strip_prefix(b"\0\0\0\x0dIHDR").ok_or_else(no_png)?;
    let side = |at: usize| {
        let four = rest.get(at..at + 4).and_then(|four| <[u8; 4]>::try_from(four).ok());
        four.map(u32::from_be_bytes)
    };
    let (width, height) = side(0).zip(side(4)).ok_or_else(no_png)?;
    let longest = limits::LOGO_SIDE_MAX;
    match width.max(height) > longest || width.min(height) == 0 {
        true => {
            Err(format!("it is {width} × {height} pixels; make it at most {longest} wide and high"))
        }
        false => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn png(width: u32, height: u32) -> Vec<u8> {
        let sides = [width.to_be_bytes(), height.to_be_bytes()].concat();
        [b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR".to_vec(), sides, vec![8, 6, 0, 0, 0]].concat()
    }

    #[test]
    fn only_a_small_picture_is_a_logo() {
        assert_eq!(is_small_png(&png(320, 80)), Ok(()));
        let large = [png(320, 80), vec![0; 200_000]].concat();
        for (bytes, why) in [
            (png(4_000, 80), "4000 × 80 pixels"),
            (png(0, 80), "0 × 80 pixels"),
            (large, "more than 49152 bytes"),
            (b"<svg onload=\"x\"/>".to_vec(), "no PNG"),
            (png(1, 1)[..18].to_vec(), "no PNG"),
            (Vec::new(), "no PNG"),
        ] {
            let error = is_small_png(&bytes).unwrap_err();
            assert!(error.contains(why), "{error}");
        }
    }

    #[test]
    fn a_logo_that_cannot_be_read_is_named_and_left_out() {
        let folder = tempfile::tempdir().unwrap();
        let good = folder.path().join("good.png");
        std::fs::write(&good, png(64, 64)).unwrap();
        let text = format!(
            "hostname = \"mx.ours.example\"\n[[organisation]]\nname = \"acme\"\nbranding.logo-file = {good:?}\n\
             [[organisation]]\nname = \"berg\"\nbranding.logo-file = \"{}/none.png\"\n[outbound]\norganisation = \"acme\"\n",
            folder.path().display()
        );
        let mut errors = Vec::new();
        let logos = read(&Config::parse(Path::new("sluss.toml"), &text).unwrap(), &mut errors);
        assert_eq!(logos.keys().collect::<Vec<_>>(), [&good]);
        assert!(errors.len() == 1 && errors[0].starts_with("the logo of berg: "), "{errors:?}");
    }
}
