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
/// How old the time of an account's last use may be before it is written again: one write an hour, not one a mail.
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
/// Mails after which a worker is replaced, so that nothing that went wrong in it lasts.
pub const MAILS_PER_WORKER_MAX: u32 = 100;
/// Longest mail that a worker takes: what we receive at most with any configuration.
pub const EXAMINED_BYTES_MAX: usize = 1 << 30;
/// Longest answer of a worker: texts, links and parts at their bounds stay under it.
pub const CONTENTS_BYTES_MAX: usize = 64 << 20;
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

// --- Rules -------------------------------------------------------------------------------------------------------

/// Label words for personal data, all files together; shipped are under a thousand, and each costs memory in every examiner.
pub const PERSONAL_WORDS_MAX: usize = 10_000;
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
/// Letters of one kind an hour to one reader: an alarm that rings all the time is switched off.
pub const LETTERS_PER_HOUR_MAX: u32 = 6;
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
/// Answers kept by the resolver.
pub const DNS_CACHE_ENTRIES_MAX: u64 = 20_000;
/// All questions about an envelope sender together: somebody waits at RCPT, and an answer that is late is no answer.
pub const SENDER_FACTS_TIME_MAX: Duration = Duration::from_secs(4);
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

// --- Recipients --------------------------------------------------------------------------------------------------

/// How long a next hop's yes to a recipient is believed (DECISIONS).
pub const CALLOUT_YES_LIFETIME: Duration = Duration::from_secs(7 * 86_400);
/// How long a yes is used before it is asked again, while the next hop answers.
pub const CALLOUT_YES_FRESH: Duration = Duration::from_secs(86_400);
/// How long a next hop's no is believed.
pub const CALLOUT_NO_LIFETIME: Duration = Duration::from_secs(3_600);
/// Recipients remembered; beyond it the oldest are forgotten.
pub const CALLOUT_REMEMBERED_MAX: usize = 200_000;
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
/// Rows deleted for their age in one commit: mail that is to be held waits for no more than these.
pub const RETAIN_STEP_ROWS: usize = 200;
/// How long rows are deleted in one go before there is a pause until the next round.
pub const RETAIN_TIME_MAX: Duration = Duration::from_secs(10);
/// Bytes the trace may take (about a kilobyte and a half for each recipient, indexes included).
pub const TRACE_BYTES_MAX: u64 = 20 << 30;
/// Rows gathered into one commit of a database.
pub const GROUP_COMMIT_ROWS_MAX: usize = 1_000;
/// How long the trace gathers rows before it commits; a crash loses this much trace, never mail.
pub const TRACE_COMMIT_INTERVAL: Duration = Duration::from_millis(250);
/// Trace rows waiting to be written before new ones are dropped and counted: the trace must not stop mail.
pub const TRACE_WAITING_MAX: usize = 20_000;
/// Days the trace is kept (DECISIONS).
pub const TRACE_DAYS: u64 = 90;
/// Days a held mail is kept (DECISIONS).
pub const QUARANTINE_DAYS: u64 = 30;
/// Bytes all held mails may take together.
pub const QUARANTINE_BYTES_MAX: u64 = 20 << 30;
/// Characters of a subject or a name that an index keeps; a longer one is cut for display, the mail itself is whole.
pub const INDEXED_TEXT_CHARS_MAX: usize = 500;
/// Bytes encrypted under one nonce: a large blob is written in pieces of this size.
pub const SEALED_CHUNK_BYTES: usize = 64 << 10;

// --- The web's two doors -----------------------------------------------------------------------------------------

/// Connections of a door: operators and one Prometheus need five, a front page for the world hardly more.
pub const HTTP_CONNECTIONS_MAX: usize = 128;
/// Of these one client address (/32, /64) of the public door: what a browser opens.
pub const HTTP_CONNECTIONS_PER_ADDRESS_MAX: usize = 8;
/// Longest wait for the whole head of a request, and for the next one on an open connection: a slow head is how a web server is hung.
pub const HTTP_HEAD_TIME_MAX: Duration = Duration::from_secs(10);
/// Longest a page may take to be made.
pub const HTTP_ANSWER_TIME_MAX: Duration = Duration::from_secs(20);
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
/// Longest comment of a stored change.
pub const COMMENT_CHARS_MAX: usize = 500;

// --- People ------------------------------------------------------------------------------------------------------

/// Sentences about what was wrong with the stores at start that `status` repeats; the log has all of them.
pub const STORE_NOTES_MAX: usize = 20;
/// Longest line of the control socket.
pub const CONTROL_LINE_BYTES_MAX: usize = 1 << 20;
/// Rows a list command shows unless asked for more.
pub const LIST_ROWS_DEFAULT: usize = 100;
/// Senders, reasons and samples that a report names: more is a list, and nobody reads it.
pub const REPORT_ROWS_MAX: usize = 10;
/// How long open transactions may take to finish after SIGTERM.
pub const DRAIN_TIME_MAX: Duration = Duration::from_secs(30);
