"""The rules of versions: pure functions from what is known about a name to what must be written.

`rules.decide` decides about one request. `state.State` contains what a store read, and the changes
of the requests that were decided before. `batch.decide_all` combines them for a batch. A store
reads facts, and writes `State.writes()`, in one transaction.
"""
