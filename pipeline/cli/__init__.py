"""One file per command; none imports anything heavy before it runs."""
