-- What is remembered of each binding: one row per binding, the latest wins.
CREATE TABLE states (
    uid        TEXT PRIMARY KEY NOT NULL,
    state      BLOB NOT NULL,      -- JSON; readers ignore unknown keys and default missing ones
    updated_at REAL NOT NULL       -- seconds since the epoch, UTC
);

-- What happened, in the order in which it was written; the oldest are pruned.
CREATE TABLE events (
    position INTEGER PRIMARY KEY,  -- the cursor of readers; grows by one
    id       TEXT NOT NULL UNIQUE, -- never changes across retries and restarts
    name     TEXT NOT NULL,
    uid      TEXT NOT NULL,
    sequence INTEGER NOT NULL,     -- counts the events of one binding from 1
    at       REAL NOT NULL,        -- seconds since the epoch, UTC
    body     BLOB NOT NULL         -- the very bytes that receivers get, every time
);

-- One row that is rewritten to prove that writing works.
CREATE TABLE probe (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    at REAL NOT NULL
);
