"""Batches to outcomes: connections, retries, and who is told what."""
