//! Every bound in the product, on one page: name, value, unit in the name or type, and why it is what it is.
//!
//! A loop over input elsewhere names its bound from here. Those an operator may change are defaults for `[limits]`.

use std::time::Duration;

// --- SMTP, receiving ---------------------------------------------------------------------------------------------

/// Longest command line with its CRLF. RFC 5321 section 4.5.3.1.4 asks for 512, the extensions add up to under 2,000;
/// twice that leaves room and still fits one buffer.
pub const COMMAND_LINE_BYTES_MAX: usize = 4_096;
/// Longest name after EHLO or HELO: the longest domain name there is (RFC 1035 section 2.3.4).
pub const HELO_NAME_BYTES_MAX: usize = 255;
/// Longest path in MAIL or RCPT. RFC 5321 section 4.5.3.1.3 says 256 with the brackets; SMTPUTF8 users need a little more.
pub const PATH_BYTES_MAX: usize = 512;
/// Longest local part. RFC 5321 section 4.5.3.1.1 says 64, and section 4.5.3.1 asks to take more where one can: rewritten senders
/// (SRS, VERP, bounce tokens) exceed 64 daily.
pub const LOCAL_PART_BYTES_MAX: usize = 256;
/// Most recipients of one transaction. RFC 5321 section 4.5.3.1.8 asks for at least 100; large lists use 1,000.
pub const RECIPIENTS_MAX: usize = 1_000;
/// Mistakes a client may make before 421. A person at a keyboard makes fewer, a probe makes more.
pub const ERRORS_MAX: u32 = 20;
/// Unknown recipients before each further one costs the client a growing delay: address harvesting becomes slow.
pub const BAD_RECIPIENTS_FREE: u32 = 10;
/// How much each bad recipient beyond the free ones adds to the delay.
pub const BAD_RECIPIENT_DELAY_STEP: Duration = Duration::from_millis(500);
/// Longest such delay; more would only hold our own sockets.
pub const BAD_RECIPIENT_DELAY_MAX: Duration = Duration::from_secs(10);
/// `Received` fields at which a mail is in a loop, RFC 5321 section 6.3.
pub const RECEIVED_MAX: usize = 100;
/// Times our own mark may stand in `Received` before it is a loop: a forward back to us passes once more, a loop does not.
pub const OWN_MARK_MAX: usize = 3;
/// Room kept for the fields we write in front of a mail when a next hop names the largest it takes.
pub const OWN_FIELDS_BYTES: u64 = 1_024;
/// Largest header section. Real ones stay under 100 KiB; beyond a megabyte clients differ in what they read.
pub const HEADER_BYTES_MAX: usize = 1 << 20;
/// Most header fields, for the same reason.
pub const HEADER_FIELDS_MAX: usize = 2_000;
/// Most addresses read from one address field; a To with more is noticed by its length alone.
pub const HEADER_ADDRESSES_MAX: usize = 2_000;
/// Largest mail we take (DECISIONS: 50 MiB), unless configured.
pub const MESSAGE_BYTES_MAX: u64 = 50 << 20;
/// What stays in memory while it is received; more goes to a file. Two hundred sessions may hold this each.
pub const MESSAGE_MEMORY_BYTES_MAX: usize = 64 << 10;
/// Room made for each read of a command: a pipelined envelope fits.
pub const COMMAND_READ_BYTES: usize = 4 << 10;
/// Room made for each read of a message: a TLS record and a bit.
pub const DATA_READ_BYTES: usize = 32 << 10;
/// Slowest a mail may come in, bytes a second over [`RECEIVE_RATE_WINDOW`]: slower is an attack or a dead line.
pub const RECEIVE_RATE_MIN: u64 = 64;
/// The window in which the rate is measured, so that a short stall is forgiven.
pub const RECEIVE_RATE_WINDOW: Duration = Duration::from_secs(60);
/// Wait for the next command, RFC 5321 section 4.5.3.2.7 (server: at least 5 minutes).
pub const COMMAND_TIMEOUT: Duration = Duration::from_secs(300);
/// The same while most connections are in use. RFC 5321 section 4.5.3.2 asks for minutes so that slow senders are not lost; a client
/// that is turned away is lost as well, and one that says nothing for half a minute comes back.
pub const COMMAND_TIMEOUT_CROWDED: Duration = Duration::from_secs(30);
/// Percent of the connections in use from which clients are waited for less long.
pub const CROWDED_FROM_PERCENT: usize = 75;
/// Percent of the connections in use under which that ends; lower, so that it does not come and go with each client.
pub const CROWDED_UNTIL_PERCENT: usize = 60;
/// Wait for the next piece of a mail, RFC 5321 section 4.5.3.2.5 (3 minutes).
pub const DATA_TIMEOUT: Duration = Duration::from_secs(180);
/// Wait for a client to take our reply; TCP itself would wait for a quarter of an hour.
pub const WRITE_TIMEOUT: Duration = Duration::from_secs(60);
/// Wait for a TLS handshake.
pub const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(60);
/// Longest a session may last in all, however busy: connections that never end outlive every other bound.
pub const SESSION_TIME_MAX: Duration = Duration::from_secs(4 * 3_600);
/// Connections in all (DECISIONS).
pub const CONNECTIONS_MAX: usize = 500;
/// Connections of one client address (/32, IPv6 /64).
pub const CONNECTIONS_PER_ADDRESS_MAX: usize = 20;
/// Connections of one client network (/24, IPv6 /48).
pub const CONNECTIONS_PER_NETWORK_MAX: usize = 50;
/// How long a connection sits without a mail before it may have to make room when every seat is taken: whoever means to send
/// has come to MAIL by then, through TLS and over a slow line.
pub const SEAT_WITHOUT_MAIL_TIME_MIN: Duration = Duration::from_secs(5);
/// Connections that are being told at the same time why there is no seat; the next hear nothing and are closed.
pub const TURNING_AWAY_MAX: usize = 200;
/// Open files that a connection may need: its socket, the file of a large mail, the next hop's socket.
pub const FILES_PER_CONNECTION: u64 = 3;
/// Open files beside those of connections: stores, deliveries from the spool, listeners, those who are turned away.
pub const FILES_OF_OUR_OWN: u64 = 512;
/// Transactions a minute from one client address.
pub const TRANSACTIONS_PER_MINUTE_MAX: u32 = 100;
/// Client addresses whose rate is remembered, 56 bytes each; beyond it those are forgotten first that have come least.
pub const CLIENTS_REMEMBERED_MAX: usize = 100_000;
/// Users whose rate is remembered; only those who have logged in are.
pub const USERS_REMEMBERED_MAX: usize = 10_000;
/// Clients, networks and users remembered for having met a limit; each is named once in the log.
pub const ENCOUNTERS_REMEMBERED_MAX: usize = 4_096;
/// How long that is remembered, and how long until the log names the same one again.
pub const ENCOUNTER_LIFETIME: Duration = Duration::from_secs(600);
/// How much of a bound makes a client worth showing among those that are near theirs.
pub const NEAR_A_LIMIT_PERCENT: u64 = 80;
/// Own resident memory beyond which new connections hear 421: better late than killed with mail in hand.
pub const RESIDENT_BYTES_MAX: u64 = 1 << 30;
/// Free space under which MAIL hears 452 4.3.1; enough for the sessions already open to finish.
pub const DISK_FREE_BYTES_MIN: u64 = 512 << 20;

// --- Clients that prove who they are ------------------------------------------------------------------------------

/// Longest user name in octets, RFC 4616 section 2 (at least 255).
pub const USER_NAME_BYTES_MAX: usize = 255;
/// Longest password in octets. RFC 4616 section 2 asks for at least 255; with the name twice it still fits a command line in base64.
pub const PASSWORD_BYTES_MAX: usize = 512;
/// Shortest password an account is made with; rates slow guessing down, they do not save short words.
pub const PASSWORD_LETTERS_MIN: usize = 8;
/// Letters of a password that we make: 20 of 32 different ones are 100 bits.
pub const PASSWORD_MADE_LETTERS: usize = 20;
/// Failed log-ins of one connection before it hears 421: a person mistypes twice, a program tries a list.
pub const LOG_IN_FAILURES_PER_CONNECTION_MAX: u32 = 3;
/// How long a failed log-in waits for its answer.
pub const LOG_IN_FAILURE_DELAY: Duration = Duration::from_secs(1);
/// Failed log-ins of one client address (/32, IPv6 /64) in [`LOG_IN_WINDOW`]; an office with one printer that has an old password
/// stays under it when the printer tries every minute.
pub const LOG_IN_FAILURES_PER_ADDRESS_MAX: u32 = 30;
/// Failed log-ins of one user name from all addresses together in [`LOG_IN_WINDOW`]: many hosts that try one account each a few times.
pub const LOG_IN_FAILURES_PER_USER_MAX: u32 = 60;
/// The window in which failed log-ins are counted.
pub const LOG_IN_WINDOW: Duration = Duration::from_secs(15 * 60);
/// How long it is remembered that a user logged in from an address: from there the count of strangers' failures does not lock it out.
pub const LOG_IN_KNOWN_LIFETIME: Duration = Duration::from_secs(30 * 86_400);
/// Addresses, names and pairs remembered of log-ins, each; beyond it the oldest are forgotten.
pub const LOG_INS_REMEMBERED_MAX: usize = 100_000;
/// Passwords verified at a time: each takes a core for some hundredths of a second and 19 MiB.
pub const PASSWORD_CHECKS_MAX: usize = 4;
/// Wait for one's turn at that; then the client hears 454.
pub const PASSWORD_CHECK_WAIT_MAX: Duration = Duration::from_secs(20);
/// How old the time of the last use may be before it is written again, of an account that sends mail or a token: one write an hour, not one
/// a mail.
pub const LAST_USED_STEP: Duration = Duration::from_secs(3_600);
/// How long changes of accounts are gathered into one commit.
pub const ACCOUNTS_COMMIT_INTERVAL: Duration = Duration::from_millis(20);
/// Changes of accounts waiting to be written.
pub const ACCOUNTS_WAITING_MAX: usize = 1_024;
/// Longest header of the PROXY protocol. Version 1 has 107 octets at most; version 2 has 52 and its extras,
/// of which a client certificate's name is the longest.
pub const PROXY_HEADER_BYTES_MAX: usize = 4_096;
/// Wait for that header: the proxy sends it at once, and a lost packet is sent again within three seconds.
pub const PROXY_HEADER_TIMEOUT: Duration = Duration::from_secs(10);
/// How often the failed TLS handshakes of one client are worth a line in the log.
pub const HANDSHAKE_FAILURE_LOG_INTERVAL: Duration = Duration::from_secs(600);

// --- Strangers at the door ------------------------------------------------------------------------------------------

/// How long a client that we do not know is made to wait for the greeting: programs that never read what we say talk first, and most do so
/// at once. Honest servers wait for minutes, and one that was quiet once does not wait again.
pub const EARLY_TALKER_WAIT: Duration = Duration::from_secs(2);
/// Longest such wait that may be configured: RFC 5321 section 4.5.3.2.1 gives a greeting five minutes, impatient servers half a minute.
pub const EARLY_TALKER_WAIT_MAX: Duration = Duration::from_secs(20);
/// How long it is remembered that a client waited quietly, or that a network brought good mail: a monthly mailing comes again within it.
pub const ACQUAINTANCE_LIFETIME: Duration = Duration::from_secs(36 * 86_400);
/// Clients that waited quietly, and networks that brought good mail, remembered, each.
pub const ACQUAINTANCES_REMEMBERED_MAX: usize = 100_000;
/// How old the time of an acquaintance may be before it is written again.
pub const ACQUAINTANCE_STEP: Duration = Duration::from_secs(86_400);
/// Points at which a client address (/32, IPv6 /64) is banned. What one event is worth stands in `pipeline::guard::event`.
pub const BAN_POINTS: u32 = 1_000;
/// The same for a network (/24, /48), which is several people's: four addresses of it must have earned a ban of their own.
pub const NETWORK_BAN_POINTS: u32 = 4_000;
/// Points that are forgotten each minute: whoever errs now and then is never banned for it.
pub const BAN_POINTS_FORGOTTEN_PER_MINUTE: u32 = 10;
/// Clients whose points are remembered, and a quarter as many networks; those with the fewest are forgotten first.
pub const SCORES_REMEMBERED_MAX: usize = 100_000;
/// Bans remembered, those that are over and may be repeated among them; the shortest are forgotten first.
pub const BANS_REMEMBERED_MAX: usize = 50_000;
/// Bans that an operator may set by hand.
pub const BANS_BY_HAND_MAX: usize = 1_000;
/// The first ban; each repetition is twice as long.
pub const BAN_FIRST: Duration = Duration::from_secs(15 * 60);
/// The longest: an address has another owner tomorrow.
pub const BAN_LONGEST: Duration = Duration::from_secs(86_400);
/// How long after its end a ban counts as a first offence: within it the next one is longer.
pub const BAN_REMEMBERED: Duration = Duration::from_secs(7 * 86_400);
/// Lines a second in the event log; further ones are counted only, for an attacker must not fill the disk or the reader's day.
pub const EVENTS_PER_SECOND_MAX: u32 = 50;
/// Events waiting to be written before new ones are dropped and counted.
pub const EVENTS_WAITING_MAX: usize = 1_024;
/// The event log is begun anew at this size.
pub const EVENT_LOG_BYTES_MAX: u64 = 8 << 20;
/// Older event logs that are kept: with the one in use they hold some hundred thousand events.
pub const EVENT_LOGS_KEPT: usize = 3;
/// Characters of an operator's reason for a ban.
pub const BAN_REASON_CHARS_MAX: usize = 200;
/// Our own addresses that are remembered, as clients have connected to them.
pub const OWN_ADDRESSES_MAX: usize = 64;
/// Unknown recipients of one connection at which it is ended; a stale list loses its dead names that way and goes on with the next connection.
pub const UNKNOWN_RECIPIENTS_PER_SESSION_MAX: u32 = 30;
/// Sessions that are answered late for their unknown recipients at the same time; further ones are ended instead of being kept.
pub const TARPIT_SESSIONS_MAX: usize = 50;
/// How soon a mail that waits for its second try may pass: programs that never try again have given up by then, servers come after 5 to 30 minutes.
pub const GREYLIST_WAIT_MIN: Duration = Duration::from_secs(4 * 60);
/// Until when the second try counts as one; servers try for two days at least (RFC 5321 section 4.5.4.1 asks for four to five).
pub const GREYLIST_WAIT_MAX: Duration = Duration::from_secs(2 * 86_400);
/// Mails whose second try is awaited; those that came first are forgotten first.
pub const GREYLIST_REMEMBERED_MAX: usize = 100_000;
/// Networks and senders that an operator may take out of greylisting.
pub const GREYLIST_SKIPS_MAX: usize = 1_000;
/// How often what is remembered of strangers is written down; a crash loses this much of it, and no mail.
pub const STRANGERS_SAVED_EVERY: Duration = Duration::from_secs(300);
/// How soon a new ban is written down.
pub const BANS_SAVED_EVERY: Duration = Duration::from_secs(1);
/// Largest file of remembered strangers that is read back.
pub const STRANGERS_FILE_BYTES_MAX: u64 = 64 << 20;

// --- After the dot -----------------------------------------------------------------------------------------------

/// From the final dot to our reply: waiting, examining, facts and next hop together (DECISIONS "one clock").
/// RFC 5321 section 4.5.3.2.6 gives the client ten minutes; many give up after two or three.
pub const DOT_TIME_MAX: Duration = Duration::from_secs(120);
/// Examination of one mail; then it returns what it has, with findings.
pub const EXAMINE_TIME_MAX: Duration = Duration::from_secs(8);
/// YARA over one blob; a rule that needs longer is a bad rule.
pub const YARA_TIME_MAX: Duration = Duration::from_secs(4);
/// Mails waiting for an examiner, for each examiner; longer and MAIL hears 451.
pub const EXAMINE_LINE_PER_WORKER: usize = 4;
/// For so many examiners, and at least once, one more stands by for networks that have nothing under examination, and one for
/// organisations that have not: the processors are shared with them at once where all are at somebody else's slow mails.
pub const EXAMINERS_PER_STAND_BY: usize = 4;
/// How long the first in that line must have waited before its length counts: a line that moves is gone before the next command.
pub const EXAMINE_LINE_STANDS: Duration = Duration::from_secs(1);

// --- Worker processes ----------------------------------------------------------------------------------------------

