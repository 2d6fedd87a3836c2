"""What each word of the command line does, and how its result is printed."""
