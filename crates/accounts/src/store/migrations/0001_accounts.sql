-- For SQLite and PostgreSQL alike: TEXT and BIGINT only. Times are milliseconds since 1970, UTC.

CREATE TABLE organizations (
    id TEXT NOT NULL PRIMARY KEY,
    created BIGINT NOT NULL,
    -- NULL: as for all organisations. -1: none.
    tokens_per_day BIGINT,
    requests_per_day BIGINT,
    tokens_per_month BIGINT,
    requests_per_month BIGINT
);

CREATE TABLE keys (
    -- The public part.
    id TEXT NOT NULL PRIMARY KEY,
    -- SHA-256 of the whole key, in hexadecimal. The key itself is nowhere.
    hash TEXT NOT NULL,
    organization TEXT NOT NULL REFERENCES organizations (id),
    name TEXT NOT NULL,
    role TEXT NOT NULL,
    -- '*', or ids with commas between them.
    models TEXT NOT NULL,
    requests_per_minute BIGINT,
    tokens_per_minute BIGINT,
    created BIGINT NOT NULL,
    expires BIGINT,
    revoked BIGINT
);

-- What is spent or set aside of a quota in one window.
CREATE TABLE counters (
    name TEXT NOT NULL,
    starts BIGINT NOT NULL,
    -- What finished leases have spent, and all that the present ones hold.
    taken BIGINT NOT NULL,
    -- Until then leases are kept small: somebody was refused while others held what was left.
    wanted_until BIGINT NOT NULL,
    PRIMARY KEY (name, starts)
);

-- What one process holds of a counter. After `expires` the rest of it may be given to others.
CREATE TABLE leases (
    name TEXT NOT NULL,
    starts BIGINT NOT NULL,
    replica TEXT NOT NULL,
    granted BIGINT NOT NULL,
    spent BIGINT NOT NULL,
    expires BIGINT NOT NULL,
    PRIMARY KEY (name, starts, replica)
);

-- One row an answer.
CREATE TABLE ledger (
    at BIGINT NOT NULL,
    key_id TEXT NOT NULL,
    organization TEXT NOT NULL,
    model TEXT NOT NULL,
    adapter TEXT NOT NULL,
    -- 0 for an answer of a request that was counted with another.
    requests BIGINT NOT NULL,
    prompt_tokens BIGINT NOT NULL,
    cached_tokens BIGINT NOT NULL,
    completion_tokens BIGINT NOT NULL,
    -- How it ended: 'ok', or why not.
    status TEXT NOT NULL,
    duration_ms BIGINT NOT NULL
);

CREATE INDEX ledger_at ON ledger (at);
