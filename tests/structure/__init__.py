"""Tests of the project's own shape: who may know whom, what a file may be, what the documents promise."""
