//! A disk that is mounted, loses its power and comes back, by FUSE.

use super::tree::{Kind, Node, ROOT, Tree, Trouble, file, folder, now};
use fuser::{
    BackgroundSession, BsdFileFlags, Config, Errno, FileAttr, FileHandle, FileType, Filesystem,
    FopenFlags, Generation, INodeNo, LockOwner, OpenFlags, RenameFlags, ReplyAttr, ReplyCreate,
    ReplyData, ReplyDirectory, ReplyEmpty, ReplyEntry, ReplyStatfs, ReplyWrite, Request, TimeOrNow,
    WriteFlags,
};
use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime},
};

/// A disk; what is on it outlives its mounting.
pub struct Disk {
    tree: Arc<Mutex<Tree>>,
    place: PathBuf,
    session: Option<BackgroundSession>,
}

impl Disk {
    pub fn mount(place: &Path) -> Disk {
        std::fs::create_dir_all(place).unwrap();
        let tree = Arc::new(Mutex::new(Tree::new((0, 0))));
        let mut disk = Disk { tree, place: place.to_path_buf(), session: None };
        disk.mount_again();
        disk
    }

    fn mount_again(&mut self) {
        let session =
            fuser::spawn_mount(Mounted(self.tree.clone()), &self.place, &Config::default());
        self.session = Some(session.expect("FUSE: this test needs root and /dev/fuse"));
    }

    /// The power fails and comes back. Whoever used the disk must be gone.
    pub fn power_loss(&mut self, luck: &mut u64) {
        match self.session.take().unwrap().umount_and_join() {
            // The kernel was quicker than we: the file system is gone, which is what was wanted.
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionAborted => (),
            ended => ended.unwrap(),
        }
        lock(&self.tree).power_loss(luck);
        self.mount_again();
    }

    pub fn trouble(&self, trouble: Trouble) {
        lock(&self.tree).trouble = trouble;
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        if let Some(session) = self.session.take() {
            drop(session.umount_and_join());
        }
    }
}

fn lock(tree: &Mutex<Tree>) -> MutexGuard<'_, Tree> {
    tree.lock().unwrap_or_else(PoisonError::into_inner)
}

struct Mounted(Arc<Mutex<Tree>>);

/// Nothing is remembered by the kernel but pages, and those go with the mount.
const TTL: Duration = Duration::ZERO;
const BLOCK_BYTES: u32 = 4_096;
/// More than the gateway wants to see free.
const BLOCKS: u64 = 1 << 20;

impl Mounted {
    fn tree(&self) -> MutexGuard<'_, Tree> {
        lock(&self.0)
    }

    fn make(&self, parent: INodeNo, name: &OsStr, node: Node) -> Result<FileAttr, Errno> {
        let mut tree = self.tree();
        may_change(&tree)?;
        if tree.child(parent.0, name).is_some() {
            return Err(Errno::EEXIST);
        }
        let number = tree.make(parent.0, name, node).ok_or(Errno::ENOENT)?;
        attributes(&tree, number).ok_or(Errno::ENOENT)
    }

    fn remove(&self, parent: INodeNo, name: &OsStr) -> Result<(), Errno> {
        let mut tree = self.tree();
        match tree.trouble {
            Trouble::ReadOnly => return Err(Errno::EROFS),
            Trouble::Failing => return Err(Errno::EIO),
            // A full disk lets go of things.
            Trouble::None | Trouble::Full => (),
        }
        let number = tree.child(parent.0, name).ok_or(Errno::ENOENT)?;
        if tree.entries(number).is_some_and(|entries| !entries.is_empty()) {
            return Err(Errno::ENOTEMPTY);
        }
        tree.remove(parent.0, name).map(|_| ()).ok_or(Errno::ENOENT)
    }
}

fn may_change(tree: &Tree) -> Result<(), Errno> {
    match tree.trouble {
        Trouble::None => Ok(()),
        Trouble::Full => Err(Errno::ENOSPC),
        Trouble::ReadOnly => Err(Errno::EROFS),
        Trouble::Failing => Err(Errno::EIO),
    }
}

