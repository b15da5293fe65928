"""Views: which keys of a store may be seen, and what that allows."""
