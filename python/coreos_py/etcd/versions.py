"""The versions that clients see."""

# The API's reference generation: clients look at these numbers to decide what they may ask for.
API_VERSION = "2.3.8"
CLUSTER_VERSION = "2.3.0"
