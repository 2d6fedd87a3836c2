"""Ways to servers: tasks that retry, and Redis."""
