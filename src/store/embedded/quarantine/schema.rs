//! The tables of the quarantine's index, oldest first.

pub(super) const MIGRATIONS: &[&str] = &["
CREATE TABLE organisation_key (organisation TEXT PRIMARY KEY, wrapped BLOB NOT NULL) STRICT;
CREATE TABLE blob (
    id TEXT PRIMARY KEY,
    organisation TEXT NOT NULL,
    wrapped BLOB NOT NULL,
    content_hash BLOB NOT NULL,
    bytes INTEGER NOT NULL
) STRICT;
CREATE TABLE held (
    id TEXT PRIMARY KEY,
    blob TEXT NOT NULL REFERENCES blob (id),
    organisation TEXT NOT NULL,
    content_hash BLOB NOT NULL,
    held_at INTEGER NOT NULL,
    expires INTEGER NOT NULL,
    direction TEXT NOT NULL,
    sender TEXT NOT NULL,
    from_shown TEXT NOT NULL,
    recipient TEXT NOT NULL,
    recipient_key TEXT NOT NULL,
    subject TEXT NOT NULL,
    categories TEXT NOT NULL,
    state TEXT NOT NULL,
    row TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX held_once ON held (organisation, content_hash, sender, recipient_key) WHERE state = 'held';
CREATE INDEX held_by_time ON held (held_at);
CREATE INDEX held_by_expiry ON held (expires);
CREATE INDEX held_by_recipient ON held (organisation, recipient_key, held_at);
CREATE INDEX held_by_blob ON held (blob);
", "
-- The wrapped key of an item stands in its file; here is which key of the organisation wraps it.
ALTER TABLE blob ADD COLUMN key_version INTEGER NOT NULL DEFAULT 1;
-- Which row of its file a held mail is; -1: the file does not say.
ALTER TABLE held ADD COLUMN place INTEGER NOT NULL DEFAULT -1;
CREATE INDEX blob_by_key ON blob (organisation, key_version);
-- Counting a million rows takes longer than mail may wait.
CREATE TABLE total (one INTEGER PRIMARY KEY CHECK (one = 1), held INTEGER NOT NULL, bytes INTEGER NOT NULL) STRICT;
INSERT INTO total SELECT 1, (SELECT count(*) FROM held WHERE state = 'held'), (SELECT coalesce(sum(bytes), 0) FROM blob);
CREATE TRIGGER blob_in AFTER INSERT ON blob BEGIN UPDATE total SET bytes = bytes + new.bytes; END;
CREATE TRIGGER blob_out AFTER DELETE ON blob BEGIN UPDATE total SET bytes = bytes - old.bytes; END;
CREATE TRIGGER held_in AFTER INSERT ON held WHEN new.state = 'held' BEGIN UPDATE total SET held = held + 1; END;
CREATE TRIGGER held_out AFTER DELETE ON held WHEN old.state = 'held' BEGIN UPDATE total SET held = held - 1; END;
CREATE TRIGGER held_change AFTER UPDATE OF state ON held
BEGIN UPDATE total SET held = held + (new.state = 'held') - (old.state = 'held'); END;
"];
