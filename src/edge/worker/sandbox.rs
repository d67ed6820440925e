//! The locked room: what a worker process may still do, which is to compute, to read from the one line it has and to write to it.
//!
//! Four layers, each enough against most: no new privileges; limits of memory, files, processes and file size; Landlock, where the
//! kernel has it, takes the file system and the network away; seccomp lets pass the few system calls that computing needs and
//! refuses all others. [`prove`] tries what must fail. The order of things matters: a layer cannot be put on once a later one has
//! taken the calls for it.
//!
//! This is the one file with unsafe code: `fork` is unsafe in itself, because a process with several threads would leave locks behind
//! in its child; ours has one thread, and that is looked at before.

#![allow(unsafe_code)]

use crate::base::limits;
use landlock::{
    ABI, Access, AccessFs, AccessNet, CompatLevel, Compatible, Ruleset, RulesetAttr, RulesetStatus,
    Scope,
};
use nix::unistd::ForkResult;
use rustix::process::{Resource, Rlimit, setrlimit};
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule,
};
use std::{collections::BTreeMap, ffi::CString, fs, io, net::TcpStream};

/// What `fork` made of us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Forked {
    /// We are who we were; the child has this process id.
    Parent(i32),
    /// We are the child.
    Child,
}

/// Makes a copy of this process, which must have one thread.
pub(super) fn fork() -> io::Result<Forked> {
    let threads = fs::read_dir("/proc/self/task")?.count();
    if threads != 1 {
        return Err(io::Error::other(format!("a process of {threads} threads cannot be forked")));
    }
    // SAFETY: there is one thread, looked at just now, and only it could start another: no lock is held by somebody who will be missing
    // in the child.
    match unsafe { nix::unistd::fork() }? {
        ForkResult::Parent { child } => Ok(Forked::Parent(child.as_raw())),
        ForkResult::Child => Ok(Forked::Child),
    }
}

/// Closes every file that whoever started us left open, but for the three standard ones.
pub(super) fn close_inherited() -> io::Result<()> {
    let named: Vec<i32> = fs::read_dir("/proc/self/fd")?
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter(|number| *number > 2)
        .collect();
    for number in named {
        // SAFETY: called first of all in a process of its own, before anything in it has opened a file; the folder that was just read is
        // closed already, and closing a number that is nobody's is an error that harms nothing.
        unsafe { libc::close(number) };
    }
    Ok(())
}

/// How much of the walls could be put up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(super) enum Walls {
    /// All of them.
    Whole,
    /// All but Landlock, which this kernel does not have or somebody forbids; seccomp refuses the same calls.
    WithoutLandlock,
}

/// Locks the calling process in. What could not be done is said, and then it is not locked.
pub(super) fn lock() -> Result<Walls, String> {
    let say = |what: &str, why: &dyn std::fmt::Display| format!("{what}: {why}");
    for (resource, most) in [
        (Resource::As, limits::WORKER_MEMORY_BYTES_MAX),
        (Resource::Nofile, limits::WORKER_FILES_MAX),
        (Resource::Nproc, 0),
        (Resource::Fsize, 0),
        (Resource::Core, 0),
    ] {
        let limit = Rlimit { current: Some(most), maximum: Some(most) };
        setrlimit(resource, limit).map_err(|error| say("limits", &error))?;
    }
    rustix::thread::set_no_new_privs(true).map_err(|error| say("no new privileges", &error))?;
    // Where the kernel has none, or a service manager forbids it, seccomp refuses the same calls; that it does is proven below.
    let walls = landlock().unwrap_or(Walls::WithoutLandlock);
    let filter = filter().map_err(|error| say("seccomp", &error))?;
    seccompiler::apply_filter(&filter).map_err(|error| say("seccomp", &error))?;
    Ok(walls)
}

