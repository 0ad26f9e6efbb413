"""Placeholder for the plugin under construction."""
