"""The viewer: its entities, its endpoints, its server, and the page in a browser."""
