"""The examples for orchestrators run in these, each in an environment of its own: bash .ci/orchestrators."""
