-- The latest runs of each binding, and its latest failures; several alike in a row are one.
CREATE TABLE runs (
    uid    TEXT NOT NULL,
    number INTEGER NOT NULL,       -- counts the runs of the binding; of several, the first
    failed INTEGER NOT NULL,
    run    BLOB NOT NULL,          -- JSON; readers ignore unknown keys and default missing ones
    PRIMARY KEY (uid, number)
) WITHOUT ROWID;
