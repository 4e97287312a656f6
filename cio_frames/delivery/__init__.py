"""Batches to outcomes: connections, retries, and what is known of every row."""
