"""The long variants of the proofs, and a record of what they covered.

``python -m tests.support.long_run`` runs them (hours) and writes ``tests/long-run.json``: for each part
seed, count, minutes, result, and the hashes of the sources that it depends on.
"""
