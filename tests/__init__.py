"""Black-box tests of the daemons: what they say on the wire and what they keep through faults."""
