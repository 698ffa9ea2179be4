-- SPDX-License-Identifier: Apache-2.0
-- People who log in to webd with a password: of each the hash is in access_entry's `secret`, '' where there is none; and their
-- sessions. Only stored writes here, and nobody else reads it.
ALTER TABLE access_entry DROP CONSTRAINT access_entry_kind_check, DROP CONSTRAINT access_entry_check,
    ADD CHECK (kind IN ('role', 'authorization', 'token', 'key', 'user')),
    ADD CHECK (kind IN ('key', 'user') OR secret IS NULL);

CREATE TABLE web_session (
    digest  bytea PRIMARY KEY,         -- SHA-256 of what the cookie says
    name    text COLLATE "C" NOT NULL, -- whose it is
    made_at timestamptz NOT NULL,
    used_at timestamptz NOT NULL,      -- some minutes ago perhaps
    ends_at timestamptz NOT NULL       -- unless it is used until then
);
CREATE INDEX web_session_name ON web_session (name, made_at);
CREATE INDEX web_session_ends ON web_session (ends_at);

-- Links that log in once.
CREATE TABLE web_ticket (
    digest  bytea PRIMARY KEY,
    name    text COLLATE "C" NOT NULL,
    ends_at timestamptz NOT NULL
);

REVOKE ALL ON web_session, web_ticket FROM ezrepo_read;

COMMENT ON TABLE web_session IS 'who is logged in';
COMMENT ON TABLE web_ticket IS 'links that log in once';
