-- SPDX-License-Identifier: Apache-2.0
-- By which door what was refused came, what it was taken for, and what was known beside it, name=value&... as in URLs. Of what is
-- there already it is not known.

ALTER TABLE rejected ADD COLUMN door text NOT NULL DEFAULT '', ADD COLUMN format text NOT NULL DEFAULT '',
    ADD COLUMN context text NOT NULL DEFAULT '';
