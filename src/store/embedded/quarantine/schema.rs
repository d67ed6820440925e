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
", "
-- What a list looks at stands apart from what a page shows of one mail, so that a list reads little; the number is the order in which mails
-- came, for ever, and the row of the text index.
CREATE TABLE listed (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    blob TEXT NOT NULL REFERENCES blob (id),
    place INTEGER NOT NULL,
    organisation TEXT NOT NULL,
    content_hash BLOB NOT NULL,
    held_at INTEGER NOT NULL,
    expires INTEGER NOT NULL,
    direction TEXT NOT NULL,
    state TEXT NOT NULL,
    -- 1: a copy of what was refused.
    refused INTEGER NOT NULL,
    sender TEXT NOT NULL,
    from_shown TEXT NOT NULL,
    recipient TEXT NOT NULL,
    recipient_key TEXT NOT NULL,
    recipient_domain TEXT NOT NULL,
    subject TEXT NOT NULL,
    attachments TEXT NOT NULL,
    likeness TEXT NOT NULL,
    code_hash TEXT NOT NULL,
    bytes INTEGER NOT NULL
) STRICT;
CREATE TABLE shown (number INTEGER PRIMARY KEY REFERENCES listed (number) ON DELETE CASCADE, row TEXT NOT NULL) STRICT;
-- Categories and findings; each name once.
CREATE TABLE tag (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT;
CREATE TABLE tagged (
    tag INTEGER NOT NULL,
    number INTEGER NOT NULL REFERENCES listed (number) ON DELETE CASCADE,
    PRIMARY KEY (tag, number)
) STRICT, WITHOUT ROWID;

INSERT INTO listed SELECT NULL, id, blob, place, organisation, content_hash, held_at, expires, direction, state, 0, sender, from_shown,
    recipient, recipient_key, CASE WHEN instr(recipient_key, '@') > 0 THEN substr(recipient_key, instr(recipient_key, '@') + 1) ELSE '' END,
    subject, '', '', '', coalesce(json_extract(row, '$.bytes'), 0)
    FROM held ORDER BY held_at, id;
INSERT INTO shown SELECT number, row FROM listed JOIN held USING (id);
INSERT OR IGNORE INTO tag (name) SELECT DISTINCT 'category ' || value FROM held, json_each(row, '$.categories');
INSERT OR IGNORE INTO tag (name) SELECT DISTINCT 'finding ' || json_extract(value, '$.id') FROM held, json_each(row, '$.findings')
    WHERE json_extract(value, '$.id') IS NOT NULL;
INSERT OR IGNORE INTO tagged SELECT tag.id, number FROM shown, json_each(row, '$.categories') JOIN tag ON tag.name = 'category ' || value;
INSERT OR IGNORE INTO tagged SELECT tag.id, number FROM shown, json_each(row, '$.findings')
    JOIN tag ON tag.name = 'finding ' || json_extract(value, '$.id');
DROP TABLE held;
ALTER TABLE listed RENAME TO held;

CREATE UNIQUE INDEX held_once ON held (organisation, content_hash, sender, recipient_key, state) WHERE state IN ('held', 'rejected');
CREATE INDEX held_by_state ON held (state);
CREATE INDEX held_by_time ON held (held_at);
CREATE INDEX held_by_age ON held (refused, held_at);
CREATE INDEX held_by_expiry ON held (expires);
CREATE INDEX held_by_organisation ON held (organisation, state);
CREATE INDEX held_by_recipient ON held (organisation, recipient_key, state);
CREATE INDEX held_by_likeness ON held (likeness);
CREATE INDEX held_by_content ON held (content_hash);
CREATE INDEX held_by_blob ON held (blob);
CREATE INDEX held_by_code ON held (code_hash) WHERE code_hash <> '';
CREATE INDEX tagged_by_number ON tagged (number);

-- Masked values only. Any part of a word is found, any case, with or without its accents. What is taken out is gone from the disk as well.
CREATE VIRTUAL TABLE held_text USING fts5 (subject, sender, from_shown, recipient, attachments, content = 'held', content_rowid = 'number',
    tokenize = 'trigram remove_diacritics 1');
INSERT INTO held_text (held_text, rank) VALUES ('secure-delete', 1);
INSERT INTO held_text (held_text) VALUES ('rebuild');
CREATE TRIGGER held_text_in AFTER INSERT ON held BEGIN
    INSERT INTO held_text (rowid, subject, sender, from_shown, recipient, attachments)
    VALUES (new.number, new.subject, new.sender, new.from_shown, new.recipient, new.attachments);
END;
CREATE TRIGGER held_text_out AFTER DELETE ON held BEGIN
    INSERT INTO held_text (held_text, rowid, subject, sender, from_shown, recipient, attachments)
    VALUES ('delete', old.number, old.subject, old.sender, old.from_shown, old.recipient, old.attachments);
END;

-- Copies of what was refused have a bound of their own: however many come, they push out nothing that is held.
ALTER TABLE blob ADD COLUMN refused INTEGER NOT NULL DEFAULT 0;
ALTER TABLE total ADD COLUMN refused_bytes INTEGER NOT NULL DEFAULT 0;
DROP TRIGGER blob_in;
DROP TRIGGER blob_out;
CREATE TRIGGER blob_in AFTER INSERT ON blob BEGIN
    UPDATE total SET bytes = bytes + new.bytes * (1 - new.refused), refused_bytes = refused_bytes + new.bytes * new.refused;
END;
CREATE TRIGGER blob_out AFTER DELETE ON blob BEGIN
    UPDATE total SET bytes = bytes - old.bytes * (1 - old.refused), refused_bytes = refused_bytes - old.bytes * old.refused;
END;
CREATE TRIGGER held_in AFTER INSERT ON held WHEN new.state = 'held' BEGIN UPDATE total SET held = held + 1; END;
CREATE TRIGGER held_out AFTER DELETE ON held WHEN old.state = 'held' BEGIN UPDATE total SET held = held - 1; END;
CREATE TRIGGER held_change AFTER UPDATE OF state ON held
BEGIN UPDATE total SET held = held + (new.state = 'held') - (old.state = 'held'); END;

-- What people thought of mails, for whatever learns from it. It stays when the mail goes.
CREATE TABLE label (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL,
    organisation TEXT NOT NULL,
    recipient TEXT NOT NULL,
    opinion TEXT NOT NULL,
    by_kind TEXT NOT NULL,
    at INTEGER NOT NULL,
    likeness TEXT NOT NULL,
    content_hash TEXT NOT NULL
) STRICT;
CREATE INDEX label_by_time ON label (at);
CREATE INDEX label_by_mail ON label (id);
", "
-- The domain of ours that a mail went out from; empty for what came in, whatever its sender says. It stands behind the last '@'.
ALTER TABLE held ADD COLUMN sent_domain TEXT NOT NULL DEFAULT '';
UPDATE held SET sent_domain = lower(replace(sender, rtrim(sender, replace(sender, '@', '')), ''))
    WHERE direction = 'outbound' AND instr(sender, '@') > 0;
", "
INSERT OR IGNORE INTO tag (name) VALUES ('direction outbound');
INSERT OR IGNORE INTO tagged SELECT (SELECT id FROM tag WHERE name = 'direction outbound'), number FROM held WHERE direction = 'outbound';
", "
-- Who wrote it; empty in rows of before, where the envelope sender stands for him.
ALTER TABLE held ADD COLUMN writer TEXT NOT NULL DEFAULT '';
"];
