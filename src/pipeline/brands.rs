//! How each organisation looks to its people, made ready when a configuration comes into force: its style, its logo, whom to ask.

use crate::{
    config::{Config, branding::Branding},
    mail::Organisation,
};
use bytes::Bytes;
use std::{collections::HashMap, path::PathBuf, sync::Arc};

/// The looks in force.
#[derive(Debug, Default)]
pub struct Brands {
    brands: HashMap<Organisation, Arc<Brand>>,
    /// What browsers load, by its name.
    files: HashMap<String, BrandFile>,
}

/// How one organisation looks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Brand {
    /// What its people call it, if it is not its title.
    pub name: Option<String>,
    /// Its colour on light grounds and on dark ones.
    pub colours: Option<(String, String)>,
    /// The name of its style, among the files.
    pub style: Option<String>,
    /// The name of its logo, among the files.
    pub logo: Option<String>,
    /// Whom people ask, and where a tap on it leads.
    pub contact: Option<(String, String)>,
    /// Where people read more.
    pub help: Option<String>,
}

/// What a browser loads. Its name is a hash of it: it never changes, and tells nobody whose it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BrandFile {
    /// A style sheet.
    Style(Bytes),
    /// A picture, PNG.
    Logo(Bytes),
}

impl Brands {
    /// Of a configuration, with the logos that could be read, by their file.
    pub fn of(config: &Config, logos: &HashMap<PathBuf, Bytes>) -> Brands {
        let mut made = Brands::default();
        for entry in &config.organisations {
            let Some(branding) = &entry.branding else { continue };
            let brand = made.brand(branding, logos);
            made.brands.insert(entry.name.clone(), Arc::new(brand));
        }
        made
    }

    fn brand(&mut self, branding: &Branding, logos: &HashMap<PathBuf, Bytes>) -> Brand {
        let colours = branding.colours().map(|(light, dark)| (light.to_string(), dark.to_string()));
        let style = colours.as_ref().map(|(light, dark)| {
            let style = Bytes::from(style(light, dark));
            let name = named(&style, "css");
            self.files.insert(name.clone(), BrandFile::Style(style));
            name
        });
        let logo = branding.logo_file.as_ref().and_then(|file| logos.get(file)).map(|logo| {
            let name = named(logo, "png");
            self.files.insert(name.clone(), BrandFile::Logo(logo.clone()));
            name
        });
        Brand {
            name: branding.name.clone(),
            colours,
            style,
            logo,
            contact: branding
                .contact
                .as_ref()
                .map(|contact| (contact.as_str().to_string(), contact.link())),
            help: branding.help_url.as_ref().map(|url| url.as_str().to_string()),
        }
    }

    /// How an organisation looks; plain, if it has not said.
    pub fn get(&self, organisation: &Organisation) -> Arc<Brand> {
        self.brands.get(organisation).cloned().unwrap_or_default()
    }

    /// What a browser asks for.
    pub fn file(&self, name: &str) -> Option<&BrandFile> {
        self.files.get(name)
    }
}

/// Over our own style: the colour of links and main buttons, and of words on these. Where a colour can be read on our grounds, they can be
/// read on it.
fn style(light: &str, dark: &str) -> String {
    format!(
        ":root {{ --main: light-dark({light}, {dark}); --on-main: light-dark(#ffffff, #10151c); }}\n\
         .brand {{ border-top: .3rem solid var(--main); }}\n"
    )
}

fn named(content: &Bytes, kind: &str) -> String {
    let hash = blake3::hash(content).to_hex();
    format!("{}.{kind}", hash.get(..NAME_LETTERS).unwrap_or_default())
}

/// Of a hash: nobody guesses 80 bits.
const NAME_LETTERS: usize = 20;

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn each_organisation_has_its_own_look_and_files_tell_nobody_whose_they_are() {
        let config = "hostname = \"mx.ours.example\"\n\
            [[organisation]]\nname = \"acme\"\n[organisation.branding]\nname = \"Acme & Co\"\ncolour = \"#7a1f5c\"\nlogo-file = \"/a.png\"\ncontact = \"+46 8 1234\"\n\
            [[organisation]]\nname = \"berg\"\n[organisation.branding]\nlogo-file = \"/missing.png\"\n\
            [outbound]\norganisation = \"acme\"\n";
        let config = Config::parse(Path::new("sluss.toml"), config).unwrap();
        let logos = HashMap::from([(PathBuf::from("/a.png"), Bytes::from_static(b"png"))]);
        let brands = Brands::of(&config, &logos);
        let acme = brands.get(&Organisation::named("acme"));
        assert_eq!(acme.name.as_deref(), Some("Acme & Co"));
        assert_eq!(acme.contact.as_ref().unwrap().1, "tel:+4681234");
        let style = acme.style.clone().unwrap();
        assert!(!style.contains("acme") && style.ends_with(".css"), "{style}");
        let Some(BrandFile::Style(text)) = brands.file(&style) else { panic!("no style") };
        let text = String::from_utf8(text.to_vec()).unwrap();
        let (light, dark) = acme.colours.clone().unwrap();
        assert!(text.contains(&light) && text.contains(&dark) && light != dark, "{text}");
        let logo = brands.file(acme.logo.as_deref().unwrap());
        assert_eq!(logo, Some(&BrandFile::Logo(Bytes::from_static(b"png"))));
        for other in ["berg", "nobody"] {
            assert_eq!(*brands.get(&Organisation::named(other)), Brand::default(), "{other}");
        }
        assert_eq!(brands.file("x.css"), None);
    }
}