/// Address space of one worker (DECISIONS: 1 GiB): what one mail may unpack, its copies, the rules and room.
pub const WORKER_MEMORY_BYTES_MAX: u64 = 1 << 30;
/// Files a worker may have open: its line and the mail, and one to spare.
pub const WORKER_FILES_MAX: u64 = 8;
/// Processor time for one mail, beyond which the kernel ends the worker; examining stops by itself after [`EXAMINE_TIME_MAX`].
pub const WORKER_CPU_SECONDS_MAX: u64 = 12;
/// Real time for one mail, beyond which the worker is killed.
pub const WORKER_TIME_MAX: Duration = Duration::from_secs(30);
/// Workers started one after the other until one lives long enough to say hello.
pub const WORKER_STARTS_MAX: u32 = 5;
/// Workers that one mail may cost. One may have died of something else; two say that it is the mail.
pub const EXAMINER_DEATHS_MAX: usize = 2;
/// Mails under examination, or known to have ended whoever opened them, that are written down; beyond it the oldest is forgotten. Far more
/// than are opened at a time.
pub const ATTEMPTS_REMEMBERED_MAX: usize = 256;
/// How long a mail is remembered that ended whoever opened it: longer than senders wait before they try again.
pub const ATTEMPTS_REMEMBERED_FOR: Duration = Duration::from_secs(24 * 60 * 60);
/// Rules of a slow file that are measured one by one, by command.
pub const RULES_MEASURED_ALONE_MAX: usize = 1_000;
/// Mails after which a worker is replaced, so that nothing that went wrong in it lasts.
pub const MAILS_PER_WORKER_MAX: u32 = 100;
/// Longest mail that a worker takes: what we receive at most with any configuration.
pub const EXAMINED_BYTES_MAX: usize = 1 << 30;
/// Longest answer of a worker: texts, links and parts at their bounds stay under it, and the blobs for another scanner.
pub const CONTENTS_BYTES_MAX: usize = 160 << 20;
/// All rule files together.
pub const RULES_BYTES_MAX: usize = 512 << 20;
/// Memory for what was inside mails that were opened a moment ago.
pub const CONTENTS_CACHE_BYTES_MAX: usize = 16 << 20;
/// How long that is known: a mailing to many comes within minutes.
pub const CONTENTS_CACHE_LIFETIME: Duration = Duration::from_secs(600);

// --- Opening -----------------------------------------------------------------------------------------------------

/// Unpacked bytes one mail may cost us, however deep its archives nest.
pub const UNPACKED_BYTES_MAX: u64 = 256 << 20;
/// Unpacked bytes of one part or member: it is held in memory whole, for the signatures.
pub const PART_BYTES_MAX: u64 = 64 << 20;
/// Unpacked to packed size of one member; honest data stays under 200 (a bitmap of one colour, a log file),
/// deflate ends at 1,032.
pub const UNPACK_RATIO_MAX: u64 = 500;
/// Members under this size may have any ratio: a small file of zeros harms nobody.
pub const UNPACK_RATIO_FREE_BYTES: u64 = 4 << 20;
/// Archives inside archives, messages inside messages, together.
pub const DEPTH_MAX: usize = 12;
/// Parts and archive members of one mail together.
pub const PARTS_MAX: usize = 2_000;
/// Boundary lines in a mail beyond which it is not given to the MIME reader (which has no bound of its own).
pub const BOUNDARY_LINES_MAX: usize = 4_000;
/// `message/*` and digest types in a mail beyond which it is not given to the MIME reader, whose drop recurses.
pub const NESTED_MESSAGE_TYPES_MAX: usize = 100;
/// Text given to the checks, all parts together; wording beyond it changes no judgement.
pub const TEXT_BYTES_MAX: usize = 1 << 20;
/// Links kept of one mail.
pub const LINKS_MAX: usize = 2_000;
/// Longest link kept whole.
pub const LINK_BYTES_MAX: usize = 4_096;
/// Longest file name kept; longer is cut, and long names are a finding.
pub const FILE_NAME_BYTES_MAX: usize = 1_024;
/// Signature hits kept of one mail.
pub const SIGNATURE_HITS_MAX: usize = 200;
/// Personal identifiers kept of one mail for counting.
pub const PERSONAL_HITS_MAX: usize = 20_000;
/// Accounts that money is paid to, kept of one mail: an invoice has three or four; a list of all suppliers is none.
pub const ACCOUNTS_OF_MAIL_MAX: usize = 50;
/// Multiparts inside multiparts of one message; real mails stay under ten, and every open one is compared with every delimiter.
pub const MULTIPART_DEPTH_MAX: usize = 30;
/// What is read of one MIME field; longer ones are a finding. The parameters of a field cost more than linear time to put together.
pub const MIME_FIELD_BYTES_MAX: usize = 8 << 10;
/// Bytes the second MIME reader may walk over for one mail, its searches for boundaries that never come together.
pub const SECOND_READING_BYTES_MAX: usize = 512 << 20;
/// HTML read of one mail; what a person would scroll through is a hundredth of it.
pub const PAGE_BYTES_MAX: usize = 8 << 20;
/// Open elements of a page whose style is remembered; browsers stop nesting at the same number.
pub const PAGE_DEPTH_MAX: usize = 512;
/// Oddities named of one mail; further ones of the same kind add nothing.
pub const ODDITIES_MAX: usize = 100;
/// Things not looked into that are named of one mail; the last one says that there are more.
pub const UNSCANNED_MAX: usize = 200;

// --- Archives and compressed streams --------------------------------------------------------------------------------

/// Streams of one packed file that are joined: packers in parallel make one for each 64 KiB to 1 MiB of a part.
pub const SQUEEZED_STREAMS_MAX: usize = 4_096;
/// Memory of one decoder whose dictionary cannot be made smaller than the file asks for (xz, 7z, PPMd), KiB.
/// The largest setting of the usual packers asks for 192 MiB.
pub const DICTIONARY_KIB_MAX: u32 = 256 << 10;
/// Largest dictionary made where one of this size gives the same bytes as a larger one: what one part may unpack to, and a bit.
pub const DICTIONARY_CLAMP_BYTES: u32 = 65 << 20;
/// Largest window of a Zstandard frame: what `--ultra` and `--long` make.
pub const ZSTANDARD_WINDOW_BYTES_MAX: u64 = 128 << 20;
/// Directories of one ZIP that are read: one for each archive that was put behind another.
pub const ZIP_DIRECTORIES_MAX: usize = 64;
/// Bytes unpacked of a ZIP only to see where its members end, before any is given away.
pub const ZIP_LOOK_BYTES_MAX: usize = 64 << 20;
/// Passwords that are tried on one archive.
pub const PASSWORDS_MAX: usize = 60;
/// How far into a file a 7z archive may begin: the programs that are put before one are smaller.
pub const SEVEN_START_BYTES_MAX: usize = 2 << 20;
/// Rounds that make a key of a password in 7z, as a power of two: 19 is what 7-Zip writes; beyond this no password is tried.
pub const SEVEN_ROUNDS_POWER_MAX: u8 = 20;
/// Of each text, what is looked through for passwords.
pub const PASSWORD_TEXT_BYTES_MAX: usize = 64 << 10;
/// Longest name that is read from a tar archive before it is cut for showing.
pub const TAR_NAME_BYTES_MAX: usize = 64 << 10;
/// Of one extended header of a tar archive, what is read.
pub const TAR_PAX_BYTES_MAX: usize = 1 << 20;
/// Longest name or comment in the header of a gzip member.
pub const GZIP_TEXT_BYTES_MAX: usize = 64 << 10;
/// Headers of one ZIP that are read, those of members that are told twice or have no bytes counted.
pub const ZIP_HEADERS_MAX: usize = 100_000;

// --- Rare archives and disk images ----------------------------------------------------------------------------------

/// Letters of a member's name that a sign repeats: a line of a log, no more.
pub const SIGN_NAME_CHARS_MAX: usize = 120;
/// Bytes before an archive in which its signature is looked for; self-extracting programs carry their unpacker there, and unpackers
/// look through 1 to 4 MB of it.
pub const ARCHIVE_PREFIX_BYTES_MAX: usize = 4 << 20;
/// Signatures that are looked behind for one archive; a program that unpacks holds one or two that begin nothing.
pub const ARCHIVE_STARTS_MAX: usize = 32;
/// Headers of one RAR archive that its decoder reads: members and what stands beside them.
pub const RAR_HEADERS_MAX: u64 = 8_000;
/// Bytes of all headers of one RAR archive together.
pub const RAR_HEADER_BYTES_MAX: u64 = 16 << 20;
/// Memory of RAR's decoder: window, models, filters. WinRAR packs with 32 MiB unless told otherwise.
pub const RAR_MEMORY_BYTES_MAX: u64 = 192 << 20;
/// Bytes a RAR member may have whatever its ratio; the format packs zeros far better than deflate, a small file of them harms nobody.
pub const RAR_RATIO_FREE_BYTES: u64 = 4 << 20;
/// Members that one password did not open before the next is tried; each costs some hundred thousand hashes.
pub const RAR_WRONG_PASSWORDS_MAX: usize = 2;
/// Binary logarithm of the hashes for one password beyond which none is tried: 2^18 take a third of a second, RAR writes 2^15.
pub const RAR_HASHING_LOG_MAX: u8 = 18;
/// Members tried one by one after the decoder refused an archive as a whole.
pub const RAR_SINGLE_TRIES_MAX: usize = 200;
/// Passwords tried on one archive; a mail has a few words that look like one.
pub const RAR_PASSWORDS_MAX: usize = 32;
/// Pieces a file on a disk image may be in; a mailed image was written at once and has few.
pub const DISK_RUNS_MAX: usize = 65_536;
/// Folders read of one file system.
pub const DISK_FOLDERS_MAX: usize = 4_000;
/// Bytes of one folder's list, or of a table of the file system, that are read.
pub const DISK_TABLE_BYTES_MAX: u64 = 16 << 20;
/// Bytes of all folders' lists of one file system together: folders may share their place, so that a small image has many large ones.
pub const DISK_FOLDER_BYTES_MAX: u64 = 64 << 20;
/// Blocks of a virtual drive: 2 TiB in the smallest usual blocks of 2 MiB, and eight bytes of memory for each.
pub const DISK_BLOCKS_MAX: usize = 1 << 20;
/// Descriptors read at the start of a CD image: real ones have three to five.
pub const VOLUME_DESCRIPTORS_MAX: u64 = 64;
/// Partitions of one drive; GPT has room for 128.
pub const PARTITIONS_MAX: usize = 128;
/// Files and folders of one NTFS volume that are looked at.
pub const NTFS_RECORDS_MAX: usize = 65_536;
/// Bytes of NTFS's master file table that are read: those records of 1 KiB each.
pub const NTFS_TABLE_BYTES_MAX: u64 = 64 << 20;
/// Passwords tried on one garbled member of an ARJ archive; each costs unpacking it.
pub const ARJ_PASSWORDS_MAX: usize = 32;
/// Bytes behind one cpio archive in which another is looked for; writers pad to blocks of at most 64 KiB.
pub const CPIO_GAP_BYTES_MAX: usize = 1 << 20;
/// Cabinets read of one file.
pub const CABINETS_MAX: usize = 64;
/// Bytes that the folders of one file's cabinets are unpacked to, files or not.
pub const CAB_FOLDER_BYTES_MAX: usize = 192 << 20;
/// Chunks of a help file's directory that are read; each lists about a hundred files.
pub const CHM_CHUNKS_MAX: usize = 4_096;
/// Files of a help file that are looked at.
pub const CHM_ENTRIES_MAX: usize = 20_000;
/// Bytes that a help file's packed section is unpacked to.
pub const CHM_SECTION_BYTES_MAX: usize = 128 << 20;
/// Pieces of 32 KiB in that section.
pub const CHM_PIECES_MAX: usize = 65_536;
/// Tags read of a xar's table of contents: some thirty for each file.
pub const XAR_TAGS_MAX: usize = 200_000;

// --- Old Office documents -------------------------------------------------------------------------------------------

/// Directory entries of one compound file that are looked at: the largest installers have a few thousand.
pub const COMPOUND_ENTRIES_MAX: usize = 16_384;
/// Streams of one compound file that are members of their own; the rest is joined into one, so that a mail of five hundred recipients in
/// Outlook's form does not use up the parts of the whole mail.
pub const COMPOUND_STREAMS_APART_MAX: usize = 400;
/// Streams of one compound file that may be macro modules; a large add-in has three hundred.
pub const MACRO_MODULES_MAX: usize = 1_000;
/// Compressed containers looked for in one stream: a module has one, a decoy has two.
pub const MACRO_CONTAINERS_PER_STREAM_MAX: usize = 64;
/// Places in one stream tried as the start of a macro's source when nothing tells where it is.
pub const MACRO_STARTS_TRIED_MAX: usize = 2_000;
/// Bytes of macro source that are searched for calls and folded; more is a data file, and the signatures see it whole.
pub const MACRO_SOURCE_BYTES_MAX: usize = 4 << 20;
/// Bytes that one variable or line of folded macro text may grow to.
pub const MACRO_FOLDED_BYTES_MAX: usize = 1 << 20;
/// Records of one BIFF, PowerPoint or TNEF stream: a full 64 MB workbook has about four million.
pub const OFFICE_RECORDS_MAX: usize = 6_000_000;
/// Bytes of readable text gathered from one document, all sheets or slides together.
pub const OFFICE_TEXT_BYTES_MAX: usize = 16 << 20;
/// Tokens of one formula: Excel's own bound is 8,192 operands.
pub const FORMULA_TOKENS_MAX: usize = 16_384;
/// Letters of one formula written out: Excel takes 8,192; folding must not multiply a value for ever.
pub const FORMULA_CHARS_MAX: usize = 16 << 10;
/// Formulas of one workbook that are written out.
pub const FORMULAS_MAX: usize = 200_000;
/// Field codes of one document that are read; a long table of contents has thousands.
pub const DOCUMENT_FIELDS_MAX: usize = 20_000;
/// Pieces of a Word text: each fast save adds some.
pub const DOCUMENT_PIECES_MAX: usize = 100_000;
/// Rounds of hashing that a password of Office is worth: its own value is 100,000, its own bound ten million.
pub const PASSWORD_ROUNDS_MAX: u32 = 1_000_000;
/// Passwords tried on one document.
pub const DOCUMENT_PASSWORDS_MAX: usize = 32;
/// Share of the time left that trying passwords may take: one part in this many.
pub const PASSWORD_TIME_SHARE: u32 = 3;
/// Properties of one MAPI list; Outlook writes about a hundred.
pub const MAPI_PROPERTIES_MAX: usize = 10_000;
/// Embedded compressed objects of one presentation.
pub const EMBEDDED_OBJECTS_MAX: usize = 500;

// --- New Office documents, pages, scripts, shortcuts ----------------------------------------------------------------

