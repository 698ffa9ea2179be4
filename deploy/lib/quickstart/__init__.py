"""What deploy/quickstart does after packages and build: hosts of its own, measurements, questions."""