fn new(request: &Request, kind: Kind, mode: u32) -> Node {
    Node { kind, mode: mode & 0o7777, owner: (request.uid(), request.gid()), changed: now() }
}

fn attributes(tree: &Tree, number: u64) -> Option<FileAttr> {
    let node = tree.node(number)?;
    let (kind, size) = match &node.kind {
        Kind::File { seen, .. } => (FileType::RegularFile, seen.len() as u64),
        Kind::Folder { .. } => (FileType::Directory, 0),
        Kind::Socket => (FileType::Socket, 0),
    };
    Some(FileAttr {
        ino: INodeNo(number),
        size,
        blocks: size.div_ceil(512),
        atime: node.changed,
        mtime: node.changed,
        ctime: node.changed,
        crtime: node.changed,
        kind,
        perm: node.mode as u16,
        nlink: 1,
        uid: node.owner.0,
        gid: node.owner.1,
        rdev: 0,
        flags: 0,
        blksize: BLOCK_BYTES,
    })
}

fn entered(reply: ReplyEntry, made: Result<FileAttr, Errno>) {
    match made {
        Ok(attributes) => reply.entry(&TTL, &attributes, Generation(0)),
        Err(error) => reply.error(error),
    }
}

fn done(reply: ReplyEmpty, outcome: Result<(), Errno>) {
    match outcome {
        Ok(()) => reply.ok(),
        Err(error) => reply.error(error),
    }
}

impl Filesystem for Mounted {
    fn lookup(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEntry) {
        let tree = self.tree();
        let found = tree.child(parent.0, name).and_then(|number| attributes(&tree, number));
        entered(reply, found.ok_or(Errno::ENOENT));
    }

    fn getattr(&self, _: &Request, number: INodeNo, _: Option<FileHandle>, reply: ReplyAttr) {
        match attributes(&self.tree(), number.0) {
            Some(attributes) => reply.attr(&TTL, &attributes),
            None => reply.error(Errno::ENOENT),
        }
    }

    fn setattr(
        &self,
        _: &Request,
        number: INodeNo,
        mode: Option<u32>,
        uid: Option<u32>,
        gid: Option<u32>,
        size: Option<u64>,
        _: Option<TimeOrNow>,
        _: Option<TimeOrNow>,
        _: Option<SystemTime>,
        _: Option<FileHandle>,
        _: Option<SystemTime>,
        _: Option<SystemTime>,
        _: Option<SystemTime>,
        _: Option<BsdFileFlags>,
        reply: ReplyAttr,
    ) {
        let mut tree = self.tree();
        if let Some(size) = size {
            let shrinks = attributes(&tree, number.0).is_some_and(|now| now.size >= size);
            let may =
                if shrinks && tree.trouble == Trouble::Full { Ok(()) } else { may_change(&tree) };
            if let Err(error) = may {
                return reply.error(error);
            }
            tree.resize(number.0, size as usize);
        }
        if let Some(node) = tree.node_mut(number.0) {
            node.mode = mode.map_or(node.mode, |mode| mode & 0o7777);
            node.owner = (uid.unwrap_or(node.owner.0), gid.unwrap_or(node.owner.1));
        }
        match attributes(&tree, number.0) {
            Some(attributes) => reply.attr(&TTL, &attributes),
            None => reply.error(Errno::ENOENT),
        }
    }

    fn mknod(
        &self,
        request: &Request,
        parent: INodeNo,
        name: &OsStr,
        mode: u32,
        _: u32,
        _: u32,
        reply: ReplyEntry,
    ) {
        let kind = if mode & 0o170_000 == 0o140_000 { Kind::Socket } else { file() };
        entered(reply, self.make(parent, name, new(request, kind, mode)));
    }

    fn mkdir(
        &self,
        request: &Request,
        parent: INodeNo,
        name: &OsStr,
        mode: u32,
        _: u32,
        reply: ReplyEntry,
    ) {
        entered(reply, self.make(parent, name, new(request, folder(), mode)));
    }

    fn unlink(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        done(reply, self.remove(parent, name));
    }