/// Bytes of text put together from one document; books have under a tenth of it.
pub const DOCUMENT_TEXT_BYTES_MAX: usize = 16 << 20;
/// Attributes read of one XML element; honest ones have under a hundred.
pub const XML_ATTRIBUTES_MAX: usize = 1_000;
/// Entities that one XML document may declare for itself: nobody needs any.
pub const XML_ENTITIES_MAX: usize = 1_000;
/// Entities inside entities that are expanded, levels: enough to join a word that was cut, too few for a bomb.
pub const XML_ENTITY_LEVELS_MAX: usize = 8;
/// Bytes that the entities of one document may put into its text, all together.
pub const XML_EXPANDED_BYTES_MAX: usize = 1 << 20;
/// Bytes read of one DMARC report, unpacked; those of the largest receivers have a few megabytes.
pub const REPORT_BYTES_MAX: usize = 16 << 20;
/// Bytes read of one TLS report, unpacked: each failure takes a few hundred, and all of it is in memory at once.
pub const TLS_REPORT_BYTES_MAX: usize = 2 << 20;
/// Open elements of a DMARC report; the form has six levels.
pub const REPORT_DEPTH_MAX: usize = 32;
/// Rows of all reports in one mail that are kept, those with most mails first: more sources than any domain's friends have.
pub const REPORT_ROWS_MAX_PER_MAIL: usize = 5_000;
/// Reports read of one mail: each mail brings one.
pub const REPORTS_PER_MAIL_MAX: usize = 20;
/// Longest text of a report that is kept; names and reasons are a line.
pub const REPORT_TEXT_BYTES_MAX: usize = 300;
/// Most mails that one row may claim: more than anybody receives of one source in a day, and sums stay far from their end.
pub const REPORT_MAILS_MAX: u64 = 1_000_000_000;
/// Recipients read of one delivery notice.
pub const REPORT_RECIPIENTS_MAX: usize = 100;
/// Message-IDs of returned mail that are taken from one mail: a bounce returns one.
pub const RETURNED_IDS_MAX: usize = 10;
/// Longest Message-ID that is looked at; a line of a mail has 998 octets.
pub const MESSAGE_ID_BYTES_MAX: usize = 998;
/// Things decoded out of one text: pages with pictures in them have some dozens.
pub const DECODED_PER_TEXT_MAX: usize = 300;
/// Words of one text that are tried as base64 or hexadecimal, each costs some microseconds.
pub const LITERALS_TRIED_MAX: usize = 50_000;
/// Groups of RTF that may be open; beyond it they are counted and not remembered.
pub const RTF_DEPTH_MAX: usize = 10_000;
/// Bytes of one script that are worked out; the signatures see all of it.
pub const SCRIPT_BYTES_MAX: usize = 32 << 20;
/// Brackets inside brackets of a script; minified ones stay under a hundred.
pub const SCRIPT_DEPTH_MAX: usize = 1_000;
/// Bytes copied while the strings of one script are put together: one that doubles a string again and again stops here.
pub const SCRIPT_COPIED_BYTES_MAX: usize = 256 << 20;
/// Bytes of one value that a script puts together.
pub const SCRIPT_VALUE_BYTES_MAX: usize = 64 << 20;
/// Bytes of all values kept of one script.
pub const SCRIPT_KEPT_BYTES_MAX: usize = 96 << 20;
/// Values kept of one script.
pub const SCRIPT_VALUES_MAX: usize = 100_000;
/// Names of one script whose values are remembered.
pub const SCRIPT_NAMES_MAX: usize = 20_000;
/// Items of one list in a script that is not of numbers alone.
pub const SCRIPT_ITEMS_MAX: usize = 500_000;
/// Bytes of one value on which every key of the script is tried.
pub const SCRIPT_KEYED_BYTES_MAX: usize = 4 << 20;
/// Bytes of a page that are looked through for what it carries: a page that carries a file is larger than one that is read.
pub const CARRIER_BYTES_MAX: usize = 48 << 20;
/// Items and blocks of one Windows link; a path has as many as it has folders.
pub const SHORTCUT_ITEMS_MAX: usize = 1_000;
/// Lines or elements read of a text file that leads somewhere.
pub const SHORTCUT_LINES_MAX: usize = 100_000;
/// Lines of one calendar or card.
pub const CALENDAR_LINES_MAX: usize = 200_000;
/// Columns read of a sheet; registers of persons have tens.
pub const SHEET_COLUMNS_MAX: usize = 256;
/// Longest text of one cell that is kept in its place; names and numbers are far shorter.
pub const SHEET_CELL_CHARACTERS_MAX: usize = 1_000;
/// Cells looked at of one table.
pub const TABLE_CELLS_MAX: usize = 5_000_000;
/// Records looked at of one binary part of a workbook.
pub const XLSB_RECORDS_MAX: usize = 5_000_000;

// --- PDF ------------------------------------------------------------------------------------------------------------

/// Values (names, numbers, strings, arrays, dictionaries) read of one PDF: each takes some 60 bytes of memory; a book of 5,000 pages has one million.
pub const PDF_VALUES_MAX: usize = 2_000_000;
/// Arrays and dictionaries inside each other of one object; what is deeper is read as if it stood at this level. Real files stay under ten.
pub const PDF_NESTING_MAX: usize = 64;
/// References followed from one to the next before they count as going in a circle.
pub const PDF_REFERENCES_MAX: usize = 16;
/// How often the bytes of a file may be walked over again by objects or streams that run into each other; an honest one never does.
pub const PDF_OVERLAP_TIMES_MAX: usize = 4;
/// Filters of one stream that are applied; real files have two.
pub const PDF_FILTERS_MAX: usize = 12;
/// Filters of one stream beyond which it is a finding.
pub const PDF_FILTERS_PLAIN_MAX: usize = 3;
/// Decoded bytes of one PDF kept in memory, all streams together.
pub const PDF_DECODED_BYTES_MAX: usize = 128 << 20;
/// Content streams put together for reading their text, all pages of one PDF; a page has some kilobytes.
pub const PDF_CONTENT_BYTES_MAX: usize = 32 << 20;
/// Longest row of a predictor: a picture of 65,535 columns with four samples of two bytes.
pub const PDF_ROW_BYTES_MAX: usize = 1 << 19;
/// Streams given as a member each; further ones stand one after the other in shared members, so that a book does not use up the parts of a mail.
pub const PDF_STREAM_MEMBERS_MAX: usize = 64;
/// Bytes of one such shared member.
pub const PDF_SHARED_MEMBER_BYTES: usize = 4 << 20;
/// Files, scripts and pictures of one PDF given as a member each; further ones are shared too.
pub const PDF_MEMBERS_MAX: usize = 500;
/// Decoded strings of one PDF given to the signatures; more is said to be left out.
pub const PDF_STRINGS_BYTES_MAX: usize = 16 << 20;
/// Text of one PDF, visible and hidden each; more is a book, and the checks read one MiB.
pub const PDF_TEXT_BYTES_MAX: usize = 4 << 20;
/// Operators of content streams run for their text in one PDF.
pub const PDF_OPERATORS_MAX: usize = 8_000_000;
/// Operands of one operator kept; real ones have up to 32, arrays count as one.
pub const PDF_OPERANDS_MAX: usize = 64;
/// Forms drawn inside forms; real files stay under five.
pub const PDF_FORM_DEPTH_MAX: usize = 12;
/// Forms drawn in one PDF, each time counted: a logo on every page of a book.
pub const PDF_FORMS_MAX: usize = 10_000;
/// Parents of a page or a field looked through for what they hand down.
pub const PDF_PARENTS_MAX: usize = 32;
/// Characters of one font's table to Unicode.
pub const PDF_CMAP_ENTRIES_MAX: usize = 70_000;
/// Bytes of such tables read in one PDF, all fonts together; real ones have a few kilobytes each.
pub const PDF_CMAP_BYTES_MAX: usize = 32 << 20;
/// Pixels of one raw picture that is wrapped anew for the picture reader: a scanned page at 400 dpi.
pub const PDF_PICTURE_PIXELS_MAX: usize = 16 << 20;
/// Raw pictures wrapped anew for the picture reader in one PDF.
pub const PDF_PICTURES_MAX: usize = 50;
/// Bytes of all these together.
pub const PDF_PICTURES_BYTES_MAX: usize = 48 << 20;
/// Side of the smallest picture that can be a QR code, in pixels (ISO/IEC 18004: 21 modules, 11 for the micro form).
pub const PDF_PICTURE_SIDE_MIN: usize = 11;
/// Letters of visible text on a page under which a picture with a link over it is taken for a lure.
pub const PDF_LURE_LETTERS_MAX: usize = 200;
/// Rounds of the password hash of ISO 32000-2 section 7.6.4.3.4; the end comes by chance after 64, usually before 100.
pub const PDF_HASH_ROUNDS_MAX: usize = 1_024;
/// Signs of one kind for one PDF: further ones say nothing new.
pub const PDF_SIGNS_OF_A_KIND_MAX: usize = 8;

// --- MIME as every reader might read it -----------------------------------------------------------------------------

/// Results kept of decoding one body in different ways; there are no more ways.
pub const TRANSFER_READINGS_MAX: usize = 11;
/// Members that one sweep of a text gives; what is small is gathered in one of them.
pub const SWEEP_MEMBERS_MAX: usize = 64;
/// Bytes of all small pieces that one sweep decodes: a newsletter's tracking links come to a hundredth.
pub const SWEEP_SMALL_BYTES_MAX: usize = 4 << 20;
/// Names of one part, with all that programs make of them; four rounds of fifteen steps on a plain name give three.
pub const NAMES_MAX: usize = 64;
/// Bytes of MIME fields of one message that are read in every way there is; each costs a hundred times its length.
pub const ODD_FIELD_BYTES_MAX: usize = 512 << 10;

// --- Looking into a held mail ---------------------------------------------------------------------------------------

/// Header section of a mail that is shown as text; what is longer is cut, and the whole mail can be had.
pub const VIEW_HEADER_BYTES_MAX: usize = 64 << 10;
/// One part that is given out decoded; the largest attachment that mail carries, and with others it fits a worker's memory.
pub const VIEW_PART_BYTES_MAX: usize = 64 << 20;
/// A page that is written anew, without its pictures: some hundred screens.
pub const VIEW_PAGE_BYTES_MAX: usize = 2 << 20;
/// Elements of such a page; each costs some hundred bytes where it is read as a tree.
pub const VIEW_ELEMENTS_MAX: usize = 40_000;
/// Elements inside each other in such a page: readers of trees take longer than linear time to nest.
pub const VIEW_DEPTH_MAX: usize = 100;
/// One picture that is shown within a page.
pub const VIEW_PICTURE_BYTES_MAX: usize = 4 << 20;
/// All of them, once each.
pub const VIEW_PICTURES_BYTES_MAX: usize = 12 << 20;
/// All of them as often as the page shows them, in its letters.
pub const VIEW_PICTURES_WRITTEN_BYTES_MAX: usize = 24 << 20;
/// Pixels of one of them; a browser takes four bytes for each.
pub const VIEW_PICTURE_PIXELS_MAX: u64 = 24_000_000;
/// What a worker may answer to a question for a view: one part, or a page with its pictures, and the list of parts.
pub const VIEW_ANSWER_BYTES_MAX: usize = 80 << 20;
/// Views that are made at a time: people look at one mail after the other, and mail has the rest of the examiners.
pub const VIEWS_AT_ONCE_MAX: usize = 2;
/// People who wait for a view; the next is told to come again.
pub const VIEWS_WAITING_MAX: usize = 16;
/// How long somebody waits for a view before he is told that the examiners are busy.
pub const VIEW_WAIT_MAX: Duration = Duration::from_secs(20);

// --- Pictures, letters, links ---------------------------------------------------------------------------------------

/// Longest side of a picture that is looked at, in pixels: a screenshot of a whole page is thin and that tall.
pub const IMAGE_SIDE_MAX: usize = 16_384;
/// Bytes that a decoded picture may take: 4096 × 4096 with four channels. A larger one is not decoded, and that is said.
pub const IMAGE_DECODED_BYTES_MAX: usize = 64 << 20;
/// Shortest side of a picture that can hold a code: 21 modules of a pixel each.
pub const IMAGE_CODE_SIDE_MIN: usize = 21;
/// Side to which a picture is shrunk before it is searched, in pixels: a code a twelfth as wide still has two pixels a module.
pub const IMAGE_SEARCH_SIDE_MAX: usize = 1_200;
/// Side to which a larger picture is shrunk for the second, closer look, in pixels.
pub const IMAGE_CLOSE_SIDE_MAX: usize = 2_600;
/// Side up to which a picture is grown for another look, in pixels: in a small one the modules are hardly larger than pixels.
pub const IMAGE_GROWN_SIDE_MAX: usize = 420;
/// Frames of an animation that are looked at: each frame that differs costs as much as a picture.
pub const IMAGE_FRAMES_MAX: usize = 12;
/// Pictures of one mail that may be searched for codes; a newsletter has some dozens.
pub const IMAGES_SEARCHED_MAX: usize = 60;
/// Time the dear ways of looking may take for one picture, beyond which only the plain ones are tried.
pub const IMAGE_SEARCH_TIME_FAIR: Duration = Duration::from_millis(60);
/// Time for one picture with all its frames and all ways of looking.
pub const IMAGE_SEARCH_TIME_MAX: Duration = Duration::from_millis(1_000);
/// Codes read of one picture; a sheet of labels has more, and they are alike.
pub const IMAGE_CODES_MAX: usize = 24;
/// Eyes of codes kept of one bitmap: three for each code and as many false ones.
pub const CODE_EYES_MAX: usize = 160;
/// Threes of eyes tried of one bitmap; each costs up to ten readings of some ten microseconds.
pub const CODE_THREES_MAX: usize = 400;
/// Pieces of metadata and of what stands behind a picture that are given as members of their own.
pub const IMAGE_PIECES_MAX: usize = 200;
/// Pictures of equal size that are put together to one, for codes cut in pieces.
pub const IMAGE_JOINED_MAX: usize = 4;
/// Memory for pictures of a mail that may be pieces of a code, a byte a pixel.
pub const IMAGE_PIECES_BYTES_MAX: usize = 16 << 20;
/// Lines of one drawing made of letters or table rows: the largest code has 177 modules, twice that with empty lines.
pub const DRAWN_CODE_LINES_MAX: usize = 400;
/// Fewest lines of one: 21 modules in Braille, four to a line.
pub const DRAWN_CODE_LINES_MIN: usize = 6;
/// Letters of one line of it: 177 modules, two letters each, and room beside.
pub const DRAWN_CODE_LETTERS_MAX: usize = 600;
/// Drawings of one text or page that are tried.
pub const DRAWN_CODES_TRIED_MAX: usize = 24;
/// Cells and boxes of one page that are kept: three of the largest codes.
pub const DRAWN_PAGE_CELLS_MAX: usize = 100_000;
/// Rules of style sheets that are kept of one page for drawings.
pub const DRAWN_PAGE_RULES_MAX: usize = 500;
/// Links inside links that are followed; three scanners of mail and a redirector are five.
pub const REDIRECTS_MAX: usize = 6;
/// Parameters or pieces of a path of one link that are looked into.
pub const LINK_PIECES_MAX: usize = 100;

// --- Sealed and signed content, Macintosh files, attributes of pages ------------------------------------------------

/// Attributes of one tag of a page; what follows them is text. Mail programs write a dozen, and the tokenizer takes stack for each.
pub const ATTRIBUTES_MAX: usize = 200;
/// Signed or compressed data inside one another in one CMS object: a triple wrap (RFC 2634) has three with what is enveloped.
pub const CMS_LAYERS_MAX: usize = 16;
/// Elements inside one another where a CMS object is skipped or a string is put together; each open one takes two words of memory.
/// OpenSSL goes five strings deep.
pub const BER_DEPTH_MAX: usize = 1_000;
/// Packets of one OpenPGP message, with those inside its compressed ones: a message has four, a key ring thousands that hold no file.
pub const OPENPGP_PACKETS_MAX: usize = 20_000;
/// Compressed packets inside one another. RFC 9580 asks for none; programs go on to 32.
pub const OPENPGP_LAYERS_MAX: usize = 32;
/// Armoured blocks of one text that are read.
pub const ARMOUR_BLOCKS_MAX: usize = 200;
/// Entries of one AppleSingle file; real ones have a dozen.
pub const APPLE_ENTRIES_MAX: usize = 256;

// --- ClamAV and lists of known-bad things ---------------------------------------------------------------------------

/// Longest reply of clamd, one line. A signature name has some dozens of letters; the rest is room for paths in errors.
pub const CLAMD_REPLY_BYTES_MAX: usize = 4_096;
/// Characters of a signature's name that findings keep. The longest official ones have about 60.
pub const CLAMD_SIGNATURE_CHARS_MAX: usize = 100;
/// Bytes of one INSTREAM chunk: a socket buffer's worth, so that a reply that comes early is seen soon.
pub const CLAMD_CHUNK_BYTES: usize = 128 << 10;
/// Largest content sent by INSTREAM unless configured: `StreamMaxLength` of Debian's `clamd.conf`.
pub const CLAMD_STREAM_BYTES_DEFAULT: u64 = 25 << 20;
/// Largest content that clamd is asked about unless configured: `MaxFileSize` of Debian's `clamd.conf`, beyond which it says OK unseen.
pub const CLAMD_FILE_BYTES_DEFAULT: u64 = 25 << 20;
/// Bytes of blobs besides the mail itself that one mail may have scanned (DECISIONS).
pub const CLAMD_BLOBS_BYTES_MAX: u64 = 64 << 20;
/// Such blobs of one mail. Each costs a round trip; views that make more repeat themselves.
pub const CLAMD_BLOBS_MAX: usize = 256;
/// Longest wait for one answer unless configured. ClamAV's own `MaxScanTime` is 120 s, longer than a sender should wait.
pub const CLAMD_TIMEOUT_DEFAULT: Duration = Duration::from_secs(20);
/// Longest that all blobs of one mail may take together: the sender waits after the final dot.
pub const CLAMD_BLOBS_TIME_MAX: Duration = Duration::from_secs(60);
/// Longest wait for a connection: it is on this machine or in this room.
pub const CLAMD_CONNECT_TIME_MAX: Duration = Duration::from_secs(3);
/// Longest wait for PONG when a scan took too long: clamd answers PING beside its scanning threads.
pub const CLAMD_PING_TIME_MAX: Duration = Duration::from_secs(2);
/// Scans at a time unless configured; clamd's `MaxThreads` is 10 or 12 where nobody changed it.
pub const CLAMD_CONNECTIONS_DEFAULT: usize = 8;
/// Most that may be configured; beyond it clamd only queues.
pub const CLAMD_CONNECTIONS_MAX: usize = 64;
/// How long an unused connection is kept: well below the 30 s after which clamd may drop it.
pub const CLAMD_IDLE_AGE_MAX: Duration = Duration::from_secs(10);
/// Commands on one connection before it is given up, so that no connection lives for ever.
pub const CLAMD_SESSION_COMMANDS_MAX: u32 = 1_000;
/// Failures in a row after which clamd is left alone for a while.
pub const CLAMD_FAILURES_MAX: u32 = 5;
/// Scans in a row that may take too long while PING is answered, before that is a failure of clamd too. One hostile sender does not
/// get so many without another's mail between.
pub const CLAMD_SLOW_MAX: u32 = 20;
/// The first rest of a clamd that is left alone; it doubles each time the trial after it fails.
pub const CLAMD_REST_MIN: Duration = Duration::from_secs(5);
/// The longest rest: a clamd that came back is noticed this soon.
pub const CLAMD_REST_MAX: Duration = Duration::from_secs(120);

