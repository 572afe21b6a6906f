"""Processes, sockets and checks that several areas of the suite share."""