    fn rmdir(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        done(reply, self.remove(parent, name));
    }

    fn rename(
        &self,
        _: &Request,
        parent: INodeNo,
        name: &OsStr,
        new_parent: INodeNo,
        new_name: &OsStr,
        _: RenameFlags,
        reply: ReplyEmpty,
    ) {
        let mut tree = self.tree();
        let moved = may_change(&tree).and_then(|()| {
            tree.rename((parent.0, name), (new_parent.0, new_name)).ok_or(Errno::ENOENT)
        });
        done(reply, moved);
    }

    fn read(
        &self,
        _: &Request,
        number: INodeNo,
        _: FileHandle,
        offset: u64,
        size: u32,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyData,
    ) {
        match self.tree().node(number.0).map(|node| &node.kind) {
            Some(Kind::File { seen, .. }) => {
                let start = (offset as usize).min(seen.len());
                reply.data(&seen[start..(start + size as usize).min(seen.len())]);
            }
            Some(Kind::Folder { .. } | Kind::Socket) | None => reply.error(Errno::EISDIR),
        }
    }

    fn write(
        &self,
        _: &Request,
        number: INodeNo,
        _: FileHandle,
        offset: u64,
        data: &[u8],
        _: WriteFlags,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyWrite,
    ) {
        let mut tree = self.tree();
        let written = may_change(&tree)
            .and_then(|()| tree.write(number.0, offset as usize, data).ok_or(Errno::EBADF));
        match written {
            Ok(()) => reply.written(data.len() as u32),
            Err(error) => reply.error(error),
        }
    }

    fn flush(&self, _: &Request, _: INodeNo, _: FileHandle, _: LockOwner, reply: ReplyEmpty) {
        reply.ok();
    }

    fn fsync(&self, _: &Request, number: INodeNo, _: FileHandle, _: bool, reply: ReplyEmpty) {
        let mut tree = self.tree();
        let synced = match tree.trouble {
            Trouble::Failing => Err(Errno::EIO),
            Trouble::None | Trouble::Full | Trouble::ReadOnly => Ok(()),
        };
        done(reply, synced.and_then(|()| tree.sync(number.0).ok_or(Errno::EBADF)));
    }

    fn fsyncdir(
        &self,
        request: &Request,
        number: INodeNo,
        fh: FileHandle,
        data: bool,
        reply: ReplyEmpty,
    ) {
        self.fsync(request, number, fh, data, reply);
    }

    fn readdir(
        &self,
        _: &Request,
        number: INodeNo,
        _: FileHandle,
        offset: u64,
        mut reply: ReplyDirectory,
    ) {
        let tree = self.tree();
        let Some(entries) = tree.entries(number.0) else { return reply.error(Errno::ENOTDIR) };
        let dots = [(number.0, OsStr::new(".")), (ROOT, OsStr::new(".."))];
        let all =
            dots.into_iter().chain(entries.iter().map(|(name, child)| (*child, name.as_os_str())));
        for (at, (child, name)) in all.enumerate().skip(offset as usize) {
            let kind = attributes(&tree, child).map_or(FileType::RegularFile, |known| known.kind);
            if reply.add(INodeNo(child), at as u64 + 1, kind, name) {
                break;
            }
        }
        reply.ok();
    }

    fn statfs(&self, _: &Request, _: INodeNo, reply: ReplyStatfs) {
        let free = if self.tree().trouble == Trouble::Full { 0 } else { BLOCKS };
        reply.statfs(BLOCKS, free, free, BLOCKS, BLOCKS, BLOCK_BYTES, 255, BLOCK_BYTES);
    }

    fn create(
        &self,
        request: &Request,
        parent: INodeNo,
        name: &OsStr,
        mode: u32,
        _: u32,
        _: i32,
        reply: ReplyCreate,
    ) {
        match self.make(parent, name, new(request, file(), mode)) {
            Ok(attributes) => {
                reply.created(&TTL, &attributes, Generation(0), FileHandle(0), FopenFlags::empty());
            }
            Err(error) => reply.error(error),
        }
    }
}
