"""Code of users, which checkers read and nobody runs."""