/// Longest line of a hash list; MalwareBazaar's have about 500 bytes.
pub const HASH_LIST_LINE_BYTES_MAX: usize = 16 << 10;
/// Columns of a line that are looked at.
pub const HASH_LIST_COLUMNS_MAX: usize = 64;
/// Entries of one compiled list: twelve gigabytes on disk, over one in memory. NSRL has fewer.
pub const HASH_LIST_ENTRIES_MAX: u64 = 500_000_000;
/// Sources of one compiled list; their number is kept in 16 bits.
pub const HASH_LIST_SOURCES_MAX: usize = 1_000;
/// Different threat names one compiled list keeps. Families are some thousands; entries with a name of their own lose it beyond this.
pub const HASH_LIST_THREATS_MAX: usize = 1 << 20;
/// Bytes of all those names: they are held in memory while compiling.
pub const HASH_LIST_THREAT_BYTES_MAX: usize = 32 << 20;
/// Characters of a threat's name that are kept.
pub const HASH_LIST_THREAT_CHARS_MAX: usize = 80;
/// Least memory for sorting that is of use: beyond a thousand runs merging gets slow.
pub const HASH_LIST_SORT_BYTES_MIN: usize = 1 << 20;
/// Memory for sorting unless configured: two million entries at a time.
pub const HASH_LIST_SORT_BYTES_DEFAULT: usize = 64 << 20;
/// Sorted runs that are merged at once; each has an open file and a buffer.
pub const HASH_LIST_RUNS_MAX: usize = 4_096;
/// Entries of one filter: building one takes about 30 bytes for each, so 30 MiB whatever the list's length.
pub const HASH_FILTER_KEYS_MAX: usize = 1 << 20;
/// Filters of one list: what [`HASH_LIST_ENTRIES_MAX`] needs.
pub const HASH_FILTERS_MAX: usize = 512;
/// Labels of a host name, from the right, that are looked up: an attacker chooses how deep a name is.
pub const HASH_LIST_LABELS_MAX: usize = 12;
/// Blobs of one mail that a worker hands back for another scanner.
pub const BLOBS_ASIDE_MAX: usize = 256;
/// Bytes of those blobs together: what ClamAV is asked about.
pub const BLOBS_ASIDE_BYTES_MAX: usize = 64 << 20;
/// Shortest blob worth another scanner's look.
pub const BLOB_ASIDE_BYTES_MIN: usize = 32;

// --- Rules -------------------------------------------------------------------------------------------------------

/// Words for personal data, all files together; shipped are some nine thousand, and each costs memory in every examiner.
pub const PERSONAL_WORDS_MAX: usize = 20_000;
/// Registers of persons told of one text.
pub const REGISTERS_MAX: usize = 50;
/// Rows of one of them that are read for numbers; the others are counted.
pub const REGISTER_ROWS_MAX: usize = 20_000;
/// Persons from which a table with numbers of most of them is a register beyond doubt.
pub const REGISTER_PERSONS_MIN: usize = 10;
/// Different persons from which a mail is one with personal data of many.
pub const BULK_PERSONS_MIN: u32 = 10;
/// Secrets told of one text.
pub const SECRETS_MAX: usize = 100;
/// Words and marks of one text that a secret may stand behind: no text has as many that is meant for people.
pub const SECRET_MARKS_MAX: usize = 50_000;
/// What is told of personal data in one mail: parts and kinds.
pub const PERSONAL_LINES_MAX: usize = 2_000;
/// Milliseconds for a megabyte above which a file of signatures is worth a word: the shipped ones together take less.
pub const RULE_MS_PER_MB_SLOW: f64 = 60.0;
/// The same above which `rules check` refuses it: with one such file an ordinary attachment takes seconds.
pub const RULE_MS_PER_MB_HOPELESS: f64 = 2_000.0;
/// Largest rule file read.
pub const RULE_FILE_BYTES_MAX: u64 = 16 << 20;
/// Compiled size of one regular expression, bytes: a rule that needs more is a mistake.
pub const REGEX_BYTES_MAX: usize = 4 << 20;
/// Longest id of a rule: it stands in header fields and log lines.
pub const RULE_ID_BYTES_MAX: usize = 64;
/// Longest sentence of a rule, for the same reason.
pub const RULE_SENTENCE_BYTES_MAX: usize = 300;
/// Longest pattern of a phrase rule; beyond it nobody reads it any more.
pub const PHRASE_PATTERN_BYTES_MAX: usize = 1_000;
/// Groups that must all hit in one phrase rule: lure, object, urge, threat; more is two rules.
pub const PHRASE_GROUPS_MAX: usize = 8;
/// Phrase rules in force; ten times what is shipped, and memory stays small.
pub const PHRASE_RULES_MAX: usize = 2_000;
/// Phrase rules without a literal to look for first: each costs a regular expression for every mail.
pub const PHRASE_SLOW_RULES_MAX: usize = 20;
/// Literals kept for one group of patterns; a group that needs more is looked at without.
pub const PHRASE_LITERALS_MAX: usize = 64;
/// Shortest literal worth looking for: shorter ones stand in every mail.
pub const PHRASE_LITERAL_BYTES_MIN: usize = 4;
/// How near each other the groups of a phrase rule stand, unless it says otherwise: a lure is short, a digest is long.
pub const PHRASE_WITHIN_BYTES_DEFAULT: usize = 2_000;
/// Matches kept of one group in one text, for finding those that stand together.
pub const PHRASE_MATCHES_MAX: usize = 32;
/// Letters of the mail that a phrase finding may quote.
pub const PHRASE_QUOTE_LETTERS_MAX: usize = 40;
/// Phrase expressions kept built; each takes about 0.1 MiB and as much again where it is used. Few are ever needed at a time:
/// those whose literals stand in the mail.
pub const PHRASE_EXPRESSIONS_BUILT_MAX: usize = 96;
/// Memory of one phrase expression's lazy automaton in each thread that uses it; beyond it, it starts anew.
pub const PHRASE_DFA_BYTES_MAX: usize = 256 << 10;

// --- Going on ----------------------------------------------------------------------------------------------------

