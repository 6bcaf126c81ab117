-- What is told twice is counted once: a process whose answer was lost tells the same again.

-- How much of `spent` is only set aside for requests that run. A lease is kept after its end, with what was spent of it. `replica`
-- names one slice of one process.
ALTER TABLE leases ADD COLUMN reserved BIGINT NOT NULL DEFAULT 0;

-- Which row of the ledger it is. NULL: it was written before rows had one.
ALTER TABLE ledger ADD COLUMN id TEXT;
CREATE UNIQUE INDEX ledger_id ON ledger (id);
