"""CoreOS's idea on any Linux machine: a replicated configuration store and what stands on it."""

__version__ = "0.2.0"
