"""Programs that nobody here has written, at our modems and as modems of ours."""
