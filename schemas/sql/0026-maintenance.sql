-- SPDX-License-Identifier: Apache-2.0
-- Windows of maintenance: who measures what is worked on, when, and why. Whether something lies in one follows from the table
-- when it is asked, so it holds for late records as well, and for windows that are made known afterwards.

CREATE TABLE maintenance (
    number        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    type          text COLLATE "C" NOT NULL, -- patterns, as they were written
    content       text COLLATE "C" NOT NULL,
    probe         text COLLATE "C" NOT NULL,
    source        text COLLATE "C" NOT NULL,
    dest          text COLLATE "C" NOT NULL,
    path          text COLLATE "C" NOT NULL,
    likes         text[] COLLATE "C" NOT NULL, -- the six, as LIKE has them
    source_prefix inet,                        -- of those that are addresses or prefixes: these, and no LIKE
    dest_prefix   inet,
    t_from        timestamptz NOT NULL,
    t_to          timestamptz NOT NULL CHECK (t_to > t_from), -- as it was meant
    reason        text NOT NULL,
    author        text NOT NULL,
    made_at       timestamptz NOT NULL DEFAULT clock_timestamp(),
    ended_by      text,        -- who ended it before its time,
    ended_at      timestamptz, -- and when: not in force from then on; before it began: never
    t_until       timestamptz NOT NULL GENERATED ALWAYS AS (least(t_to, ended_at)) STORED,
    told          smallint NOT NULL DEFAULT 1 -- of it in the feed: 1 that it is known, 2 that it begins, 3 that it ends
);
CREATE INDEX maintenance_until ON maintenance (t_until);
CREATE INDEX maintenance_due ON maintenance (told) WHERE told < 3;

-- The windows, by number, in which a series was, is or will be in maintenance at some time from `since` to `until`, both included.
CREATE FUNCTION maintenance_of(of_series bigint, since timestamptz, until timestamptz)
RETURNS SETOF bigint LANGUAGE sql STABLE STRICT PARALLEL SAFE ROWS 1 AS $$
    SELECT m.number FROM ezrepo.maintenance m, ezrepo.series s
    WHERE s.id = of_series AND m.t_from <= until AND m.t_until > since AND m.t_until > m.t_from
      AND s.type LIKE m.likes[1] AND s.content LIKE m.likes[2] AND s.probe LIKE m.likes[3] AND s.path LIKE m.likes[6]
      AND CASE WHEN m.source_prefix IS NULL THEN s.source LIKE m.likes[4] WHEN s.source_addr IS NULL THEN s.source = m.source
               ELSE s.source_addr <<= m.source_prefix END
      AND CASE WHEN m.dest_prefix IS NULL THEN s.dest LIKE m.likes[5] WHEN s.dest_addr IS NULL THEN s.dest = m.dest
               ELSE s.dest_addr <<= m.dest_prefix END
    ORDER BY m.number
$$;

CREATE FUNCTION in_maintenance(of_series bigint, since timestamptz, until timestamptz) RETURNS boolean
LANGUAGE sql STABLE STRICT PARALLEL SAFE AS $$SELECT EXISTS (SELECT FROM ezrepo.maintenance_of(of_series, since, until))$$;

COMMENT ON TABLE maintenance IS 'windows of maintenance';
