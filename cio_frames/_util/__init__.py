"""Helpers that know nothing of Customer.io."""
