"""A naive model of the key space, independent of the product, and its own tests."""
