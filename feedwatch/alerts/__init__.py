"""Alerts: deliveries leave the outbox here, one file a channel."""
