-- SPDX-License-Identifier: Apache-2.0
-- Who asks in SQL need not have `ezrepo` in his search_path: functions find what they use by its whole name, or
-- bring the path along. as_number() is called for each value, where a path of its own would cost more than the rest.

CREATE OR REPLACE FUNCTION as_number(value text) RETURNS numeric
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE COST 20 AS $$
DECLARE
    form text := ezrepo.number_form(value); -- d, a sign, digits, e, an exponent, ;
    digits text;
    exponent bigint;
BEGIN
    IF form IS NULL OR form = 'd0;' THEN
        RETURN CASE WHEN form IS NULL THEN NULL ELSE 0 END;
    END IF;
    digits := split_part(substr(form, 2), 'e', 1);
    exponent := rtrim(split_part(form, 'e', 2), ';');
    IF length(ltrim(digits, '-')) + exponent > 131072 OR exponent < -16383 THEN
        RETURN NULL;
    END IF;
    RETURN (digits || 'e' || exponent)::numeric;
END $$;

ALTER FUNCTION record_digest_in_order SET search_path = ezrepo;
ALTER FUNCTION record_digest SET search_path = ezrepo;
ALTER FUNCTION counted_records SET search_path = ezrepo;
ALTER FUNCTION newest_records SET search_path = ezrepo;
ALTER FUNCTION newest_periods SET search_path = ezrepo;
