# SPDX-License-Identifier: Apache-2.0
"""What deploy/quickstart does after packages and build: hosts of its own, measurements, questions."""
