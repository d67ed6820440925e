//! A rule set as large as operators have.

use super::family::cpu_seconds;
use sluss::examine::{self, BlobFacts, RuleFile, Signatures};
use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

const FILES: usize = 740;
const RULES: usize = 5_900;

pub(crate) fn measure() {
    let (name, files) = match std::env::var_os("SLUSS_BENCH_RULES") {
        Some(folder) => ("the folder's", from_folder(Path::new(&folder))),
        None => ("made", made()),
    };
    let (cpu, began) = (cpu_seconds(), Instant::now());
    let compiled = examine::compile(&files);
    println!(
        "\n{} {name} rules of {} files: compiled in {:.2} s, CPU {:.2} s; {} files left out",
        compiled.rules.len(),
        files.len(),
        began.elapsed().as_secs_f64(),
        cpu_seconds() - cpu,
        compiled.errors.len()
    );
    for (what, bytes) in [("12 KB", 12_600), ("200 KB", 204_000), ("3 MB", 3_400_000)] {
        let blobs: Vec<Vec<u8>> = (0..20).map(|number| blob(number, bytes)).collect();
        let rounds = (40_000_000 / (bytes * blobs.len())).max(1);
        let facts = BlobFacts {
            filename: "report.bin",
            extension: "bin",
            kind: sluss::formats::kind::PartKind::Unknown,
        };
        let cpu = cpu_seconds();
        let mut hits = 0;
        for _ in 0..rounds {
            for blob in &blobs {
                hits += compiled.engine.scan(blob, &facts, Duration::from_secs(60)).unwrap().len();
            }
        }
        let megabytes = float(rounds * blobs.len() * bytes) / 1e6;
        let speed = megabytes / (cpu_seconds() - cpu).max(0.01);
        println!(
            "scanning parts of {what}: {speed:.0} MB/s of a core, {} hits a round",
            hits / rounds
        );
    }
}

fn from_folder(folder: &Path) -> Vec<RuleFile> {
    let mut folders = vec![folder.to_path_buf()];
    let mut files: Vec<PathBuf> = Vec::new();
    while let Some(folder) = folders.pop() {
        for path in fs::read_dir(folder).unwrap().flatten().map(|entry| entry.path()) {
            match path.is_dir() {
                true => folders.push(path),
                false => files.push(path),
            }
        }
    }
    files.retain(|path| path.extension().is_some_and(|ending| ending == "yar" || ending == "yara"));
    files.sort();
    let read = |path: PathBuf| RuleFile {
        name: path.display().to_string(),
        text: String::from_utf8_lossy(&fs::read(&path).unwrap()).into_owned(),
    };
    files.into_iter().map(read).collect()
}

/// Rules of the usual shapes: some strings, some bytes with gaps, now and then a regular expression, and a head that is looked at first.
/// Every hundredth file has a mistake.
fn made() -> Vec<RuleFile> {
    let mut random = 7_u64;
    let mut next = move || {
        random =
            random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        random >> 33
    };
    let mut word = move |letters: usize| -> String {
        (0..letters).map(|_| char::from(b'a' + u8::try_from(next() % 26).unwrap())).collect()
    };
    let mut files: Vec<RuleFile> = (0..FILES)
        .map(|number| RuleFile {
            name: format!("set/{number}.yar"),
            text: "import \"pe\"\n".to_string(),
        })
        .collect();
    for number in 0..RULES {
        let text = &mut files[number % FILES].text;
        let (a, b, c) = (word(14), word(18), word(12));
        let hex: Vec<String> = word(10).bytes().map(|byte| format!("{byte:02X}")).collect();
        let (head, tail) = hex.split_at(5);
        writeln!(
            text,
            "rule made_{number} {{ meta: author = \"bench\" description = \"made\" score = 70 strings: \
             $a = \"{a}\" ascii wide $b = \"{b}\" nocase $c = \"{c}\" fullword $x = {{ {} ?? ?? [2-6] {} }}",
            head.join(" "),
            tail.join(" ")
        )
        .unwrap();
        if number % 10 == 0 {
            writeln!(text, "$r = /{}[0-9]{{4,8}}\\.(exe|dll|scr)/", word(8)).unwrap();
        }
        let condition = match number % 4 {
            0 => "uint16(0) == 0x5A4D and filesize < 3000KB and 2 of them",
            1 => "filename matches /\\.exe$/ and any of them",
            2 => "filesize < 800KB and 3 of them",
            _ => "($a and $b) or ($x and extension == \".js\") or all of them",
        };
        writeln!(text, "condition: {condition} }}").unwrap();
    }
    for file in files.iter_mut().step_by(100) {
        file.text += "rule broken { condition: nothing_like_it }\n";
    }
    files
}

/// Bytes like those of documents and programs: words, zeros and noise.
fn blob(number: u64, bytes: usize) -> Vec<u8> {
    let mut random = number.wrapping_add(99);
    let mut blob = Vec::with_capacity(bytes + 64);
    while blob.len() < bytes {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        match (random >> 60) % 4 {
            0 => blob.extend_from_slice(&[0; 24]),
            1 => blob.extend_from_slice(&random.to_le_bytes()),
            _ => blob.extend(random.to_string().bytes().map(|digit| digit - b'0' + b'a')),
        }
    }
    blob.truncate(bytes);
    blob
}

fn float(number: usize) -> f64 {
    f64::from(u32::try_from(number).unwrap_or(u32::MAX))
}