/// Bytes of a message gathered into one write to a next hop.
pub const SEND_BYTES: usize = 64 << 10;
/// Wait for a TCP connection to a next hop.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(30);
/// Wait for a next hop's greeting and for its reply to a command, RFC 5321 section 4.5.3.2 (5 minutes).
pub const NEXT_HOP_REPLY_TIMEOUT: Duration = Duration::from_secs(300);
/// Wait for the reply after the dot when nobody waits for us, RFC 5321 section 4.5.3.2.6 (10 minutes).
pub const NEXT_HOP_DOT_TIMEOUT: Duration = Duration::from_secs(600);
/// Longest reply line of a next hop. RFC 5321 section 4.5.3.1.5 says 512; real ones are longer.
pub const REPLY_LINE_BYTES_MAX: usize = 4_096;
/// Most lines of one reply.
pub const REPLY_LINES_MAX: usize = 128;
/// How long a next hop's word about what it can (SMTPUTF8) is believed (DECISIONS: learned anew daily).
pub const FEATURES_LIFETIME: Duration = Duration::from_secs(86_400);
/// How long its word about the size it takes is believed; every new connection says it again.
pub const HOP_SIZE_LIFETIME: Duration = Duration::from_secs(600);
/// Connections kept open and unused for one next hop.
pub const POOL_IDLE_MAX: usize = 20;
/// How long a connection waits unused before we close it: most servers close after five minutes.
pub const POOL_IDLE_TIME_MAX: Duration = Duration::from_secs(60);
/// Mails over one connection to a next hop.
pub const MAILS_PER_CONNECTION_MAX: u32 = 500;
/// Connections to one destination at a time from the spool.
pub const CONNECTIONS_PER_DESTINATION_MAX: usize = 5;
/// Connections to one next hop on which somebody waits: cut-through and callouts. With those of the spool it stays under what
/// the servers in use take from one client (Postfix 50).
pub const CONNECTIONS_PER_NEXT_HOP_MAX: usize = 20;
/// First rest of a destination that took no mail: a restart takes that long. One mail is little to ask a server with.
pub const REST_FIRST: Duration = Duration::from_secs(60);
/// Longest such rest: a server that is back after a day should not wait for its mail for another four hours.
pub const REST_MAX: Duration = Duration::from_secs(3_600);
/// How long a next hop that did not answer is left alone by those who wait for it; doubles up to [`HOP_REST_MAX`].
/// Without it each of 500 sessions would wait its own half minute for a server that is down.
pub const HOP_REST_FIRST: Duration = Duration::from_millis(500);
/// Longest such rest: a server that is back is noticed soon.
pub const HOP_REST_MAX: Duration = Duration::from_secs(15);
/// Destinations whose health is remembered while nothing waits for them; beyond it those that are well are forgotten first.
pub const DESTINATIONS_REMEMBERED_MAX: usize = 20_000;
/// Age at which the sender of outbound mail that still waits is told (DECISIONS).
pub const DELAY_NOTICE_AFTER: Duration = Duration::from_secs(4 * 3_600);
/// Next hops greeted at a time to learn what they can.
pub const PROBES_AT_A_TIME: usize = 4;
/// Over how long the greetings at start are spread, so that a restart is no wave of connections.
pub const PROBES_SPREAD: Duration = Duration::from_secs(60);
/// Longest pause between two such greetings: three next hops are not worth a minute.
pub const PROBES_PAUSE_MAX: Duration = Duration::from_millis(250);
/// How often it is looked whether a next hop is new or its word old.
pub const PROBES_LOOK_AGAIN: Duration = Duration::from_secs(600);
/// Delivery notices an hour to one sender, of one kind; further ones wait with their mail.
pub const REPORTS_PER_HOUR_MAX: u32 = 500;
/// Days a mail waits in the portal: longer than a holiday, and what nobody fetched by then nobody wants.
pub const PARCEL_DAYS: u64 = 30;
/// The longest that may be configured.
pub const PARCEL_DAYS_MAX: u64 = 365;
/// How often it can be opened: on a phone, at work, once more to look something up.
pub const PARCEL_OPENINGS: u32 = 20;
/// Wrong codes after which none is taken for a while.
pub const PARCEL_WRONG_CODES_AT_ONCE: u32 = 5;
/// That while.
pub const PARCEL_LOCKED_FOR: Duration = Duration::from_secs(15 * 60);
/// Wrong codes in a row after which a parcel closes: of a hundred million codes twenty are tried.
pub const PARCEL_WRONG_CODES_MAX: u32 = 20;
/// How long after a parcel's end its content would go by itself.
pub const PARCEL_KEPT_BEHIND: Duration = Duration::from_secs(86_400);
/// Bytes of all mail in the portal together, a mail counted once: as much as the quarantine holds besides.
pub const PORTAL_BYTES_MAX: u64 = 20 << 30;
/// Recipients named in the letter with their code.
pub const PARCEL_RECIPIENTS_NAMED_MAX: usize = 20;
/// Parcels looked at in one round.
pub const PARCELS_AT_ONCE: usize = 200;
/// How long before its end the sender hears that nobody has opened a parcel.
pub const PARCEL_WARNED_BEFORE: Duration = Duration::from_secs(3 * 86_400);
/// How long after its end is known what became of a parcel.
pub const PARCEL_REMEMBERED_FOR: Duration = Duration::from_secs(90 * 86_400);
/// How often is looked at what ends in the portal.
pub const PORTAL_LOOK_INTERVAL: Duration = Duration::from_secs(10);
/// What one network may send by pages in an hour.
pub const PORTAL_SENDINGS_PER_NETWORK_MAX: u32 = 20;
/// Forms with files that are begun to be read from one network in an hour.
pub const PORTAL_TRIES_PER_NETWORK_MAX: u32 = 60;
/// And what may be sent so to one address.
pub const PORTAL_SENDINGS_PER_RECIPIENT_MAX: u32 = 60;
/// Sendings read at a time, one of a network, answers and what strangers send each for themselves: each is kept in memory until it is a mail.
pub const PORTAL_SENDINGS_AT_ONCE: usize = 4;
/// Fields and files of one.
pub const PORTAL_FILES_MAX: usize = 100;
/// Bytes that somebody may leave at once for a reader of ours.
pub const PORTAL_UPLOAD_BYTES: u64 = 2 << 30;
/// The most that can be configured: a ZIP of all of it still is one that every program opens.
pub const PORTAL_UPLOAD_BYTES_MAX: u64 = 3 << 30;
/// The newest parcels that a page lists.
pub const PARCELS_LISTED_MAX: usize = 500;
/// Values that an organisation may say are no personal data.
pub const WAIVED_MAX: u32 = 20_000;
/// How long one key marks persons in an organisation's trace: long enough to follow somebody through a matter, and no longer.
pub const PERSON_KEY_SPAN: Duration = Duration::from_secs(30 * 86_400);
/// Different values of one mail that are marked.
pub const MARKS_MAX: usize = 10_000;
/// The same, kept of a mail from the world: whoever sends lists of made-up numbers must not push the trace out.
pub const MARKS_OF_STRANGERS_MAX: usize = 1_000;
/// What the own page lists of each kind.
pub const OWN_PARCELS_LISTED_MAX: usize = 100;
/// Recipients that one mailbox may have agreed on a password with.
pub const AGREED_PASSWORDS_MAX: u32 = 200;
/// The shortest password that is agreed on: tries are few, and a password is not guessed in twenty.
pub const AGREED_PASSWORD_LETTERS_MIN: usize = 8;
/// The longest.
pub const AGREED_PASSWORD_LETTERS_MAX: usize = 100;
/// How long an invitation to send files holds.
pub const INVITATION_LIFETIME: Duration = Duration::from_secs(14 * 86_400);
/// Invitations that one mailbox may send in an hour.
pub const INVITATIONS_PER_HOUR_MAX: u32 = 20;
/// Files of a letter that are named.
pub const PORTAL_FILES_NAMED_MAX: usize = 50;
/// How often it is looked whether somebody has left any.
pub const PORTAL_LEFT_INTERVAL: Duration = Duration::from_secs(3);
/// What is looked at as one piece of a file that was left: what the examiners open of one part, and the rest of its mail.
pub const PORTAL_WINDOW_BYTES: usize = 60 << 20;
/// Windows overlap, so that nothing hides in a cut.
pub const PORTAL_WINDOW_OVERLAP_BYTES: u64 = 256 << 10;
/// Longest that a window waits for an examiner and its verdict.
pub const PORTAL_LOOK_TIME_MAX: Duration = Duration::from_secs(120);
/// How often files are looked into that cannot be, before they wait for somebody.
pub const PORTAL_LOOKS_MAX: u32 = 4;
/// After the first time; each further one waits so much longer.
pub const PORTAL_LOOK_AGAIN_AFTER: Duration = Duration::from_secs(60);
/// Different reasons that are told of what stops files.
pub const PORTAL_REASONS_MAX: usize = 5;
/// What a form with files brings at least, on the whole, after [`PORTAL_SLOW_FOR`]: whoever brings less makes room.
pub const PORTAL_BYTES_PER_SECOND_MIN: u64 = 16 << 10;
/// So long a form with files may be slower than that.
pub const PORTAL_SLOW_FOR: Duration = Duration::from_secs(60);
/// Nothing came for so long: the form is given up.
pub const PORTAL_SILENCE_MAX: Duration = Duration::from_secs(30);
/// How long an opened parcel stays open in a browser without its code.
pub const PARCEL_SESSION: Duration = Duration::from_secs(30 * 60);
/// How long a program may take to send a code.
pub const PARCEL_CODE_COMMAND_TIME_MAX: Duration = Duration::from_secs(20);
/// Kinds of personal data told in a letter: what is more than this is not read any more.
pub const PERSONAL_LINES_TOLD_MAX: usize = 12;
/// Letters of one kind an hour to one reader: an alarm that rings all the time is switched off.
pub const LETTERS_PER_HOUR_MAX: u32 = 6;
/// Letters about mail in the portal an hour to one sender about one recipient: more than anybody writes to one person by hand.
pub const PARCEL_LETTERS_PER_HOUR_MAX: u32 = 200;
/// Readers and kinds remembered for these bounds.
pub const NOTICE_READERS_REMEMBERED_MAX: usize = 50_000;
/// Longest XCLIENT command, RFC 5321 section 4.5.3.1.4 with its CRLF; more attributes go in a further command.
pub const XCLIENT_LINE_BYTES_MAX: usize = 512;
/// Deliveries from the spool at a time in all: forty destinations that tarpit us may have all their connections, and others still go.
pub const DELIVERIES_MAX: usize = 200;
/// First wait after a failed try; each further wait is twice the last.
pub const RETRY_FIRST: Duration = Duration::from_secs(300);
/// Shortest first wait that may be configured: a server that is away is not to be hammered.
pub const RETRY_FIRST_MIN: Duration = Duration::from_millis(100);
/// Longest wait between tries.
pub const RETRY_MAX: Duration = Duration::from_secs(4 * 3_600);
/// How long we try before the sender gets the mail back, RFC 5321 section 4.5.4.1 (4 to 5 days).
pub const QUEUE_LIFETIME: Duration = Duration::from_secs(5 * 86_400);
/// Shortest such time that may be configured: under it, mail would go back before a server has been restarted.
pub const QUEUE_LIFETIME_MIN: Duration = Duration::from_secs(60);
/// Widest IPv4 network that may send through us: 10.0.0.0/8 is the widest that one house has.
pub const OUTBOUND_PREFIX_MIN_V4: u8 = 8;
/// Widest IPv6 network that may send through us: no organisation is given a wider one.
pub const OUTBOUND_PREFIX_MIN_V6: u8 = 16;
/// Times a held-for-later recipient of a mixed mail is judged again before it is quarantined.
pub const REJUDGE_MAX: u32 = 3;
/// Waiting mails looked at, or changed, for a command before others have their turn: under a millisecond.
pub const QUEUE_LOOK_STEP: usize = 1_000;
/// Most MX hosts tried for one domain.
pub const MX_HOSTS_MAX: usize = 10;
/// Most addresses tried of one host.
pub const HOST_ADDRESSES_MAX: usize = 8;
/// Most certificates of a server that are looked at and whose fingerprints are kept; a chain in use has two to four.
pub const CHAIN_CERTIFICATES_MAX: usize = 10;
/// Longest MTA-STS policy, RFC 8461 section 3.3 suggests this much.
pub const STS_POLICY_BYTES_MAX: usize = 64 << 10;
/// Most mail hosts that an MTA-STS policy may name.
pub const STS_HOSTS_MAX: usize = 100;
/// Longest an MTA-STS policy is kept, RFC 8461 section 3.2: a year of 31,557,600 seconds.
pub const STS_MAX_AGE_MAX: Duration = Duration::from_secs(31_557_600);
/// Domains whose MTA-STS policy is kept; beyond that, the one to which mail went longest ago is forgotten.
pub const STS_DOMAINS_MAX: u32 = 20_000;
/// A policy is looked at again after this, or after half its life if that is shorter, in the background.
pub const STS_REFRESH_INTERVAL: Duration = Duration::from_secs(86_400);
/// Policies of domains that no mail went to for so many days are left to end.
pub const STS_USED_DAYS: u64 = 30;
/// A policy that could not be fetched is not asked for again before this, RFC 8461 section 3.3 suggests five minutes or more.
pub const STS_FETCH_AGAIN: Duration = Duration::from_secs(300);
/// Domains of which it is remembered that their policy could not be fetched.
pub const STS_FAILED_REMEMBERED_MAX: usize = 10_000;
/// Policies that are fetched at a time: as many as mails are delivered, since a host that says nothing keeps its place for [`FETCH_TIME_MAX`], and
/// must not keep the policies of others from being found.
pub const STS_FETCHES_MAX: usize = 200;
/// Fetches that go on or wait for a place; more are not begun, and the next try asks again.
pub const STS_FETCHES_WAITING_MAX: usize = 2_000;
/// How long a mail waits for a policy that is not known yet; the fetch goes on, and the next try has it.
pub const STS_WAIT_MAX: Duration = Duration::from_secs(8);
/// How often it is looked which policies are to be fetched again.
pub const STS_LOOK_INTERVAL: Duration = Duration::from_secs(60);
/// Policies that are fetched again at one look.
pub const STS_LOOK_ROWS: usize = 100;
/// Days for which it counts what was seen of a mail host: what stays worse for longer is as it is.
pub const LEDGER_DAYS: u64 = 30;
/// Mail hosts of which it is remembered how good they were.
pub const LEDGER_HOSTS_MAX: u32 = 50_000;
/// Certificates of a mail host that nobody vouches for: several machines may stand behind one name.
pub const LEDGER_CERTIFICATES_MAX: usize = 8;
/// Days for which it is kept what was worse than before.
pub const DOWNGRADE_DAYS: u64 = 90;
/// Rows of that.
pub const DOWNGRADES_MAX: u32 = 50_000;
/// Rows of the last days that are at hand for the pages.
pub const DOWNGRADES_SHOWN_MAX: usize = 1_000;
/// Domains that are named where something is worse than before; the others are counted.
pub const DOWNGRADES_NAMED_MAX: usize = 5;
/// Lines of a domain's policy, and mail hosts that it names, that stand in a report about it.
pub const TLS_REPORT_LINES_MAX: usize = 100;
/// Places of each kind, mailboxes and web servers, that a domain's reports go to.
pub const TLS_REPORT_PLACES_MAX: usize = 2;
/// Longest address of such a place.
pub const TLS_REPORT_URI_BYTES_MAX: usize = 500;
/// Policies of one domain that are told apart on a day; a domain that changes them more often is not counted further.
pub const TLS_TALLY_POLICIES_MAX: u32 = 8;
/// Kinds of failures of one domain that are told apart on a day; others are in the sum only.
pub const TLS_TALLY_FAILURES_MAX: u32 = 100;
/// Domains, and policies of them, that sessions are counted of on one day.
pub const TLS_TALLY_ROWS_MAX: u32 = 20_000;
/// Days for which sessions are kept: whoever cannot be reported to within a day after theirs is not told.
pub const TLS_TALLY_DAYS: u64 = 2;
/// Reports that are written at one look.
pub const TLS_REPORTS_AT_A_LOOK_MAX: usize = 50;
/// How often it is looked for reports that are due.
pub const TLS_REPORTS_LOOK_INTERVAL: Duration = Duration::from_secs(60);
/// The first hours of a day over which the reports of the day before are spread.
pub const TLS_REPORTS_SPREAD_MS: u64 = 4 * 3_600_000;
/// Reports to one mailbox, or to one web server, in an hour: whoever looks after many domains gets one for each, and nobody can be flooded by naming him in many.
pub const TLS_REPORTS_PER_HOUR_MAX: u32 = 100;
/// A web server that did not take a report is asked again after this, then after twice as long, and so on.
pub const TLS_REPORT_AGAIN: Duration = Duration::from_secs(900);
/// Times that it is asked: the last about eight hours after the first.
pub const TLS_REPORT_TRIES_MAX: u32 = 6;
/// Longest wait where nobody answers whether a domain wants reports.
pub const TLS_REPORT_ASK_AGAIN: Duration = Duration::from_secs(3_600);
/// How long others keep our own MTA-STS policy, where nothing else is written: a mistake heals within a week.
pub const OWN_STS_MAX_AGE: Duration = Duration::from_secs(7 * 86_400);
/// The shortest that it may be.
pub const OWN_STS_MAX_AGE_MIN: Duration = Duration::from_secs(86_400);
/// Domains of ours of which commands tell without being asked for one.
pub const DOMAINS_LOOKED_AT_MAX: usize = 100;
/// Longest fetch from another's web server, from the first question to DNS to the last byte. RFC 8461 section 3.3 suggests a minute; a host that
/// takes half of that will do better in five minutes.
pub const FETCH_TIME_MAX: Duration = Duration::from_secs(30);
/// Longest wait for a connection and for TLS, at each of its addresses.
pub const FETCH_CONNECT_TIME_MAX: Duration = Duration::from_secs(5);
/// Addresses of a web server that are tried.
pub const FETCH_ADDRESSES_MAX: usize = 4;
/// Largest answer of an ACME server: a chain of certificates, or a problem with a part for each name.
pub const ACME_ANSWER_BYTES_MAX: usize = 1 << 20;
/// Names in one certificate by ACME: what Let's Encrypt takes.
pub const ACME_NAMES_MAX: usize = 100;
/// Whether a certificate is to be renewed is looked at so often.
pub const ACME_LOOK_INTERVAL: Duration = Duration::from_secs(60);
/// A certificate is asked for again so long after the first time that there was none; each time it is twice as long.
pub const ACME_TRY_AGAIN_FIRST: Duration = Duration::from_secs(600);
/// And at most so long after: Let's Encrypt counts five failures of a name in an hour, and has room for a few a day.
pub const ACME_TRY_AGAIN_MAX: Duration = Duration::from_secs(12 * 3_600);
/// Longest an authority may take to look at our names and to sign: each for itself.
pub const ACME_STEP_TIME_MAX: Duration = Duration::from_secs(120);
/// Longest an order may take in all.
pub const ACME_ORDER_TIME_MAX: Duration = Duration::from_secs(600);
/// When the authority would have a certificate renewed is asked at most so often, and at least every [`ACME_WINDOW_ASK_MAX`].
pub const ACME_WINDOW_ASK_MIN: Duration = Duration::from_secs(6 * 3_600);
/// See [`ACME_WINDOW_ASK_MIN`].
pub const ACME_WINDOW_ASK_MAX: Duration = Duration::from_secs(86_400);
/// Orders that are begun one after another when the authority forgets between two questions what it said; each question is asked three times.
pub const ACME_NONCE_TRIES: u32 = 4;
/// Longest of what an authority says of a failure that is handed on.
pub const ACME_WHY_CHARACTERS_MAX: usize = 600;
/// Questions of an authority that are answered at a time; one a name.
pub const ACME_CHALLENGES_MAX: usize = ACME_NAMES_MAX;
/// Largest header of its answer.
pub const FETCH_HEADER_BYTES_MAX: usize = 16 << 10;
/// Most header fields of its answer.
pub const FETCH_HEADERS_MAX: usize = 64;
/// Answers kept by the resolver.
pub const DNS_CACHE_ENTRIES_MAX: u64 = 20_000;
/// All questions about an envelope sender together: somebody waits at RCPT, and an answer that is late is no answer.
pub const SENDER_FACTS_TIME_MAX: Duration = Duration::from_secs(4);
/// All questions about who sent a mail together: its sender waits for the reply to the dot.
pub const AUTH_TIME_MAX: Duration = Duration::from_secs(8);
/// All questions of one mail to the name servers together; a little less than [`AUTH_TIME_MAX`], so that what was answered by then counts.
pub const MAIL_QUESTIONS_TIME_MAX: Duration = Duration::from_secs(7);
/// Name servers that did not answer a question are asked for the root, which every one of them knows: longest wait for that.
pub const DNS_PROBE_TIME_MAX: Duration = Duration::from_millis(1_500);
/// Such questions without an answer, in a row, after which they are left alone for a while.
pub const DNS_FAILURES_MAX: u32 = 2;
/// The first rest of name servers that are left alone; it doubles each time they are found silent after it.
pub const DNS_REST_MIN: Duration = Duration::from_secs(2);
/// The longest rest: servers that are back are noticed this soon.
pub const DNS_REST_MAX: Duration = Duration::from_secs(30);
/// How long a question waits while they rest: what we have heard before, and this machine's own names, take no longer.
pub const DNS_RESTING_TIME_MAX: Duration = Duration::from_millis(50);
/// Reverse names of a client that are followed back, as many as RFC 7208 section 4.6.4 allows.
pub const CLIENT_NAMES_MAX: usize = 10;
/// DKIM signatures of one mail that are compared: each may take a hash of the whole body.
pub const SIGNATURES_MAX: usize = 10;
/// How long it is remembered what a domain of ours asks of receivers: who changes its DMARC record waits this long for us as well.
pub const WISHES_LIFETIME: Duration = Duration::from_secs(300);
/// Domains of which that is remembered.
pub const WISHES_MAX: usize = 100_000;
/// How often the records of our own DKIM keys are looked for: a new one is taken into use within this time of being published.
pub const DKIM_RECORDS_LOOK_AGAIN: Duration = Duration::from_secs(3_600);
/// Partners of a configuration.
pub const PARTNERS_MAX: usize = 10_000;
/// Partners of one organisation.
pub const PARTNERS_OF_ONE_MAX: usize = 1_000;
/// Mail that may leave over a proven channel only is held after this. Two more tries fall into it, so that a policy that could not be fetched
/// in one moment holds up nothing.
pub const UNPROVEN_HOLD_AFTER: Duration = Duration::from_secs(900);
/// Name servers that hand no signatures on are asked again after this.
pub const DNSSEC_ASK_AGAIN: Duration = Duration::from_secs(300);
/// DNS lists of a configuration: all of them are asked about each mail.
pub const DNS_LISTS_MAX: usize = 50;
/// Wait for one answer of a DNS list unless configured: a name server that knows answers in milliseconds, one that has to ask in one second.
pub const DNS_LIST_TIMEOUT_DEFAULT: Duration = Duration::from_secs(3);
/// All questions to DNS lists about one mail together, and the longest wait for one that may be configured.
pub const DNS_LISTS_TIME_MAX: Duration = Duration::from_secs(8);
/// Names that one list is asked for about one mail; who writes a mail chooses how many links it has.
pub const DNS_LIST_QUESTIONS_MAX: usize = 24;
/// Mailboxes of From and of Reply-To that DNS lists are asked about; a person writes one.
pub const DNS_LIST_MAILBOXES_MAX: usize = 4;
/// Time between two trials of a DNS list that answers well.
pub const DNS_LIST_TRIED_EVERY: Duration = Duration::from_secs(600);
/// The same of one that is put aside for what it answered: a contract is renewed, or a zone mended, in hours.
pub const DNS_LIST_TRIED_AGAIN: Duration = Duration::from_secs(60);
/// How often it is looked which lists are to be tried; a reload may have brought new ones.
pub const DNS_LISTS_LOOK_AGAIN: Duration = Duration::from_secs(1);
/// Questions in a row without an answer after which a DNS list is put aside.
pub const DNS_LIST_FAILURES_MAX: u32 = 5;
/// The first rest of a DNS list that does not answer; it doubles each time the trial after it fails.
pub const DNS_LIST_REST_MIN: Duration = Duration::from_secs(5);
/// The longest rest: a list that came back is noticed this soon.
pub const DNS_LIST_REST_MAX: Duration = Duration::from_secs(120);
/// Records of one DNS answer that are looked at.
pub const DNS_RECORDS_MAX: usize = 100;
/// One DNS question with all its retries.
pub const DNS_TIMEOUT: Duration = Duration::from_secs(10);

// --- Organisations -----------------------------------------------------------------------------------------------

/// Longest name of an organisation: it stands in log lines, commands and keys.
pub const ORGANISATION_NAME_BYTES_MAX: usize = 64;
/// Relays of ours that one mail may have passed: two halls and a filter in front of each.
pub const RELAYS_MAX: usize = 6;
/// How long a rewritten sender (SRS) may come back: the five days of a queue, twice, and a holiday between.
pub const SRS_DAYS_MAX: u16 = 21;
/// Forwarded mails an hour of one organisation, unless configured: its people's forwards, not a relay.
pub const FORWARDED_PER_HOUR_MAX: u32 = 1_000;

// --- Imitated names --------------------------------------------------------------------------------------------------

/// Own domains of one organisation that foreign names are compared with, whoever a mail is for. With more it is a hosting company, whose
/// customers do not know each other: among so many names each stranger looks like somebody's.
pub const OWN_DOMAINS_WATCHED_MAX: usize = 500;
/// Domains of one mail's recipients that foreign names are compared with in such a house: more are a newsletter, which imitates nobody.
pub const RECIPIENT_DOMAINS_WATCHED_MAX: usize = 16;
/// Organisations of one mail whose people and domains its names are compared with: more are a mailing.
pub const HOUSES_OF_MAIL_MAX: usize = 16;
/// Domains an organisation may name as imitated. Each costs about 200 bytes.
pub const PROTECTED_DOMAINS_MAX: usize = 10_000;
/// People an organisation may name as imitated: the management, not the staff.
pub const VIPS_MAX: usize = 1_000;
/// Names of people read from lists of recipients, 8 bytes each.
pub const COLLEAGUES_MAX: usize = 200_000;
/// Watched domains compared letter by letter with one foreign name: far more than look like it.
pub const LOOKALIKE_CANDIDATES_MAX: usize = 64;

// --- Who writes to whom ------------------------------------------------------------------------------------------

