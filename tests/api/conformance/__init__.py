"""The numbered conformance checklist as data: groups whose checks are one request and one reply."""
