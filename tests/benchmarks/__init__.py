"""Speed and memory beside other ways to do the same: ``make bench``. ``make test`` does not run them."""
