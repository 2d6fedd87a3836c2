"""The API: a process of its own that shows what runs do, and hands commands to them."""
