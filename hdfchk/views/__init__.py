"""Views: which keys of a store are visible, and which operations that permits."""
