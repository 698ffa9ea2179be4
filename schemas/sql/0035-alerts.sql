-- SPDX-License-Identifier: Apache-2.0
-- What alertd told people: a row an alert, from when it fires until it is over. stored writes what alertd says of them; alertd
-- reads here, after a start, what was told and is not over.

CREATE TABLE alert (
    number      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id          uuid NOT NULL UNIQUE,          -- alertd's; receivers know it by this
    key         text COLLATE "C" NOT NULL,     -- of what it is: one of a key fires at a time
    route       text COLLATE "C" NOT NULL,
    series_id   bigint,                        -- NULL: of a probe, or of the route itself
    probe       text COLLATE "C" NOT NULL,
    grade_name  text COLLATE "C" NOT NULL,     -- '': of no grade
    since       timestamptz NOT NULL,          -- it has been bad, or silent, since
    fired_at    timestamptz NOT NULL,
    resolved_at timestamptz,
    settled     boolean NOT NULL,              -- over, and every receiver took that
    said        jsonb NOT NULL                 -- labels, annotations, and of each receiver what it was sent and answered
);
CREATE INDEX alert_fired ON alert (fired_at, number);
CREATE INDEX alert_firing ON alert (fired_at, number) WHERE resolved_at IS NULL;
CREATE INDEX alert_unsettled ON alert (fired_at, number) WHERE NOT settled;
CREATE INDEX alert_resolved ON alert (resolved_at) WHERE resolved_at IS NOT NULL;

COMMENT ON TABLE alert IS 'alerts that were told, by alertd';