fn landlock() -> Result<Walls, landlock::RulesetError> {
    let ruleset = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(ABI::V6))?
        .handle_access(AccessNet::from_all(ABI::V6))?
        .scope(Scope::from_all(ABI::V6))?
        .create()?;
    // No rule is added: everything that is handled is forbidden.
    Ok(match ruleset.restrict_self()?.ruleset {
        RulesetStatus::FullyEnforced | RulesetStatus::PartiallyEnforced => Walls::Whole,
        RulesetStatus::NotEnforced => Walls::WithoutLandlock,
    })
}

/// The calls that computing needs; any other is refused with EPERM.
fn filter() -> Result<BpfProgram, seccompiler::Error> {
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> = BTreeMap::new();
    for call in CALLS {
        rules.insert(*call, Vec::new());
    }
    // Memory, but none that can be executed.
    let executable = u64::try_from(libc::PROT_EXEC).unwrap_or(4);
    for call in [libc::SYS_mmap, libc::SYS_mprotect] {
        let not_executable = SeccompCondition::new(
            2,
            SeccompCmpArgLen::Dword,
            SeccompCmpOp::MaskedEq(executable),
            0,
        )?;
        rules.insert(call, vec![SeccompRule::new(vec![not_executable])?]);
    }
    let refuse = SeccompAction::Errno(u32::try_from(libc::EPERM).unwrap_or(1));
    let target = std::env::consts::ARCH.try_into()?;
    let filter = SeccompFilter::new(rules, refuse, SeccompAction::Allow, target)?;
    Ok(filter.try_into()?)
}

const CALLS: &[i64] = &[
    libc::SYS_read,
    libc::SYS_pread64,
    libc::SYS_readv,
    libc::SYS_write,
    libc::SYS_writev,
    libc::SYS_recvmsg,
    libc::SYS_recvfrom,
    libc::SYS_sendmsg,
    libc::SYS_sendto,
    libc::SYS_setsockopt,
    libc::SYS_close,
    libc::SYS_fstat,
    libc::SYS_lseek,
    libc::SYS_ppoll,
    libc::SYS_munmap,
    libc::SYS_mremap,
    libc::SYS_madvise,
    libc::SYS_brk,
    libc::SYS_futex,
    libc::SYS_clock_gettime,
    libc::SYS_clock_nanosleep,
    libc::SYS_gettimeofday,
    libc::SYS_getrandom,
    libc::SYS_getpid,
    libc::SYS_gettid,
    libc::SYS_sched_yield,
    libc::SYS_sched_getaffinity,
    libc::SYS_sigaltstack,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_restart_syscall,
    libc::SYS_tgkill,
    libc::SYS_exit,
    libc::SYS_exit_group,
];

/// Tries what nobody in here may: to open a file, to connect, to become another program. Says what succeeded.
pub(super) fn prove() -> Result<(), String> {
    if fs::File::open("/proc/self/status").is_ok() || fs::File::open("/etc/passwd").is_ok() {
        return Err("a file could be opened".to_string());
    }
    // Nobody listens there; what matters is that the socket itself cannot be had.
    match TcpStream::connect(("127.0.0.1", 9)) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => (),
        Err(error) => return Err(format!("a connection was tried: {error}")),
        Ok(_) => return Err("a connection was made".to_string()),
    }
    let program = CString::new("/proc/self/exe").map_err(|error| error.to_string())?;
    match nix::unistd::execv(&program, &[program.clone(), c"--version".to_owned()]) {
        Err(nix::errno::Errno::EPERM | nix::errno::Errno::EACCES) => Ok(()),
        Err(error) => Err(format!("a program was tried: {error}")),
        Ok(never) => match never {},
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_filter_compiles_on_this_machine() {
        assert!(!filter().unwrap().is_empty());
    }

    #[test]
    fn a_process_of_several_threads_is_not_forked() {
        // The test harness has several.
        let alone = std::sync::Barrier::new(2);
        std::thread::scope(|scope| {
            scope.spawn(|| alone.wait());
            assert!(fork().is_err());
            alone.wait();
        });
    }

    #[test]
    fn outside_the_room_everything_is_possible() {
        assert!(prove().is_err());
    }
}
