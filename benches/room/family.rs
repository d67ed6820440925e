//! Our wardens and workers, and what the kernel knows of them.

use std::{fs, path::Path};

fn children(parent: u32) -> Vec<u32> {
    // Each thread has children of its own.
    let threads = fs::read_dir(format!("/proc/{parent}/task")).into_iter().flatten().flatten();
    let lists = threads.filter_map(|one| fs::read_to_string(one.path().join("children")).ok());
    let words: Vec<String> =
        lists.flat_map(|list| list.split(' ').map(str::to_string).collect::<Vec<_>>()).collect();
    words.iter().filter_map(|word| word.trim().parse().ok()).collect()
}

/// Process ids of all workers.
pub(crate) fn workers() -> Vec<u32> {
    children(std::process::id()).into_iter().flat_map(children).collect()
}

/// The most memory a process has had; zero when it is gone.
pub(crate) fn peak_kib(process: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}

/// Processor time of this process, its wardens and workers, also of those that have ended.
pub(crate) fn cpu_seconds() -> f64 {
    let own = std::process::id();
    let wardens = children(own);
    let workers = wardens.iter().flat_map(|warden| children(*warden));
    let all: Vec<u32> =
        std::iter::once(own).chain(wardens.iter().copied()).chain(workers).collect();
    all.into_iter().map(of_process).sum()
}

fn of_process(process: u32) -> f64 {
    let stat = format!("/proc/{process}/stat");
    if !Path::new(&stat).exists() {
        return 0.0;
    }
    let text = fs::read_to_string(stat).unwrap_or_default();
    let Some((_, fields)) = text.rsplit_once(") ") else { return 0.0 };
    // User and system time, then the same of children that have been buried; hundredths of a second.
    fields.split(' ').skip(11).take(4).filter_map(|field| field.parse::<f64>().ok()).sum::<f64>()
        / 100.0
}
