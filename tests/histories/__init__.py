"""Histories of clients: what they asked, what they were told, and whether one order explains all of it."""