/// After this long a mail that was written or came counts half: a partner of years stays one over a summer.
pub const CORRESPONDENCE_HALF_LIFE: Duration = Duration::from_secs(180 * 86_400);
/// The same for unwanted mail: a domain that was abused for a week should not pay for it all year.
pub const UNWANTED_HALF_LIFE: Duration = Duration::from_secs(30 * 86_400);
/// How long a correspondent is remembered of whom nothing more is seen: four half-lives, after which little is left of any count.
pub const CORRESPONDENCE_LIFETIME: Duration = Duration::from_secs(720 * 86_400);
/// How long an answer to a mail of ours is recognised by its Message-ID.
pub const SENT_MAIL_LIFETIME: Duration = Duration::from_secs(90 * 86_400);
/// Rows of all organisations together, about 300 bytes each; beyond it, whoever has most gives first.
pub const CORRESPONDENCE_ROWS_MAX: u64 = 2_000_000;
/// Rows deleted of an organisation in one commit to make room.
pub const CORRESPONDENCE_STEP_ROWS: usize = 1_000;
/// How often it is looked whether there are too many rows: counting them reads an index of all.
pub const CORRESPONDENCE_LOOK_INTERVAL: Duration = Duration::from_secs(600);
/// Rows kept in memory for those who write often, about 200 bytes each.
pub const CORRESPONDENCE_CACHED_MAX: usize = 20_000;
/// How long such a row is believed: what another wrote meanwhile is seen after that.
pub const CORRESPONDENCE_CACHE_AGE_MAX: Duration = Duration::from_secs(30);
/// How long counts are gathered before they are written; a kill loses this much of what was learned, never mail.
pub const CORRESPONDENCE_COMMIT_INTERVAL: Duration = Duration::from_millis(500);
/// Changes waiting to be written before further ones are left out: learning must not stop mail.
pub const CORRESPONDENCE_WAITING_MAX: usize = 20_000;
/// Longest wait for an answer of what is remembered: its sender waits, and the answer comes from this machine.
pub const CORRESPONDENCE_TIME_MAX: Duration = Duration::from_secs(2);
/// Recipients of one mail above which nothing is learned from it: that is a mailing, not a letter.
pub const CORRESPONDENTS_PER_MAIL_MAX: usize = 50;
/// Recipients of one mail for whom it is looked whether they know its sender.
pub const CORRESPONDENCE_RECIPIENTS_MAX: usize = 10;
/// Message-IDs in In-Reply-To and References that are looked up for each of them, the last first: those are what is answered.
pub const ANSWERED_IDS_MAX: usize = 8;
/// Organisations of one mail that are asked what they remember of its sender.
pub const CORRESPONDENCE_ORGANISATIONS_MAX: usize = 4;
/// How long a domain must be known before its volume says something.
pub const VOLUME_KNOWN_MIN: Duration = Duration::from_secs(14 * 86_400);
/// Mails of a day below which there is no jump: an answer to everybody in a small house is no campaign.
pub const VOLUME_MAILS_MIN: u32 = 30;

// --- Accounts that send too much ---------------------------------------------------------------------------------

/// The window in which an account's recipients are counted first (DECISIONS).
pub const ACCOUNT_HOUR: Duration = Duration::from_secs(3_600);
/// What an account's habit is measured by (DECISIONS).
pub const ACCOUNT_HABIT_SPAN: Duration = Duration::from_secs(30 * 86_400);
/// Days on which an account must have sent something before it has a habit of its own: a working week.
pub const ACCOUNT_DAYS_KNOWN_MIN: usize = 5;
/// Recipients an hour at which a new account is slowed, unless configured (DECISIONS); at twice as many it is held.
pub const NEW_ACCOUNT_RECIPIENTS_PER_HOUR: u32 = 200;
/// So many such hours are a new account's day.
pub const NEW_ACCOUNT_HOURS_A_DAY: u64 = 5;
/// Least habit of an hour: who writes to one person at a time may write to fifty once without being slowed.
pub const ACCOUNT_HABIT_HOUR_MIN: u64 = 10;
/// Least habit of a day, likewise.
pub const ACCOUNT_HABIT_DAY_MIN: u64 = 30;
/// Mails with malware or lures within a day that hold an account (DECISIONS).
pub const ACCOUNT_BAD_MAILS_MAX: u64 = 3;
/// Recipients that have answered before the share of refusals says something (DECISIONS).
pub const ACCOUNT_ANSWERS_MIN: u64 = 50;
/// Share of them refused for good that holds an account (DECISIONS).
pub const ACCOUNT_REFUSED_PERCENT_MAX: u64 = 25;
/// How long an organisation's servers send through here before one of their senders counts as a new account: on the first day all do.
pub const HOUSE_NEW_SPAN: Duration = Duration::from_secs(86_400);
/// How long the volume of an account is no reason after somebody let it go: one newsletter, with its retries.
pub const ACCOUNT_APPROVAL_LIFETIME: Duration = Duration::from_secs(86_400);
/// How much later the mail of a slowed account goes: time to see that it must be held, and little for a person.
pub const ACCOUNT_SLOWED_DELAY: Duration = Duration::from_secs(600);
/// Accounts whose habits are kept, some kilobytes each; beyond it those that sent nothing for longest are forgotten, held ones last.
pub const ACCOUNTS_REMEMBERED_MAX: usize = 20_000;
/// How long an account's changes are gathered before they are written: a kill loses this much of a count.
pub const ACCOUNT_COMMIT_INTERVAL: Duration = Duration::from_secs(1);
/// Mails of a slowed account that are still here and are held with it.
pub const ACCOUNT_SLOWED_MAILS_MAX: usize = 2_000;
/// Mails of a held account that its contact's letter names.
pub const ACCOUNT_SAMPLES_MAX: usize = 3;
/// How often it is looked whether somebody must be told of a held account: he hears within a minute (DECISIONS).
pub const ACCOUNT_TELL_INTERVAL: Duration = Duration::from_secs(10);

// --- Recipients --------------------------------------------------------------------------------------------------

/// How long a next hop's yes to a recipient is believed (DECISIONS).
pub const CALLOUT_YES_LIFETIME: Duration = Duration::from_secs(7 * 86_400);
/// How long a yes is used before it is asked again, while the next hop answers.
pub const CALLOUT_YES_FRESH: Duration = Duration::from_secs(86_400);
/// How long a next hop's no is believed.
pub const CALLOUT_NO_LIFETIME: Duration = Duration::from_secs(3_600);
/// Recipients remembered that exist; beyond it the oldest are forgotten.
pub const CALLOUT_REMEMBERED_MAX: usize = 200_000;
/// Recipients remembered that do not exist, apart from those that do: whoever guesses names fills this table and no other.
pub const CALLOUT_NO_REMEMBERED_MAX: usize = 50_000;
/// Wait for a callout, all together; the sender waits too.
pub const CALLOUT_TIMEOUT: Duration = Duration::from_secs(30);
/// How often a next hop that is asked about recipients is asked about one that cannot exist: does its yes mean anything?
pub const ACCEPTS_EVERYBODY_ASKED: Duration = Duration::from_secs(86_400);
/// Domains of which that is remembered.
pub const ACCEPTS_EVERYBODY_REMEMBERED_MAX: usize = 100_000;
/// Recipients that we ask next hops about at the same time for one client network: a guesser leaves room for the others.
pub const CALLOUTS_PER_NETWORK_MAX: usize = 20;
/// Largest recipients file.
pub const RECIPIENT_FILE_BYTES_MAX: u64 = 256 << 20;

// --- Storing -----------------------------------------------------------------------------------------------------

/// A spool segment is closed at this size: small enough to rewrite, large enough to be few.
pub const SEGMENT_BYTES_MAX: u64 = 64 << 20;
/// Mails above this get a file of their own: rewriting them at compaction would cost more than a file does.
pub const SPOOL_INLINE_BYTES_MAX: usize = 256 << 10;
/// Bytes gathered into one write and one sync of the spool.
pub const GROUP_COMMIT_BYTES_MAX: usize = 16 << 20;
/// Largest envelope, verdict and retry state of one mail in the spool: a thousand recipients with a page of reasons each.
pub const SPOOL_META_BYTES_MAX: usize = 4 << 20;
/// Requests waiting for the spool's writer; further callers wait before they hand theirs in.
pub const SPOOL_WAITING_MAX: usize = 1_024;
/// Bytes of retry state and done records in the spool that may be written but not yet synced; a power loss takes back at most these.
pub const SPOOL_UNSYNCED_BYTES_MAX: usize = 1 << 20;
/// Bytes of a segment looked at or copied between two writes of mail while the spool is compacted.
pub const COMPACT_STEP_BYTES: usize = 1 << 20;
/// A segment is written again when less than this of a full segment still counts.
pub const COMPACT_KEPT_PERCENT: u64 = 25;
/// Items wrapped by a new key between two looks at what else there is to do.
pub const REWRAP_STEP: usize = 100;
/// Largest file with the keys of all organisations: a hundred thousand of them with two keys each.
pub const KEY_FILE_BYTES_MAX: u64 = 64 << 20;
/// How long a database is looked through for damage at start: a small one wholly, a large one as far as this goes.
pub const DATABASE_LOOK_TIME_MAX: Duration = Duration::from_millis(500);
/// Connections that read one database at the same time, half a megabyte each: one long search keeps no page waiting, nor do two.
pub const DATABASE_READERS_MAX: usize = 3;
/// Rows deleted for their age in one commit: mail that is to be held waits for no more than these.
pub const RETAIN_STEP_ROWS: usize = 200;
/// Rows deleted from the quarantine in one commit at least, however long they take.
pub const RETAIN_STEP_ROWS_MIN: usize = 5;
/// A step of deleting from the quarantine that takes longer is followed by a smaller one: mail that is to be held waits behind it.
pub const RETAIN_STEP_TIME_FAIR: Duration = Duration::from_millis(20);
/// How long rows are deleted in one go before there is a pause until the next round.
pub const RETAIN_TIME_MAX: Duration = Duration::from_secs(10);
/// Bytes the trace may take (about two kilobytes for each recipient, indexes included).
pub const TRACE_BYTES_MAX: u64 = 20 << 30;
/// Rows gathered into one commit of a database.
pub const GROUP_COMMIT_ROWS_MAX: usize = 1_000;
/// How long the trace gathers rows before it commits; a crash loses this much trace, never mail.
pub const TRACE_COMMIT_INTERVAL: Duration = Duration::from_millis(250);
/// Trace rows waiting to be written before new ones are dropped and counted: the trace must not stop mail.
pub const TRACE_WAITING_MAX: usize = 20_000;
/// Trace rows indexed in one commit: rows of new mail wait behind it for a tenth of a second, mail itself for nothing.
pub const TRACE_INDEX_STEP_ROWS: usize = 2_000;
/// How often the trace is indexed: what somebody asks for on the telephone is there by then, and a busy second is one commit.
pub const TRACE_INDEX_INTERVAL: Duration = Duration::from_secs(1);
/// Rows that one search of the trace looks at before it ends with what it has, and its page leads on: some hundredths of a second.
pub const TRACE_CANDIDATES_MAX: usize = 2_000;
/// Letters of a text that words are taken from: as long as a subject that is kept, and a hundred recipients.
pub const TRACE_WORDS_CHARS_MAX: usize = 8_192;
/// Letters from which on the last word of a search may go on: with fewer there are too many words that begin so.
pub const TRACE_OPEN_WORD_LETTERS_MIN: usize = 3;
/// Recipients of a transaction whose names are words of the index, and replies about them that are. Beyond, whole addresses still are.
pub const TRACE_SAID_MAX: usize = 100;
/// Rows about recipients that are read of one transaction: as many recipients as one may have, each tried some times.
pub const TRACE_RECIPIENT_ROWS_MAX: usize = 5_000;
/// Recipients named in a line of a list.
pub const TRACE_LINE_RECIPIENTS_MAX: usize = 3;
/// Domains of a scope that the index is asked for by name; with more, the organisation's rows are walked.
pub const TRACE_SCOPE_DOMAINS_MAX: usize = 100;
/// A transaction that began before a moment has ended so long after it, the slowest senders' too.
pub const TRACE_LATE_MAX: Duration = Duration::from_secs(6 * 3_600);
/// How far the moment at which a mail was held may lie from the one that its trace gives: both are written within one reply's time.
pub const TRACE_HELD_APART_MAX: Duration = Duration::from_secs(60);
/// Domains of one mail that it is counted for.
pub const TRACE_DOMAINS_COUNTED_MAX: usize = 20;
/// Mails decided anew between two looks at whether somebody still waits, and read in one go: some tens of milliseconds.
pub const REPLAY_STEP_ROWS: usize = 1_000;
/// Mails named as samples of what would change, for each kind of change.
pub const REPLAY_SAMPLES_MAX: usize = 10;
/// Days that are decided anew unless said otherwise.
pub const REPLAY_DAYS: u64 = 30;
/// The most days: what the trace keeps unless it is told otherwise, and then some.
pub const REPLAY_DAYS_MAX: u64 = 366;
/// Replays that run for pages and programs at a time: each takes about half a core from what mail leaves, and two people may try something.
pub const REPLAYS_AT_ONCE_MAX: usize = 2;
/// Replays whose answers are kept in memory, some tens of kilobytes each.
pub const REPLAYS_KEPT_MAX: usize = 10;
/// Days that counts by hour are kept: two weeks, and the one before to compare with.
pub const STATISTICS_HOURS_DAYS: i64 = 21;
/// Days that counts by day are kept: a year, and the month before it to compare with.
pub const STATISTICS_DAYS: i64 = 400;
/// Longest span whose most frequent names are read by the day; longer ones are read by the month.
pub const TOP_BY_DAY_DAYS_MAX: i64 = 45;
/// Names kept of a running day or month, for each kind and owner.
pub const TOP_NAMES_MAX: i64 = 200;
/// Names kept of one that is over.
pub const TOP_NAMES_KEPT: i64 = 50;
/// Days that reports of others are kept: a year, and the month before it to compare with.
pub const REPORT_DAYS: u64 = 400;
/// How long complaints and delivery notices are kept at most, as they name people's addresses: as long as the trace.
pub const REPORT_NAMES_KEPT_MAX: Duration = Duration::from_secs(TRACE_DAYS * 86_400);
/// Failures that are shown of one policy in a TLS report, those with most sessions first.
pub const TLS_FAILURES_SHOWN_MAX: u32 = 20;
/// Rows of each table of reports: a hundred domains with a hundred sources a day fill it in half a year.
pub const REPORT_TABLE_ROWS_MAX: i64 = 2_000_000;
/// How long proofs are gathered into one commit: not at all, for a delivered mail waits in the spool meanwhile, and a kill would double it. What comes
/// while one is made shares the next.
pub const PROOFS_COMMIT_INTERVAL: Duration = Duration::ZERO;
/// Mails with proofs waiting to be written.
pub const PROOFS_WAITING_MAX: usize = 4_096;
/// Proofs under one signature.
pub const PROOFS_IN_A_BATCH_MAX: usize = 4_096;
/// Proofs shown of one mail.
pub const PROOFS_OF_A_MAIL_MAX: usize = 1_000;
/// Characters of a reply, a name or an id in a proof.
pub const PROOF_LINE_CHARS_MAX: usize = 512;
/// Characters of one value on a sheet.
pub const PROOF_VALUE_CHARS_MAX: usize = 4_000;
/// Domains in a report of how mail went.
pub const TRANSPORT_ROWS_MAX: usize = 500;
/// Bytes of all proofs.
pub const PROOF_BYTES_MAX: u64 = 10 << 30;
/// Days a proof is kept.
pub const PROOF_DAYS: u64 = 400;
/// How long reports are gathered into one commit: nobody waits on a line for them.
pub const REPORTS_COMMIT_INTERVAL: Duration = Duration::from_millis(50);
/// Mails with reports waiting to be written; more wait in the spool.
pub const REPORTS_WAITING_MAX: usize = 256;
/// Days for which it is remembered what went out: servers try for five days, and some write their bounce a week later.
pub const SENT_DAYS: u64 = 14;
/// Mails remembered in all of them; each takes about 60 bytes. Where more goes out, fewer days are covered.
pub const SENT_MAILS_MAX: i64 = 3_000_000;
/// Days for which all of a domain's mail must be remembered before a bounce can be about none of it: the five days for which servers
/// try (RFC 5321 section 4.5.4.1), and one.
pub const BOUNCE_COVERED_DAYS_MIN: u64 = 6;
/// Days without mail after which a domain may be sending elsewhere: a week and a long weekend.
pub const BOUNCE_QUIET_DAYS_MAX: u64 = 10;
/// Days for which a recognised bounce shows that Message-IDs reach the world as they leave here: a small office has one in a month or two.
pub const BOUNCE_PROVED_DAYS_MAX: u64 = 90;
/// Mails of a domain before it counts as one that sends through here.
pub const BOUNCE_MAILS_MIN: u64 = 20;
/// Days an account that a correspondent wrote is remembered after it was last seen: a bill that comes once a year comes twice in that time.
pub const BANK_ACCOUNT_DAYS: u64 = 730;
/// Accounts remembered of one correspondent. A supplier has a handful; a service that sends the bills of others has any number, and is not compared.
pub const BANK_ACCOUNTS_OF_ONE_MAX: usize = 64;
/// Accounts remembered in all, some 150 bytes each; beyond it those go first that were not seen for longest.
pub const BANK_ACCOUNTS_MAX: u64 = 1_000_000;
/// Mails with accounts being learned from at a time; more are not learned from: mail comes first.
pub const BANK_ACCOUNT_LESSONS_MAX: usize = 256;
/// Longest look into that memory while a sender waits; then it is unknown whether an account is the usual one.
pub const BANK_ACCOUNT_LOOK_TIME_MAX: Duration = Duration::from_secs(2);
/// How long such lessons are gathered into one commit; a crash loses this much.
pub const BANK_ACCOUNT_COMMIT_INTERVAL: Duration = Duration::from_millis(100);
/// Writes of accounts that wait.
pub const BANK_ACCOUNT_WAITING_MAX: usize = 1_024;
/// Days the trace is kept (DECISIONS).
pub const TRACE_DAYS: u64 = 90;
/// Days a held mail is kept (DECISIONS).
pub const QUARANTINE_DAYS: u64 = 30;
/// Bytes all held mails may take together.
pub const QUARANTINE_BYTES_MAX: u64 = 20 << 30;
/// Longest address of the public page: a reply with it is one line of SMTP.
pub const PUBLIC_URL_BYTES_MAX: usize = 200;
/// Days a copy of a refused mail is kept: long enough for a sender who reads the bounce on Monday.
pub const REJECTED_DAYS: u64 = 7;
/// Bytes all copies of refused mails may take together.
pub const REJECTED_BYTES_MAX: u64 = 2 << 30;
/// Copies of refused mails being written at a time; more are not kept: taking mail comes first.
pub const REJECTED_KEEPING_MAX: usize = 8;
/// How long somebody may take back what was done with a held mail; a released one waits so long in the spool.
pub const UNDO_TIME_MAX: Duration = Duration::from_secs(10);
/// Held mails counted for a page: "more than so many" tells a reader as much as the number.
pub const HELD_COUNTED_MAX: usize = 1_000;
/// Newest held mails that groups of alike ones are made of: looking at more takes longer than a page may.
pub const CLUSTERED_MAX: usize = 5_000;
/// Findings of one mail that it can be found by.
pub const HELD_FINDINGS_MAX: usize = 200;
/// Findings with the same beginning that a search walks along.
pub const HELD_TAGS_MAX: usize = 100;
/// Attachments of a held mail that its row names.
pub const HELD_ATTACHMENTS_MAX: usize = 50;
/// Mails of one recipient that are looked at as duplicates of one.
pub const DUPLICATES_MAX: usize = 100;
/// Words of a search.
pub const SEARCH_WORDS_MAX: usize = 10;
/// So few held mails within a scope are looked at one by one for a word.
pub const SEARCH_FEW: usize = 200;
/// Characters of one word of a search.
pub const SEARCH_CHARS_MAX: usize = 200;
/// Held mails that are acted on before others have their turn.
pub const ACT_STEP: usize = 100;
/// Held mails that one word may act on: more is a matter of policy, not of looking.
pub const ACT_MAX: usize = 10_000;
/// How long a mail that is to be released waits for an examiner that looks at it again.
pub const LOOK_AGAIN_TIME_MAX: Duration = Duration::from_secs(30);
/// Characters of a subject or a name that an index keeps; a longer one is cut for display, the mail itself is whole.
pub const INDEXED_TEXT_CHARS_MAX: usize = 500;
/// Bytes encrypted under one nonce: a large blob is written in pieces of this size.
pub const SEALED_CHUNK_BYTES: usize = 64 << 10;

