"""When the storage behind a store is opened, for what, and when it is closed."""
