-- SPDX-License-Identifier: Apache-2.0
-- When the processes on the way in were not there: what could not come in then is no silence of whoever measures.

-- Which processes there are, as ingestds tell of themselves and of the gateways that deliver to them.
CREATE TABLE sign (
    ingestd      text COLLATE "C" NOT NULL, -- the ingestd's instance, by whose signs this is known
    process      text COLLATE "C" NOT NULL, -- 'ingestd', 'mplane-gw', 'ingest-gw'
    last_sign    timestamptz NOT NULL,      -- known so far; written when one of the others changes, and now and then
    absent_since timestamptz,               -- not NULL: its absence is told; it has not been heard of since
    PRIMARY KEY (ingestd, process)
);

-- Times in which a process was not there, [t_from, t_to): from its last sign of life to the first one after. One that
-- was there, and only could not be heard, has none. Of one process they may overlap.
CREATE TABLE absence (
    ingestd text COLLATE "C" NOT NULL, -- the instance, as in `ledger`
    process text COLLATE "C" NOT NULL, -- as in `sign`
    t_from  timestamptz NOT NULL,
    t_to    timestamptz NOT NULL CHECK (t_to > t_from),
    PRIMARY KEY (ingestd, process, t_from)
);

-- When what comes by this ingestd (its instance as text, as in `ledger`) and this door (as in `origin`) could not come in, from
-- `since` on: intervals that neither overlap nor touch, in order; one that began before begins at `since`. The last one ends with
-- 'infinity' while a process is absent. By 'https' somebody comes through a gateway, which of them no record says: what
-- one of them missed counts for all that came by that door. '': a door that is not told, perhaps that one.
CREATE FUNCTION absences_of(of_ingestd text, by_door text, since timestamptz)
RETURNS TABLE (t_from timestamptz, t_to timestamptz) LANGUAGE sql STABLE STRICT PARALLEL SAFE ROWS 2 AS $$
    SELECT lower(r), upper(r) FROM unnest((
        SELECT range_agg(tstzrange(greatest(known.t_from, since), known.t_to)) FROM (
            SELECT a.process, a.t_from, a.t_to FROM ezrepo.absence a WHERE a.ingestd = of_ingestd AND a.t_to > since
            UNION ALL
            SELECT s.process, s.absent_since, 'infinity' FROM ezrepo.sign s
            WHERE s.ingestd = of_ingestd AND s.absent_since IS NOT NULL) AS known
        WHERE known.process = 'ingestd' OR by_door NOT IN ('udp', 'file', 'import'))) AS r
    ORDER BY 1
$$;

COMMENT ON TABLE sign IS 'processes on the way in, and when they were heard of';
COMMENT ON TABLE absence IS 'when a process on the way in was not there';