// --- The audit log -----------------------------------------------------------------------------------------------

/// Size from which the audit log goes on in a new file: some 40,000 records, read again within a second at each start.
pub const AUDIT_FILE_BYTES_MAX: u64 = 16 << 20;
/// Audit records that the index takes in before it looks whether somebody waits for a record to be written: about a tenth of a second.
pub const AUDIT_INDEX_STEP_RECORDS: usize = 5_000;
/// Records that one sync makes durable: more only make the first of them wait.
pub const AUDIT_BATCH_RECORDS_MAX: usize = 1_000;
/// Records that may wait for the one that writes; who comes later waits for room.
pub const AUDIT_WAITING_MAX: usize = 1_000;
/// Longest line of the audit log that is read; the bounds below keep those that we write under half of it.
pub const AUDIT_LINE_BYTES_MAX: usize = 64 << 10;
/// Characters of a name or of what a record is about: the longest mail address has 320.
pub const AUDIT_NAME_CHARS_MAX: usize = 320;
/// Characters of a reason that somebody wrote; a paragraph.
pub const AUDIT_REASON_CHARS_MAX: usize = 500;
/// Further facts of one record.
pub const AUDIT_DETAILS_MAX: usize = 12;
/// Characters of one of them.
pub const AUDIT_DETAIL_CHARS_MAX: usize = 300;
/// Changes of the stored configuration that get an audit record each; of more their number is recorded, and the version names them.
pub const AUDIT_OBJECTS_MAX: usize = 1_000;
/// Longest wait for another process that writes the audit log just now: a sync of a slow disk, many times over.
pub const AUDIT_LOCK_TIME_MAX: Duration = Duration::from_secs(10);
/// How often it is tried meanwhile.
pub const AUDIT_LOCK_PAUSE: Duration = Duration::from_millis(2);
/// How often the gateway looks at all of its audit log by itself, beginning at its start.
pub const AUDIT_LOOK_INTERVAL: Duration = Duration::from_secs(6 * 3_600);
/// Pause after each ten thousand records of that look: with it, a log of a million is read in half a minute, and no mail feels it.
pub const AUDIT_LOOK_PAUSE: Duration = Duration::from_millis(250);
/// How often the gateway signs its audit log, if anything came since.
pub const AUDIT_CHECKPOINT_INTERVAL: Duration = Duration::from_secs(60);
/// Keys of a log that are named.
pub const AUDIT_KEYS_SHOWN_MAX: usize = 20;
/// Records of a received copy by which lines that were sent twice are known: forty times what one break of the link repeats.
pub const AUDIT_REPEATS_REMEMBERED_MAX: usize = 100_000;
/// Places of a broken chain that are named; the first is what matters.
pub const AUDIT_MISFITS_MAX: usize = 20;

/// Records after which the link to the log server is closed and opened again, to know that they have arrived; after a break at most twice
/// as many are sent again.
pub const LOG_LINK_CONFIRM_RECORDS: usize = 1_000;
/// How long it stays open for fewer.
pub const LOG_LINK_CONFIRM_INTERVAL: Duration = Duration::from_secs(300);
/// After this long without a record a sign of life is sent.
pub const LOG_LINK_HEARTBEAT_INTERVAL: Duration = Duration::from_secs(60);
/// Longest wait for a connection with its handshake, for what was written to be taken, and for the server's end of a connection that we ended.
pub const LOG_LINK_ANSWER_TIME_MAX: Duration = Duration::from_secs(30);
/// How often it is looked for new records.
pub const LOG_LINK_TICK: Duration = Duration::from_millis(500);
/// First pause after a link that broke; it doubles.
pub const LOG_LINK_REST_FIRST: Duration = Duration::from_secs(1);
/// Longest such pause.
pub const LOG_LINK_REST_MAX: Duration = Duration::from_secs(60);
/// How long the link may be broken until it is said where people look.
pub const LOG_LINK_BROKEN_MAX: Duration = Duration::from_secs(600);
/// Longest that the end of the gateway waits for the last records to be sent.
pub const LOG_LINK_END_TIME_MAX: Duration = Duration::from_secs(5);
/// Records in one write: of the longest ones, some megabytes.
pub const LOG_LINK_BATCH_RECORDS: usize = 100;
/// The port of syslog over TLS, RFC 5425 section 4.1.
pub const SYSLOG_TLS_PORT: u16 = 6514;

// --- The web's two doors -----------------------------------------------------------------------------------------

/// Connections of a door: operators and one Prometheus need five, a front page for the world hardly more.
pub const HTTP_CONNECTIONS_MAX: usize = 128;
/// Of these one client address (/32, /64) of the public door: what a browser opens.
pub const HTTP_CONNECTIONS_PER_ADDRESS_MAX: usize = 8;
/// And of the admin door, where it is open to a network: an office of operators behind one address, and room left for others.
pub const HTTP_ADMIN_CONNECTIONS_PER_ADDRESS_MAX: usize = 48;
/// Longest wait for the whole head of a request, and for the next one on an open connection: a slow head is how a web server is hung.
pub const HTTP_HEAD_TIME_MAX: Duration = Duration::from_secs(10);
/// Longest a page may take to be made.
pub const HTTP_ANSWER_TIME_MAX: Duration = Duration::from_secs(20);
/// Longest a form with files may take to come, and files to go: two gigabytes at 300 KB/s. A form must keep to [`PORTAL_BYTES_PER_SECOND_MIN`] too.
pub const HTTP_FILES_TIME_MAX: Duration = Duration::from_secs(2 * 3_600);
/// Longest a connection may last in all; clients open another.
pub const HTTP_CONNECTION_TIME_MAX: Duration = Duration::from_secs(120);
/// Largest head of a request.
pub const HTTP_HEAD_BYTES_MAX: usize = 16 << 10;
/// Most fields in it; browsers send about twenty.
pub const HTTP_HEADERS_MAX: usize = 64;
/// How old the figures of the status page may be: looking often must cost mail nothing.
pub const OVERVIEW_AGE_MAX: Duration = Duration::from_secs(5);
/// Destinations and organisations shown there; the busiest ones.
pub const OVERVIEW_ROWS_MAX: usize = 50;
/// Days before its end from which a certificate is a deviation; renewal by ACME comes with 30 days left.
pub const CERTIFICATE_DAYS_MIN: u64 = 14;

// --- Configuration -----------------------------------------------------------------------------------------------

/// Domains in domains-files and the stored layer together: more than any host in the north has, and their names still fit
/// the 32-bit places that find them.
pub const DOMAINS_MAX: usize = 10_000_000;
/// Largest domains-file: all those domains with a next hop each.
pub const DOMAINS_FILE_BYTES_MAX: u64 = 512 << 20;
/// Longest line of one; a name has 253 octets, the rest is next hops.
pub const DOMAINS_LINE_BYTES_MAX: usize = 2_048;
/// Largest document that `config import` reads.
pub const IMPORT_BYTES_MAX: u64 = 512 << 20;
/// Longest value of one stored entry, in its JSON form.
pub const STORED_VALUE_BYTES_MAX: usize = 1 << 20;
/// Versions of one stored entry that are walked back to find who said a value of it: each has the whole entry, which may be a long list.
pub const SAID_BY_VERSIONS_MAX: usize = 500;
/// Longest comment of a stored change.
pub const COMMENT_CHARS_MAX: usize = 500;

// --- People ------------------------------------------------------------------------------------------------------

/// Sentences about what was wrong with the stores at start that `status` repeats; the log has all of them.
pub const STORE_NOTES_MAX: usize = 20;
/// Longest line of the control socket, which is its owner's alone: some hundred examples for the classifier.
pub const CONTROL_LINE_BYTES_MAX: usize = 8 << 20;
/// Rows a list command shows unless asked for more.
pub const LIST_ROWS_DEFAULT: usize = 100;
/// Senders, reasons and samples that a report names: more is a list, and nobody reads it.
pub const REPORT_ROWS_MAX: usize = 10;
/// How long open transactions may take to finish after SIGTERM.
pub const DRAIN_TIME_MAX: Duration = Duration::from_secs(30);

/// How long a web session lasts in all; then its owner logs in again.
pub const WEB_SESSION_TIME_MAX: Duration = Duration::from_secs(12 * 3600);
/// How long one lasts that nobody uses: a screen left alone over lunch.
pub const WEB_SESSION_IDLE_MAX: Duration = Duration::from_secs(60 * 60);
/// How long somebody may take from the password to the second factor.
pub const WEB_SECOND_FACTOR_TIME_MAX: Duration = Duration::from_secs(5 * 60);
/// Open sessions, and half-done log-ins, that are remembered in memory; beyond it the oldest go.
pub const WEB_SESSIONS_MAX: usize = 10_000;
/// How long the page that an act leads to may take to come, and still say what was done.
pub const WEB_NOTE_TIME: Duration = Duration::from_secs(20);
/// What is kept of a form that failed, so that it can be mended and sent again, octets; of a longer one nothing is.
pub const FORM_AGAIN_BYTES_MAX: usize = 4 << 10;
/// Largest form, octets: a page of a policy, and some thousand chosen ids.
pub const FORM_BYTES_MAX: usize = 256 << 10;
/// Most fields in it: as many as it may have chosen ids.
pub const FORM_FIELDS_MAX: usize = 8_192;
/// Recovery codes made with a second factor: enough for a few lost telephones, few enough for a slip of paper.
pub const RECOVERY_CODES: usize = 10;
/// Rows of one page of a list: a page stays under 100 KB, and more is what filters are for.
pub const WEB_PAGE_ROWS: usize = 50;
/// Letters of a text of a stranger's that a page's table shows: more would push the other columns off a screen.
pub const WEB_CELL_LETTERS_MAX: usize = 120;
/// Mails that a page names before they are all changed at once: enough to see that they are the right ones.
pub const WEB_PREVIEW_ROWS: usize = 10;
/// Accounts shown on one page.
pub const ACCOUNTS_PAGE_ROWS: usize = 500;
/// Saved views of one account: more than anybody finds again in a list.
pub const VIEWS_PER_ACCOUNT_MAX: usize = 30;
/// Letters of a view's name: one line of a narrow pane.
pub const VIEW_NAME_CHARS_MAX: usize = 60;
/// Bytes of what a view asks for: every field of a search filled in by a person.
pub const VIEW_QUERY_BYTES_MAX: usize = 2_000;
/// Views that are looked at for one visitor, with those that others share.
pub const VIEWS_LISTED_MAX: usize = 200;
/// Tokens of one account: a script each, and then some.
pub const TOKENS_PER_ACCOUNT_MAX: usize = 20;
/// Longest life of a token: programs are forgotten, and so are their keys.
pub const TOKEN_DAYS_MAX: u64 = 366;
/// Rows of an answer of the API that asks for no other number, and the most it may ask for.
pub const API_ROWS_DEFAULT: usize = 100;
/// The most rows of an answer of the API.
pub const API_ROWS_MAX: usize = 1_000;
/// So far a list of the API that is counted off can be leafed through; then a filter is the way.
pub const API_SKIP_MAX: usize = 20_000;
// --- Digests and the people who read them --------------------------------------------------------------------------

