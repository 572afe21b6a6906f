"""Measurements with pytest-benchmark; run by `make bench`, never by `make test`."""
