"""The client port beside /v2/keys: pure functions from a request and a context to a reply."""
