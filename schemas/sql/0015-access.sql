-- SPDX-License-Identifier: Apache-2.0
-- Who may do what, for all processes that somebody outside talks to: common/access/README.md has the document that
-- these rows make. Only stored writes here. The secrets of keys are not for who may read the rest.
CREATE TABLE access_entry (
    kind   text COLLATE "C" NOT NULL CHECK (kind IN ('role', 'authorization', 'token', 'key')),
    name   text COLLATE "C" NOT NULL,
    body   jsonb NOT NULL, -- what the document has under that name, without `secret`
    secret text CHECK (kind = 'key' OR secret IS NULL),
    PRIMARY KEY (kind, name)
);
REVOKE ALL ON access_entry FROM ezrepo_read;
GRANT SELECT (kind, name, body) ON access_entry TO ezrepo_read;

-- A row for each entry that a change did something to. Versions rise; 1 is the store without any.
CREATE TABLE access_change (
    version    bigint NOT NULL CHECK (version > 1),
    item       integer NOT NULL,
    changed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    author     text NOT NULL,
    action     text NOT NULL CHECK (action IN ('added', 'changed', 'removed')),
    kind       text COLLATE "C" NOT NULL,
    name       text COLLATE "C" NOT NULL,
    body       jsonb, -- NULL: it went
    PRIMARY KEY (version, item)
);

COMMENT ON TABLE access_entry IS 'who may do what: roles, authorisations, tokens, keys';
COMMENT ON TABLE access_change IS 'who changed when who may do what';
