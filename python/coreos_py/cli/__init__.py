"""Console commands: each reads its command line and hands over to a package."""
