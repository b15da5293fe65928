"""Stored arrays: handles on them, and how they are made and stored part by part."""
