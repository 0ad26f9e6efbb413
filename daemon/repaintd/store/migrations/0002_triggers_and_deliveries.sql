-- What triggers brought to each binding: one row per binding that ever got one.
CREATE TABLE inbox (
    uid        TEXT PRIMARY KEY NOT NULL,
    received   INTEGER NOT NULL,   -- triggers accepted so far; the state says how many runs took
    document   BLOB,               -- JSON, the data pushed so far; NULL before the first payload
    refresh_id TEXT NOT NULL,      -- of the latest trigger, as its sender was told
    "trigger"  TEXT NOT NULL,      -- what kind it was
    at         REAL NOT NULL       -- seconds since the epoch, UTC
);

-- Ids of accepted triggers, so that none counts twice; the oldest are pruned.
CREATE TABLE seen (
    position   INTEGER PRIMARY KEY,
    uid        TEXT NOT NULL,
    id         TEXT NOT NULL,      -- a digest: senders choose how long their ids are
    refresh_id TEXT NOT NULL,      -- what its sender was told, to be told again
    at         REAL NOT NULL,
    UNIQUE (uid, id)
);

-- Who is told of events, and how far.
CREATE TABLE sinks (
    name        TEXT PRIMARY KEY NOT NULL,
    cursor      INTEGER NOT NULL,  -- all events up to there are delivered, dead, unwanted or owed
    status      TEXT NOT NULL,     -- active, or failed: nothing is attempted until it is resumed
    reason      TEXT NOT NULL,
    exhausted   INTEGER NOT NULL,  -- dead letters in a row
    fingerprint TEXT NOT NULL      -- of the sink's definition
);

-- Events that a sink still owes, and dead letters. Whole copies: pruning events loses none of them.
CREATE TABLE outbox (
    sink     TEXT NOT NULL,
    position INTEGER NOT NULL,     -- as in events, like the next six
    id       TEXT NOT NULL,
    name     TEXT NOT NULL,
    uid      TEXT NOT NULL,
    sequence INTEGER NOT NULL,
    at       REAL NOT NULL,
    body     BLOB NOT NULL,
    attempts INTEGER NOT NULL,
    due_at   REAL,                 -- NULL for dead letters, and behind an event of the same binding
    dead     INTEGER NOT NULL,     -- 1: given up, kept for replay
    error    TEXT NOT NULL,        -- of the latest attempt
    PRIMARY KEY (sink, position)
);
CREATE INDEX dead_letters ON outbox (sink, position) WHERE dead;

-- The delivery log, one line per attempt; the oldest of each sink are pruned.
CREATE TABLE deliveries (
    position       INTEGER PRIMARY KEY,
    number         INTEGER NOT NULL, -- counts the lines of one sink
    id             TEXT NOT NULL,    -- of the delivery, the same for all its attempts
    sink           TEXT NOT NULL,
    event_id       TEXT NOT NULL,
    event          TEXT NOT NULL,
    uid            TEXT NOT NULL,
    event_position INTEGER NOT NULL,
    attempt        INTEGER NOT NULL, -- from 1
    at             REAL NOT NULL,
    status         INTEGER,          -- of HTTP, where there was one
    seconds        REAL NOT NULL,
    error          TEXT NOT NULL,    -- empty where it succeeded
    next_at        REAL,             -- when it is tried again
    dead           INTEGER NOT NULL, -- 1: this attempt was the last one
    UNIQUE (sink, number)
);

-- One row about the database itself.
CREATE TABLE instance (
    id        INTEGER PRIMARY KEY CHECK (id = 1),
    name      TEXT NOT NULL,       -- dice, thrown once: it makes the ids of the daemon's events ours
    announced INTEGER NOT NULL     -- sequence of the daemon's own latest event
);
INSERT INTO instance VALUES (1, lower(hex(randomblob(16))), 0);