/// Bytes of an organisation's logo: a page with it and its style stays under a hundred kilobytes.
pub const LOGO_BYTES_MAX: u64 = 48 << 10;
/// Pixels of its longer side: it is shown some forty high, on the sharpest of screens.
pub const LOGO_SIDE_MAX: u32 = 1_024;
/// Letters of the name that an organisation shows to people; a line of a telephone has some forty.
pub const BRAND_NAME_LETTERS_MAX: usize = 80;
/// Mails shown in one digest, unless configured: more than that nobody reads on a telephone.
pub const DIGEST_ROWS: usize = 25;
/// Most that can be configured; each takes some two kilobytes of the mail and three links.
pub const DIGEST_ROWS_MAX: usize = 200;
/// Held mails of one mailbox looked at for its digest; beyond these they are not even counted.
pub const DIGEST_ROWS_READ_MAX: usize = 2_000;
/// Questions of staff, and the same of senders, shown in one digest; the others are counted and stand on the own page.
pub const DIGEST_QUESTIONS_MAX: usize = 10;
/// Mailboxes looked at in one go when digests are due; the others come in the next.
pub const DIGEST_MAILBOXES_STEP: usize = 500;
/// Times a day at which one mailbox can have its digest.
pub const DIGEST_TIMES_MAX: usize = 12;
/// Days that links in a digest work, unless configured: a holiday of two weeks.
pub const DIGEST_TOKEN_DAYS: u64 = 14;
/// Most that can be configured.
pub const DIGEST_TOKEN_DAYS_MAX: u64 = 90;
/// How late a digest may go out after a stop; later than that the next one tells the same.
pub const DIGEST_LATE_MAX: Duration = Duration::from_secs(2 * 3_600);
/// How far back a first digest looks: who is new gets no month of spam at once.
pub const DIGEST_FIRST_SPAN: Duration = Duration::from_secs(7 * 86_400);
/// Letters shown of a name, a subject, the name of a file: a stranger chose them.
pub const DIGEST_TEXT_LETTERS_MAX: usize = 120;
/// Names of attachments shown for one mail.
pub const DIGEST_NAMES_MAX: usize = 5;
/// Digests that an operator has written anew for one mailbox in an hour.
pub const DIGESTS_PER_HOUR_MAX: u32 = 30;
/// Lines at the top of an answer in which the numbers of mails are looked for: a greeting may stand before them.
pub const ANSWER_LINES_READ: usize = 5;
/// Words beside the numbers on a line of an answer, as in "Hej! Jag vill gärna ha nummer 2, tack": more are prose, and prose asks for nothing.
pub const ANSWER_WORDS_MAX: usize = 8;
/// Senders that one mailbox may allow and block.
pub const OWN_LIST_ENTRIES_MAX: i64 = 2_000;
/// Changes of a block list that are read to find who put a line there: of older ones the page says nothing, and nobody waits for it.
pub const LIST_LINE_VERSIONS_MAX: usize = 200;
/// Owners of one shared mailbox: each gets its digest.
pub const MAILBOX_OWNERS_MAX: i64 = 50;
/// Wrong numbers pressed before an item is locked (DECISIONS: three).
pub const WRONG_PRESSES_MAX: i64 = 3;
/// One link opened from several networks within this time is being opened by machines (DECISIONS: a minute).
pub const OPENINGS_WINDOW: Duration = Duration::from_secs(60);
/// So many mails of one digest opened within that time are opened by a program that reads it: a person takes longer.
pub const OPENED_TOGETHER_MAX: usize = 6;
/// So long one mark stands for all openings of a link from one network.
pub const OPENING_STANDS: Duration = Duration::from_secs(30);
/// Openings remembered of one item.
pub const OPENINGS_REMEMBERED_MAX: i64 = 16;
/// Letters of a code for the own page: 40 bits, of which five tries find one in 2 * 10^11.
pub const CODE_LETTERS: usize = 8;
/// How long a code works.
pub const CODE_LIFETIME: Duration = Duration::from_secs(600);
/// Tries that a code bears.
pub const CODE_TRIES_MAX: i64 = 5;
/// Codes that one mailbox, or one client network, may ask for in an hour.
pub const CODES_PER_HOUR_MAX: i64 = 5;
/// The same for a network: an office shares one.
pub const CODES_PER_HOUR_OF_NETWORK_MAX: i64 = 30;
/// Askings for codes that are counted at once, whoever asks and for whatever address: what three thousand networks may ask in an hour.
pub const CODES_ASKED_KEPT_MAX: i64 = 100_000;
/// How long somebody stays on the own page without doing anything.
pub const OWN_PAGE_IDLE_MAX: Duration = Duration::from_secs(2 * 3_600);
/// How long somebody stays on it in all.
pub const OWN_PAGE_LIFETIME: Duration = Duration::from_secs(12 * 3_600);
/// How long a consent to open a mail holds once it is given.
pub const CONSENT_LIFETIME: Duration = Duration::from_secs(7 * 86_400);
/// How long whoever asked for a consent is shown that the answer was no.
pub const CONSENT_REFUSED_SHOWN: Duration = Duration::from_secs(86_400);
/// Letters of a reason or a note that somebody writes.
pub const NOTE_LETTERS_MAX: usize = 500;
/// How long a digest, its tokens and what was done with them are kept after they expired: "who did it?" can be answered for so long.
pub const PEOPLE_KEPT: Duration = Duration::from_secs(30 * 86_400);
/// How long a question of staff or a request stays after it was answered, and its yes has ended: who asked to open my mail, why, and what did
/// I say? A year, whatever became of the mail.
pub const ANSWERED_KEPT: Duration = Duration::from_secs(365 * 86_400);
/// How long one stays that nobody answers: the mail it is about went long before.
pub const UNANSWERED_KEPT: Duration = Duration::from_secs(90 * 86_400);
/// How long changes by people are gathered into one commit: somebody waits for each.
pub const PEOPLE_COMMIT_INTERVAL: Duration = Duration::from_millis(5);
/// Such changes waiting.
pub const PEOPLE_WAITING_MAX: usize = 1_024;
/// Rows of one page of a list of mailboxes, requests or consents.
pub const PEOPLE_ROWS_MAX: usize = 500;
/// Held mails on one page of a list: a hundred can be dealt with without turning the page.
pub const HELD_PAGE_ROWS: usize = 100;
/// Requests, and groups of alike mails, on the first page.
pub const NEEDS_YOU_ROWS: usize = 40;
/// Alike mails shown beside one.
pub const ALIKE_ROWS: usize = 8;
/// Mails that the preview of an act on many shows; of the rest their number.
pub const PREVIEW_ROWS: usize = 10;
/// Acts of one session that are offered to be taken back, the newest first: more do not fit into the seconds that there are.
pub const UNDO_OFFERS_MAX: usize = 16;
/// Mails of one act that the button beside its note takes back.
pub const UNDO_MAX: usize = 500;
/// Rows of a table that is exported.
pub const EXPORT_ROWS_MAX: usize = 20_000;
/// How long a session sees a mail that it has opened; then its reason is asked for again.
pub const WEB_OPENED_TIME: Duration = Duration::from_secs(30 * 60);
/// Letters of a reason to open somebody's mail: less is no reason.
pub const REASON_LETTERS_MIN: usize = 10;
/// Rules in one policy: whoever needs more wants a phrase file or another policy.
pub const RULES_OF_POLICY_MAX: usize = 100;
/// Values of one condition of a rule.
pub const RULE_VALUES_MAX: usize = 50;
/// Words and phrases that all rules of a policy look for: each is one pass over the text of a mail.
pub const RULE_WORDS_OF_POLICY_MAX: usize = 300;
/// Letters of one word, phrase or pattern of a rule.
pub const RULE_WORD_LETTERS_MAX: usize = 100;
/// Letters of a rule's name: it stands in the id of its finding.
pub const RULE_NAME_LETTERS_MAX: usize = 40;
/// Letters of a rule's reason: it stands in a header field and in a reply.
pub const RULE_REASON_LETTERS_MAX: usize = 200;
/// The most a rule may add to a score: what alone reaches the default threshold of a refusal.
pub const RULE_WEIGHT_MAX: f32 = 15.0;
/// The most a rule may take off: no comfort takes off more.
pub const RULE_EASES_MAX: f32 = 5.0;
/// Letters of an attachment's name that a rule's pattern is held against.
pub const RULE_ATTACHMENT_NAME_LETTERS_MAX: usize = 400;
/// Letters in which a page tells what a rule asks: a hundred of them fit on it.
pub const RULE_TOLD_LETTERS: usize = 300;
/// How far the last clock is behind: a day is over when it is over everywhere (the zone of Baker Island, UTC-12).
pub const LAST_CLOCK_BEHIND_MS: u64 = 12 * 60 * 60 * 1000;

/// The widest network that an operator bans at once: the largest that one holder has.
pub const BAN_WIDEST_V4: u8 = 8;
/// The same for IPv6.
pub const BAN_WIDEST_V6: u8 = 16;

/// Days a lesson is kept: a year and a bit, so that what comes once a year is known when it comes again.
pub const LESSON_DAYS: u64 = 400;
/// Days a mail can be labelled after it came: who was away for three weeks still can.
pub const LABEL_DAYS: u64 = 30;
/// Lessons kept, some 5 KB each: half a million, the oldest go first. A site that is taught by its own traffic has them in a year or two, and what
/// was spam before is not what is spam now.
pub const LESSONS_MAX: u64 = 500_000;
/// Mails of which the learners' view is kept, so that they can be labelled later, some 4 KB each.
pub const SIGHTS_MAX: u64 = 200_000;
/// Writes of lessons and sights that wait. More are not remembered: mail comes first.
pub const LESSONS_WAITING_MAX: usize = 1_024;
/// How long lessons are gathered into one commit, and at most how often the learners learn: a crash loses this much.
pub const LESSONS_COMMIT_INTERVAL: Duration = Duration::from_millis(500);
/// Lessons read at a time by the learners: some 5 MB.
pub const LESSONS_READ_STEP: usize = 1_000;
/// Lessons of one person that count in a day, and of one kind of the gateway's own evidence for each organisation: a hundred times as much would
/// teach nothing new, and one who wants to harm must not drown the others.
pub const LESSONS_OF_PERSON_PER_DAY: u64 = 20;
/// The same for evidence that the gateway gathers by itself.
pub const LESSONS_OF_EVIDENCE_PER_DAY: u64 = 200;
/// Mails of one network, with malware or to a spam trap, that count in a day: a stranger must not teach by sending.
pub const LESSONS_OF_STRANGER_PER_DAY: u64 = 2;
/// From so many lessons on a person is doubted if others contradict more than half of them: fewer are chance.
pub const LESSONS_BEFORE_DOUBT: u64 = 10;
/// For how long what a person said is held against it.
pub const LESSONS_DOUBT_SPAN: Duration = Duration::from_secs(90 * 86_400);
/// Lessons in one request of a command: 2 MB as a rule, 5 at most.
pub const LESSONS_PER_REQUEST_MAX: usize = 400;
/// Mails in one report of somebody who passes on what he got; a day's worth of what counts.
pub const REPORTED_MAILS_MAX: usize = 20;
/// Spam traps: each is looked for by a hash, so this bounds the file.
pub const TRAPS_MAX: usize = 10_000;
/// Recipients of one connection that do not exist and were no slips, from which on a client guesses, if there are more of them than of others:
/// two have left the place where the third still works.
pub const GUESSES_MIN: u32 = 3;
/// Such recipients that are remembered of a connection, to tell slips from guesses; more are counted as neither.
pub const GUESSES_REMEMBERED_MAX: usize = 64;
/// How long the learners wait after something was taken back before they learn the rest anew: more may be taken back.
pub const RELEARN_AFTER: Duration = Duration::from_secs(5);
/// Learning anew takes at most one part in so many of a processor's time: without that, a site with years of lessons and one relabelled mail after the
/// other would do nothing else.
pub const RELEARN_SHARE: u32 = 20;
/// How soon the learners look again whether they may learn anew.
pub const RELEARN_LOOK_INTERVAL: Duration = Duration::from_secs(10);
/// How long a stop waits until what was said last is written down.
pub const LESSONS_SETTLE_TIME_MAX: Duration = Duration::from_secs(5);
/// How often lessons past their time are looked for.
pub const LESSONS_RETAIN_INTERVAL: Duration = Duration::from_secs(3600);
/// Labels of an organisation after which it gets a set of its own beside the site's (DECISIONS).
pub const OWN_SET_FROM: u32 = 500;
/// Memory for organisations' own sets: some thirty large ones, of one to two megabytes.
pub const OWN_SETS_BYTES: u64 = 64 * 1024 * 1024;
/// How often a changed model is written down. What was learned since is learned again at a start.
pub const MODEL_SAVE_INTERVAL: Duration = Duration::from_secs(600);

// --- Campaigns -----------------------------------------------------------------------------------------------------

/// How much of a mail's text is looked at to know its copies by: more is a document, and its beginning is enough.
pub const CAMPAIGN_TEXT_BYTES_MAX: usize = 16 << 10;
/// Hosts of links that are looked at beside it.
pub const CAMPAIGN_HOSTS_MAX: usize = 20;
/// For how long the copies of a campaign are counted before counting begins anew.
pub const CAMPAIGN_COUNTED: Duration = Duration::from_secs(24 * 3600);
/// How long a campaign is remembered after its last copy: those delivered before the weekend are asked about after it.
pub const CAMPAIGN_KEEP: Duration = Duration::from_secs(8 * 86_400);
/// Campaigns remembered, nearly all of one mail: some 600 bytes each. Where more mail comes in a week, the oldest are forgotten sooner.
pub const CAMPAIGNS_MAX: usize = 40_000;
/// Bad ones remembered beside them.
pub const CAMPAIGNS_BAD_MAX: usize = 5_000;
/// Senders, networks, recipients or organisations of one campaign that are told apart; beyond, "at least" is said.
pub const CAMPAIGN_DISTINCT_MAX: usize = 64;
/// What is kept of what people say of one campaign: the last of each.
pub const CAMPAIGN_WORDS_MAX: usize = 64;
/// The same of recipients of one organisation: more than are its word, so that one takes it back, and too few to drown the others.
pub const CAMPAIGN_WORDS_OF_ORGANISATION_MAX: usize = 8;
/// How often what changed of them is written down: a crash forgets this much.
pub const CAMPAIGNS_SAVE_INTERVAL: Duration = Duration::from_secs(5);
/// Campaigns of which something was said and whose delivered copies are to be looked for, at a time.
pub const CAMPAIGNS_TURNED_MAX: usize = 10_000;
/// Delivered copies that are looked for in one organisation.
pub const CAMPAIGN_DELIVERED_MAX: usize = 10_000;
/// How long one call of the hook may take; then it is ended.
pub const CAMPAIGN_HOOK_TIME_MAX: Duration = Duration::from_secs(60);
/// Calls of the hook at a time: a backend is asked to pull mail, not drowned.
pub const CAMPAIGN_HOOKS_AT_ONCE: usize = 4;
/// Campaigns, each in one organisation, whose hook runs or waits for its turn; of others the next look takes care.
pub const CAMPAIGN_HOOKS_WAITING_MAX: usize = 256;
/// Mails that one call of the hook is told of, a line each.
pub const CAMPAIGN_HOOK_LINES_MAX: usize = 100;
/// Campaigns on a page or in an answer.
pub const CAMPAIGN_ROWS_MAX: usize = 200;

/// Controls of a configuration: somebody has to answer for each.
pub const CONTROLS_MAX: usize = 200;
/// Letters in a control's name: it is the subject of a letter, and a label of a metric.
pub const CONTROL_NAME_LETTERS_MAX: usize = 60;
/// Owners of a control, and those it is escalated to.
pub const CONTROL_READERS_MAX: usize = 10;
/// How often controls are looked at.
pub const CONTROL_ROUND: Duration = Duration::from_secs(60);
/// How often at most, where one has a shorter limit.
pub const CONTROL_ROUND_MIN: Duration = Duration::from_secs(1);
/// How far back is counted where nothing else is written.
pub const CONTROL_WINDOW: Duration = Duration::from_secs(24 * 3_600);
/// How far back at most, and the longest wait between two letters.
pub const CONTROL_WINDOW_MAX: Duration = Duration::from_secs(31 * 86_400);
/// How often an owner is reminded.
pub const CONTROL_REMIND: Duration = Duration::from_secs(86_400);
/// After how long a broken control is escalated.
pub const CONTROL_ESCALATE_AFTER: Duration = Duration::from_secs(3 * 86_400);
/// How long a control must be good before it is called well again.
pub const CONTROL_STEADY: Duration = Duration::from_secs(300);
/// The same at most, for one that breaks again and again: six pairs of letters a day.
pub const CONTROL_STEADY_MAX: Duration = Duration::from_secs(4 * 3_600);
/// How long a measure may fail to be taken before that counts as broken: a scanner restarts, a file is replaced.
pub const CONTROL_UNKNOWN_GRACE: Duration = Duration::from_secs(600);
/// How far ahead of our clock a file's time may be: beyond, it says nothing of its age.
pub const CONTROL_CLOCK_AHEAD_MAX: Duration = Duration::from_secs(3_600);
/// Entries of a rules folder whose times are looked at.
pub const RULE_FILES_LOOKED_AT_MAX: usize = 10_000;
/// Longest wait for one measure.
pub const CONTROL_MEASURE_TIME_MAX: Duration = Duration::from_secs(10);
/// How long deviations that are over are kept: a year, and what an auditor needs to look back over it.
pub const CONTROL_HISTORY_KEPT: Duration = Duration::from_secs(400 * 86_400);
/// Mails or deliveries that one control counts apart; beyond, "at least" is said.
pub const CONTROL_COUNT_MAX: usize = 10_000;
/// Rows of the trace read in one step for controls.
pub const CONTROL_ROWS_STEP: i64 = 5_000;
/// How long is read on in one round: after a start the window has to be read anew.
pub const CONTROL_READ_TIME_MAX: Duration = Duration::from_secs(5);
/// Letters about controls that are posted in one round.
pub const CONTROL_LETTERS_A_ROUND: usize = 100;
/// How long a letter about a control is tried to be posted.
pub const CONTROL_LETTER_TRIED: Duration = Duration::from_secs(7 * 86_400);
/// Deviations on the page, and controls that one statement tells of.
pub const CONTROL_HISTORY_ROWS: usize = 50;
/// How long the log server's word may be outstanding while the link is up: a connection is closed and opened again to have it.
pub const CONTROL_CONFIRM_TIME: Duration = Duration::from_secs(360);
