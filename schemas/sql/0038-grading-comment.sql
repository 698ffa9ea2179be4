-- SPDX-License-Identifier: Apache-2.0
-- What who published a grading said of it; '' where nothing, and in versions of a release that did not ask.
ALTER TABLE grading ADD comment text NOT NULL DEFAULT '';
